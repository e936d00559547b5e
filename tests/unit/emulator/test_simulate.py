"""What becomes of a call under the settings."""

import asyncio
from random import Random

import pytest
from starlette.responses import Response

from gateway.emulator import simulate
from gateway.emulator.disturbances import Disturbed
from gateway.emulator.faults import Fault
from gateway.emulator.injections import Injections
from gateway.emulator.latencies import Latencies
from gateway.emulator.simulate import Simulation
from gateway.emulator.throttles import LIMITS, Throttles
from gateway.errors import ConfigurationError
from gateway.settings import HealthImagingSettings


class Operation:
    """Counts its calls."""

    def __init__(self):
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        return Response(b"result")


def simulation(**settings):
    return simulate.from_settings(HealthImagingSettings(**settings))


def run(subject, action, operation):
    return asyncio.run(subject.run(action, operation))


def test_nothing_asked_for_is_nothing():
    assert simulation() is None


@pytest.mark.parametrize(
    "settings", [{"faults": "GetFrame:truncate"}, {"latency_ms": "soon"}, {"faults": "*:slow=x"}]
)
def test_a_wrong_setting_is_refused(settings):
    with pytest.raises(ConfigurationError):
        simulation(**settings)


def test_a_throttled_call_does_not_reach_its_operation():
    subject, operation = simulation(simulate="aws"), Operation()
    burst = LIMITS["CopyImageSet"].burst
    for _ in range(burst):
        assert run(subject, "CopyImageSet", operation).body == b"result"
    with pytest.raises(Fault, match="Rate exceeded") as caught:
        run(subject, "CopyImageSet", operation)
    assert caught.value.code == "ThrottlingException"
    assert operation.calls == burst


def test_actions_of_dicomweb_are_throttled_too():
    throttles = Throttles(clock=lambda: 0.0)
    subject = Simulation(throttles, Latencies({}, Random(0)), Injections(()))
    operation = Operation()

    async def many():
        outcomes = [subject.run("GetDICOMInstance", operation) for _ in range(150)]
        return await asyncio.gather(*outcomes, return_exceptions=True)

    refused = [one for one in asyncio.run(many()) if isinstance(one, Fault)]
    assert len(refused) == 50
    assert operation.calls == LIMITS["GetDICOMInstance"].burst == 100


def test_throttles_are_off_where_only_faults_are_asked_for():
    subject, operation = simulation(faults="GetImageFrame:truncate"), Operation()
    for _ in range(10):
        run(subject, "CreateDatastore", operation)
    assert operation.calls == 10


def test_latency_passes_before_the_operation_and_holds_up_nothing_else():
    subject, order = simulation(latency_ms="GetImageSet=300"), []

    async def operation():
        order.append("operation")
        return Response()

    async def other():
        order.append("other")

    async def both():
        await asyncio.gather(subject.run("GetImageSet", operation), other())

    asyncio.run(both())
    assert order == ["other", "operation"]


def test_an_injected_error_stands_for_the_operation():
    operation = Operation()
    with pytest.raises(Fault) as caught:
        run(simulation(faults="*:error=ConflictException"), "TagResource", operation)
    assert caught.value.code == "ConflictException"
    assert run(simulation(faults="*:error=502"), "TagResource", operation).status_code == 502
    assert operation.calls == 0


@pytest.mark.parametrize("kind", ["truncate", "slow=1B/s"])
def test_a_disturbed_body_is_that_of_the_operation(kind):
    operation = Operation()
    response = run(simulation(faults=f"*:{kind}"), "GetImageSet", operation)
    assert isinstance(response, Disturbed)
    assert operation.calls == 1
