"""Worker processes: a file that kills, blocks or bloats one costs that file alone."""

import multiprocessing
import os
import resource
import signal
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import blobs, workers
from gateway.emulator.ingest import Failed, Staged, Task
from gateway.emulator.s3client import Location
from gateway.emulator.workers import Stopped, WorkerPool
from tests import files
from tests.unit.emulator import raw

JOB = "a" * 32
MEMORY = 1 << 30
GOOD = files.AHI_PAIR[0].read_bytes()


def bomb(size):
    """A small file whose deflated data set is of ``size`` bytes: one flushed block many times."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return raw.header(ts.DEFLATED_LE) + block * (size >> 20) + deflater.flush()


class Bucket:
    """An S3 that does something with the worker that asks for a file."""

    def __init__(self):
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                content = bucket.answers[self.path.split("?")[0].rpartition("/")[2]]()
                with suppress(OSError):  # who asked may be gone
                    self.send_response(200 if content is not None else 404)
                    self.send_header("Content-Length", str(len(content or b"")))
                    self.end_headers()
                    self.wfile.write(content or b"")

            def log_message(self, *_):
                pass

        self.before = set(multiprocessing.active_children())
        self.released, self.asked = threading.Event(), threading.Event()
        self.together = threading.Barrier(2, timeout=60)
        self.answers = {
            "good": lambda: GOOD,
            "empty": lambda: b"",
            "bad": lambda: b"no DICOM" * 99,
            "missing": lambda: None,
            "bomb": lambda: bomb(MEMORY),
            "blocks": self.block,
            "meets": self.meet,
            "crashes": lambda: self.kill(signal.SIGSEGV),
            "is-killed": lambda: self.kill(signal.SIGKILL),
        }
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.location = Location(url, "us-east-1", "AKIATEST", "secret")

    def workers(self):
        return [one for one in multiprocessing.active_children() if one not in self.before]

    def kill(self, number):
        for worker in self.workers():
            os.kill(worker.pid, number)

    def block(self):
        self.asked.set()
        self.released.wait(60)
        return b""

    def meet(self):
        self.together.wait()
        return GOOD

    def task(self, root, key):
        return Task(JOB, "bucket", key, root, self.location)


@pytest.fixture(scope="module")
def bucket():
    found = Bucket()
    yield found
    found.released.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(scope="module")
def pool(bucket):
    found = WorkerPool(1, 120, MEMORY)
    yield found
    found.close()
    assert bucket.workers() == []


def check_staged(outcome, root, key="good"):
    assert isinstance(outcome, Staged), outcome
    assert outcome.key == key
    layout = blobs.Layout(root)
    assert layout.staged(JOB, outcome.name).stat().st_size == outcome.size
    assert layout.staged_pack(JOB, outcome.name).stat().st_size > 0


def test_a_good_file_is_staged_and_its_worker_kept(pool, bucket, tmp_path):
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    kept = bucket.workers()
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    assert bucket.workers() == kept
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("key", "kind", "message"),
    [
        ("bad", "ValidationException", "not a DICOM Part 10 file: the prefix DICM is missing"),
        ("empty", "ValidationException", "the file is empty"),
        ("missing", "InternalServerException", "the object cannot be read: 404"),
        ("bomb", "InternalServerException", "it needs more memory than is allowed"),
    ],
)
def test_a_file_that_fails_leaves_its_worker_alive(pool, bucket, tmp_path, key, kind, message):
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    kept = bucket.workers()
    assert pool.run(bucket.task(tmp_path, key)) == Failed(key, kind, message)
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    assert bucket.workers() == kept


@pytest.mark.parametrize("key", ["crashes", "is-killed"])
def test_a_file_that_kills_its_worker_fails_alone(pool, bucket, tmp_path, key):
    assert pool.run(bucket.task(tmp_path, key)) == Failed(
        key,
        "InternalServerException",
        "it crashed the decoder or exceeded the memory allowed",
    )
    assert bucket.workers() == []
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)


def test_a_file_that_takes_too_long_fails_alone(pool, bucket, tmp_path, monkeypatch):
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(pool, "_seconds", 0.6)
        assert pool.run(bucket.task(tmp_path, "blocks")) == Failed(
            "blocks", "InternalServerException", "it took longer than 1 seconds"
        )
    assert bucket.workers() == []
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)


def test_a_worker_without_work_ends(pool, bucket, tmp_path, monkeypatch):
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    pool.trim()
    assert len(bucket.workers()) == 1  # half a minute has not passed
    monkeypatch.setattr(workers, "_IDLE_SECONDS", 0.0)
    pool.trim()
    assert bucket.workers() == []
    monkeypatch.undo()
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)


def test_two_workers_work_at_the_same_time_and_are_stopped(bucket, tmp_path):
    others = bucket.workers()
    pool = WorkerPool(2, 120, MEMORY)
    with ThreadPoolExecutor(3) as threads:
        pair = [threads.submit(pool.run, bucket.task(tmp_path, "meets")) for _ in range(2)]
        for future in pair:
            check_staged(future.result(100), tmp_path, "meets")
        assert len(bucket.workers()) == len(others) + 2
        bucket.asked.clear()
        running = [threads.submit(pool.run, bucket.task(tmp_path, "blocks")) for _ in range(3)]
        assert bucket.asked.wait(60)
        ThreadPoolExecutor(1).submit(pool.close).result(30)
        for future in running:  # two under way, and one that waited
            with pytest.raises(Stopped):
                future.result(30)
    assert set(bucket.workers()) == set(others)
    with pytest.raises(Stopped):
        pool.run(bucket.task(tmp_path, "good"))


def test_what_fails_while_everything_ends_has_not_failed(pool, bucket, tmp_path):
    check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    bucket.answers["ends"] = pool.interrupt  # and answers 404
    with pytest.raises(Stopped):
        pool.run(bucket.task(tmp_path, "ends"))
    assert pool.stopped


def test_a_worker_that_cannot_be_started_costs_one_file(bucket, tmp_path):
    pool = WorkerPool(1, 120, MEMORY)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # no descriptor is left
        outcome = pool.run(bucket.task(tmp_path, "good"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        reason = "no process could be started to import it: Too many open files"
        assert outcome == Failed("good", "InternalServerException", reason)
        check_staged(pool.run(bucket.task(tmp_path, "good")), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        pool.close()
