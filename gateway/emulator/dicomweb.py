"""HealthImaging's own DICOMweb (developer guide, "Using DICOMweb with AWS HealthImaging").

It is stricter than PS3.18: one instance at a time, one media type by operation, and the transfer
syntaxes of the guide. No SDK and no service model has these operations.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import orjson

from gateway.dicom import jsonmodel, transfer_syntaxes as ts
from gateway.dicomweb import accept, multipart, resources
from gateway.dicomweb.accept import MediaRange
from gateway.dicomweb.representations import DICOM, DICOM_JSON, OCTET_STREAM
from gateway.dicomweb.resources import Address
from gateway.emulator.faults import Fault, invalid, not_found
from gateway.emulator.holdings import Holdings
from gateway.emulator.model import Call
from gateway.emulator.sigv4 import Request
from gateway.errors import InvalidRequest
from gateway.imagesets.document import Instance
from gateway.imagesets.files import FileWriter, native_frame

LOSSLESS: Final = frozenset(
    {ts.EXPLICIT_LE, ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K_LOSSLESS, ts.JPEG_2000_LOSSLESS}
)
"""Stored transfer syntaxes that can be had decoded; others leave as they are stored, or not."""

_STUDY: Final = "/studies/{study}"
_SERIES: Final = f"{_STUDY}/series/{{series}}"
_INSTANCE: Final = f"{_SERIES}/instances/{{instance}}"
_ROUTES: Final = (
    ("GET", _INSTANCE, "GetDICOMInstance"),
    ("GET", f"{_INSTANCE}/metadata", "GetDICOMInstanceMetadata"),
    ("GET", f"{_INSTANCE}/frames/{{frames}}", "GetDICOMInstanceFrames"),
    ("GET", f"{_SERIES}/metadata", "GetDICOMSeriesMetadata"),
    ("GET", f"{_INSTANCE}/bulkdata/{{bulkdata}}", "GetDICOMBulkdata"),
    ("GET", "/studies", "SearchDICOMStudies"),
    ("GET", f"{_STUDY}/series", "SearchDICOMSeries"),
    ("GET", f"{_SERIES}/instances", "SearchDICOMInstances"),
    ("GET", f"{_STUDY}/instances", "SearchDICOMStudyInstances"),
    ("GET", "/series", "SearchDICOMAllSeries"),
    ("GET", "/instances", "SearchDICOMAllInstances"),
    ("POST", "/studies", "StoreDICOM"),
    ("POST", _STUDY, "StoreDICOMStudy"),
)
OPERATIONS: Final = frozenset(name for _, _, name in _ROUTES)
"""The names of all operations at DICOMweb paths, those that are not implemented included."""

_PATTERNS: Final = tuple(
    (
        verb,
        re.compile(f"/datastore/{{datastore}}{path}".replace("{", "(?P<").replace("}", ">[^/]+)")),
        name,
    )
    for verb, path, name in _ROUTES
)
_IDENTIFIER: Final = re.compile(r"[0-9a-z]{32}")
_TRANSFER_SYNTAX: Final = "00020010"


@dataclass(frozen=True, slots=True)
class Answer:
    """A body in pieces, made as they are taken, and its Content-Type."""

    content_type: str
    pieces: Iterator[bytes]


def match(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The operation at a percent-encoded ``path`` and the path's parts; None if it is none here."""
    for verb, pattern, name in _PATTERNS:
        found = pattern.fullmatch(path)
        if found and verb == method:
            return name, {key: unquote(value) for key, value in found.groupdict().items()}
    return None


def parse(operation: str, path: Mapping[str, str], wire: Request) -> Call:
    """The parameters of a request, checked: ``address``, ``frames`` and ``ranges`` beside the id.

    Raises:
        Fault: ValidationException; the message names what is wrong.
    """
    image_set_id = dict(parse_qsl(wire.query, keep_blank_values=True)).get("imageSetId")
    for name, value in (("datastoreId", path["datastore"]), ("imageSetId", image_set_id)):
        if value is not None and not _IDENTIFIER.fullmatch(value):
            raise invalid(f"{name} must be 32 lower-case letters and digits")
    try:
        uids = {
            level: resources.check_uid(level, path[level])
            for level in ("study", "series", "instance")
            if level in path
        }
        frames = resources.frame_numbers(path["frames"]) if "frames" in path else ()
    except InvalidRequest as error:
        raise invalid(str(error)) from error
    parameters: dict[str, Any] = {"datastoreId": path["datastore"], "frames": frames}
    if "study" in uids:
        place = (uids["study"], uids.get("series"), uids.get("instance"))
        parameters["address"] = Address(path["datastore"], *place, image_set_id)
    return Call(operation, parameters | {"ranges": accept.parse(wire.header("accept"))})


