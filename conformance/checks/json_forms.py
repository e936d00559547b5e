"""The form of every DICOM JSON document that the server sends (PS3.18 annex F)."""

import functools
import json
from collections.abc import Callable
from typing import Any, Final

from conformance import jsonform
from conformance.model import Answer, Problem, Severity
from conformance.originals import Originals
from conformance.registry import observer

_TYPES: Final = ("application/dicom+json", "application/json")
_MOST: Final = 5


def _is_json(answer: Answer) -> bool:
    kind = (answer.header("content-type") or "").split(";")[0].strip().lower()
    return answer.ok and answer.request.method == "GET" and kind in _TYPES and bool(answer.body)


def _documents(answer: Answer) -> list[dict[str, Any]]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_dicom(answer: Answer) -> bool:
    kind = (answer.header("content-type") or "").split(";")[0].strip().lower()
    return _is_json(answer) and (kind == _TYPES[0] or "/studies" in answer.request.url)


@observer("json.parse", "DICOM JSON is an array of objects in UTF-8", "PS3.18 F.2.1, RFC 8259")
def parse(answer: Answer, _: Originals) -> list[Problem] | None:
    """The document can be read."""
    if not _is_dicom(answer):
        return None
    try:
        found = json.loads(answer.body.decode("utf-8"))
    except ValueError as error:
        return [Problem(f"It is not JSON in UTF-8 ({type(error).__name__})", answer)]
    if not isinstance(found, list):
        return [Problem("The top level is not an array", answer)]
    if not all(isinstance(one, dict) for one in found):
        return [Problem("The array has something else than objects", answer)]
    return []


@functools.lru_cache(maxsize=32)
def _faults(body: bytes, known: Callable[[int, str], bool]) -> tuple[jsonform.Fault, ...]:
    try:
        found = json.loads(body)
    except ValueError:
        return ()
    documents = found if isinstance(found, list) else []
    return tuple(
        fault for one in documents if isinstance(one, dict) for fault in jsonform.faults(one, known)
    )


def _rule(rule: str) -> Callable[[Answer, Originals], list[Problem] | None]:
    def look(answer: Answer, originals: Originals) -> list[Problem] | None:
        if not _is_dicom(answer):
            return None
        found = [text for name, text in _faults(answer.body, originals.has) if name == rule]
        return [Problem(text, answer) for text in dict.fromkeys(found[:_MOST])]

    return look


_RULES: Final = (
    ("names", "Attributes are named by their tags", "PS3.18 F.2.2", Severity.SHALL),
    ("order", "Attributes stand in ascending order", "PS3.18 F.2.2", Severity.SHALL),
    ("members", "An attribute has one of Value, BulkDataURI and InlineBinary", "PS3.18 F.2.2",
     Severity.SHALL),
    ("vr", "Every attribute has the vr of PS3.6", "PS3.18 F.2.3", Severity.SHALL),
    ("empty", "An attribute without a value has no Value", "PS3.18 F.2.5", Severity.SHALL),
    ("person", "Person names are objects of component groups", "PS3.18 F.2.2", Severity.SHALL),
    ("type", "Values have the JSON type of their VR", "PS3.18 F.2.3, table F.2.3-1",
     Severity.SHALL),
    ("value", "Values are well-formed and not padded", "PS3.18 F.2.3, PS3.5 6.2", Severity.SHALL),
    ("binary", "Binary values are base64 or BulkDataURIs", "PS3.18 F.2.6, F.2.7", Severity.SHALL),
)  # fmt: skip

for _name, _title, _clause, _severity in _RULES:
    observer(f"json.{_name}", _title, _clause, _severity)(_rule(_name))
