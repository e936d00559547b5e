"""Import jobs as a client starts them: upload, start, follow to the end."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import UpstreamError
from gateway.remote.errors import translate

_ROLE: Final = "arn:aws:iam::000000000000:role/dicomweb-gateway-import"
_OUTPUT_BUCKET: Final = "import-results"
_POLL_SECONDS: Final = 0.25


class Imports:
    """Import jobs into one data store of an embedded HealthImaging.

    ``connection`` holds boto3's keyword arguments: endpoint, region and keys.
    """

    def __init__(self, datastore_id: str, connection: dict[str, str]) -> None:
        self._datastore_id = datastore_id
        session = boto3.session.Session()
        config = Config(inject_host_prefix=False, retries={"mode": "standard"})
        self._imaging: Any = session.client("medical-imaging", config=config, **connection)
        self._s3: Any = session.client("s3", **connection)

    def is_empty(self) -> bool:
        """Whether the data store holds no image set and has never begun to import one."""
        found = self._imaging.search_image_sets(datastoreId=self._datastore_id, maxResults=1)
        jobs = self._imaging.list_dicom_import_jobs(datastoreId=self._datastore_id, maxResults=1)
        return not found["imageSetsMetadataSummaries"] and not jobs["jobSummaries"]

    def unfinished(self) -> str | None:
        """The job that is still running, None if there is none."""
        jobs = self._imaging.list_dicom_import_jobs(datastoreId=self._datastore_id)
        running = [job for job in jobs["jobSummaries"] if not _has_ended(job)]
        return str(running[0]["jobId"]) if running else None

    def upload(self, folder: Path, files: Iterable[Path], bucket: str, prefix: str) -> None:
        """Copy files of a folder below ``prefix`` of a bucket."""
        self._s3.create_bucket(Bucket=bucket)
        for path in files:
            self._s3.upload_file(
                str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}"
            )

    def start(self, input_uri: str) -> str:
        """Start a job over an ``s3://`` prefix; its identifier."""
        self._s3.create_bucket(Bucket=_OUTPUT_BUCKET)
        answer = self._imaging.start_dicom_import_job(
            datastoreId=self._datastore_id,
            dataAccessRoleArn=_ROLE,
            inputS3Uri=input_uri,
            outputS3Uri=f"s3://{_OUTPUT_BUCKET}/",
        )
        return str(answer["jobId"])

    def follow(self, job_id: str, tell: Callable[[str], None]) -> dict[str, Any]:
        """Wait for the end of a job, telling its progress as it changes; its summary.

        Raises:
            UpstreamError: the job failed.
        """
        told = ""
        while True:
            job = self._imaging.get_dicom_import_job(datastoreId=self._datastore_id, jobId=job_id)
            properties = job["jobProperties"]
            if _has_ended(properties):
                break
            message = properties.get("message", "waiting")
            if message != told:
                tell(message)
                told = message
            time.sleep(_POLL_SECONDS)
        if properties["jobStatus"] == "FAILED":
            raise UpstreamError(f"The import job failed: {properties.get('message', '')}")
        summary: dict[str, Any] = orjson.loads(self._result(job_id, "job-output-manifest.json"))
        return summary["jobSummary"]  # type: ignore[no-any-return]

    def failures(self, job_id: str) -> list[tuple[str, str]]:
        """The files that a job could not import, and why."""
        lines = self._result(job_id, "FAILURE/failure.ndjson").splitlines()
        records = (orjson.loads(line) for line in lines)
        return [(record["inputFile"], record["exception"]["message"]) for record in records]

    def _result(self, job_id: str, name: str) -> bytes:
        key = f"{self._datastore_id}-DicomImport-{job_id}/{name}"
        body: bytes = self._s3.get_object(Bucket=_OUTPUT_BUCKET, Key=key)["Body"].read()
        return body


def batches(folder: Path, files: int, size: int) -> Iterator[list[Path]]:
    """The files of a folder, cut so that a job takes at most so many ``files``, ``size`` bytes."""
    batch: list[Path] = []
    total = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        length = path.stat().st_size
        if batch and (len(batch) == files or total + length > size):
            yield batch
            batch, total = [], 0
        batch.append(path)
        total += length
    if batch:
        yield batch


def _has_ended(job: dict[str, Any]) -> bool:
    return job["jobStatus"] in ("COMPLETED", "FAILED")


def explain(error: ClientError | BotoCoreError) -> str:
    """A sentence for a failed call."""
    return str(translate(error, "import"))
