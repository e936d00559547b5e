"""Running import jobs: list, ingest on every core, publish, report; resumed after a crash."""

import logging
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.emulator import blobs, jobs, pixels, publish, resources, s3client
from gateway.emulator.ingest import Failed, Staged, Task
from gateway.emulator.quotas import Quotas
from gateway.emulator.store import Database
from gateway.emulator.workers import Stopped, WorkerPool

_log = logging.getLogger(__name__)

_CONCURRENT_JOBS: Final = 2
_LOCKED_SECONDS: Final = 0.1
_CUSTOMER_ERROR: Final = "ValidationException"


class JobFailed(Exception):
    """A job cannot go on; ``str()`` is its message."""


@dataclass(frozen=True, slots=True)
class Importer:
    """What a job needs: where the rows, the files, the workers and the buckets are."""

    database: Database
    layout: blobs.Layout
    pool: WorkerPool
    location: s3client.Location
    quotas: Quotas

    def run(self, job_id: str) -> None:
        """Run a job to its end, or until the pool is closed; then it stays to be resumed."""
        job = jobs.begin(self.database, job_id)
        try:
            s3 = s3client.connect(self.location)
            _check_output(s3, job["output_uri"])
            self._ingest(s3, job)
            jobs.number_copies(self.database, job_id)
            limit = self.quotas.limit("metadata-size")
            publisher = publish.Publisher(self.database, self.layout, job, self._wait, limit)
            for group in jobs.groups(self.database, job_id):
                publisher.publish(group)
            self._report(s3, job)
        except Stopped:
            return
        except (JobFailed, s3client.S3Error) as error:
            self._fail(job_id, str(error))
        except Exception as error:
            _log.exception("job_failed", extra={"job": job_id})
            self._fail(job_id, f"The job failed: {type(error).__name__}")
        else:
            self._end(job_id, "COMPLETED", None)

    def _fail(self, job_id: str, message: str) -> None:
        if not self.pool.stopped:  # else it may be because everything ends: it is resumed
            self._end(job_id, "FAILED", message)

    def _wait(self) -> None:
        self.pool.pause(_LOCKED_SECONDS)

    def _end(self, job_id: str, status: str, message: str | None) -> None:
        jobs.end(self.database, job_id, status, message)
        shutil.rmtree(self.layout.staging / job_id, ignore_errors=True)
        _log.info("job_ended", extra={"job": job_id, "status": status})

    def _ingest(self, s3: s3client.S3, job: Any) -> None:
        job_id, owner = job["id"], job["input_owner_account_id"]
        bucket, prefix = s3client.parse_uri(job["input_uri"])
        total = _survey(s3.objects(bucket, prefix, owner), prefix, self.quotas)
        if not total:
            raise JobFailed(f"There are no files under {job['input_uri']}")
        done = jobs.done_keys(self.database, job_id)
        every = Task(
            job=job_id,
            bucket=bucket,
            key="",
            root=self.layout.root,
            s3=self.location,
            owner=owner,
            quotas=self.quotas,
            lossless=self._lossless(job["datastore_id"]),
        )
        tasks = (
            replace(every, key=found.key, size=found.size)
            for found in s3.objects(bucket, prefix, owner)
            if found.key not in done
        )
        self.layout.root.mkdir(parents=True, exist_ok=True)
        for count, outcome in enumerate(self._outcomes(tasks), len(done) + 1):
            jobs.record(self.database, job_id, outcome)
            if count % 20 == 0 or count == total:
                jobs.progress(self.database, job_id, f"{count} of {total} files")

    def _lossless(self, datastore_id: str) -> str:
        """The transfer syntax of what the data store does not keep as it came."""
        with self.database.read() as db:
            row = resources.datastore(db, datastore_id)
        return pixels.LOSSLESS[row["lossless_storage_format"]]

    def _outcomes(self, tasks: Iterator[Task]) -> Iterator[Staged | Failed]:
        """The outcomes as they come, with never more than two tasks a worker under way."""
        ahead = 2 * self.pool.size
        with ThreadPoolExecutor(ahead, "import-file") as threads:
            running: set[Future[Staged | Failed]] = set()
            while True:
                new = islice(tasks, ahead - len(running))
                running |= {threads.submit(self.pool.run, task) for task in new}
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()

    def _report(self, s3: s3client.S3, job: Any) -> None:
        folder = jobs.output_folder(job)
        bucket, prefix = s3client.parse_uri(folder)
        with tempfile.TemporaryDirectory(dir=self.layout.root) as name:
            success, failure = Path(name) / "success", Path(name) / "failure"
            counts = self._write_lines(job["id"], success, failure)
            manifest = Path(name) / "manifest"
            summary = self._summary(job, folder, counts)
            manifest.write_bytes(orjson.dumps({"jobSummary": summary}, option=orjson.OPT_INDENT_2))
            s3.put(bucket, f"{prefix}SUCCESS/success.ndjson", success)
            s3.put(bucket, f"{prefix}FAILURE/failure.ndjson", failure)
            s3.put(bucket, f"{prefix}job-output-manifest.json", manifest)

    def _write_lines(self, job_id: str, success: Path, failure: Path) -> dict[str, int]:
        counts = {"imported": 0, "customer": 0, "server": 0}
        with success.open("wb") as good, failure.open("wb") as bad:
            for row in jobs.outcomes(self.database, job_id):
                if row["image_set_id"] is not None:
                    counts["imported"] += 1
                    response = {"imageSetId": row["image_set_id"]} | _primary(row)
                    good.write(_line({"inputFile": row["key"], "importResponse": response}))
                    continue
                counts["customer" if row["kind"] == _CUSTOMER_ERROR else "server"] += 1
                error = {"exceptionType": row["kind"], "message": row["message"]}
                bad.write(_line({"inputFile": row["key"], "exception": error}))
        return counts

    def _summary(self, job: Any, output: str, counts: dict[str, int]) -> dict[str, Any]:
        sets = jobs.image_set_counts(self.database, job["id"])
        return {
            "jobId": job["id"],
            "datastoreId": job["datastore_id"],
            "inputS3Uri": job["input_uri"],
            "outputS3Uri": output,
            "successOutputS3Uri": f"{output}SUCCESS/",
            "failureOutputS3Uri": f"{output}FAILURE/",
            "numberOfScannedFiles": sum(counts.values()),
            "numberOfImportedFiles": counts["imported"],
            "numberOfFilesWithCustomerError": counts["customer"],
            "numberOfFilesWithServerError": counts["server"],
            "numberOfGeneratedImageSets": len(sets),
            "imageSetsSummary": [
                {
                    "imageSetId": row["image_set_id"],
                    "imageSetVersion": row["image_set_version"],
                    "numberOfMatchedSOPInstances": row["instances"],
                }
                | _primary(row)
                for row in sets
            ],
        }


