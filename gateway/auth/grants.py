"""What somebody may do: actions in data stores, and nothing that is not named."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from gateway.auth.principals import Principal

EVERY: Final = "*"
"""Stands for every data store."""
DEFAULT: Final = "default"
"""Stands for the data store below /dicomweb."""


class Action(Enum):
    """What a request does; the first four can be granted."""

    SEARCH = "search"
    READ = "read"
    """Everything that is stored: files, metadata, frames, bulk data; and all that follows."""
    RENDERED = "rendered"
    """Pictures and documents only."""
    METRICS = "metrics"
    LOOK = "look"
    """What anybody may who may do anything in the data store: its capabilities, links."""


GRANTABLE: Final = {one.value: one for one in Action if one is not Action.LOOK}
_IMPLIED: Final[Mapping[Action, frozenset[Action]]] = {
    Action.SEARCH: frozenset({Action.LOOK}),
    Action.READ: frozenset({Action.RENDERED, Action.LOOK}),
    Action.RENDERED: frozenset({Action.LOOK}),
}
_NOTHING: Final[frozenset[Action]] = frozenset()

Grants = Mapping[str, frozenset[Action]]
"""Actions by data store."""


def grants(given: Iterable[tuple[str, Iterable[Action]]], default: str) -> Grants:
    """Pairs of data store and actions as one table; ``default`` is the data store called so."""
    found: dict[str, set[Action]] = {}
    for name, actions in given:
        held = found.setdefault(default if name == DEFAULT else name, set())
        for one in actions:
            held |= {one, *_IMPLIED.get(one, _NOTHING)}
    return {name: frozenset(held) for name, held in found.items()}


class Place(NamedTuple):
    """What a request wants to do, and where; without ``study`` it is of no single one."""

    action: Action
    datastore_id: str
    study: str | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, what they may do, and until when that is known (seconds since the epoch).

    ``proof`` is a digest of what they presented, ``token`` that itself if it is one. Whoever comes
    by a link is ``vouched`` for: the rule for studies was asked when it was given.
    """

    principal: Principal
    grants: Grants
    until: float = math.inf
    proof: bytes = field(default=b"", repr=False)
    vouched: bool = False
    token: bytes = field(default=b"", repr=False)

    def may(self, place: Place) -> bool:
        """Whether the action is granted there."""
        if place.action is Action.METRICS:
            return any(place.action in one for one in self.grants.values())
        return self.holds(place.action, place.datastore_id)

    def holds(self, action: Action, datastore_id: str) -> bool:
        """Whether an action is granted in a data store."""
        held = self.grants
        return action in held.get(datastore_id, _NOTHING) or action in held.get(EVERY, _NOTHING)
