"""Whose turn it is, told by moments and not by a clock."""

import pytest

from gateway.errors import UpstreamUnavailable
from gateway.remote.api import NotNow, Urgency
from gateway.remote.queues import State
from gateway.remote.quotas import Limit
from gateway.remote.schedule import Schedule

WAITING, AHEAD = Urgency.WAITING, Urgency.AHEAD
FAST, SLOW = "GetImageFrame", "SearchImageSets"
LIMITS = {FAST: Limit(1000, 2000), SLOW: Limit(1, 2)}


def schedule(slots=4, seconds=10.0, limits=LIMITS):
    return Schedule(limits, slots, seconds, 0.0)


def entered(found, *urgencies, action=FAST, now=0.0):
    return [found.enter(action, urgency, now) for urgency in urgencies]


def running(tickets):
    return [ticket.state is State.RUNNING for ticket in tickets]


def test_calls_run_in_the_order_of_their_coming():
    one = schedule(slots=2)
    tickets = entered(one, *[WAITING] * 5)
    assert one.due(0.0) == tickets[:2]
    assert one.due(0.0) == []
    one.leave(tickets[1])
    assert one.due(0.0) == [tickets[2]]
    one.leave(tickets[0])
    one.leave(tickets[2])
    assert one.due(0.0) == tickets[3:]


def test_people_go_before_work_ahead():
    one = schedule(slots=2)
    first, ahead, person = entered(one, WAITING, AHEAD, WAITING)
    assert one.due(0.0) == [first, person]
    one.leave(first)
    assert one.due(0.0) == [ahead]


def test_work_ahead_has_half_of_the_slots():
    one = schedule(slots=4)
    ahead = entered(one, *[AHEAD] * 4)
    assert one.due(0.0) == ahead[:2]
    people = entered(one, *[WAITING] * 3)
    assert one.due(0.0) == people[:2]
    one.leave(ahead[0])
    assert one.due(0.0) == [people[2]]  # and no more work ahead, though it has come before


def test_with_one_slot_there_is_no_work_ahead():
    with pytest.raises(NotNow):
        entered(schedule(slots=1), AHEAD)


def test_an_action_at_its_limit_holds_up_no_other():
    one = schedule(slots=9)
    slow = entered(one, *[WAITING] * 3, action=SLOW)
    [fast] = entered(one, WAITING)
    assert one.due(0.0) == [slow[0], fast]
    assert one.due(0.9) == [slow[1]]  # 1.9 of the burst of 2, then one a second
    assert one.due(1.0) == []
    assert one.due(1.2) == [slow[2]]


def test_work_ahead_leaves_half_of_a_burst():
    one = schedule(slots=100, limits={FAST: Limit(10, 20)})
    ahead = entered(one, *[AHEAD] * 20)
    assert sum(running(ahead)) == 0
    assert len(one.due(0.0)) == 9
    people = entered(one, *[WAITING] * 10)
    assert one.due(0.0) == people


def test_another_try_goes_first():
    one = schedule(slots=1)
    first, second = entered(one, WAITING, WAITING)
    assert one.due(0.0) == [first]
    one.leave(first)
    again = one.enter(FAST, WAITING, 0.0, again=True)
    assert one.due(0.0) == [again]
    one.leave(again)
    assert one.due(0.0) == [second]


def test_what_would_come_too_late_is_refused_at_once():
    one = schedule(slots=99, seconds=3.0)
    tickets = entered(one, *[WAITING] * 4, action=SLOW)
    with pytest.raises(UpstreamUnavailable) as refused:
        one.enter(SLOW, WAITING, 0.0)
    assert not isinstance(refused.value, NotNow)
    assert refused.value.retry_after == 1
    assert [len(one.due(second)) for second in (0.0, 1.0, 2.0, 2.05)] == [1, 1, 1, 0]
    assert one.enter(SLOW, WAITING, 2.05)
    assert running(tickets) == [True, True, True, False]


def test_queues_of_work_ahead_are_short():
    one = schedule(slots=2)
    with pytest.raises(NotNow):
        entered(one, *[AHEAD] * 100)
    changed = one.due(2.5)
    assert all(ticket.state is State.GONE for ticket in changed)
    assert isinstance(one.missed(changed[0]), NotNow)


def test_whoever_waits_too_long_for_a_slot_is_told():
    one = schedule(slots=1, seconds=3.0)
    first, second = entered(one, WAITING, WAITING)
    assert one.due(0.0) == [first]
    assert one.due(2.9) == []
    assert one.due(3.0) == [second]
    assert second.state is State.GONE
    missed = one.missed(second)
    assert isinstance(missed, UpstreamUnavailable)
    assert missed.retry_after > 0
    assert not isinstance(missed, NotNow)


def test_leaving_frees_a_slot_once():
    one = schedule(slots=1)
    first, second, third = entered(one, WAITING, WAITING, WAITING)
    one.due(0.0)
    one.leave(second)
    one.leave(first)
    one.leave(first)
    assert one.due(0.0) == [third]
    [fourth] = entered(one, WAITING)
    assert one.due(0.0) == []
    one.leave(third)
    assert one.due(0.0) == [fourth]


def test_it_says_when_to_look_again():
    one = schedule(slots=2, seconds=5.0)
    assert one.wake(0.0) is None
    tickets = entered(one, WAITING, WAITING, action=SLOW)
    one.due(0.0)
    assert one.wake(0.0) == pytest.approx(0.1)  # the next token
    entered(one, WAITING)
    one.due(0.0)
    assert one.wake(0.5) == pytest.approx(4.5)  # no slot is free: only the end of patience
    one.leave(tickets[0])
    assert one.wake(0.5) == 0


def test_a_refused_action_slows_down_and_others_do_not():
    one = schedule(slots=5000)
    one.throttled(FAST, 0.0)
    fast = entered(one, *[WAITING] * 100)
    slow = entered(one, WAITING, action=SLOW)
    assert one.due(0.0) == slow
    one.due(0.1)
    assert 45 <= sum(running(fast)) <= 60
