"""Delivery of events: in order, none lost, none doubled in the file, whatever the sinks do."""

import json
import logging
import resource
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from gateway.emulator import eventbus, events, resources, sinks
from gateway.emulator.eventbus import Courier, EventBus, Outbox
from gateway.emulator.sinks import EventBridgeSink, FileSink, SqsSink
from gateway.emulator.store import Database
from gateway.errors import ConfigurationError
from gateway.settings import HealthImagingSettings, load
from tests.aws import Bus

REGION = "us-east-1"


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Credentials as AWS's default chain finds them, and no long waits."""
    for name, value in {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(eventbus, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(eventbus, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(eventbus, "_LONGEST_DELAY", 0.2)


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "test.sqlite")


@pytest.fixture
def bus():
    running = Bus()
    yield running
    running.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def happen(database, times=1):
    """Make data stores: two events each."""
    for number in range(times):
        with database.write() as db:
            resources.create_datastore(db, {"datastoreName": f"name-{number}"}, REGION)


def outbox(database):
    """What is in the outbox, as it is delivered."""
    with database.read() as db:
        rows = db.execute("SELECT body FROM event ORDER BY id").fetchall()
    return [events.envelope(row["body"], REGION, resources.ACCOUNT) for row in rows]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@contextmanager
def delivering(database, *told, **more):
    running = EventBus(database, told, REGION, **more)
    running.start()
    try:
        yield
    finally:
        running.close()


def eventbridge(bus, name="changes"):
    return EventBridgeSink(bus.url, REGION, name, "aws.medical-imaging")


def queue(bus, suffix=""):
    return SqsSink(bus.url, REGION, bus.queue_url + suffix)


def bodies(bus):
    """The envelopes that an SQS queue has, a repeated one once."""
    found = [json.loads(entry["MessageBody"]) for entry in bus.taken]
    return list({event["id"]: event for event in found}.values())


def test_the_file_has_every_event_in_order_and_the_outbox_none(database, path):
    happen(database, 3)
    expected = outbox(database)
    with delivering(database, FileSink(path)):
        until(lambda: len(lines(path)) == 6)
        until(lambda: not outbox(database))
        happen(database)
        until(lambda: len(lines(path)) == 8)
    assert lines(path)[:6] == expected
    assert path.read_bytes().endswith(b"}\n")


def test_more_than_a_batch(database, path, monkeypatch):
    monkeypatch.setattr(FileSink, "batch", 7)
    happen(database, 40)
    expected = outbox(database)
    with delivering(database, FileSink(path)):
        until(lambda: len(lines(path)) == 80)
    assert lines(path) == expected


def test_what_happened_last_is_in_the_file_when_the_bus_is_closed(database, path):
    with delivering(database, FileSink(path)):
        happen(database, 5)
        expected = outbox(database)
    assert lines(path)[-len(expected) :] == expected
    assert len(lines(path)) == 10
    assert outbox(database) == []


def test_an_event_is_in_the_file_within_a_second(database, path, monkeypatch):
    monkeypatch.undo()  # the waits of the server
    with delivering(database, FileSink(path)):
        for count in (2, 4):
            happen(database)
            until(lambda count=count: len(lines(path)) == count, 1)


def test_a_file_that_a_crash_cut_anywhere_is_made_whole(database, path):
    happen(database)
    before, after = outbox(database)[:1], outbox(database)[1:]
    sink = FileSink(path)
    sink.deliver(before)
    first = path.read_bytes()
    sink.deliver(after)
    whole = path.read_bytes()
    assert lines(path) == before + after
    for cut in range(len(first), len(whole) + 1):
        path.write_bytes(whole[:cut])
        sink.deliver(after)
        assert path.read_bytes() == whole, cut
    for cut in range(0, len(first), 11):
        path.write_bytes(whole[:cut])
        sink.deliver(before + after)
        assert path.read_bytes() == whole, cut


@pytest.mark.parametrize(
    "rubbish", [b"\0" * 9000, b"\0" * 9000 + b"\n", b"{}\n", b"[1]\n", b"\n", b"{\n\n3\n"]
)
def test_rubbish_at_the_end_of_the_file_is_cut_off(database, path, rubbish):
    happen(database, 2)
    expected = outbox(database)
    sink = FileSink(path)
    sink.deliver(expected[:3])
    with path.open("ab") as file:
        file.write(rubbish)
    sink.deliver(expected[1:])
    assert lines(path) == expected


def test_an_event_longer_than_a_block_is_found(database, path):
    happen(database)
    expected = [event | {"more": "x" * size} for event in outbox(database) for size in (0, 99_999)]
    expected = [event | {"id": f"id-{number}"} for number, event in enumerate(expected)]
    sink = FileSink(path)
    sink.deliver(expected[:2])
    sink.deliver(expected)
    sink.deliver(expected[3:])
    assert lines(path) == expected


def test_a_line_is_a_line_to_every_reader(database, path):
    with database.write() as db:
        resources.create_datastore(db, {"datastoreName": "a\u2028b\x85c\uffffd"}, REGION)
    expected = outbox(database)
    FileSink(path).deliver(expected)
    assert lines(path) == expected
    assert path.read_bytes().isascii()


def test_a_file_that_is_moved_away_is_begun_anew(database, path):
    with delivering(database, FileSink(path)):
        happen(database)
        until(lambda: not outbox(database))
        moved = path.rename(path.with_suffix(".1"))
        happen(database)
        until(lambda: len(lines(path)) == 2)
    ids = [event["id"] for event in lines(moved) + lines(path)]
    assert len(ids) == len(set(ids)) == 4


def test_a_full_disk_leaves_no_half_line_behind_once_there_is_room(database, path):
    happen(database, 8)
    expected = outbox(database)
    sink = FileSink(path)
    sink.deliver(expected[:3])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (1, 100, 400, 1000, 2000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                sink.deliver(expected[2:])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sink.deliver(expected[2:])
    assert lines(path) == expected


def test_a_file_that_cannot_be_written_is_tried_again(database, path, caplog):
    path.mkdir()
    happen(database)
    expected = outbox(database)
    with delivering(database, FileSink(path)):
        until(lambda: caplog.records)
        time.sleep(0.2)
        path.rmdir()
        until(lambda: lines(path) == expected)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "events_delayed"
    ]


def test_what_eventbridge_is_given(database, bus):
    happen(database)
    expected = outbox(database)
    with delivering(database, eventbridge(bus)):
        until(lambda: len(bus.taken) == 2)
    [(target, _)] = bus.requests
    assert target == "AWSEvents.PutEvents"
    assert f"/{REGION}/events/aws4_request" in bus.signatures[0]
    for entry, event in zip(bus.taken, expected, strict=True):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.pop("Time")))
        assert at == event["time"]
        assert json.loads(entry.pop("Detail")) == event["detail"]
        assert entry == {
            "Source": "aws.medical-imaging",
            "DetailType": event["detail-type"],
            "Resources": event["resources"],
            "EventBusName": "changes",
        }


