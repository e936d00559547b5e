"""One file of an import job, start to end: fetched, parsed, checked, its frames stored, staged.

Runs in a worker process. What it leaves behind is a pack of frames and a staged metadata file; both
become visible only when the job publishes an image set that names them.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

import orjson

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import blobs, metadata, part10, pixels, rules
from gateway.emulator.failures import FileRejected
from gateway.emulator.quotas import DEFAULTS, TABLE, Quotas
from gateway.emulator.s3client import Location, S3Error, connect

_log = logging.getLogger(__name__)

MAX_METADATA_BYTES: Final = TABLE["metadata-size"].default
"""The guide's quota on the metadata of one image set."""


@dataclass(frozen=True, slots=True)
class Task:
    """One file to import; ``size`` is that of the listing, ``owner`` the bucket's if it is told.

    ``lossless`` is the transfer syntax of frames that are stored anew.
    """

    job: str
    bucket: str
    key: str
    root: Path
    s3: Location
    size: int = 0
    owner: str | None = None
    quotas: Quotas = DEFAULTS
    lossless: str = ts.HTJ2K_LOSSLESS_RPCL


@dataclass(frozen=True, slots=True)
class Staged:
    """An instance ready to be published; ``name`` is that of its staged files, ``size`` bytes."""

    key: str
    identity: rules.Identity
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that was not imported; ``kind`` is the exceptionType of failure.ndjson."""

    key: str
    kind: str
    message: str


def ingest(task: Task) -> Staged | Failed:
    """Import one file as far as it can be without the others; never raises for a bad file."""
    try:
        _check(task, "file-size", task.size)
        content = connect(task.s3).fetch(task.bucket, task.key, task.root, task.owner)
        if not content:
            raise FileRejected("the file is empty")
        return _stage(task, content)
    except FileRejected as error:
        return Failed(task.key, "ValidationException", str(error))
    except (pixels.VerificationFailed, S3Error) as error:
        return Failed(task.key, "InternalServerException", str(error))
    except MemoryError:
        return Failed(task.key, "InternalServerException", "it needs more memory than is allowed")
    except OSError as error:
        return Failed(task.key, "InternalServerException", f"storage failed: {error.strerror}")
    except Exception as error:  # one file must never end a job
        _log.exception("import_failed", extra={"job": task.job})
        reason = f"it cannot be imported: {type(error).__name__}"
        return Failed(task.key, "InternalServerException", reason)


def _check(task: Task, quota: str, value: int) -> None:
    reason = task.quotas.excess(quota, value)
    if reason is not None:
        raise FileRejected(reason)


def _stage(task: Task, content: memoryview) -> Staged:
    file = part10.read(content)
    meta = metadata.convert(file.meta)
    converted = metadata.convert(file.dataset)
    identity = rules.check(converted)
    name = uuid4().hex
    layout = blobs.Layout(task.root)
    parts = rules.split(converted)
    instance: dict[str, Any] = {
        "DICOM": dict(meta.attributes.values()) | parts.pop("instance"),
        "DICOMVRs": converted.vrs,
    }
    frames: list[tuple[str, int, int]] = []
    if file.pixels is None:
        instance |= {"StoredTransferSyntaxUID": ts.EXPLICIT_LE, "ImageFrames": []}
    else:
        image = pixels.describe(file, converted, task.lossless)
        instance |= {"StoredTransferSyntaxUID": image.syntax}
        if image.checksum_type:
            instance |= {"ChecksumType": image.checksum_type}
        with blobs.durable(layout.staged_pack(task.job, name)) as pack:
            instance["ImageFrames"], frames = _store(file, image, converted, pack)
    staged = orjson.dumps(parts | {"instance": instance, "frames": frames})
    _check(task, "metadata-size", len(staged))
    blobs.write(layout.staged(task.job, name), staged)
    return Staged(task.key, identity, name, len(staged))


def _store(
    file: part10.Part10, image: pixels.Image, converted: metadata.Converted, pack: BinaryIO
) -> tuple[list[dict[str, Any]], list[tuple[str, int, int]]]:
    lengths: list[int] = []

    def write(frame: bytes) -> None:
        pack.write(frame)
        lengths.append(len(frame))

    entries = pixels.store(file, image, converted, write)
    frames, offset = [], 0
    for entry, length in zip(entries, lengths, strict=True):
        frames.append((entry["ID"], offset, length))
        offset += length
    return entries, frames
