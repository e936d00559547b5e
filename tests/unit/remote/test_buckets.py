"""Token buckets that give way, without a clock."""

import pytest
from hypothesis import given, strategies as st

from gateway.remote.buckets import Bucket
from gateway.remote.quotas import Limit


def taken(bucket: Bucket, now: float, keep: float = 0.0) -> int:
    calls = 0
    while bucket.has(now, keep):
        bucket.take()
        calls += 1
    return calls


def test_a_burst_then_the_rate():
    bucket = Bucket(Limit(10, 20), 0.0)
    assert taken(bucket, 0.0) == 19  # a little less than the service admits
    assert not bucket.has(0.09)
    assert taken(bucket, 1.0) == 10
    assert taken(bucket, 100.0) == 19


def test_part_of_a_burst_can_be_left_to_others():
    bucket = Bucket(Limit(10, 20), 0.0)
    assert taken(bucket, 0.0, keep=0.5) == 9
    assert taken(bucket, 0.0) == 10


def test_a_burst_of_one_keeps_nothing_back():
    assert taken(Bucket(Limit(0.25, 1), 0.0), 0.0, keep=0.5) == 1


@given(st.floats(0.1, 5000), st.integers(1, 50), st.floats(0, 10), st.sampled_from([0.0, 0.5]))
def test_it_says_when_there_will_be_a_token(rate, drawn, passed, keep):
    bucket = Bucket(Limit(rate, 2 * rate), 0.0)
    for _ in range(drawn):
        bucket.take()
    seconds = bucket.seconds(1, passed, keep)
    assert bucket.has(passed + seconds + 1e-6, keep)
    if seconds > 1e-3:
        again = Bucket(Limit(rate, 2 * rate), 0.0)
        for _ in range(drawn):
            again.take()
        assert not again.has(passed + seconds - 1e-3 * seconds - 1e-6, keep)


def test_many_calls_take_their_time():
    bucket = Bucket(Limit(10, 20), 0.0)
    assert bucket.seconds(19, 0.0) == 0
    assert bucket.seconds(39, 0.0) == pytest.approx(2.0)


def test_a_refusal_halves_the_rate_and_empties_the_bucket():
    bucket = Bucket(Limit(1000, 2000), 0.0)
    bucket.throttled(0.0)
    assert bucket.rate == 500
    assert not bucket.has(0.0)


def test_refusals_of_the_same_heap_count_once():
    bucket = Bucket(Limit(1000, 2000), 0.0)
    for moment in (0.0, 0.1, 0.9):
        bucket.throttled(moment)
    assert 500 <= bucket.rate < 540
    bucket.throttled(1.0)
    assert 250 <= bucket.rate < 280


def test_the_rate_has_a_least_and_comes_back():
    bucket = Bucket(Limit(1000, 2000), 0.0)
    for second in range(60):
        bucket.throttled(second)
    assert bucket.rate > 15
    low = bucket.rate
    bucket.has(75.0)
    assert low < bucket.rate < 1000
    bucket.has(100.0)
    assert bucket.rate == 1000
    assert taken(bucket, 110.0) == 1900


@given(st.lists(st.floats(0, 0.2), max_size=300))
def test_no_more_is_taken_than_the_service_admits(pauses):
    limit, now, calls = Limit(50, 100), 0.0, 0
    bucket = Bucket(limit, now)
    for pause in pauses:
        now += pause
        calls += taken(bucket, now)
        assert calls <= limit.burst + limit.rate * now