def test_what_a_queue_is_given(database, bus):
    happen(database)
    expected = outbox(database)
    with delivering(database, queue(bus)):
        until(lambda: len(bus.taken) == 2)
    [(target, request)] = bus.requests
    assert target == "AmazonSQS.SendMessageBatch"
    assert request["QueueUrl"] == bus.queue_url
    assert f"/{REGION}/sqs/aws4_request" in bus.signatures[0]
    assert [json.loads(entry["MessageBody"]) for entry in bus.taken] == expected
    assert all(entry.keys() == {"Id", "MessageBody"} for entry in bus.taken)


def test_a_queue_in_order_is_told_how(database, bus):
    happen(database, 2)
    expected = outbox(database)
    with delivering(database, queue(bus, ".fifo")):
        until(lambda: len(bus.taken) == 4)
    assert {entry["MessageGroupId"] for entry in bus.taken} == {"aws.medical-imaging"}
    ids = [entry["MessageDeduplicationId"] for entry in bus.taken]
    assert ids == [event["id"] for event in expected]


FAILURES = [500, 503, 400, "hang up", "garble", {0}, {3}, {9}, {2, 5}, set(range(10))]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("make", [eventbridge, queue])
def test_a_failure_is_followed_by_another_try(database, bus, make, failure):
    happen(database, 13)
    expected = outbox(database)
    bus.plan.extend(["take", failure, failure])
    with delivering(database, make(bus)):
        until(lambda: not outbox(database))
    assert all(len(request["Entries"]) <= 10 for _, request in bus.requests)
    assert not bus.plan
    if make is queue:
        found = [json.loads(entry["MessageBody"]) for entry in bus.taken]
    else:
        found = [
            {"resources": entry["Resources"], "detail": json.loads(entry["Detail"])}
            for entry in bus.taken
        ]
        expected = [{key: event[key] for key in ("resources", "detail")} for event in expected]
    assert all(event in found for event in expected)
    # Nothing is new after something that was refused, until that has been taken.
    last = {json.dumps(event): number for number, event in enumerate(found)}
    places = [last[json.dumps(event)] for event in expected]
    assert places == sorted(places)