def _primary(row: Any) -> dict[str, bool]:
    return {} if row["is_primary"] is None else {"isPrimary": bool(row["is_primary"])}


def _line(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _survey(objects: Iterable[s3client.Object], prefix: str, quotas: Quotas) -> int:
    """The number of files; those beyond the quota on one file's size do not count to the total's.

    Raises:
        JobFailed: there are more of them, or larger ones, or more folders than the quotas allow.
    """
    files = size = 0
    folders: set[str] = set()
    for found in objects:
        files += 1
        if quotas.excess("file-size", found.size) is None:
            size += found.size
        folders.update(_folders(found.key, prefix))
        for name, value in (("files", files), ("total-size", size), ("folders", len(folders))):
            reason = quotas.excess(name, value)
            if reason is not None:
                raise JobFailed(reason)
    return files


def _folders(key: str, prefix: str) -> Iterator[str]:
    """The folders below the job's that a key lies in."""
    start = prefix.rfind("/") + 1
    while (start := key.find("/", start) + 1) > 0:
        yield key[:start]


def _check_output(s3: s3client.S3, uri: str) -> None:
    bucket, prefix = s3client.parse_uri(uri)
    next(s3.objects(bucket, prefix), None)  # raises where the bucket cannot be reached


class JobRunner:
    """Runs submitted jobs, two at a time and in the order of submission."""

    def __init__(self, importer: Importer) -> None:
        self._importer = importer
        self._threads = ThreadPoolExecutor(_CONCURRENT_JOBS, "import-job")
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="import-keeper", daemon=True)

    def start(self) -> None:
        """Take up what a former run of the server left unfinished."""
        self._keeper.start()
        for job_id in jobs.unfinished(self._importer.database):
            self.submit(job_id)

    def submit(self, job_id: str) -> None:
        """Queue a job."""
        self._threads.submit(self._importer.run, job_id)

    def _keep(self) -> None:
        while not self._stop.wait(10):
            self._importer.pool.trim()

    def interrupt(self) -> None:
        """Let no job come to an end from now on; ``close`` follows.

        While the server ends, its own buckets are out of reach: a file that fails then has not
        failed.
        """
        self._importer.pool.interrupt()

    def close(self) -> None:
        """Stop: files under way are dropped and done again when the job is resumed."""
        self._stop.set()
        self._importer.pool.close()
        self._threads.shutdown(cancel_futures=True)
