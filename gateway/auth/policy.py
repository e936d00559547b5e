"""The policy file: which claims of a token grant which actions in which data stores.

TOML, a table ``[[rule]]`` for each; whoever meets several has what all of them grant::

    [[rule]]
    claims = { groups = ["radiology", "oncology"], scope = "imaging" }
    datastores = ["default"]
    actions = ["search", "read"]

All claims of a rule have to be met, each by any of its values.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.auth.grants import DEFAULT, EVERY, GRANTABLE, Action, Grants, grants
from gateway.errors import ConfigurationError

_NAME: Final = "GATEWAY_POLICY_FILE"
_MAX_BYTES: Final = 1 << 20
_KEYS: Final = frozenset({"claims", "datastores", "actions"})
_DATASTORE: Final = re.compile(rf"[0-9a-z]{{32}}|{DEFAULT}|{re.escape(EVERY)}")
_LISTS: Final = frozenset({"scope", "scp"})
"""Claims that are lists written with spaces (RFC 8693 4.2)."""
_ANY: Final = "*"

_Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: each claim, by the values that meet it."""

    claims: tuple[tuple[str, frozenset[_Value]], ...]
    datastores: tuple[str, ...]
    actions: tuple[Action, ...]

    def is_met(self, claims: Mapping[str, Any]) -> bool:
        """Whether ``claims`` have what it asks for."""
        return all(_meets(_claim(claims, name), name, wanted) for name, wanted in self.claims)


class Policy:
    """The rules; ``default`` is the data store below /dicomweb."""

    def __init__(self, rules: Iterable[Rule], default: str) -> None:
        self._rules = tuple(rules)
        self._default = default

    def grants(self, claims: Mapping[str, Any]) -> Grants:
        """What a token with ``claims`` grants; without a rule that is met, nothing."""
        met = (rule for rule in self._rules if rule.is_met(claims))
        pairs = ((name, rule.actions) for rule in met for name in rule.datastores)
        return grants(pairs, self._default)


EVERYTHING: Final = Policy([Rule((), (EVERY,), (Action.SEARCH, Action.READ))], "")
"""Grants every token what there is, where somebody else decides."""


def load(path: Path | None, default: str) -> Policy:
    """The policy of a file; without one, nobody may do anything.

    Raises:
        ConfigurationError: it cannot be read, or a rule makes no sense.
    """
    if path is None:
        return Policy((), default)
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            raise ConfigurationError(f"{_NAME} {path} is longer than a policy can be.")
        found = tomllib.loads(text.decode())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{_NAME} {path} cannot be read: {error}.") from error
    rules = found.get("rule")
    if set(found) != {"rule"} or not isinstance(rules, list):
        raise ConfigurationError(f"{_NAME} {path} has to be a list of tables [[rule]].")
    return Policy((_rule(number, one) for number, one in enumerate(rules, 1)), default)


def _rule(number: int, given: Any) -> Rule:
    where = f"Rule {number} of {_NAME}"
    if not isinstance(given, dict) or not given.keys() <= _KEYS:
        raise ConfigurationError(f"{where} has to have {', '.join(sorted(_KEYS))} and no more.")
    claims = given.get("claims", {})
    if not isinstance(claims, dict):
        raise ConfigurationError(f"claims of {where} has to be a table of claims and values.")
    wanted = tuple((name, _values(where, name, value)) for name, value in claims.items())
    return Rule(wanted, datastores(where, given), actions(where, given.get("actions")))


def _values(where: str, name: str, given: Any) -> frozenset[_Value]:
    values = given if isinstance(given, list) else [given]
    if not values or not all(isinstance(one, str | int) for one in values):
        raise ConfigurationError(
            f"The claim {name} of {where} has no value, or one of a wrong kind."
        )
    return frozenset(values)


def datastores(where: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """The data stores of a rule.

    Raises:
        ConfigurationError: they are missing or malformed; ``where`` says of what.
    """
    found = given.get("datastores")
    if not found or not isinstance(found, list) or not all(map(is_datastore, found)):
        raise ConfigurationError(
            f'datastores of {where} has to be a list of identifiers, "{DEFAULT}" or "{EVERY}".'
        )
    return tuple(found)


def is_datastore(given: Any) -> bool:
    """Whether ``given`` names data stores."""
    return isinstance(given, str) and _DATASTORE.fullmatch(given) is not None


def actions(where: str, given: Any) -> tuple[Action, ...]:
    """The actions that a list names.

    Raises:
        ConfigurationError: there are none, or one is unknown; ``where`` says of what.
    """
    known = given and isinstance(given, list) and all(one in GRANTABLE for one in given)
    if not known:
        raise ConfigurationError(f"actions of {where} has to list some of {', '.join(GRANTABLE)}.")
    return tuple(GRANTABLE[one] for one in given)


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by the way to it: ``realm_access.roles``."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _meets(given: Any, name: str, wanted: frozenset[_Value]) -> bool:
    if given is None:
        return False
    if isinstance(given, str) and name in _LISTS:
        given = given.split()
    values = given if isinstance(given, list) else [given]
    return any(_is(one, other) for one in values for other in wanted)


def _is(given: Any, wanted: _Value) -> bool:
    """Whether they are equal and of one type: 1 is neither true nor "1"."""
    return wanted == _ANY or (type(given) is type(wanted) and given == wanted)
