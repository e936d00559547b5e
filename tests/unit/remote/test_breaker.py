"""Actions that fail are left alone, and tried again by one call at a time."""

import pytest

from gateway.errors import UpstreamUnavailable
from gateway.remote.api import NotNow, Urgency
from gateway.remote.breaker import Breaker, State

WAITING, AHEAD = Urgency.WAITING, Urgency.AHEAD


def failing(times=3, now=0.0, in_row=3):
    breaker = Breaker(in_row)
    for _ in range(times):
        breaker.enter(WAITING, now)
        breaker.fail(now)
    return breaker


def refused(breaker, now, urgency=WAITING):
    try:
        breaker.enter(urgency, now)
    except UpstreamUnavailable as error:
        return error.retry_after
    return 0


def test_so_many_failures_in_a_row_open_it_and_one_less_do_not():
    assert failing(2).state(0.0) is State.CLOSED
    breaker = failing(3)
    assert (breaker.state(0.5), breaker.state(1.0)) == (State.OPEN, State.HALF_OPEN)
    assert (refused(breaker, 0.5), breaker.opened) == (1, 1)


def test_a_success_between_them_begins_the_row_anew():
    breaker = failing(2)
    breaker.succeed(0.0)
    for _ in range(2):
        breaker.fail(0.0)
    assert breaker.state(0.0) is State.CLOSED


@pytest.mark.parametrize(("every", "opens"), [(2, True), (3, False)])
def test_half_of_the_calls_lately_open_it(every, opens):
    breaker = Breaker(5)
    for at in range(200):
        if breaker.state(at / 10) is not State.CLOSED:
            break
        (breaker.succeed if at % every else breaker.fail)(at / 10)
    assert (breaker.opened > 0) is opens


def test_half_of_few_calls_or_of_those_long_ago_do_not():
    breaker = Breaker(5)
    for at in range(400):
        (breaker.succeed if at % 2 else breaker.fail)(at * 1.0)
    assert breaker.opened == 0


def test_one_call_is_tried_and_closes_it_for_all():
    breaker = failing()
    assert refused(breaker, 1.5) == 0
    assert refused(breaker, 1.5) == 1  # another has to wait for what becomes of the first
    breaker.succeed(1.6)
    assert breaker.state(1.6) is State.CLOSED
    assert refused(breaker, 1.6) == refused(breaker, 1.6) == 0


def test_pauses_grow_up_to_a_bound_and_begin_anew_after_a_success():
    breaker, now, pauses = failing(), 0.0, []
    for _ in range(7):
        pause = next(
            at / 10 for at in range(1000) if breaker.state(now + at / 10) is not State.OPEN
        )
        pauses.append(pause)
        now += pause
        breaker.enter(WAITING, now)
        breaker.fail(now)
    assert pauses == [1, 2, 4, 8, 15, 15, 15]
    breaker.enter(WAITING, now + 15)
    breaker.succeed(now + 15)
    for _ in range(3):
        breaker.fail(now + 15)
    assert breaker.state(now + 15.9) is State.OPEN
    assert breaker.state(now + 16.1) is State.HALF_OPEN


def test_calls_under_way_when_it_opened_change_nothing():
    breaker = failing()
    breaker.succeed(0.5)
    assert breaker.state(0.6) is State.OPEN
    breaker.fail(0.9)
    assert breaker.state(1.1) is State.HALF_OPEN


def test_a_try_that_nobody_waits_for_gives_way_to_another():
    breaker = failing()
    breaker.enter(WAITING, 1.5)
    breaker.leave()
    assert refused(breaker, 1.6) == 0
    assert refused(breaker, 1.7) == 1
    assert refused(breaker, 70.0) == 0  # one that was never heard of again


def test_work_ahead_is_no_try():
    with pytest.raises(NotNow):
        failing().enter(AHEAD, 1.5)


def test_zero_is_never():
    assert failing(100, in_row=0).state(0.0) is State.CLOSED
