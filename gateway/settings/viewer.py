"""Settings of the viewer that comes along."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class ViewerSettings(BaseSettings):
    """The viewer served at ``/viewer/``."""

    viewer_dir: Path = Field(
        Path("build/viewer"),
        description="Folder of the OHIF build that is served at /viewer/, as `make viewer` leaves "
        "it; none is served where there is none.",
    )
