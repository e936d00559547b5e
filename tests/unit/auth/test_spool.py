"""The spool: what it has taken is there again, in order, whatever happens to the process."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.auth import spool
from gateway.errors import ConfigurationError

ALL = 1 << 30


@pytest.fixture
def root(tmp_path):
    return tmp_path / "audit"


def records(one, most=ALL):
    return one.read(one.delivered, most)[0]


def numbered(first, last):
    return [b"record %d" % number for number in range(first, last)]


def test_records_outlive_restarts_in_order(root):
    for start in range(0, 30, 10):
        one = spool.claim(root)
        one.append(numbered(start, start + 5))
        one.append(numbered(start + 5, start + 10))
        one.close()
    one = spool.claim(root)
    assert records(one) == numbered(0, 30)
    one.close()


def test_what_was_delivered_is_not_given_again(root):
    one = spool.claim(root)
    one.append(numbered(0, 10))
    found, cursor = one.read(one.delivered, 1)
    assert found == numbered(0, 1)
    one.deliver(cursor)
    assert records(one) == numbered(1, 10)
    one.close()
    again = spool.claim(root)
    assert records(again) == numbered(1, 10)
    again.deliver(again.read(again.delivered, ALL)[1])
    assert (records(again), again.held, again.since) == ([], 0, None)
    again.close()


def test_segments_are_begun_and_deleted(root, monkeypatch):
    monkeypatch.setattr(spool, "_SEGMENT", 100)
    one = spool.claim(root)
    for number in range(50):
        one.append(numbered(number, number + 1))
    assert len(list(one.folder.glob("*.audit"))) > 5
    held = one.held
    assert held == sum(path.stat().st_size for path in one.folder.glob("*.audit"))
    cursor, found = one.delivered, []
    while True:
        some, cursor = one.read(cursor, 30)
        if not some:
            break
        found += some
        one.deliver(cursor)
    assert found == numbered(0, 50)
    assert (one.held, len(list(one.folder.glob("*.audit")))) == (0, 1)
    one.append([b"more"])
    assert records(one) == [b"more"]
    one.close()


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_record_is_left_out_and_what_follows_is_not(root, cut):
    one = spool.claim(root)
    one.append([b"whole", b"x" * 30])
    path = one.folder / "000000000001.audit"
    one.close()
    os.truncate(path, path.stat().st_size - cut)
    one = spool.claim(root)
    one.append([b"after"])
    assert records(one) == [b"whole", b"after"]
    assert one.damaged == 1
    one.close()


@pytest.mark.parametrize("where", [0, 5, 12, 20])
def test_a_flipped_bit_is_found(root, where):
    one = spool.claim(root)
    one.append([b"a record that is longer than its head"])
    path = one.folder / "000000000001.audit"
    content = bytearray(path.read_bytes())
    content[where] ^= 4
    path.write_bytes(content)
    one.append([b"in the same segment"])
    assert records(one) == []
    assert one.damaged == 1
    one.append([b"after"])
    cursor = one.read(one.delivered, ALL)[1]
    one.deliver(cursor)
    one.append([b"after that"])
    assert records(one) == [b"after that"]
    one.close()


def test_what_could_not_be_written_leaves_nothing_half(root, monkeypatch):
    one = spool.claim(root)
    one.append([b"before"])
    real = os.write

    def short(file, content):
        real(file, bytes(content)[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space"):
        one.append([b"lost", b"lost"])
    monkeypatch.undo()
    one.append([b"after"])
    assert records(one) == [b"before", b"after"]
    assert one.damaged == 0
    one.close()


def test_each_process_has_a_folder_and_the_next_takes_what_one_has_left(root):
    first, second = spool.claim(root), spool.claim(root)
    assert first.folder != second.folder
    assert spool.left(root) is None
    first.append([b"one"])
    second.append([b"two"])
    second.close()
    found = spool.left(root)
    assert records(found) == [b"two"]
    found.deliver(found.read(found.delivered, ALL)[1])
    folder = found.folder
    found.remove()
    assert not folder.exists()
    first.close()
    third = spool.claim(root)
    assert records(third) == [b"one"]
    third.close()


def test_nobody_writes_to_a_folder_that_is_being_deleted(root, monkeypatch):
    one = spool.claim(root)
    real, seen = Path.unlink, []

    def unlink(path, **how):
        if path.name == "lock":
            seen.append(spool._locked(one.folder))  # as another process would
            held.append(os.open(path, os.O_RDWR))
        real(path, **how)

    held = []
    monkeypatch.setattr(Path, "unlink", unlink)
    one.remove()
    monkeypatch.undo()
    assert seen == [None]
    # What was opened before it was deleted can be locked now, and is of no use.
    monkeypatch.setattr(os, "open", lambda *_: held.pop())
    assert spool._locked(one.folder) is None
    monkeypatch.undo()
    again = spool.claim(root)
    again.append([b"kept"])
    assert records(again) == [b"kept"]
    again.close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="GATEWAY_AUDIT_SPOOL_DIR"):
        spool.claim(tmp_path / "file")


WRITER = """
import sys
from pathlib import Path
from gateway.auth import spool
one = spool.claim(Path(sys.argv[1]))
number = 0
while True:
    batch = [b"record %d" % n for n in range(number, number + 7)]
    one.append(batch)
    number += 7
    print(number, flush=True)
"""


def test_nothing_that_was_written_is_lost_by_kill_9(root):
    chance = random.Random(7)
    known = 0
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.05))
        process.kill()
        told = [int(line) for line in process.stdout.read().split()]
        process.wait()
        process.stdout.close()
        one = spool.claim(root)
        found = records(one)
        if told:
            assert len(found) - known >= told[-1]
        assert found[known:] == numbered(0, len(found) - known)
        known = len(found)
        one.close()