def test_what_was_taken_before_the_refused_one_is_not_sent_again(database, bus):
    happen(database, 5)
    bus.plan.extend([{4}, {4}])
    with delivering(database, queue(bus)):
        until(lambda: not outbox(database))
    counts = [len(request["Entries"]) for _, request in bus.requests]
    assert counts == [10, 6, 2]


def test_a_sink_that_is_away_delays_no_other_and_misses_nothing(database, path, caplog):
    first = Bus()
    port = first.port
    first.close()
    caplog.set_level(logging.INFO)
    with delivering(database, FileSink(path), queue(first), eventbridge(first)):
        happen(database, 3)
        until(lambda: len(lines(path)) == 6)
        time.sleep(0.3)
        happen(database, 3)
        until(lambda: len(lines(path)) == 12)
    assert [event["id"] for event in outbox(database)] == [event["id"] for event in lines(path)]
    delayed = [record for record in caplog.records if record.message == "events_delayed"]
    assert sorted(record.sink for record in delayed) == ["eventbridge", "sqs"]
    assert {record.error for record in delayed} == {"EndpointConnectionError"}
    caplog.clear()

    second = Bus(port)  # and the server starts again
    second.plan.append(503)
    with delivering(database, FileSink(path), queue(second), eventbridge(second)):
        until(lambda: not outbox(database))
    second.close()
    messages = [entry for entry in second.taken if "MessageBody" in entry]
    assert [json.loads(entry["MessageBody"]) for entry in messages] == lines(path)
    assert len(second.taken) == 24
    assert "events_delivered_again" in [record.message for record in caplog.records]


def test_a_sink_that_stalls_blocks_neither_the_file_nor_a_change(database, path, bus):
    bus.always = "stall"
    with delivering(database, FileSink(path), queue(bus)):
        happen(database)
        until(lambda: bus.requests)
        happen(database, 5)
        until(lambda: len(lines(path)) == 12)  # the queue stalls for longer than that waits
        bus.closed.set()


def test_no_more_is_kept_than_the_bound(database, path, bus, caplog):
    bus.always = 503
    with delivering(database, FileSink(path), queue(bus), bound=200):
        for _ in range(15):
            happen(database, 10)
            until(lambda: lines(path)[-1:] == outbox(database)[-1:])
        until(lambda: len(outbox(database)) <= 200)
        kept = outbox(database)
        assert kept == lines(path)[-len(kept) :]
        assert len(kept) >= 190
        bus.always = "take"
        until(lambda: not outbox(database))
    assert len(lines(path)) == 300
    assert bodies(bus) == lines(path)[-len(bodies(bus)) :]
    dropped = [record.count for record in caplog.records if record.message == "events_dropped"]
    assert sum(dropped) == 300 - len(bodies(bus))
    assert all(record.levelno >= logging.WARNING for record in caplog.records)


