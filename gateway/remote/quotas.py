"""HealthImaging's request rates, per action of an account, and how a setting changes them.

Developer guide, "AWS HealthImaging throttling limits". They are adjustable, and shared by all that
use the account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import ConfigurationError

SETTING: Final = "GATEWAY_QUOTAS"


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls per second that are sustained, and calls that are admitted at once after a pause."""

    rate: float
    burst: float


LIMITS: Final[Mapping[str, Limit]] = {
    "GetDatastore": Limit(10, 20),
    "GetImageFrame": Limit(1000, 2000),
    "GetImageSet": Limit(25, 50),
    "GetImageSetMetadata": Limit(50, 100),
    "SearchImageSets": Limit(25, 50),
}
"""The limits of the actions that the gateway calls, as the guide has them."""


def share(limits: Mapping[str, Limit], workers: int) -> dict[str, Limit]:
    """What each of so many processes may do: its part of the rate, and whole bursts.

    A viewer that keeps to one process would otherwise wait while the others have tokens; where all
    of them use their bursts at once, the service says so, and they slow down.
    """
    return {action: Limit(one.rate / workers, one.burst) for action, one in limits.items()}


def parse(text: str) -> dict[str, Limit]:
    """The limits, with those that ``text`` changes: ``GetImageFrame=2000,SearchImageSets=50``.

    A rate is in calls a second; twice as many are a burst, as in the guide.

    Raises:
        ConfigurationError: the text is not like that, or names an action the gateway never calls.
    """
    limits = dict(LIMITS)
    for entry in filter(None, (part.strip() for part in text.split(","))):
        action, _, value = (part.strip() for part in entry.partition("="))
        if action not in LIMITS:
            known = ", ".join(LIMITS)
            raise ConfigurationError(f"{SETTING} is wrong: {action} is not one of {known}.")
        limits[action] = _limit(entry, value)
    return limits


def _limit(entry: str, value: str) -> Limit:
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0.1 <= rate <= 1_000_000:
        raise ConfigurationError(
            f"{SETTING} is wrong: {entry} is not ACTION=RATE with 0.1 to 1000000 calls a second."
        )
    return Limit(rate, max(1.0, 2 * rate))
