"""The files of the disk cache: written aside and renamed, read in one copy, believed by digest.

``ab/ab34…`` is the file of a name; nothing else in the folder is touched.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.cache import entries
from gateway.cache.entries import HEAD_BYTES, Damaged
from gateway.cache.index import Row

SHARDS: Final = tuple(f"{number:02x}" for number in range(256))
"""How names begin: the files of each stand in a folder of their own."""

_NAME: Final = re.compile("[0-9a-f]{64}")
_ASIDE: Final = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{16}\.part")
_BLOCK: Final = 4096
_ABANDONED_SECONDS: Final = 600


def occupied(length: int) -> int:
    """Bytes that a file of ``length`` takes: whole blocks."""
    return -(-length // _BLOCK) * _BLOCK


class Folder:
    """Entries by name in ``path``; for any number of threads and processes at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _file(self, name: str) -> Path:
        return self.path / name[:2] / name

    def read(self, name: str) -> bytes | None:
        """The value of ``name``; None where there is no file.

        Raises:
            Damaged: the file does not hold what was written; it is gone now.
            OSError: it cannot be read.
        """
        try:
            found = os.open(self._file(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return _value(name, found)
        except Damaged:
            with suppress(OSError):
                self.remove(name)
            raise
        finally:
            os.close(found)

    def size(self, name: str) -> int | None:
        """Bytes that the file of ``name`` takes; None where there is none."""
        try:
            return occupied(self._file(name).stat().st_size)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Keep ``content``, whole or not at all."""
        file = self._file(name)
        aside = file.with_name(f"{name}.{os.urandom(8).hex()}.part")
        try:
            made = _create(aside)
            try:
                _write_all(made, entries.head(name, content), content)
            finally:
                os.close(made)
            aside.rename(file)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise

    def remove(self, name: str) -> None:
        """Remove the file of ``name`` if it is there."""
        self._file(name).unlink(missing_ok=True)

    def shard(self, prefix: str) -> Iterator[Row]:
        """The files in the shard ``prefix``; what dead writers left behind is removed."""
        with suppress(FileNotFoundError), os.scandir(self.path / prefix) as found:
            for one in found:
                with suppress(FileNotFoundError):  # gone meanwhile
                    about = one.stat(follow_symlinks=False)
                    if _NAME.fullmatch(one.name):
                        yield Row(one.name, occupied(about.st_size), about.st_mtime_ns)
                    elif _ASIDE.fullmatch(one.name) and _is_abandoned(about):
                        Path(one.path).unlink()


def _is_abandoned(about: os.stat_result) -> bool:
    return time.time() - about.st_mtime > _ABANDONED_SECONDS


def _value(name: str, found: int) -> bytes:
    length = os.fstat(found).st_size - HEAD_BYTES
    if length < 0:
        raise Damaged
    start, content = os.read(found, HEAD_BYTES), os.read(found, length)
    entries.check(name, start, content)
    return content


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, flags, 0o600)


def _write_all(made: int, start: bytes, content: bytes) -> None:
    written = os.writev(made, (start, content))
    rest = memoryview(content)[max(0, written - len(start)) :]
    if written < len(start):
        raise OSError("the file system takes no bytes")
    while rest:
        rest = rest[os.write(made, rest) :]
