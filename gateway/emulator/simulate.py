"""Behaving as AWS does, and worse, where it is asked for: throttles, latency, injected faults."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import assert_never

from starlette.responses import JSONResponse, Response

from gateway.emulator import injections, latencies
from gateway.emulator.disturbances import Disturbed
from gateway.emulator.faults import Fault
from gateway.emulator.injections import Injections
from gateway.emulator.latencies import Latencies
from gateway.emulator.throttles import Throttles
from gateway.settings import HealthImagingSettings

_INJECTED = "A fault that the settings of this server ask for"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What happens to a call beside its operation; used by the event loop alone."""

    throttles: Throttles | None
    latencies: Latencies
    injections: Injections

    async def run(self, action: str, do: Callable[[], Awaitable[Response]]) -> Response:
        """Answer one call whose signature is verified; ``do`` answers it when nothing else does.

        Raises:
            Fault: ThrottlingException, an injected error, or what ``do`` raises.
        """
        if self.throttles and not self.throttles.admit(action):
            raise Fault("ThrottlingException", "Rate exceeded")
        delay = self.latencies.seconds(action)
        if delay:
            await asyncio.sleep(delay)
        struck = self.injections.draw(action)
        match struck:
            case None:
                return await do()
            case injections.Error():
                raise Fault(struck.code, _INJECTED)
            case injections.Status():
                return JSONResponse({"message": _INJECTED}, struck.status)
            case injections.Stalled():
                await asyncio.sleep(struck.seconds)
                return await do()
            case injections.Slow() | injections.Truncated() | injections.Reset():
                return Disturbed(await do(), struck)
            case _:
                assert_never(struck)


def from_settings(settings: HealthImagingSettings) -> Simulation | None:
    """What the settings ask for; None if that is nothing.

    Raises:
        ConfigurationError: a specification is wrong; one sentence says which and why.
    """
    delays = latencies.parse(settings.latency_ms)
    rules = injections.parse(settings.faults)
    if not (settings.simulate or delays or rules):
        return None
    return Simulation(
        Throttles() if settings.simulate else None,
        Latencies(delays, Random(settings.simulation_seed)),  # noqa: S311  no secret
        Injections(rules, settings.simulation_seed),
    )
