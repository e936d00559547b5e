"""Flows that take turns, and when those that wait longest give up."""

import pytest

from gateway.remote.api import NotNow, Urgency
from gateway.remote.queues import State
from gateway.remote.quotas import Limit
from gateway.remote.schedule import Schedule
from gateway.telemetry.calls import Class

WAITING, AHEAD = Urgency.WAITING, Urgency.AHEAD
FRAME, SEARCH, METADATA = "GetImageFrame", "SearchImageSets", "GetImageSetMetadata"
LIMITS = {FRAME: Limit(1000, 2000), SEARCH: Limit(25, 50), METADATA: Limit(50, 100)}


class Crowd:
    """Calls by name, one at a time."""

    def __init__(self, slots=1, seconds=10.0, limits=LIMITS):
        self.schedule = Schedule(limits, slots, seconds, 0.0)
        self.names = {}

    def come(self, name, action=FRAME, flow="", urgency=WAITING, now=0.0, again=False):
        ticket = self.schedule.enter(action, urgency, now, again=again, flow=flow)
        self.names[ticket] = name
        return ticket

    def order(self, now=0.0):
        """The names of the calls in the order in which they run."""
        served = []
        while changed := self.schedule.due(now):
            for ticket in changed:
                assert ticket.state is State.RUNNING
                served.append(self.names[ticket])
                self.schedule.leave(ticket)
        return served


def test_flows_take_turns():
    crowd = Crowd()
    for number in range(4):
        crowd.come(f"a{number}", flow="a")
    for number in range(2):
        crowd.come(f"b{number}", flow="b")
    assert crowd.order() == ["a0", "b0", "a1", "b1", "a2", "a3"]


def test_the_first_of_a_new_flow_is_before_the_hundredth_of_another():
    crowd = Crowd()
    tickets = [crowd.come(f"a{number}", flow="a") for number in range(200)]
    [first] = crowd.schedule.due(0.0)
    for _ in range(99):
        crowd.schedule.leave(first)
        [first] = crowd.schedule.due(0.0)
    assert first is tickets[99]
    crowd.come("b", flow="b")
    crowd.schedule.leave(first)
    assert crowd.order()[:2] == ["b", "a100"]


def test_a_flow_that_was_quiet_has_saved_up_nothing():
    crowd = Crowd()
    crowd.come("b0", flow="b")
    for number in range(50):
        crowd.come(f"a{number}", flow="a")
    crowd.order()
    for number in range(3):
        crowd.come(f"b{number}", flow="b")
        crowd.come(f"a{number}", flow="a")
    assert crowd.order() == ["b0", "a0", "b1", "a1", "b2", "a2"]


def test_what_leads_to_a_frame_goes_before_frames():
    crowd = Crowd()
    crowd.come("frame", FRAME)
    crowd.come("search", SEARCH)
    crowd.come("metadata", METADATA)
    crowd.come("another", SEARCH)
    assert crowd.order() == ["search", "metadata", "another", "frame"]


def test_frames_go_where_what_leads_to_them_is_at_its_limit():
    crowd = Crowd(limits={**LIMITS, SEARCH: Limit(1, 1)})
    crowd.come("one", SEARCH)
    crowd.come("two", SEARCH)
    crowd.come("frame", FRAME)
    assert crowd.order() == ["one", "frame"]
    assert crowd.order(1.0) == ["two"]


def test_nothing_ahead_goes_before_what_somebody_waits_for():
    crowd = Crowd(slots=2)
    crowd.come("ahead", SEARCH, urgency=AHEAD)
    crowd.come("frame", FRAME)
    assert crowd.order() == ["frame", "ahead"]


def test_another_try_goes_before_every_flow():
    crowd = Crowd()
    for name in "abc":
        crowd.come(name, flow=name)
    crowd.come("again", flow="z", again=True)
    assert crowd.order() == ["again", "a", "b", "c"]


def test_the_oldest_gives_up_although_it_is_not_the_first():
    crowd = Crowd(seconds=3.0)
    running, first, old = (crowd.come(f"a{number}", flow="a") for number in range(3))
    assert crowd.schedule.due(0.0) == [running]
    crowd.schedule.leave(first)
    newer = crowd.come("b", flow="b", now=2.0)
    assert crowd.schedule.wake(2.0) == pytest.approx(1.0)
    assert crowd.schedule.due(3.0) == [old]
    assert old.state is State.GONE
    crowd.schedule.leave(running)
    assert crowd.schedule.due(3.0) == [newer]


def test_very_many_flows_are_forgotten():
    crowd = Crowd(limits={FRAME: Limit(10_000, 20_000)})
    for number in range(5000):
        crowd.come(str(number), flow=str(number))
    queue = next(iter(crowd.names)).queue
    assert len(queue._next) <= 1024
    crowd.order()
    assert not queue._next


def test_what_became_of_calls_is_reported():
    crowd = Crowd(slots=2, seconds=1.0, limits={FRAME: Limit(1000, 2000), SEARCH: Limit(1, 1)})
    crowd.come("one", SEARCH)
    waiting = crowd.come("two", SEARCH)
    crowd.come("ahead", FRAME, urgency=AHEAD)
    crowd.schedule.due(0.0)
    for number in range(64):
        crowd.come(str(number), FRAME, urgency=AHEAD)
    with pytest.raises(NotNow):
        crowd.come("one more", FRAME, urgency=AHEAD)
    crowd.schedule.throttled(FRAME, 0.0)
    found = {one.name: one for one in crowd.schedule.report(0.0)}
    search, frame = found[SEARCH].classes, found[FRAME].classes
    assert (search["waiting"].queued, search["waiting"].started) == (1, 1)
    assert (frame["ahead"].queued, frame["ahead"].started, frame["ahead"].turned_away) == (64, 1, 1)
    assert (found[FRAME].throttled, found[SEARCH].throttled) == (1, 0)
    assert (found[FRAME].rate, found[SEARCH].rate) == (500, 1)
    assert waiting in crowd.schedule.due(1.0)  # too late, though there would be a token
    search = next(one for one in crowd.schedule.report(1.0) if one.name == SEARCH)
    assert search.classes["waiting"] == Class(0, 1, 1, 0.0)
