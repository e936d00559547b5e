"""Settings of rendered pictures."""

from pydantic import Field, FilePath
from pydantic_settings import BaseSettings


class PictureSettings(BaseSettings):
    """Sizes of pictures and animations, and the font of their text."""

    viewport_max_side: int = Field(
        8192, ge=1, le=16_383, description="Pixels a side that a viewport of a picture may have."
    )
    thumbnail_side: int = Field(
        128, ge=16, le=2048, description="Pixels a side that a thumbnail has at the most."
    )
    animation_max_frames: int = Field(
        500, ge=1, description="Frames that an animated GIF or WebP may have."
    )
    animation_max_megapixels: int = Field(
        64, ge=1, le=1024, description="Million pixels that all frames of an animation may have."
    )
    annotation_font: FilePath | None = Field(
        None,
        description="TrueType or OpenType font of text burnt into pictures; DejaVu Sans, with "
        "Latin, Greek, Cyrillic, Hebrew and Arabic letters, where not set.",
    )
