"""``make run``: an embedded HealthImaging with sample studies, and the gateway in front of it."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from socket import socket
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from pydicom.data import get_testdata_file
from starlette.types import ASGIApp

from gateway import serving, workers
from gateway.app import create_app
from gateway.emulator import identity, quotas
from gateway.errors import ConfigurationError, GatewayError
from gateway.remote.client import HealthImagingClient
from gateway.remote.imports import Imports, explain
from gateway.services.readiness import Progress
from gateway.services.viewer import Viewer
from gateway.settings import GatewaySettings, load

_SHIPPED: Final = Path(__file__).parent / "samples"
_BUCKET: Final = "samples"
_SHOWN_FAILURES: Final = 20
_NOTICE_BYTES: Final = 512
QUOTAS: Final = "files=100000000,folders=100000000,total-size=100000000GB"
"""One job imports a folder of any size: here nobody could cut it into several."""
_PYDICOM: Final = (
    "CT_small.dcm",
    "JPEG2000.dcm",
    "MR_small.dcm",
    "examples_jpeg2k.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
    "examples_ybr_color.dcm",
    "liver_1frame.dcm",
    "reportsi.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "waveform_ecg.dcm",
)


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)  # noqa: T201


class EmbeddedServer:
    """The embedded HealthImaging as a child process that ends when this one does.

    Its quotas let one job import a folder of any size.
    """

    def __init__(self, data: Path, mounts: Mapping[str, Path]) -> None:
        command = [sys.executable, "-m", "gateway", "healthimaging", "--data", str(data)]
        for name, folder in mounts.items():
            command += ["--mount", f"{name}={folder}"]
        own = os.environ.get(quotas.VARIABLE, "")  # the last one of a name counts
        self._process = subprocess.Popen(  # noqa: S603
            [*command, "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {quotas.VARIABLE: f"{QUOTAS},{own}"},
        )

    def wait_until_listening(self) -> None:
        """Return once it takes connections.

        Raises:
            ConfigurationError: it could not start; it has said why.
        """
        assert self._process.stdout is not None  # noqa: S101
        if not self._process.stdout.readline():
            raise ConfigurationError("The embedded HealthImaging did not start.")

    def wait(self) -> None:
        """Return when it has ended."""
        self._process.wait()

    def close(self) -> None:
        """End it: its standard input closes, which it watches."""
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Notice:
    """A sentence that all processes can read, until there is none any more."""

    def __init__(self, text: str) -> None:
        self._shared = multiprocessing.get_context("spawn").RawArray("c", _NOTICE_BYTES)
        self.put(text)

    def put(self, text: str | None) -> None:
        """Have ``text`` read from now on; the end of a long one is left out."""
        self._shared.value = (text or "").encode()[: _NOTICE_BYTES - 1]

    def __call__(self) -> str | None:
        """What is to be read."""
        return self._shared.value.decode(errors="ignore") or None


class Startup:
    """The import of the samples, beside the running gateway."""

    def __init__(self, imports: Imports, root: str, data: Path, *, viewer: bool) -> None:
        self._imports = imports
        self._root = root
        self._viewer = viewer
        self._data = data
        self.progress = Notice("starting")
        """What keeps the gateway from being ready."""

    def run(self) -> None:
        """Import what is to be imported, then say where everything is."""
        try:
            self._import()
        except (GatewayError, ClientError, BotoCoreError) as error:
            known = isinstance(error, GatewayError)
            reason = str(error) if known else explain(error)
            say(f"The samples were not imported: {reason}")
        self.progress.put(None)
        say(f"HealthImaging endpoint, data store and keys: {identity.path(self._data)}")
        if self._viewer:
            say(f"Viewer: {self._root.removesuffix('/dicomweb')}/viewer/")
        say("DICOMweb root:")
        say(self._root)

    def _import(self) -> None:
        job = self._imports.unfinished()
        if job is None and self._imports.is_empty():
            job = self._imports.start(f"s3://{_BUCKET}/")
        if job is None:
            say("The data folder holds studies already; nothing is imported.")
            return
        summary = self._imports.follow(job, self._tell)
        failures = self._imports.failures(job)
        say(
            f"Imported {summary['numberOfImportedFiles']} of {summary['numberOfScannedFiles']} "
            f"files into {summary['numberOfGeneratedImageSets']} image sets."
        )
        for name, reason in failures[:_SHOWN_FAILURES]:
            say(f"  not imported: {name}: {reason}")
        if len(failures) > _SHOWN_FAILURES:
            say(f"  and {len(failures) - _SHOWN_FAILURES} more, see failure.ndjson of the job")

    def _tell(self, message: str) -> None:
        self.progress.put(f"importing: {message}")
        say(f"Importing: {message}")


def run(data: Path, port: int, samples: Path | None) -> int:
    """Serve until a signal; the exit status."""
    if samples is not None and not samples.is_dir():
        raise ConfigurationError(f"SAMPLES {samples} is not a folder.")
    data.mkdir(parents=True, exist_ok=True)
    given: GatewaySettings = load(GatewaySettings, datastore_id="0" * 32, port=port)
    sockets = serving.share(given.host, port, "PORT", given.workers)
    embedded = EmbeddedServer(data, {_BUCKET: (samples or _collected(data)).resolve()})
    try:
        embedded.wait_until_listening()
        return _serve(data, sockets, embedded)
    finally:
        embedded.close()
        for one in sockets:
            one.close()


def _serve(data: Path, sockets: Sequence[socket], embedded: EmbeddedServer) -> int:
    known = identity.load(data)
    if known is None:
        raise ConfigurationError(f"{identity.path(data)} is missing.")
    port = sockets[0].getsockname()[1]
    settings: GatewaySettings = load(
        GatewaySettings,
        datastore_id=known.datastoreId,
        endpoint_url=known.endpoint_url,
        region=known.region_name,
        port=port,
        catalog_url=os.environ.get("GATEWAY_CATALOG_URL") or f"sqlite:///{_catalog(data)}",
    )
    keys = {
        "aws_access_key_id": known.aws_access_key_id,
        "aws_secret_access_key": known.aws_secret_access_key,
    }
    connection = keys | {"endpoint_url": known.endpoint_url, "region_name": known.region_name}
    root = settings.public_url or f"http://127.0.0.1:{port}"
    imports = Imports(known.datastoreId, connection)
    viewer = Viewer(settings.viewer_dir).installed()
    startup = Startup(imports, f"{root.rstrip('/')}/dicomweb", data, viewer=viewer)
    make = partial(_application, settings, keys, startup.progress)
    running = workers.service(sockets, make, os.environ.get("GATEWAY_LOG_LEVEL", "warning"))
    threading.Thread(target=startup.run, daemon=True).start()
    threading.Thread(target=_watch, args=(embedded, running), daemon=True).start()
    return running.run()


def _catalog(data: Path) -> Path:
    return data.absolute() / "catalog" / "catalog.sqlite"


def _application(settings: GatewaySettings, keys: Mapping[str, str], progress: Progress) -> ASGIApp:
    return create_app(settings, HealthImagingClient(settings, **keys), progress)


def _watch(embedded: EmbeddedServer, running: workers.Alone | workers.Supervisor) -> None:
    embedded.wait()
    if not running.ending:
        say("The embedded HealthImaging has ended; stopping.")
        running.end()


def _collected(data: Path) -> Path:
    """The shipped samples in one folder: those of this package and a selection of pydicom's."""
    target = data / "samples"
    if not target.is_dir():
        aside = data / ".samples.part"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(_SHIPPED, aside, ignore=shutil.ignore_patterns("*.md"))
        for name in _PYDICOM:
            source = get_testdata_file(name, download=False)
            if isinstance(source, str):
                shutil.copy(source, aside)
        aside.rename(target)
    return target
