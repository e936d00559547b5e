"""Running servers for tests: the embedded HealthImaging as a process, the gateway in a thread."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import boto3
import httpx
from botocore.config import Config

from gateway import serving
from gateway.app import create_app
from gateway.remote.client import HealthImagingClient
from gateway.settings import GatewaySettings, load
from tests.forked import GATEWAY, Forked

ROLE = "arn:aws:iam::123456789012:role/ImportJobDataAccessRole"


class HealthImaging:
    """An embedded server on a data folder of its own, and boto3 clients for it."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        **mounts: Path,
    ) -> None:
        self.data = data
        self._environment = environment or {}
        self._arguments = arguments
        self._mounts = mounts
        self._clients = []
        self.process = None
        self.start()

    def start(self) -> None:
        command = ["healthimaging", "--data", str(self.data)]
        for name, folder in self._mounts.items():
            command += ["--mount", f"{name}={folder}"]
        command += self._arguments
        environment = os.environ | self._environment
        self.process = Forked(GATEWAY, *command, environment=environment)
        assert self.process.readline(), "the embedded HealthImaging did not start"
        self.known = json.loads((self.data / "healthimaging.json").read_text())
        self.datastore_id = self.known["datastoreId"]
        self.connection = {k: v for k, v in self.known.items() if k != "datastoreId"}
        self.imaging = self.client("medical-imaging")
        self.s3 = self.client("s3")

    def client(self, service: str, *, loose: bool = False, **changes):
        """A boto3 client that is closed with the server; a loose one checks no parameters."""
        config = Config(
            inject_host_prefix=False,
            retries={"total_max_attempts": 1},
            parameter_validation=not loose,
        )
        self._clients.append(boto3.client(service, config=config, **(self.connection | changes)))
        return self._clients[-1]

    def _close_clients(self) -> None:
        while self._clients:
            self._clients.pop().close()

    def stop(self) -> int:
        self._close_clients()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        self._close_clients()
        self.process.kill()
        self.process.wait(30)

    def stop_hard_after(self, seconds: float) -> None:
        """``kill -9`` after a while, and start again."""
        time.sleep(seconds)
        self.kill()
        self.start()

    def upload(self, files: Iterable[Path], prefix: str, bucket: str = "input") -> dict[str, Path]:
        self.s3.create_bucket(Bucket=bucket)
        keys = {}
        for number, path in enumerate(files):
            key = f"{prefix}/{number:05d}-{path.name}"
            self.s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
            keys[key] = path
        return keys

    def start_job(self, uri: str, datastore_id: str | None = None) -> str:
        self.s3.create_bucket(Bucket="output")
        answer = self.imaging.start_dicom_import_job(
            datastoreId=datastore_id or self.datastore_id,
            dataAccessRoleArn=ROLE,
            inputS3Uri=uri,
            outputS3Uri="s3://output/results/",
        )
        assert answer["jobStatus"] == "SUBMITTED"
        return answer["jobId"]

    def wait(self, job_id: str, datastore_id: str | None = None, seconds: float = 100) -> dict:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.imaging.get_dicom_import_job(
                datastoreId=datastore_id or self.datastore_id, jobId=job_id
            )["jobProperties"]
            if job["jobStatus"] in ("COMPLETED", "FAILED"):
                return job
            time.sleep(0.05)
        raise TimeoutError(job_id)

    def output(self, job_id: str, name: str, datastore_id: str | None = None) -> bytes:
        key = f"results/{datastore_id or self.datastore_id}-DicomImport-{job_id}/{name}"
        return self.s3.get_object(Bucket="output", Key=key)["Body"].read()

    def lines(self, job_id: str, name: str, datastore_id: str | None = None) -> list[dict]:
        content = self.output(job_id, name, datastore_id)
        return [json.loads(line) for line in content.splitlines()]

    def manifest(self, job_id: str, datastore_id: str | None = None) -> dict:
        return json.loads(self.output(job_id, "job-output-manifest.json", datastore_id))[
            "jobSummary"
        ]

    def import_files(
        self, files: Iterable[Path], prefix: str, datastore_id: str | None = None
    ) -> tuple[dict[Path, str], dict[Path, str]]:
        """Import files: the image set of each, and the reason of each that failed."""
        keys = self.upload(files, prefix)
        job_id = self.start_job(f"s3://input/{prefix}/", datastore_id)
        job = self.wait(job_id, datastore_id)
        assert job["jobStatus"] == "COMPLETED", job
        good = self.lines(job_id, "SUCCESS/success.ndjson", datastore_id)
        bad = self.lines(job_id, "FAILURE/failure.ndjson", datastore_id)
        return (
            {keys[one["inputFile"]]: one["importResponse"]["imageSetId"] for one in good},
            {keys[one["inputFile"]]: one["exception"]["message"] for one in bad},
        )


