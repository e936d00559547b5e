"""DICOM audit messages (PS3.15 A.5): what is said of an event, in the order of the schema.

A message is a document of dictionaries, lists and plain values under the schema's own names
(A.5.1): JSON as it stands, and XML by ``xml``. Within each dictionary, what is an element stands in
the order in which the schema has it.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

Document = dict[str, Any]

_Code = tuple[str, str, str]

QUERY: Final = ("110112", "DCM", "Query")
TRANSFERRED: Final = ("110104", "DCM", "DICOM Instances Transferred")
ALERT: Final = ("110113", "DCM", "Security Alert")
ACTIVITY: Final = ("110100", "DCM", "Application Activity")

START: Final = ("110120", "DCM", "Application Start")
STOP: Final = ("110121", "DCM", "Application Stop")
NODE_AUTHENTICATION: Final = ("110126", "DCM", "Node Authentication")
RESTRICTED_FUNCTION: Final = ("110132", "DCM", "Use of Restricted Function")
RECORDING_STOPPED: Final = ("110133", "DCM", "Audit Recording Stopped")
_QIDO: Final = ("RAD-129", "IHE Transactions", "QIDO-RS Query")
_WADO: Final = ("RAD-107", "IHE Transactions", "WADO-RS Retrieve")

_APPLICATION: Final = ("110150", "DCM", "Application")
_DESTINATION: Final = ("110152", "DCM", "Destination Role ID")
_SOURCE: Final = ("110153", "DCM", "Source Role ID")

_STUDY: Final = ("110180", "DCM", "Study Instance UID")
_NODE: Final = ("110182", "DCM", "Node ID")
_PATIENT: Final = ("2", "RFC-3881", "Patient Number")
_URI: Final = ("12", "RFC-3881", "URI")

SUCCESS: Final = "0"
MINOR_FAILURE: Final = "4"
SERIOUS_FAILURE: Final = "8"

UNKNOWN: Final = "<none>"
"""A patient's or study's identifier that has to be there and is not known."""

_ADDRESS: Final = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_WEB_SERVER: Final = "3"  # A.5.1.2.1
_AS_TEXT: Final = frozenset(
    {"EventOutcomeDescription", "ParticipantObjectName", "ParticipantObjectQuery"}
)
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: an EventOutcomeIndicator, and why where it is not a success."""

    indicator: str = SUCCESS
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A process or person of which an address, perhaps, is known."""

    user: str
    address: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Who writes the messages: this ``process``, as ``identifier`` of the ``site``."""

    process: Node
    identifier: str
    site: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Retrievals of one study by one client: how many, of how many bytes, from when to when."""

    datastore: str
    study: str
    patient: str
    requests: int
    size: int
    first: float
    last: float


def query(
    source: Source, client: Node, outcome: Outcome, moment: float, datastore: str, target: str
) -> Document:
    """A search (A.5.3.10); ``target`` is its path and query, as they came."""
    path = target.partition("?")[0]
    asked = base64.b64encode(target.encode(errors="replace")).decode()
    searched = _object(_URI, path, details={"Data Store": datastore}, query=asked)
    participants = [
        _participant(client, requestor=True, role=_SOURCE),
        _participant(source.process, requestor=False, role=_DESTINATION),
    ]
    event = _event(QUERY, "E", outcome, moment, _QIDO)
    return _message(event, participants, source, [searched])


def transferred(source: Source, client: Node, outcome: Outcome, transfer: Transfer) -> Document:
    """Retrievals of one study (A.5.3.7), which ended as ``outcome`` says, all of them."""
    details = {
        "Data Store": transfer.datastore,
        "Requests": str(transfer.requests),
        "Bytes": str(transfer.size),
        "First Request": _time(transfer.first),
    }
    objects = [_object(_STUDY, transfer.study or UNKNOWN, details=details)]
    objects.append(_object(_PATIENT, transfer.patient or UNKNOWN, kind="1", role="1"))
    participants = [
        _participant(source.process, requestor=False, role=_SOURCE),
        _participant(client, requestor=True, role=_DESTINATION),
    ]
    event = _event(TRANSFERRED, "R", outcome, transfer.last, _WADO)
    return _message(event, participants, source, objects)


def alert(
    source: Source,
    client: Node | None,
    outcome: Outcome,
    moment: float,
    kind: tuple[str, str, str],
    details: Mapping[str, str],
) -> Document:
    """Something that security is concerned with (A.5.3.11), by ``client`` where it is one's doing.

    ``details`` tell of it beside the reason of the ``outcome``.
    """
    participants = [_participant(source.process, requestor=True)]
    if client is not None:
        participants.append(_participant(client, requestor=False))
    told = {"Alert Description": outcome.reason, **details}
    subject = _object(_NODE, source.identifier, details=told, role="13")
    event = _event(ALERT, "E", outcome, moment, kind)
    return _message(event, participants, source, [subject])


def activity(source: Source, moment: float, kind: tuple[str, str, str]) -> Document:
    """The start or the end of this application (A.5.3.1)."""
    participants = [_participant(source.process, requestor=False, role=_APPLICATION)]
    return _message(_event(ACTIVITY, "E", Outcome(), moment, kind), participants, source, [])


def _message(
    event: Document, participants: list[Document], source: Source, objects: list[Document]
) -> Document:
    identification: Document = {"AuditSourceID": source.identifier}
    if source.site:
        identification["AuditEnterpriseSiteID"] = source.site
    identification["AuditSourceTypeCode"] = [{"csd-code": _WEB_SERVER}]
    return {
        "EventIdentification": event,
        "ActiveParticipant": participants,
        "AuditSourceIdentification": identification,
        "ParticipantObjectIdentification": objects,
    }


def _event(event: _Code, action: str, outcome: Outcome, moment: float, kind: _Code) -> Document:
    made: Document = {
        "EventActionCode": action,
        "EventDateTime": _time(moment),
        "EventOutcomeIndicator": outcome.indicator,
        "EventID": _coded(event),
        "EventTypeCode": [_coded(kind)],
    }
    if outcome.reason:
        made["EventOutcomeDescription"] = outcome.reason
    return made


def _participant(node: Node, *, requestor: bool, role: _Code | None = None) -> Document:
    made: Document = {"UserID": node.user, "UserIsRequestor": requestor}
    if node.name:
        made["UserName"] = node.name
    if node.address:
        made["NetworkAccessPointID"] = node.address
        made["NetworkAccessPointTypeCode"] = "2" if _ADDRESS.fullmatch(node.address) else "1"
    if role is not None:
        made["RoleIDCode"] = [_coded(role)]
    return made


def _object(
    identified: _Code,
    identifier: str,
    *,
    kind: str = "2",
    role: str = "3",
    details: Mapping[str, str] | None = None,
    query: str | None = None,
) -> Document:
    """A participant object: of ``kind`` and ``role`` as A.5.1 numbers them."""
    made: Document = {
        "ParticipantObjectID": identifier,
        "ParticipantObjectTypeCode": kind,
        "ParticipantObjectTypeCodeRole": role,
        "ParticipantObjectIDTypeCode": _coded(identified),
    }
    if query is None:
        made["ParticipantObjectName"] = identifier
    else:
        made["ParticipantObjectQuery"] = query
    told = [
        {"type": name, "value": base64.b64encode(value.encode(errors="replace")).decode()}
        for name, value in (details or {}).items()
        if value
    ]
    if told:
        made["ParticipantObjectDetail"] = told
    return made


def _coded(code: _Code) -> Document:
    value, system, meaning = code
    return {"csd-code": value, "codeSystemName": system, "originalText": meaning}


def _time(moment: float) -> str:
    """Seconds since 1970 as UTC (A.5.2.5)."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def xml(document: Mapping[str, Any]) -> str:
    """A message as XML (A.5.1); characters that XML cannot have are replaced."""
    return '<?xml version="1.0" encoding="UTF-8"?>' + "".join(_element("AuditMessage", document))


def _element(name: str, value: Mapping[str, Any]) -> Iterator[str]:
    attributes: list[str] = []
    children: list[str] = []
    for key, one in value.items():
        if isinstance(one, Mapping):
            children.extend(_element(key, one))
        elif isinstance(one, Sequence) and not isinstance(one, str):
            for each in one:
                children.extend(_element(key, each))
        elif key in _AS_TEXT:
            children.append(f"<{key}>{escape(_printable(one))}</{key}>")
        else:
            attributes.append(f" {key}={quoteattr(_printable(one))}")
    yield f"<{name}{''.join(attributes)}"
    if children:
        yield from (">", *children, f"</{name}>")
    else:
        yield "/>"


def _printable(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _FORBIDDEN.sub("\ufffd", text)
