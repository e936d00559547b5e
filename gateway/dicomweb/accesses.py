"""What a request asks for as the audit trail tells it, by its path alone: a search, a study."""

from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import parse_qs

_STUDY: Final = "studies"
_LEVELS: Final = frozenset({_STUDY, "series", "instances"})
_LONGEST: Final = 64  # characters of a UID


class Kind(Enum):
    """Which audit message a request is worth."""

    SEARCH = "search"
    RETRIEVAL = "retrieval"


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked for; ``datastore`` is empty for the default one, ``study`` where none is named.

    Neither is checked: whoever asks may have written anything.
    """

    kind: Kind
    datastore: str
    study: str


def classify(path: str, query: bytes) -> Access | None:
    """The access that a request for ``path`` is: QIDO-RS, WADO-RS (PS3.18 10) or WADO-URI (9).

    None if it is none to a patient's data: pages, states, capabilities.
    """
    parts = path.split("/")
    if parts[1] == "dicomweb":
        datastore, at = "", 2
    elif parts[1] == "datastore" and len(parts) > 3:
        datastore, at = parts[2], 3
    else:
        datastore, at = "", 1
    if len(parts) <= at:
        return None
    first = parts[at]
    if first == _STUDY and len(parts) > at + 1:
        kind = Kind.SEARCH if parts[-1] in _LEVELS and at < len(parts) - 2 else Kind.RETRIEVAL
        return Access(kind, datastore, parts[at + 1][:_LONGEST])
    if first == "wado":
        return Access(Kind.RETRIEVAL, datastore, _study(query))
    if at > 1 and first in _LEVELS:
        return Access(Kind.SEARCH, datastore, "")
    return None


def _study(query: bytes) -> str:
    given = parse_qs(query.decode("latin-1"), max_num_fields=None).get("studyUID", [""])
    return given[0][:_LONGEST]
