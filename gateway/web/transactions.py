"""The kinds of transactions: clause of PS3.18, cache policy, media types and query parameters."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from gateway.auth.grants import Action
from gateway.codecs.encoders import ENCODERS
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.tags import by_tag
from gateway.dicomweb import attributes, reduction, rendered, renditions
from gateway.dicomweb.archives import ZIP
from gateway.dicomweb.capabilities import MEDIA_TYPES, Parameter
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.representations import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    JSON,
    OCTET_STREAM,
    media_type,
)
from gateway.web.entities import Freshness


@dataclass(frozen=True, slots=True)
class Kind:
    """What transactions have in common; the first of ``media_types`` is the default.

    ``action`` is what has to be granted to whoever asks; None where anybody may.
    """

    clause: str
    freshness: Freshness
    media_types: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    verb: str = "Retrieve"
    action: Action | None = Action.READ


def _forms(syntaxes: Iterable[str], *, single: bool) -> tuple[str, ...]:
    """The media types of frames in ``syntaxes``, in an envelope and, if ``single``, without."""
    offers = [Representation(uid, media_type(uid)) for uid in syntaxes]
    alone = [replace(offer, multipart=False) for offer in offers] if single else []
    return tuple(offer.accept for offer in (*offers, *alone))


_RETAINED: Final = (uid for uid, one in ts.BY_UID.items() if one.retained)
_SYNTAXES: Final = tuple(dict.fromkeys((ts.EXPLICIT_LE, *ENCODERS, *_RETAINED)))
_FILES: Final = tuple(Representation(uid, DICOM).accept for uid in (*_SYNTAXES, "*"))
_IN_XML: Final = Representation("", DICOM_XML).accept
_BULK: Final = (Representation("", OCTET_STREAM).accept, OCTET_STREAM)
_DOCUMENTS: Final = ("text/html", "text/plain", "application/pdf", "video/mpeg", "video/mp4")

_BOOLEAN: Final = ("true", "false")
_QUALITY: Final = Parameter("quality", "Quality of lossy compression, from 1 to 100.")
_COMMON: Final = (
    Parameter("accept", "Media types that win over the Accept header."),
    Parameter("imageSetId", "The only image set that is read, primary or not."),
    Parameter("versionId", "The version of that image set; the latest where not given."),
)
_SEARCH: Final = (
    Parameter("limit", "Results at the most."),
    Parameter("offset", "Results to be left out."),
    Parameter("includefield", "Further attributes, by keyword or tag.", ("all",), repeating=True),
    Parameter("fuzzymatching", "Names that look or sound alike match.", _BOOLEAN),
    Parameter("emptyvaluematching", 'The key "" matches what has no value.', _BOOLEAN),
    Parameter("multiplevaluematching", "All of several values have to be there.", _BOOLEAN),
)
_RENDERED: Final = (
    Parameter("annotation", "What is written into the picture.", rendered.ANNOTATIONS),
    Parameter("quality", "Quality of a JPEG, JPEG 2000 or WebP, from 1 to 100."),
    Parameter("viewport", "Columns and rows of the picture; then the region that it shows."),
    Parameter("window", "Center, width and function of a linear or sigmoid window."),
    Parameter(
        "iccprofile", "The colour space, and whether its profile goes along.", rendered.PROFILES
    ),
    Parameter("overlays", "Whether overlay planes are drawn.", _BOOLEAN),
)

_URI: Final = (
    Parameter("requestType", "The service.", ("WADO",)),
    *(Parameter(name, "Where the instance is.") for name in ("studyUID", "seriesUID", "objectUID")),
    Parameter("contentType", "Media types that win over the Accept header."),
    Parameter("charset", "Character sets of text."),
    Parameter("transferSyntax", "The transfer syntax of a DICOM file."),
    Parameter("annotation", "What is written into the picture.", rendered.ANNOTATIONS),
    Parameter("rows", "Rows that the picture has at the most."),
    Parameter("columns", "Columns that it has at the most."),
    Parameter("region", "The part of the image that is shown, in fractions of its sides."),
    Parameter("windowCenter", "Center of the window."),
    Parameter("windowWidth", "Width of the window."),
    Parameter("frameNumber", "The frame, from 1."),
    Parameter("imageQuality", "Quality of lossy compression, from 1 to 100."),
    Parameter("presentationSeriesUID", "The series of the presentation state."),
    Parameter("presentationUID", "The presentation state that the image is shown by."),
    *_COMMON[1:],
)


def _keys(tags: Iterable[int]) -> tuple[Parameter, ...]:
    """Attributes as search keys, by keyword."""
    known = (by_tag(tag) for tag in sorted(tags))
    return tuple(Parameter(one.keyword, one.vr) for one in known if one is not None)


INSTANCES: Final = Kind(
    "10.4.1.1.1",
    Freshness.STORED,
    (*_FILES, DICOM, ZIP, *_BULK[:1]),
    (*_COMMON, _QUALITY),
)
METADATA: Final = Kind("10.4.1.1.2", Freshness.STORED, (DICOM_JSON, JSON, _IN_XML), _COMMON)
RENDERED: Final = Kind(
    "10.4.1.1.3",
    Freshness.RELATED,
    (*renditions.STILLS, *_DOCUMENTS),
    (*_COMMON, *_RENDERED),
    action=Action.RENDERED,
)
THUMBNAIL: Final = Kind(
    "10.4.1.1.4",
    Freshness.RELATED,
    renditions.STILLS,
    (*_COMMON, Parameter("viewport", "Columns and rows of the picture.")),
    action=Action.RENDERED,
)
BULK_DATA: Final = Kind("10.4.1.1.5", Freshness.STORED, _BULK, _COMMON)
PIXEL_DATA: Final = Kind(
    "10.4.1.1.6", Freshness.STORED, _forms(_SYNTAXES, single=False), (*_COMMON, _QUALITY)
)
FRAMES: Final = Kind(
    "10.4.1.1.6",
    Freshness.STORED,
    _forms(_SYNTAXES, single=True),
    (*_COMMON, _QUALITY, Parameter(reduction.PARAMETER, "How often the sides are halved.")),
)


def _search(level: frozenset[int]) -> Kind:
    parameters = (*_COMMON, *_SEARCH, *_keys(level - {attributes.SPECIFIC_CHARACTER_SET}))
    media_types = (DICOM_JSON, JSON, _IN_XML)
    return Kind("10.6", Freshness.MADE, media_types, parameters, "Search For", Action.SEARCH)


SEARCH_STUDIES: Final = _search(attributes.STUDY | attributes.COMPUTED_OF_STUDY)
SEARCH_SERIES: Final = _search(attributes.SERIES | attributes.COMPUTED_OF_SERIES)
SEARCH_INSTANCES: Final = _search(attributes.INSTANCE | attributes.COMPUTED_OF_INSTANCE)

CAPABILITIES: Final = Kind("8.9", Freshness.MADE, MEDIA_TYPES, action=Action.LOOK)
PAGE: Final = Kind("", Freshness.MADE, ("text/html",), action=Action.SEARCH)
URI: Final = Kind(
    "9",
    Freshness.MADE,
    (*renditions.STILLS, DICOM, *_DOCUMENTS),
    _URI,
    action=Action.RENDERED,  # its handler asks for more where a file goes out
)
VIEWER: Final = Kind("", Freshness.MADE, ("text/javascript", "application/json"), action=None)
STATE: Final = Kind("", Freshness.FLEETING, ("application/json",), action=None)
METRICS: Final = Kind("", Freshness.FLEETING, ("text/plain",), action=Action.METRICS)
LINK: Final = Kind("", Freshness.FLEETING, ("application/json",), action=Action.LOOK)
SITE: Final = Kind("", Freshness.OWN, ("text/html",), action=None)
