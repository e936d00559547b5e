"""The file of calls: one event a line, written by a thread of its own, and no larger than said."""

import logging
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from gateway.emulator.calls import Call

_log = logging.getLogger(__name__)

FILE_BYTES: Final = 64 << 20
"""Size at which a file is put aside."""

FILES: Final = 4
"""Files that are kept, the current one included: ``calls.jsonl``, ``calls.1.jsonl`` and so on."""

_WAITING: Final = 10_000  # calls, a few megabytes


class CallLog:
    """Takes calls without waiting for the disk; one that finds no room is lost, and counted."""

    def __init__(
        self,
        folder: Path,
        to_event: Callable[[Call], object],
        lost: Callable[[int], None],
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._folder = folder
        self._to_event = to_event
        self._lost = lost
        self._file_bytes = file_bytes
        self._queue: queue.Queue[Call | None] = queue.Queue(_WAITING)
        self._file: BinaryIO | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="call-log", daemon=True)
        self._thread.start()

    def write(self, call: Call) -> None:
        """Have the event of ``call`` written soon."""
        try:
            self._queue.put_nowait(call)
        except queue.Full:
            self._lost(1)

    def close(self) -> None:
        """Write what is waiting and end; once more does no harm."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        batch: list[Call | None] = []
        while None not in batch:
            batch = [self._queue.get()]
            while not self._queue.empty() and len(batch) < _WAITING:
                batch.append(self._queue.get())
            self._append([call for call in batch if call is not None])
        if self._file:
            with suppress(OSError):  # it has been told of when it began
                os.fsync(self._file.fileno())
                self._file.close()

    def _append(self, batch: list[Call]) -> None:
        written = 0
        try:
            for call in batch:
                self._line(orjson.dumps(self._to_event(call), default=str) + b"\n")
                written += 1
            if self._file:
                self._file.flush()
        except OSError as error:
            self._lost(len(batch) - written)
            if not self._failing:
                _log.error("call_log_failed", extra={"errno": error.errno})
            self._failing = True
            return
        self._failing = False

    def _line(self, line: bytes) -> None:
        if self._file is None:
            self._file = self._open()
        if self._file.tell() + len(line) > self._file_bytes and self._file.tell():
            self._file.close()
            self._file = None
            self._put_aside()
            self._file = self._open()
        self._file.write(line)

    def _open(self) -> BinaryIO:
        descriptor = os.open(self._path(0), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")  # a line that a crash cut off keeps to itself
        file = os.fdopen(descriptor, "ab")
        file.seek(0, os.SEEK_END)
        return file

    def _put_aside(self) -> None:
        for number in range(FILES - 1, 0, -1):
            path = self._path(number - 1)
            if path.exists():
                path.replace(self._path(number))

    def _path(self, number: int) -> Path:
        return self._folder / (f"calls.{number}.jsonl" if number else "calls.jsonl")
