"""What an instance is to somebody who wants to see it (PS3.18 8.7.2)."""

from enum import Enum
from typing import Final

from gateway.codecs import registry
from gateway.imagesets.document import Instance

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_WHOLE_SLIDE: Final = f"{_STORAGE}77.1.6"
_SYNTAX: Final = "1.2.840.10008.1.2.4."
_MPEG2, _MPEG4, _HEVC = "video/mpeg", "video/mp4", "video/H265"
_VIDEO: Final = {
    f"{_SYNTAX}{number}{fragmentable}": media_type
    for media_type, numbers, fragments in (
        (_MPEG2, (100, 101), ("", ".1")),
        (_MPEG4, (102, 103, 104, 105, 106), ("", ".1")),
        (_HEVC, (107, 108), ("",)),
    )
    for number in numbers
    for fragmentable in fragments
}
"""The media types of video by transfer syntax (PS3.18 table 8.7.3-5)."""

_SLIDE_FLAVOURS: Final = ("THUMBNAIL", "OVERVIEW", "VOLUME", "LABEL")


class Category(Enum):
    """The kinds of instances, by what can be made of them."""

    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"
    REPORT = "report"
    PRESENTATION = "presentation"
    OTHER = "other"


_FAMILIES: Final = {
    f"{_STORAGE}11.": Category.PRESENTATION,
    f"{_STORAGE}88.": Category.REPORT,
    f"{_STORAGE}104.": Category.DOCUMENT,
}


def category(instance: Instance) -> Category:
    """The category of ``instance``: its frames decide, without any its SOP class."""
    if instance.frames:
        if instance.stored_syntax in _VIDEO:
            return Category.VIDEO
        return Category.IMAGE if registry.decodes(instance.stored_syntax) else Category.OTHER
    families = (_FAMILIES[start] for start in _FAMILIES if instance.sop_class.startswith(start))
    return next(families, Category.OTHER)


def video_type(instance: Instance) -> str:
    """The media type of a video as it is stored."""
    return _VIDEO[instance.stored_syntax]


def is_slide(instance: Instance) -> bool:
    """Whether the frames are tiles of a whole-slide image."""
    return instance.sop_class == _WHOLE_SLIDE


def slide_order(instance: Instance) -> tuple[int, int]:
    """Sorts the images of a slide, that which shows most of it in fewest tiles first.

    The label comes last: it names the patient.
    """
    found = {value.upper() for value in instance.image_type}
    flavour = next((at for at, name in enumerate(_SLIDE_FLAVOURS) if name in found), 2)
    return flavour, len(instance.frames)


_WITHOUT_IMAGES: Final = frozenset(
    {
        "ANN", "ASMT", "AU", "CTPROTOCOL", "DOC", "ECG", "EEG", "EMG", "EOG", "FID", "HC", "HD",
        "KER", "KO", "LEN", "M3D", "OSS", "PLAN", "POS", "PR", "REG", "RESP", "RTINTENT", "RTPLAN",
        "RTRAD", "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV", "SMR", "SR", "SRF", "STAIN",
        "TEXTUREMAP", "XAPROTOCOL",
    }
)  # fmt: skip
_DERIVED: Final = frozenset({"SEG", "RTDOSE"})


def modality_order(modality: str) -> int:
    """Sorts series by Modality: images, what was made from images, and what has no pixels."""
    return 2 if modality in _WITHOUT_IMAGES else 1 if modality in _DERIVED else 0
