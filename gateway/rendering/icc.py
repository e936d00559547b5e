"""Colour of pictures as ``iccprofile`` wants it (PS3.18 8.3.5.1.5)."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.errors import CodecError
from gateway.rendering import colour_spaces

_ICC_PROFILE: Final = 0x00282000
_COLOUR_SPACE: Final = 0x00282002
_OPTICAL_PATHS: Final = 0x00480105
_PATH_IDENTIFIER: Final = 0x00480106
_PATH_IDENTIFICATION: Final = 0x00480207
_SHARED_GROUPS: Final = 0x52009229
_FRAME_GROUPS: Final = 0x52009230
_SIGNATURES: Final = (slice(16, 20), slice(36, 40))  # of the colour space, and of a profile


@dataclass(frozen=True, slots=True)
class Colours:
    """Where the pixels of a picture are brought to, and the profile that then describes them."""

    profile: bytes | None
    _transform: ImageCms.ImageCmsTransform | None = None

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``picture`` in these colours, RGB if a profile goes with it."""
        if self.profile is None:
            return picture
        if picture.ndim == 2:
            picture = np.repeat(picture[:, :, None], 3, axis=2)
        if self._transform is None:
            return picture
        image = Image.fromarray(np.ascontiguousarray(picture))
        return np.asarray(ImageCms.applyTransform(image, self._transform))


class Profiles:
    """The ICC profiles of an instance: its own, or one for each optical path (PS3.3 C.8.12.5)."""

    def __init__(self, dataset: DataSet, frames: int) -> None:
        self._dataset = dataset
        self._frames = frames
        self._paths = list(_items(dataset, _OPTICAL_PATHS))
        known = elements.text(dataset, _COLOUR_SPACE).lower()
        self._space = known if known in colour_spaces.SPACES else "srgb"

    def of(self, number: int, frame: bytes) -> bytes:
        """The profile of stored ``frame``, which has ``number``; sRGB's where nothing tells one."""
        found = _profile(self._dataset) or _profile(self._path(number)) or embedded(frame)
        return found or colour_spaces.profile(self._space)

    def _path(self, number: int) -> DataSet:
        if len(self._paths) < 2:
            return self._paths[0] if self._paths else []
        wanted = self._identifier(number)
        for path in self._paths:
            if wanted and elements.text(path, _PATH_IDENTIFIER) == wanted:
                return path
        # TILED_FULL: all frames of a path, then those of the next (PS3.3 C.7.6.17.3).
        return self._paths[(number - 1) * len(self._paths) // self._frames]

    def _identifier(self, number: int) -> str:
        groups = list(_items(self._dataset, _FRAME_GROUPS))[number - 1 : number]
        for group in (*groups, *_items(self._dataset, _SHARED_GROUPS)):
            for item in _items(group, _PATH_IDENTIFICATION):
                return elements.text(item, _PATH_IDENTIFIER)
        return ""


def _items(dataset: DataSet, tag: int) -> Iterator[DataSet]:
    element = elements.find(dataset, tag)
    yield from element[2] if element and element[1] == "SQ" else ()


def _profile(dataset: DataSet) -> bytes | None:
    element = elements.find(dataset, _ICC_PROFILE)
    if element is None or not isinstance(element[2], str):
        return None
    return _usable(base64.b64decode(element[2]))


def _usable(profile: bytes) -> bytes | None:
    """``profile`` if it is one for RGB, as the standard wants it (PS3.3 C.11.15.1.1)."""
    space, signature = (profile[place] for place in _SIGNATURES)
    if (space, signature) != (b"RGB ", b"acsp"):
        return None
    return profile[: int.from_bytes(profile[:4], "big")]  # without the pad to an even length


def embedded(frame: bytes) -> bytes | None:
    """The ICC profile inside a stored JPEG; None where there is none, or another codec."""
    if not frame.startswith(b"\xff\xd8"):
        return None
    try:
        with Image.open(BytesIO(frame)) as image:
            found = image.info.get("icc_profile")
    except (OSError, SyntaxError, ValueError):
        return None  # what only another library can read may have one, but nobody has put it there
    return _usable(found) if found else None


@lru_cache(32)
def colours(wanted: str, source: bytes) -> Colours:
    """What ``iccprofile=wanted`` makes of pixels that ``source`` describes.

    Raises:
        CodecError: ``source`` is no profile that pixels can be converted from.
    """
    if wanted == "no":
        return Colours(None)
    if wanted == "yes":
        return Colours(source)
    target = colour_spaces.profile(wanted)
    if source == target:
        return Colours(target)
    try:
        made = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(source)),
            ImageCms.ImageCmsProfile(BytesIO(target)),
            "RGB",
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise CodecError("the ICC profile of the image cannot be used") from error
    return Colours(target, made)
