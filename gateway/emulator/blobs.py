"""Files that are there as a whole or not at all: written aside, flushed to disk, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def durable(path: Path, folder: Path | None = None) -> Iterator[BinaryIO]:
    """Write ``path`` so that it appears complete when the block ends, and not if the block fails.

    The content and the directory entry are on disk before the context is left. ``folder``, on the
    same file system, is where the file grows; its own by default.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    aside = (folder or path.parent) / f".{path.name}.{uuid4().hex}.part"
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            aside.unlink()
        raise
    sync_directory(path.parent)


def write(path: Path, content: bytes, folder: Path | None = None) -> None:
    """Write ``content`` to ``path`` durably."""
    with durable(path, folder) as file:
        file.write(content)


def sync_directory(path: Path) -> None:
    """Flush the entries of a directory to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_range(path: Path, offset: int, length: int) -> bytes:
    """``length`` bytes at ``offset`` of ``path``; fewer only if the file is damaged."""
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), length, offset)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the server keeps what, below its data folder."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "healthimaging.sqlite"

    @property
    def frames(self) -> Path:
        """The folder of all frame packs."""
        return self.root / "frames"

    @property
    def staging(self) -> Path:
        """The folder of what running jobs have prepared and not yet published."""
        return self.root / "staging"

    @property
    def growing(self) -> Path:
        """The folder of documents that are being written; emptied at every start."""
        return self.root / "growing"

    def pack(self, name: str) -> Path:
        """The file that holds the frames of one imported instance, one after another."""
        return self.frames / name[:2] / name

    def staged(self, job: str, name: str) -> Path:
        """The metadata of one instance of a running job."""
        return self.staging / job / f"{name}.json"

    def staged_pack(self, job: str, name: str) -> Path:
        """The frames of one instance of a running job."""
        return self.staging / job / f"{name}.frames"

    def metadata(self, image_set: str, version: int) -> Path:
        """The gzip document of one version of an image set."""
        return self.root / "metadata" / image_set[:2] / image_set / f"{version}.json.gz"
