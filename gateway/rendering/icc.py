"""Colour of pictures as ``iccprofile`` wants it (PS3.18 8.3.5.1.5)."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from gateway.codecs import jpegmarkers
from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.errors import CodecError
from gateway.rendering import colour_spaces
from gateway.rendering.attributes import items, octets
from gateway.rendering.functional_groups import FunctionalGroups

_ICC_PROFILE: Final = 0x00282000
_COLOUR_SPACE: Final = 0x00282002
_OPTICAL_PATHS: Final = 0x00480105
_PATH_IDENTIFIER: Final = 0x00480106
_PATH_IDENTIFICATION: Final = 0x00480207
_APP2: Final = 0xE2
_CHUNK: Final = b"ICC_PROFILE\0"
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
        self._own = _usable(octets(dataset, _ICC_PROFILE))
        self._paths = items(dataset, _OPTICAL_PATHS)
        self._groups = FunctionalGroups(dataset)
        self._frames = frames
        known = elements.text(dataset, _COLOUR_SPACE).lower()
        self._space = known if known in colour_spaces.SPACES else "srgb"

    def of(self, number: int, frame: bytes) -> bytes:
        """The profile of stored ``frame``, which has ``number``; sRGB's where nothing tells one."""
        found = self._own or _usable(octets(self._path(number), _ICC_PROFILE)) or embedded(frame)
        return found or colour_spaces.profile(self._space)

    def _path(self, number: int) -> DataSet:
        if len(self._paths) < 2:
            return self._paths[0] if self._paths else []
        identification = self._groups.macro(number, _PATH_IDENTIFICATION)
        wanted = elements.text(identification, _PATH_IDENTIFIER)
        for path in self._paths:
            if wanted and elements.text(path, _PATH_IDENTIFIER) == wanted:
                return path
        # TILED_FULL: all frames of a path, then those of the next (PS3.3 C.7.6.17.3).
        return self._paths[(number - 1) * len(self._paths) // self._frames]


def _usable(profile: bytes) -> bytes | None:
    """``profile`` if it is one for RGB, as the standard wants it (PS3.3 C.11.15.1.1)."""
    space, signature = (profile[place] for place in _SIGNATURES)
    if (space, signature) != (b"RGB ", b"acsp"):
        return None
    return profile[: int.from_bytes(profile[:4], "big")]  # without the pad to an even length


def embedded(frame: bytes) -> bytes | None:
    """The ICC profile inside a stored JPEG (ISO 15076-1 B.4); None if none, or another codec."""
    try:
        segments = jpegmarkers.segments(frame)
    except CodecError:
        return None
    chunks = [
        content[len(_CHUNK) :]
        for marker, content in segments
        if marker == _APP2 and content.startswith(_CHUNK)
    ]
    ordered = sorted(chunks, key=lambda chunk: chunk[:1])  # each begins with its number
    return _usable(b"".join(chunk[2:] for chunk in ordered))


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
