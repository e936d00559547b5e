"""The URI Service, WADO-URI (PS3.18 chapter 9): its query parameters, parsed or refused by name."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from gateway.dicom import uids
from gateway.dicomweb import accept as media_ranges, parameters
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.rendered import ANNOTATIONS, Parameters, Viewport, Windowing
from gateway.dicomweb.representations import DICOM
from gateway.errors import InvalidRequest

_MANDATORY: Final = ("requestType", "studyUID", "seriesUID", "objectUID")
_NEGOTIATED: Final = ("contentType", "charset", "transferSyntax", "anonymize")
_PICTURED: Final = (
    "annotation",
    "columns",
    "frameNumber",
    "imageAnnotation",
    "imageQuality",
    "presentationSeriesUID",
    "presentationUID",
    "region",
    "rows",
    "windowCenter",
    "windowWidth",
)
_KNOWN: Final = frozenset({*_MANDATORY, *_NEGOTIATED, *_PICTURED})
_IGNORED: Final = frozenset({"imageSetId", "versionId"})
_NOT_WITH_A_STATE: Final = ("frameNumber", "windowCenter", "windowWidth")

_CHARSET: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,40})(?:;q=([01](?:\.[0-9]{0,3})?))?")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the image in fractions of its sides, from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class PresentationState:
    """The presentation state that an image is to be shown by."""

    series: str
    instance: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the URI Service for one instance.

    ``accept`` is what ``contentType`` says, else the Accept header; ``syntax`` is a transfer syntax
    or ``*``, the stored one, and asks for DICOM. ``pictured`` is a parameter that asks for a
    picture, ``""`` if there is none. ``utf_8`` says that the client takes text in UTF-8.
    """

    study: str
    series: str
    instance: str
    accept: Accept
    syntax: str | None = None
    frame: int | None = None
    rows: int | None = None
    columns: int | None = None
    region: Region | None = None
    window: Windowing | None = None
    quality: int | None = None
    annotations: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    state: PresentationState | None = None
    pictured: str = ""
    utf_8: bool = True

    def parameters(self, rows: int, columns: int, most: int) -> Parameters:
        """How an image of ``rows`` and ``columns`` is to be rendered; no side beyond ``most``."""
        return Parameters(
            self._viewport(rows, columns, most),
            self.window,
            self.quality,
            self.annotations,
            self.unsupported,
        )

    def _viewport(self, rows: int, columns: int, most: int) -> Viewport | None:
        """The box that the picture has to fit in (PS3.18 9.5.2.4 and 9.5.2.5)."""
        if not (self.rows or self.columns or self.region):
            return None
        part = self.region or Region(0.0, 0.0, 1.0, 1.0)
        width, height = (part.right - part.left) * columns, (part.bottom - part.top) * rows
        if not (self.rows or self.columns):
            box = (max(round(width), 1), max(round(height), 1))
        else:
            box = (self.columns or most, self.rows or most)
        return Viewport(
            min(box[0], most),
            min(box[1], most),
            part.left * columns,
            part.top * rows,
            width,
            height,
        )


def parse(pairs: Iterable[tuple[str, str]], accept: Accept, charsets: str, most: int) -> Asked:
    """Read the decoded ``pairs`` of the query string (PS3.18 9.1.2, 9.4.1.2 and 9.5.1.2).

    ``accept`` is the Accept header and ``charsets`` Accept-Charset, which count where the query
    says nothing; ``most`` is how many pixels a side a picture may have.

    Raises:
        InvalidRequest: a parameter is missing, unknown, malformed or does not go with another; the
            error names it.
    """
    given = parameters.collected(pairs, _KNOWN, _IGNORED, "the URI Service")
    _check_mandatory(given)
    _check_anonymize(given)
    wanted = _accept(given, accept)
    pictured = next((name for name in _PICTURED if name in given), "")
    _check_transaction(given, wanted, pictured)
    keywords = _annotations(given)
    return Asked(
        _uid(given, "studyUID"),
        _uid(given, "seriesUID"),
        _uid(given, "objectUID"),
        wanted,
        _syntax(given),
        _positive(given, "frameNumber"),
        _positive(given, "rows", most),
        _positive(given, "columns", most),
        _region(given),
        _window(given),
        _positive(given, "imageQuality", 100),
        tuple(name for name in ANNOTATIONS if name in keywords),
        tuple(name for name in keywords if name not in ANNOTATIONS),
        _state(given),
        pictured,
        _takes_utf_8(given["charset"]) if "charset" in given else _may_take_utf_8(charsets),
    )


def _check_mandatory(given: Mapping[str, str]) -> None:
    for name in _MANDATORY:
        if not given.get(name):
            raise InvalidRequest(f"{name} is missing", name)
    if given["requestType"] != "WADO":
        raise InvalidRequest("requestType must be WADO", "requestType")


