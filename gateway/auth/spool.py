"""Audit records on disk until whoever collects them has them: in order, bounded, checked.

A folder holds segments, files that are only ever appended to, each record with its length, time
and checksum before it; and a file that says how far they have been delivered. A process that is
killed loses no record that ``append`` has returned for; what it was writing is found torn and left
out. Each process has a folder of its own, held by a lock that ends with it; another may take over
what it left. Everything here blocks: call it in a thread, one at a time.
"""

import fcntl
import logging
import os
import struct
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.errors import ConfigurationError

_log: Final = logging.getLogger(__name__)

_HEAD: Final = struct.Struct(">IId")  # length, checksum of time and record, seconds since 1970
_TIME: Final = struct.Struct(">d")
_SEGMENT: Final = 4 << 20  # bytes after which another is begun
_LONGEST: Final = 16 << 20
_MOST_PROCESSES: Final = 1_000
_DELIVERED: Final = "delivered"
_LOCK: Final = "lock"

Cursor = tuple[int, int]
"""A segment's number, and a place in it: where a record begins, or the end."""


class Spool:
    """The records of one folder: ``held`` bytes are not delivered, the first ``since`` a time.

    These two may be read in any thread; ``since`` is in seconds since 1970, None if there are none.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        """``lock`` is the descriptor that holds the lock of the ``folder``."""
        self.folder = folder
        self.damaged = 0
        self._lock = lock
        self._sizes = {int(path.stem): path.stat().st_size for path in folder.glob("*.audit")}
        self.delivered = self._delivered()
        for number in [one for one in self._sizes if one < self.delivered[0]]:
            self._drop(number)
        self._next = max([*self._sizes, self.delivered[0]], default=0) + 1
        self._file: int | None = None
        self._current = 0
        self._reading: tuple[int, int] | None = None
        self.held = 0
        self.since: float | None = None
        self._measure()

    def append(self, records: Sequence[bytes]) -> None:
        """Write ``records``; on return they are on the disk.

        Raises:
            OSError: they are not, none of them.
        """
        now = time.time()
        content = b"".join(_framed(record, now) for record in records)
        file = self._open()
        size = self._sizes[self._current]
        try:
            _write(file, content)
            os.fdatasync(file)
        except OSError:
            self._close()  # another segment follows; nobody reads what stands half written here
            with suppress(OSError):
                os.truncate(self._path(self._current), size)
            raise
        self._sizes[self._current] = size + len(content)
        self.held += len(content)
        if self.since is None:
            self.since = now

    def read(self, cursor: Cursor, most: int) -> tuple[list[bytes], Cursor]:
        """The records from ``cursor`` on, of ``most`` bytes or one; and where the next begins."""
        found: list[bytes] = []
        size = 0
        while size < most:
            record, cursor = self._record(cursor)
            if record is None:
                break
            found.append(record)
            size += len(record)
        return found, cursor

    def deliver(self, cursor: Cursor) -> None:
        """Note that everything before ``cursor`` has been delivered, and forget it."""
        temporary = self.folder / f"{_DELIVERED}.new"
        temporary.write_text(f"{cursor[0]} {cursor[1]}\n")
        temporary.replace(self.folder / _DELIVERED)
        self.delivered = cursor
        for number in [one for one in self._sizes if one < cursor[0]]:
            self._drop(number)
        self._measure()

    def close(self) -> None:
        """Let go of the folder."""
        self._close()
        self._read_no_more()
        os.close(self._lock)

    def remove(self) -> None:
        """Close it and, if nothing is left in it, remove the folder."""
        if not self.held:
            for path in self.folder.iterdir():
                path.unlink()
            with suppress(OSError):  # somebody has begun to use it anew
                self.folder.rmdir()
        self.close()  # the lock last, so that nobody writes to what is being deleted

    def _measure(self) -> None:
        number, offset = self.delivered
        self.held = sum(self._sizes.values()) - min(offset, self._sizes.get(number, 0))
        number, offset = self._after(self.delivered)
        self.since = None
        if offset + _HEAD.size <= self._sizes.get(number, 0):
            head = os.pread(self._descriptor(number), _HEAD.size, offset)
            self.since = float(_HEAD.unpack(head)[2]) if len(head) == _HEAD.size else None

    def _record(self, cursor: Cursor) -> tuple[bytes | None, Cursor]:
        """The record at ``cursor``, None behind the last; what is damaged is passed over."""
        while True:
            number, offset = cursor = self._after(cursor)
            size = self._sizes.get(number, 0)
            if offset >= size:
                return None, cursor
            record = _parsed(self._descriptor(number), offset, size)
            if record is not None:
                return record, (number, offset + _HEAD.size + len(record))
            self.damaged += 1
            _log.error("audit_spool_damaged", extra={"segment": number, "bytes": size - offset})
            if number == self._current:
                self._close()
            cursor = number, size

    def _after(self, cursor: Cursor) -> Cursor:
        """``cursor``, or where the next segment begins if it is at the end of one."""
        number, offset = cursor
        if offset < self._sizes.get(number, 0):
            return cursor
        later = [one for one in self._sizes if one > number and self._sizes[one]]
        return (min(later), 0) if later else cursor

    def _descriptor(self, number: int) -> int:
        if self._reading is None or self._reading[0] != number:
            self._read_no_more()
            self._reading = number, os.open(self._path(number), os.O_RDONLY)
        return self._reading[1]

    def _read_no_more(self) -> None:
        if self._reading is not None:
            os.close(self._reading[1])
            self._reading = None

    def _delivered(self) -> Cursor:
        try:
            number, offset = (self.folder / _DELIVERED).read_text().split()
            return int(number), int(offset)
        except (OSError, ValueError):
            return 0, 0  # delivered again rather than never

    def _open(self) -> int:
        """The segment that is written to."""
        if self._file is not None and self._sizes[self._current] < _SEGMENT:
            return self._file
        self._close()
        number, self._next = self._next, self._next + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(self._path(number), flags, 0o600)
        self._current = number
        self._sizes[number] = 0
        _sync(self.folder)
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _drop(self, number: int) -> None:
        del self._sizes[number]
        if self._reading is not None and self._reading[0] == number:
            self._read_no_more()
        self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012}.audit"


def claim(root: Path) -> Spool:
    """The first folder below ``root`` that no process has.

    Raises:
        ConfigurationError: ``root`` cannot be written to.
    """
    for number in range(_MOST_PROCESSES):
        folder = root / f"{number:04}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = _locked(folder)
        except FileNotFoundError:
            continue  # it was empty, and has just been deleted
        except OSError as error:
            message = f"GATEWAY_AUDIT_SPOOL_DIR {root} cannot be used: {error.strerror}."
            raise ConfigurationError(message) from error
        if found is not None:
            return found
    raise ConfigurationError(f"GATEWAY_AUDIT_SPOOL_DIR {root} is in use by too many processes.")


def left(root: Path) -> Spool | None:
    """A folder below ``root`` that a process has left with records in it; None if there is none."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        try:
            found = _locked(folder)
        except FileNotFoundError:
            continue  # somebody else has deleted it
        if found is not None:
            if found.held:
                return found
            found.remove()
    return None


def _locked(folder: Path) -> Spool | None:
    """The spool of ``folder``, None if another process has it."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:
            return Spool(folder, lock)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)  # another process has it, or has deleted it meanwhile
    return None


def _framed(record: bytes, now: float) -> bytes:
    moment = _TIME.pack(now)
    return _HEAD.pack(len(record), zlib.crc32(record, zlib.crc32(moment)), now) + record


def _parsed(file: int, offset: int, size: int) -> bytes | None:
    """The record at ``offset`` of a file of ``size`` bytes; None if it is torn or damaged."""
    head = os.pread(file, _HEAD.size, offset)
    if len(head) < _HEAD.size:
        return None
    length, checksum, now = _HEAD.unpack(head)
    if length > min(_LONGEST, size - offset - _HEAD.size):
        return None
    record = os.pread(file, length, offset + _HEAD.size)
    whole = zlib.crc32(record, zlib.crc32(_TIME.pack(now))) == checksum
    return record if whole and len(record) == length else None


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
