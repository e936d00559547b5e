"""Circuits: failures are spoken of once, and never quoted."""

import errno
import logging
import time

import pytest
from valkey.exceptions import AuthenticationError, ResponseError

from gateway.cache.circuit import Circuit


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_each_failure_doubles_the_pause_up_to_the_longest(clock):
    circuit, pauses = Circuit("It", 1.0, 5.0), []
    assert circuit.closed
    for _ in range(5):
        for _ in range(30):  # all that was under way fails with it
            circuit.fail(OSError())
        assert not circuit.closed
        pauses.append(circuit.remaining)
        clock[0] += circuit.remaining
        assert circuit.closed
    assert pauses == [1, 2, 4, 5, 5]


def test_what_comes_and_goes_is_left_alone_for_longer_and_what_lasted_is_not(clock):
    circuit, pauses = Circuit("It", 1.0, 8.0), []
    for lasted in (2, 2, 9, 0):
        circuit.fail(OSError())
        pauses.append(circuit.remaining)
        clock[0] += circuit.remaining
        circuit.succeed()
        clock[0] += lasted
    assert pauses == [1, 2, 4, 1]


def test_it_is_told_once_when_it_goes_and_once_when_it_is_back(clock, caplog):
    caplog.set_level(logging.INFO)
    circuit = Circuit("It")
    for _ in range(3):
        circuit.fail(OSError(errno.ENOSPC, "No space left on device", "/secret/path"))
        circuit.succeed()  # of something that began before
        clock[0] += circuit.remaining
    circuit.succeed()
    circuit.succeed()
    assert caplog.messages == ["It is left alone", "It is back"]
    assert caplog.records[0].reason == "OSError: No space left on device"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ResponseError("OOM command not allowed when used memory"), "ResponseError: OOM"),
        (AuthenticationError("Password geheim is wrong"), "AuthenticationError"),
        (ConnectionError("redis://:geheim@host"), "ConnectionError"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_the_reason_is_a_kind_and_not_a_text(error, reason, caplog):
    Circuit("It").fail(error)
    assert caplog.records[0].reason == reason
