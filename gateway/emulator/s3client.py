"""S3 as the import job reads and writes it: boto3 against whatever endpoint is configured."""

import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_IN_MEMORY: Final = 32 << 20
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Location:
    """How to reach S3: endpoint None is AWS, keys None the default credential chain."""

    endpoint_url: str | None
    region: str
    access_key_id: str | None = None
    secret_access_key: str | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a listing; ``size`` in bytes."""

    key: str
    size: int


class S3Error(Exception):
    """A bucket or object cannot be read or written; ``str()`` says which and why."""


class S3:
    """The few operations an import job needs; safe to share between threads."""

    def __init__(self, location: Location) -> None:
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=location.endpoint_url,
            region_name=location.region,
            aws_access_key_id=location.access_key_id,
            aws_secret_access_key=location.secret_access_key,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": 4},
                s3={"addressing_style": "path"} if location.endpoint_url else {},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def objects(self, bucket: str, prefix: str, owner: str | None = None) -> Iterator[Object]:
        """The objects under ``prefix`` in ascending order of keys, a page of 1,000 at a time.

        Raises:
            S3Error: the bucket cannot be listed, or does not belong to the account ``owner``.
        """
        paginator = self._client.get_paginator("list_objects_v2")
        try:
            for page in paginator.paginate(Bucket=bucket, Prefix=prefix, **_owned(owner)):
                for item in page.get("Contents", ()):
                    if not item["Key"].endswith("/"):
                        yield Object(item["Key"], item["Size"])
        except (ClientError, BotoCoreError) as error:
            of = f" as a bucket of account {owner}" if owner else ""
            raise S3Error(f"s3://{bucket} cannot be listed{of}: {_reason(error)}") from error

    def fetch(self, bucket: str, key: str, folder: Path, owner: str | None = None) -> memoryview:
        """The content of an object; a large one is kept in a file below ``folder``, not in memory.

        Raises:
            S3Error: the object cannot be read.
        """
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key, **_owned(owner))
            body = answer["Body"]
            if answer["ContentLength"] <= _IN_MEMORY:
                return memoryview(body.read())
            with tempfile.TemporaryFile(dir=folder) as file:
                for chunk in body.iter_chunks(_CHUNK):
                    file.write(chunk)
                file.flush()
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (ClientError, BotoCoreError) as error:
            raise S3Error(f"the object cannot be read: {_reason(error)}") from error

    def put(self, bucket: str, key: str, path: Path) -> None:
        """Store a file as an object.

        Raises:
            S3Error: the object cannot be written.
        """
        try:
            with path.open("rb") as body:
                self._client.put_object(Bucket=bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError) as error:
            raise S3Error(f"s3://{bucket} cannot be written: {_reason(error)}") from error


def _owned(owner: str | None) -> dict[str, str]:
    """S3's check that a bucket belongs to the account it is expected to belong to."""
    return {"ExpectedBucketOwner": owner} if owner else {}


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown error"))
    return type(error).__name__


@cache
def connect(location: Location) -> S3:
    """The process's client for ``location``: making one costs a tenth of a second."""
    return S3(location)


def parse_uri(uri: str) -> tuple[str, str]:
    """Bucket and key prefix of ``s3://bucket/prefix``."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, prefix
