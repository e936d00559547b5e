"""Letters on pictures: one font for all, at any size.

DejaVu Sans, which comes with the package, has the letters of Latin, Greek, Cyrillic, Hebrew and
Arabic; for others an operator gives a font of their own.
"""

from functools import cache, lru_cache
from importlib import resources
from io import BytesIO
from typing import Final

from PIL import ImageFont

_UNKNOWN: Final = "\uffff"


@cache
def _shipped() -> bytes:
    return (resources.files("gateway.rendering") / "fonts" / "DejaVuSans.ttf").read_bytes()


class Lettering:
    """The font of ``file``, TrueType or OpenType; the shipped one where it is empty.

    Raises:
        OSError: ``file`` is no font.
    """

    def __init__(self, file: bytes = b"") -> None:
        self._file = file or _shipped()
        self.font = lru_cache(32)(self._font)
        """The font with letters of so many pixels."""
        self.font(12)

    def _font(self, size: int) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(BytesIO(self._file), size)

    def draws(self, text: str) -> bool:
        """Whether the font has every letter of ``text``."""
        font = self.font(12)
        unknown = bytes(font.getmask(_UNKNOWN))
        return all(
            bytes(font.getmask(letter)) != unknown for letter in text if not letter.isspace()
        )