def test_a_new_sink_begins_with_what_is_new(database, path, bus):
    with delivering(database, FileSink(path)):
        happen(database, 2)
        until(lambda: not outbox(database))
    with delivering(database, FileSink(path), queue(bus)):
        happen(database, 1)
        until(lambda: len(bus.taken) == 2)
    assert bodies(bus) == lines(path)[-2:]


def test_every_sink_of_a_new_database_gets_everything(database, path, bus):
    happen(database, 2)
    with delivering(database, FileSink(path), queue(bus)):
        until(lambda: len(bus.taken) == 4)
        until(lambda: len(lines(path)) == 4)
    assert bodies(bus) == lines(path)


def test_a_sink_that_is_no_longer_set_holds_nothing_back(database, path, bus):
    bus.always = 503
    with delivering(database, FileSink(path), queue(bus)):
        happen(database)
        until(lambda: len(lines(path)) == 2)
    assert len(outbox(database)) == 2
    with delivering(database, FileSink(path)):
        happen(database)
        until(lambda: not outbox(database))
    assert len(lines(path)) == 4


def test_events_that_come_while_others_are_delivered(database, path, bus):
    with delivering(database, FileSink(path), queue(bus)):
        threads = [threading.Thread(target=happen, args=(database, 20)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        until(lambda: not outbox(database))
    assert len({event["id"] for event in lines(path)}) == len(lines(path)) == 120
    assert bodies(bus) == lines(path)


def test_the_delays_grow_differ_and_end(database, path, monkeypatch):
    monkeypatch.undo()
    sink = FileSink(path)
    courier = Courier(Outbox(database, [sink.name], 10), sink, REGION)
    longest = 0.0
    for failures in range(1, 2000):
        courier._failures = failures
        pauses = {courier._pause() for _ in range(5)}
        assert len(pauses) == 5
        assert max(pauses) <= 60
        assert min(pauses) >= longest / 2
        longest = min(60.0, max(longest, 0.5 * 2 ** min(failures - 1, 20)))
    assert longest == 60


def settings(tmp_path, **more):
    return load(HealthImagingSettings, data=tmp_path, **more)


def test_the_file_is_always_there_and_others_where_they_are_set(tmp_path, bus):
    def names(**more):
        found = list(sinks.configured(settings(tmp_path, **more)))
        for sink in found:
            sink.close()
        return [sink.name for sink in found]

    assert names() == ["file"]
    assert names(eventbridge_bus="b") == ["file", "eventbridge"]
    assert names(eventbridge_endpoint_url=bus.url) == ["file", "eventbridge"]
    assert names(sqs_queue_url=bus.queue_url) == ["file", "sqs"]
    everything = {"eventbridge_bus": "b", "sqs_queue_url": bus.queue_url}
    assert names(**everything) == ["file", "eventbridge", "sqs"]


def test_an_endpoint_without_a_queue_is_a_mistake(tmp_path):
    with pytest.raises(ConfigurationError, match="HEALTHIMAGING_SQS_QUEUE_URL"):
        list(sinks.configured(settings(tmp_path, sqs_endpoint_url="http://localhost:1")))


def test_the_bus_and_the_source_are_the_settings(database, tmp_path, bus):
    given = {"eventbridge_endpoint_url": bus.url, "eventbridge_source": "hospital.imaging"}
    happen(database)
    with delivering(database, *sinks.configured(settings(tmp_path, **given))):
        until(lambda: len(bus.taken) == 2)
    assert {entry["Source"] for entry in bus.taken} == {"hospital.imaging"}
    assert {entry["EventBusName"] for entry in bus.taken} == {"default"}
    assert lines(tmp_path / "events.jsonl")[0]["source"] == "aws.medical-imaging"


def test_closing_twice_or_before_the_start_does_no_harm(database, path):
    running = EventBus(database, [FileSink(path)], REGION)
    running.close()
    running.close()
    with suppress(FileNotFoundError):
        assert path.read_bytes() == b""
