"""Time that calls take longer than they would, by action, as a setting says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.emulator import actions
from gateway.errors import ConfigurationError

SETTING: Final = "HEALTHIMAGING_LATENCY_MS"

_ENTRY: Final = re.compile(r"(?:([\w*]+)=)?(\d+(?:\.\d+)?)(?:~(\d+(?:\.\d+)?))?")
_LONGEST: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that are added to a call, and how far they may vary both ways."""

    milliseconds: float
    jitter: float = 0.0


def parse(text: str) -> dict[str, Latency]:
    """Read ``20``, ``20~5``, ``GetImageFrame=20,SearchImageSets=80~10`` or a mixture.

    A number without an action is for all that are not named.

    Raises:
        ConfigurationError: the text is none of these, or names an action that does not exist.
    """
    found: dict[str, Latency] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            message = (
                f"{SETTING} is wrong: {entry} is neither MS nor ACTION=MS nor ACTION=MS~JITTER."
            )
            raise ConfigurationError(message)
        name, milliseconds, jitter = match.groups()
        action = actions.check(name or actions.ANY, SETTING)
        latency = Latency(float(milliseconds), float(jitter or 0))
        if latency.milliseconds + latency.jitter > _LONGEST:
            raise ConfigurationError(f"{SETTING} is wrong: {entry} is more than a minute.")
        if action in found:
            raise ConfigurationError(f"{SETTING} is wrong: it sets {action} twice.")
        found[action] = latency
    return found


class Latencies:
    """Draws the time of each call."""

    def __init__(self, by_action: Mapping[str, Latency], random: Random) -> None:
        self._by_action = by_action
        self._random = random

    def seconds(self, action: str) -> float:
        """Seconds to add to this call; zero where nothing is set for its action."""
        latency = self._by_action.get(action) or self._by_action.get(actions.ANY)
        if latency is None:
            return 0.0
        shift = self._random.uniform(-latency.jitter, latency.jitter) if latency.jitter else 0.0
        return max(latency.milliseconds + shift, 0.0) / 1000
