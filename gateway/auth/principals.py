"""Who asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or machine that asks, as the way in which they proved it names them.

    ``name`` is an identifier for the audit trail and the limits, never for a label of a metric.
    ``kind`` is one of ``anonymous``, ``token``, ``key`` and ``link``. ``claims`` are those of a
    token, for a site's own rule; they are in no log.
    """

    name: str
    kind: str
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


ANONYMOUS: Final = Principal("anonymous", "anonymous")
"""Who proved nothing, where nothing has to be proved."""
STATE: Final = "principal"
"""Under this name it lies in the ``state`` of an ASGI scope."""
