"""Folders served as S3 buckets: names, keys in order, and files that appear as a whole."""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from gateway.emulator import blobs

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_UPLOAD: Final = re.compile(r"[0-9a-f]{32}")


class BucketFault(Exception):
    """An S3 error: ``code`` as S3 names it, ``status`` of HTTP."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets below ``root``, and folders elsewhere that are mounted for reading only."""

    root: Path
    mounts: dict[str, Path]

    @property
    def _growing(self) -> Path:
        return self.root / ".growing"

    def tidy(self) -> None:
        """Drop what was being written when the server was killed; nothing may be, now."""
        shutil.rmtree(self._growing, ignore_errors=True)

    def names(self) -> list[str]:
        """All buckets, in order."""
        own = (
            (entry.name for entry in self.root.iterdir() if entry.is_dir())
            if self.root.is_dir()
            else ()
        )
        return sorted({name for name in own if _NAME.fullmatch(name)} | self.mounts.keys())

    def folder(self, bucket: str) -> Path:
        """The folder of a bucket.

        Raises:
            BucketFault: NoSuchBucket.
        """
        found = self.mounts.get(bucket, self.root / bucket)
        if not _NAME.fullmatch(bucket) or not found.is_dir():
            raise BucketFault(404, "NoSuchBucket", "The specified bucket does not exist")
        return found

    def create(self, bucket: str) -> None:
        """Make a bucket; one that is there already stays as it is.

        Raises:
            BucketFault: InvalidBucketName.
        """
        if not _NAME.fullmatch(bucket):
            raise BucketFault(400, "InvalidBucketName", "The specified bucket is not valid")
        if bucket not in self.mounts:
            (self.root / bucket).mkdir(parents=True, exist_ok=True)

    def find(self, bucket: str, key: str) -> Path:
        """The file of an object.

        Raises:
            BucketFault: NoSuchBucket or NoSuchKey.
        """
        path = self.folder(bucket)
        for segment in _segments(key):
            path = _child(path, segment)
        if not path.is_file():
            raise BucketFault(404, "NoSuchKey", "The specified key does not exist")
        return path

    def keys(self, bucket: str, prefix: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
        """The keys with ``prefix`` that come behind ``after``, in S3's order, and their files."""
        yield from _walk(self.folder(bucket), "", prefix, after)

    @contextmanager
    def writing(self, bucket: str, key: str) -> Iterator[BinaryIO]:
        """Write an object; it appears when the block ends.

        Raises:
            BucketFault: the bucket is mounted for reading, or the key cannot be a file's name.
        """
        if bucket in self.mounts:
            raise BucketFault(403, "AccessDenied", "The bucket is mounted for reading only")
        path = self.folder(bucket).joinpath(*_segments(key))
        try:
            with blobs.durable(path, self._growing) as file:
                yield file
        except OSError as error:
            message = f"The key cannot be stored as a file: {error.strerror}"
            raise BucketFault(400, "InvalidArgument", message) from error

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        if bucket in self.mounts:
            raise BucketFault(403, "AccessDenied", "The bucket is mounted for reading only")
        with suppress(BucketFault):
            self.find(bucket, key).unlink(missing_ok=True)

    def begin_upload(self) -> str:
        """Begin a multipart upload; its identifier."""
        upload = uuid4().hex
        (self.root / ".uploads" / upload).mkdir(parents=True)
        return upload

    def part(self, upload: str, number: int) -> Path:
        """The file of one part of an upload.

        Raises:
            BucketFault: NoSuchUpload.
        """
        folder = self.root / ".uploads" / upload
        if not _UPLOAD.fullmatch(upload) or not folder.is_dir():
            raise BucketFault(404, "NoSuchUpload", "The specified upload does not exist")
        return folder / f"{number:05d}"

    def complete_upload(self, bucket: str, key: str, upload: str, numbers: list[int]) -> str:
        """Join the parts into an object; its entity tag.

        Raises:
            BucketFault: NoSuchUpload or InvalidPart.
        """
        parts = [self.part(upload, number) for number in numbers]
        if not all(part.is_file() for part in parts):
            raise BucketFault(400, "InvalidPart", "A part was not uploaded")
        digest = hashlib.md5(usedforsecurity=False)
        with self.writing(bucket, key) as target:
            for part in parts:
                content = part.read_bytes()
                digest.update(hashlib.md5(content, usedforsecurity=False).digest())
                target.write(content)
        self.abort_upload(upload)
        return f'"{digest.hexdigest()}-{len(parts)}"'

    def abort_upload(self, upload: str) -> None:
        """Forget an upload and its parts."""
        shutil.rmtree(self.part(upload, 1).parent)


def _segments(key: str) -> list[str]:
    segments = key.split("/")
    if any(segment in ("", ".", "..") or "\0" in segment for segment in segments):
        raise BucketFault(400, "InvalidArgument", "The key cannot be stored as a path")
    return segments


def _shown(name: str) -> str:
    """A file's name as a key; bytes that are no UTF-8 are written as Python escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _child(folder: Path, segment: str) -> Path:
    path = folder / segment
    if "\\x" in segment and not path.exists() and folder.is_dir():
        for entry in folder.iterdir():
            if _shown(entry.name) == segment:
                return entry
    return path


def _walk(folder: Path, at: str, prefix: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
    """Keys below ``folder`` in the order of their bytes: a folder sorts as its name and a slash."""
    entries = []
    with os.scandir(folder) as scan:
        for entry in scan:
            is_folder = entry.is_dir(follow_symlinks=False)
            entries.append((at + _shown(entry.name) + ("/" if is_folder else ""), entry))
    for key, entry in sorted(entries, key=lambda pair: pair[0].encode()):
        if key.endswith("/"):
            related = key.startswith(prefix) or prefix.startswith(key)
            if related and (key > after or after.startswith(key)):
                yield from _walk(Path(entry.path), key, prefix, after)
            continue
        if key > after and key.startswith(prefix):
            with suppress(OSError):  # gone meanwhile, or a link that leads nowhere
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    yield key, status