def call(holdings: Holdings, operation: str, parameters: Mapping[str, Any]) -> Answer:
    """Run an operation; its pieces may fail as well while they are taken.

    Raises:
        Fault: what the service answers instead.
    """
    do = _OPERATIONS.get(operation)
    if do is None:
        message = f"{operation} is not implemented by the embedded HealthImaging server"
        raise Fault("NotImplementedException", message)
    return do(holdings, parameters)


def _instance(holdings: Holdings, parameters: Mapping[str, Any]) -> Answer:
    [instance] = holdings.instances(parameters["address"])
    ranges = [one for one in parameters["ranges"] if one.type in (DICOM, "application/*", "*/*")]
    syntax = _syntax(ranges, instance.stored_syntax)
    return Answer(f"{DICOM}; transfer-syntax={syntax}", _file(holdings, instance, syntax))


def _file(holdings: Holdings, instance: Instance, syntax: str) -> Iterator[bytes]:
    file = FileWriter(instance, syntax)
    for number in range(1, len(instance.frames) + 1):
        yield from file.add(holdings.frame(instance, number))
    yield file.end()


def _frames(holdings: Holdings, parameters: Mapping[str, Any]) -> Answer:
    [instance] = holdings.instances(parameters["address"])
    beyond = max(parameters["frames"])
    if beyond > len(instance.frames):
        raise not_found(f"Frame {beyond}")
    syntax = _syntax(list(filter(_takes_parts, parameters["ranges"])), instance.stored_syntax)
    mark = multipart.boundary()
    pieces = _parts(mark, syntax, _pixels(holdings, instance, parameters["frames"], syntax))
    return Answer(multipart.content_type(mark, OCTET_STREAM), pieces)


def _takes_parts(wanted: MediaRange) -> bool:
    if wanted.type not in ("multipart/related", "multipart/*"):
        return wanted.type == "*/*"
    return (wanted.value("type") or OCTET_STREAM).lower() in (OCTET_STREAM, "*/*")


def _pixels(
    holdings: Holdings, instance: Instance, numbers: Iterable[int], syntax: str
) -> Iterator[bytes]:
    pixel = instance.pixel()
    for number in numbers:
        frame = holdings.frame(instance, number)
        kept = syntax == instance.stored_syntax
        yield frame if kept else native_frame(instance, pixel, frame)


def _parts(mark: str, syntax: str, frames: Iterable[bytes]) -> Iterator[bytes]:
    for frame in frames:
        yield multipart.part_head(mark, f"{OCTET_STREAM}; transfer-syntax={syntax}", len(frame))
        yield frame
        yield multipart.PART_TAIL
    yield multipart.end(mark)


def _syntax(ranges: Iterable[MediaRange], stored: str) -> str:
    """The transfer syntax that goes out; ``ranges`` are those of the operation's media type.

    Explicit VR Little Endian where none is named, as the guide says, also for frames that cannot be
    had so: a client then has to ask for the stored transfer syntax, or for ``*``.
    """
    for wanted in ranges:
        for syntax in wanted.values("transfer-syntax") or (ts.EXPLICIT_LE,):
            if syntax in ("*", stored):
                return stored
            if syntax == ts.EXPLICIT_LE and stored in LOSSLESS:
                return syntax
    raise Fault(
        "NotAcceptableException",
        f"The instance is stored as {stored} and not available as the Accept header wants it",
    )


def _metadata(holdings: Holdings, parameters: Mapping[str, Any]) -> Answer:
    if not any(one.type in (DICOM_JSON, "application/*", "*/*") for one in parameters["ranges"]):
        raise Fault("NotAcceptableException", f"Metadata are available as {DICOM_JSON}")
    return Answer(DICOM_JSON, _objects(holdings.instances(parameters["address"])))


def _objects(instances: Iterable[Instance]) -> Iterator[bytes]:
    opening = b"["
    for instance in instances:
        found = {_TRANSFER_SYNTAX: {"vr": "UI", "Value": [instance.stored_syntax]}}
        yield opening + orjson.dumps(found | jsonmodel.encode(instance.dataset()))
        opening = b","
    yield b"]"


_OPERATIONS: Final[dict[str, Callable[[Holdings, Mapping[str, Any]], Answer]]] = {
    "GetDICOMInstance": _instance,
    "GetDICOMInstanceFrames": _frames,
    "GetDICOMInstanceMetadata": _metadata,
    "GetDICOMSeriesMetadata": _metadata,
}
