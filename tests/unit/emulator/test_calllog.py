"""The file of calls: complete, bounded, and no obstacle."""

import stat
import threading

import orjson
import pytest

from gateway.emulator.calllog import FILES, CallLog
from gateway.emulator.calls import Call


def to_event(call):
    return {"requestID": call.request_id}


@pytest.fixture
def lost():
    return []


@pytest.fixture
def log(tmp_path, lost):
    made = []

    def make(event=to_event, **changes):
        made.append(CallLog(tmp_path, event, lost.append, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


def write(log, number):
    written = [Call("", "") for _ in range(number)]
    for call in written:
        log.write(call)
    return [call.request_id for call in written]


def read(path):
    return [orjson.loads(line)["requestID"] for line in path.read_bytes().splitlines()]


def test_every_call_is_a_line_in_order_and_there_when_the_log_is_closed(tmp_path, log, lost):
    subject = log()
    written = write(subject, 3000)
    subject.close()
    assert read(tmp_path / "calls.jsonl") == written
    assert not lost


def test_no_call_is_no_file(tmp_path, log):
    log().close()
    assert not list(tmp_path.iterdir())


def test_closing_twice_does_no_harm(log):
    subject = log()
    subject.close()
    subject.close()


def test_only_the_owner_reads_it(tmp_path, log):
    subject = log()
    write(subject, 1)
    subject.close()
    assert stat.S_IMODE((tmp_path / "calls.jsonl").stat().st_mode) == 0o600


def test_the_next_start_goes_on_behind_what_is_there(tmp_path, log):
    subject = log()
    first = write(subject, 2)
    subject.close()
    subject = log()
    second = write(subject, 2)
    subject.close()
    assert read(tmp_path / "calls.jsonl") == first + second


def test_a_line_that_a_crash_cut_off_spoils_no_other(tmp_path, log):
    (tmp_path / "calls.jsonl").write_bytes(b'{"requestID": "cut')
    subject = log()
    [written] = write(subject, 1)
    subject.close()
    lines = (tmp_path / "calls.jsonl").read_bytes().splitlines()
    assert lines[0] == b'{"requestID": "cut'
    assert orjson.loads(lines[1])["requestID"] == written


def test_files_are_put_aside_by_size_and_the_oldest_goes(tmp_path, log):
    line = len(orjson.dumps(to_event(Call("", "")))) + 1
    subject = log(file_bytes=10 * line)
    written = write(subject, 55)
    subject.close()
    names = ["calls.3.jsonl", "calls.2.jsonl", "calls.1.jsonl", "calls.jsonl"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert len(names) == FILES
    found = [read(tmp_path / name) for name in names]
    assert [len(one) for one in found] == [10, 10, 10, 5]
    assert [name for one in found for name in one] == written[-35:]


def test_a_line_longer_than_a_file_has_a_file_of_its_own(tmp_path, log):
    subject = log(file_bytes=1)
    written = write(subject, 2)
    subject.close()
    assert read(tmp_path / "calls.1.jsonl") + read(tmp_path / "calls.jsonl") == written


def test_calls_beyond_what_can_wait_are_counted_and_nobody_waits(tmp_path, log, lost):
    go_on, begun = threading.Event(), threading.Event()

    def stuck(call):
        begun.set()
        go_on.wait()
        return to_event(call)

    subject = log(stuck)
    first = write(subject, 1)
    begun.wait()
    rest = write(subject, 10_500)
    assert sum(lost) == 500
    go_on.set()
    subject.close()
    assert read(tmp_path / "calls.jsonl") == first + rest[:10_000]


def test_a_folder_that_cannot_be_written_loses_calls_but_ends_nothing(tmp_path, log, lost):
    (tmp_path / "calls.jsonl").mkdir()
    subject = log()
    write(subject, 5)
    subject.close()
    assert sum(lost) == 5
