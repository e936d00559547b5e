"""Token buckets against a clock that the test moves."""

import pytest
from hypothesis import given, strategies as st

from gateway.emulator import actions, model
from gateway.emulator.throttles import LIMITS, Bucket, Limit, Throttles


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def admitted(throttles, action, calls):
    return sum(throttles.admit(action) for _ in range(calls))


def test_every_operation_of_the_service_has_a_limit():
    assert set(model.service().operation_names) <= LIMITS.keys() <= actions.known()


def test_a_burst_is_at_least_a_seconds_rate():
    assert all(limit.burst >= limit.rate > 0 for limit in LIMITS.values())


@pytest.mark.parametrize("action", sorted(LIMITS))
def test_a_burst_is_admitted_at_once_and_no_more(action):
    throttles = Throttles(clock=Clock())
    burst = LIMITS[action].burst
    assert [throttles.admit(action) for _ in range(burst + 2)] == [True] * burst + [False] * 2


def test_tokens_come_back_at_the_rate_and_up_to_the_burst():
    clock = Clock()
    throttles = Throttles({"A": Limit(4, 8)}, clock)
    assert admitted(throttles, "A", 20) == 8
    clock.now += 0.5
    assert admitted(throttles, "A", 20) == 2
    clock.now += 3600
    assert admitted(throttles, "A", 20) == 8


def test_parts_of_a_token_add_up():
    clock = Clock()
    throttles = Throttles({"A": Limit(0.25, 1)}, clock)
    assert throttles.admit("A")
    for _ in range(3):
        clock.now += 1
        assert not throttles.admit("A")
    clock.now += 1
    assert throttles.admit("A")


def test_a_refused_call_costs_nothing():
    clock = Clock()
    throttles = Throttles({"A": Limit(1, 1)}, clock)
    assert admitted(throttles, "A", 100) == 1
    clock.now += 1
    assert throttles.admit("A")


def test_actions_do_not_share_a_bucket():
    throttles = Throttles({"A": Limit(1, 1), "B": Limit(1, 1)}, Clock())
    assert admitted(throttles, "A", 3) == admitted(throttles, "B", 3) == 1


def test_an_action_without_a_published_limit_is_not_limited():
    throttles = Throttles(clock=Clock())
    assert "SearchDICOMStudies" not in LIMITS
    assert admitted(throttles, "SearchDICOMStudies", 5000) == 5000


@given(
    rate=st.floats(0.01, 1000),
    burst=st.integers(1, 2000),
    pauses=st.lists(st.floats(0, 10), max_size=200),
)
def test_never_more_than_burst_and_rate_allow(rate, burst, pauses):
    bucket = Bucket(Limit(rate, burst), 0.0)
    now, taken = 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= burst + rate * now + 1e-6