def _check_anonymize(given: Mapping[str, str]) -> None:
    """Refuse what would otherwise be answered with the patient's name (PS3.18 9.4.2.3)."""
    if "anonymize" not in given:
        return
    if given["anonymize"] != "yes":
        raise InvalidRequest("anonymize must be yes or left out", "anonymize")
    message = "anonymize is not supported: this server de-identifies nothing"
    raise InvalidRequest(message, "anonymize")


def _accept(given: Mapping[str, str], header: Accept) -> Accept:
    if "contentType" not in given:
        return header
    found = media_ranges.parse(given["contentType"] or ",", strict=header.strict)
    if not found:
        raise InvalidRequest("contentType is not a list of media types", "contentType")
    if any(one.values("transfer-syntax") or one.values("charset") for one in found):
        message = "contentType has no transfer-syntax and no charset: they are parameters here"
        raise InvalidRequest(message, "contentType")
    return found


def _check_transaction(given: Mapping[str, str], wanted: Accept, pictured: str) -> None:
    """Refuse parameters of both transactions together (PS3.18 9.4.1.2 and 9.5.1.2)."""
    only_dicom = "contentType" in given and {one.type for one in wanted} == {DICOM}
    if pictured and (only_dicom or "transferSyntax" in given):
        raise InvalidRequest(f"{pictured} does not go with {DICOM}", pictured)


def _uid(given: Mapping[str, str], name: str) -> str:
    if not uids.is_importable(given[name]):
        raise InvalidRequest(f"{name} is not a UID", name)
    return given[name]


def _syntax(given: Mapping[str, str]) -> str | None:
    """A transfer syntax; viewers, not PS3.18 9.4, know ``*`` for the stored one."""
    if given.get("transferSyntax", "*") == "*":
        return given.get("transferSyntax")
    return _uid(given, "transferSyntax")


def _positive(given: Mapping[str, str], name: str, most: int | None = None) -> int | None:
    return parameters.positive(name, given[name], most) if name in given else None


def _region(given: Mapping[str, str]) -> Region | None:
    if "region" not in given:
        return None
    parts = [parameters.decimal("region", part.strip()) for part in given["region"].split(",")]
    if len(parts) != 4:
        raise InvalidRequest("region must be four numbers: left, top, right, bottom", "region")
    left, top, right, bottom = parts
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise InvalidRequest("region must lie between 0 and 1, the smaller numbers first", "region")
    return Region(left, top, right, bottom)


def _window(given: Mapping[str, str]) -> Windowing | None:
    _check_pair(given, "windowCenter", "windowWidth")
    if "windowCenter" not in given:
        return None
    center, width = (
        parameters.decimal(name, given[name]) for name in ("windowCenter", "windowWidth")
    )
    if width < 1:  # PS3.3 C.11.2.1.2.1
        raise InvalidRequest("windowWidth must be 1 or more", "windowWidth")
    return Windowing(center, width, "LINEAR")


def _check_pair(given: Mapping[str, str], *names: str) -> None:
    missing = [name for name in names if name not in given]
    if len(missing) == 1:
        raise InvalidRequest(
            f"{' and '.join(names)} go together; {missing[0]} is missing", missing[0]
        )


def _annotations(given: Mapping[str, str]) -> tuple[str, ...]:
    """The keywords, under either name that the standard has for them (9.4.1.2.2, table 9.5.1-1)."""
    names = (name for name in ("annotation", "imageAnnotation") if name in given)
    found = (parameters.keywords(name, given[name]) for name in names)
    return tuple(dict.fromkeys(chain.from_iterable(found)))


def _state(given: Mapping[str, str]) -> PresentationState | None:
    _check_pair(given, "presentationSeriesUID", "presentationUID")
    if "presentationUID" not in given:
        return None
    for name in _NOT_WITH_A_STATE:
        if name in given:
            raise InvalidRequest(f"{name} does not go with a presentation state", name)
    return PresentationState(_uid(given, "presentationSeriesUID"), _uid(given, "presentationUID"))


def _takes_utf_8(value: str) -> bool:
    """Whether a list of character sets (PS3.18 8.8.1) has that of our text."""
    found = [_CHARSET.fullmatch(part.replace(" ", "")) for part in value.split(",")]
    if not all(found):
        raise InvalidRequest("charset is not a list of character sets", "charset")
    known = {one[1].lower(): float(one[2] or 1) for one in found if one}
    return known.get("utf-8", known.get("*", 0.0)) > 0


def _may_take_utf_8(header: str) -> bool:
    """As ``_takes_utf_8`` of a header, which excludes nothing where it makes no sense."""
    try:
        return _takes_utf_8(header)
    except InvalidRequest:
        return True