def environment(server: HealthImaging, **settings) -> dict[str, str]:
    """What a gateway in front of a server is told; in capitals what is no setting of its own."""
    known = server.known
    given = {
        "AWS_ACCESS_KEY_ID": known["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": known["aws_secret_access_key"],
        "datastore_id": known["datastoreId"],
        "endpoint_url": known["endpoint_url"],
        "region": known["region_name"],
        "port": 0,
    }
    named = {
        name if name.isupper() else f"GATEWAY_{name.upper()}": str(value)
        for name, value in (given | settings).items()
    }
    return os.environ | named


def serve(server: HealthImaging, stderr: int | None = None, **settings) -> subprocess.Popen:
    """``python -m gateway serve`` in front of a server; its first line ends with the root."""
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve"],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=environment(server, **settings),
    )


class Store:
    """One data store of a server, as tests of changes speak of it."""

    def __init__(self, server: HealthImaging, rule: str = "primary") -> None:
        self.server = server
        made = server.imaging.create_datastore(tags={"embedded:import-rule": rule})
        self.id = made["datastoreId"]
        self._jobs = 0

    def call(self, operation: str, **parameters) -> dict:
        answer = getattr(self.server.imaging, operation)(datastoreId=self.id, **parameters)
        answer.pop("ResponseMetadata")
        return answer

    def bring(self, *paths: Path) -> list[str]:
        """Import files in one job; the image set of each."""
        self._jobs += 1
        prefix = f"{self.id}-{self._jobs}"
        good, bad = self.server.import_files(paths, prefix, self.id)
        assert not bad, bad
        return [good[path] for path in paths]

    def properties(self, image_set: str, **version) -> dict:
        return self.call("get_image_set", imageSetId=image_set, **version)

    def settled(self, image_set: str, seconds: float = 60) -> dict:
        """Wait until an image set is unlocked; its properties."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.properties(image_set)
            if found["imageSetState"] != "LOCKED":
                return found
            time.sleep(0.01)
        raise TimeoutError(image_set)

    def metadata(self, image_set: str, **version) -> dict:
        answer = self.call("get_image_set_metadata", imageSetId=image_set, **version)
        return json.loads(gzip.decompress(answer["imageSetMetadataBlob"].read()))

    def update(self, image_set: str, version: int | str, force: bool = False, **more) -> dict:
        """UpdateImageSetMetadata: ``updatable``, ``removable`` trees, ``revert`` or ``study``."""
        if "revert" in more:
            updates = {"revertToVersionId": str(more["revert"])}
        else:
            names = {"updatable": "updatableAttributes", "removable": "removableAttributes"}
            updates = {
                "DICOMUpdates": {
                    name: json.dumps({"SchemaVersion": 1.1, **more[key]}).encode()
                    for key, name in names.items()
                    if key in more
                }
            }
        study = {"includeStudyImageSets": True} if more.get("study") else {}
        return self.call(
            "update_image_set_metadata",
            imageSetId=image_set,
            latestVersionId=str(version),
            force=force,
            updateImageSetMetadataUpdates=updates,
            **study,
        )

    def copy(self, source: str, version: int, into: tuple[str, int] | None = None, **more) -> str:
        """CopyImageSet; the destination's identifier."""
        information: dict = {"sourceImageSet": {"latestVersionId": str(version)}}
        if into:
            place = {"imageSetId": into[0], "latestVersionId": str(into[1])}
            information["destinationImageSet"] = place
        if "subset" in more:
            instances = {uid: {} for uid in more["subset"]}
            tree = {"Study": {"Series": {"any": {"Instances": instances}}}}
            copies = {"copiableAttributes": json.dumps(tree)}
            information["sourceImageSet"]["DICOMCopies"] = copies
        flags = {key: more[key] for key in ("force", "promoteToPrimary") if key in more}
        answer = self.call(
            "copy_image_set", sourceImageSetId=source, copyImageSetInformation=information, **flags
        )
        return answer["destinationImageSetProperties"]["imageSetId"]

    def search(self, **criteria) -> list[dict]:
        pages = self.server.imaging.get_paginator("search_image_sets").paginate(
            datastoreId=self.id, searchCriteria=criteria
        )
        return [one for page in pages for one in page["imageSetsMetadataSummaries"]]


class Gateway:
    """The gateway in a thread, on a port of its own."""

    def __init__(self, server: HealthImaging, **settings) -> None:
        known = server.known
        self.settings: GatewaySettings = load(
            GatewaySettings,
            **{
                "datastore_id": known["datastoreId"],
                "endpoint_url": known["endpoint_url"],
                "region": known["region_name"],
                "search_ttl": 0,
                "catalog": "off",
                **settings,
            },
        )
        keys = {name: known[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
        app = create_app(self.settings, HealthImagingClient(self.settings, **keys))
        listening = serving.listen("127.0.0.1", 0, "PORT")
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.root = f"{self.url}/dicomweb"
        self._server = serving.server(app)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def loaded(self, seconds: float = 60) -> "Gateway":
        """Wait until the catalog has everything."""
        deadline = time.monotonic() + seconds
        told = re.compile(r"^gateway_catalog_loaded{.*} 1.0$", re.MULTILINE)
        while not told.search(httpx.get(f"{self.url}/metrics").text):
            assert time.monotonic() < deadline, "the catalog is not loaded"
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
