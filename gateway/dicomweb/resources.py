"""The resources of the Studies Service (PS3.18 10.4) as paths: read, and written as URLs."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.dicom import uids
from gateway.dicom.tags import is_pixel_data
from gateway.errors import InvalidRequest

_FRAME: Final = re.compile(r"[1-9][0-9]{0,8}")
_BULK_PATH: Final = re.compile(r"[0-9A-Fa-f]{8}(?:/[1-9][0-9]{0,5}/[0-9A-Fa-f]{8}){0,64}")
_BULK_FRAMES: Final = re.compile(r"([0-9A-Fa-f]{8})/frames/(.*)")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_MAX_FRAMES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Address:
    """A study, series or instance in a data store; without ``series`` it is the whole study.

    Only the image set ``image_set_id`` is read where there is one, in its latest version or in
    ``version``. ``as_of`` is equal for what has to be read as it was at the same moment.
    """

    datastore_id: str
    study: str
    series: str | None = None
    instance: str | None = None
    image_set_id: str | None = None
    version: int | None = None
    as_of: int | None = None


def check_uid(name: str, value: str) -> str:
    """``value`` if it can be a UID of a stored object.

    Raises:
        InvalidRequest: it cannot; the error names the part of the path.
    """
    if not uids.is_importable(value):
        raise InvalidRequest(f"The {name} UID in the path is not a UID", name)
    return value


def frame_numbers(text: str) -> tuple[int, ...]:
    """The numbers of a frame list ``1,3,2`` (PS3.18 10.4.1.1.6), from 1, in its order.

    Raises:
        InvalidRequest: it is not a list of positive numbers without repeats.
    """
    parts = text.split(",")
    if len(parts) > _MAX_FRAMES or not all(map(_FRAME.fullmatch, parts)):
        raise InvalidRequest("frames must be frame numbers from 1, separated by commas", "frames")
    numbers = tuple(map(int, parts))
    if len(set(numbers)) != len(numbers):
        raise InvalidRequest("frames names a frame twice", "frames")
    return numbers


def bulk_path(text: str) -> tuple[int, ...]:
    """Tags and item numbers, alternating, of a bulk data path ``54000100/1/54001010``.

    Raises:
        InvalidRequest: it is not one.
    """
    if not _BULK_PATH.fullmatch(text):
        raise InvalidRequest("The bulk data path is not one of tags and item numbers", "bulkdata")
    parts = text.split("/")
    return tuple(int(part, 10 if at % 2 else 16) for at, part in enumerate(parts))


def bulk_frames(text: str) -> tuple[int, ...]:
    """The numbers in a bulk data path ``7FE00010/frames/1,3``; none where it is another path.

    Raises:
        InvalidRequest: it is not a list of positive numbers without repeats.
    """
    found = _BULK_FRAMES.fullmatch(text)
    return frame_numbers(found[2]) if found and is_pixel_data(int(found[1], 16)) else ()


def version_number(text: str) -> int:
    """The number of a version of an image set, from 1.

    Raises:
        InvalidRequest: it is not one.
    """
    if not _VERSION.fullmatch(text):
        raise InvalidRequest("versionId must be a whole number, 1 or more", "versionId")
    return int(text)


def pinned(root: str, image_set_id: str, version: int) -> str:
    """The service root of an answer out of one version of an image set: its URLs lead there too."""
    return f"{root}?imageSetId={image_set_id}&versionId={version}"


def below(root: str, path: str) -> str:
    """The URL of ``path`` below the service root ``root``, which may be pinned."""
    url, mark, pin = root.partition("?")
    return f"{url}{path}{mark}{pin}"


def study_url(root: str, study: str) -> str:
    """The URL of a study below the service root ``root``, which may be pinned."""
    return below(root, f"/studies/{study}")


def series_url(root: str, study: str, series: str) -> str:
    """The URL of a series."""
    return below(root, f"/studies/{study}/series/{series}")


def instance_url(root: str, study: str, series: str, instance: str) -> str:
    """The URL of an instance."""
    return below(root, f"/studies/{study}/series/{series}/instances/{instance}")


def bulk_data_url(root: str, study: str, series: str, instance: str, path: str) -> str:
    """The URL of a binary value of an instance; ``path`` as ``bulk_path`` reads it."""
    return below(root, f"/studies/{study}/series/{series}/instances/{instance}/bulkdata/{path}")


def bulk_frame_url(url: str, number: int) -> str:
    """The URL of a frame of the pixel data that have the bulk data URL ``url``."""
    return below(url, f"/frames/{number}")
