"""The servers that are compared, each on loopback with data of its own below the bench folder."""

import http.client
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.settings import GatewaySettings
from tests.bench.processes import Process, free_port

ORTHANC_PLUGIN: Final = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_CONNECTIONS: Final = 8
_START_SECONDS: Final = 60
_OURS: Final = ("GATEWAY_", "HEALTHIMAGING_", "AWS_", "BENCH_")


def _environment(**more: str) -> dict[str, str]:
    """The caller's variables without those that would change what is measured, and ``more``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def tool(name: str) -> str | None:
    """Where a program is; Debian has servers outside a user's path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")


class HealthImaging:
    """The embedded server, on the imported data."""

    def __init__(self, folder: Path, *options: str, mounts: tuple[str, ...] = ()) -> None:
        data = folder / "healthimaging"
        self.options = options
        command = [sys.executable, "-m", "gateway", "healthimaging", "--data", str(data), *options]
        for mount in mounts:
            command += ["--mount", mount]
        quotas = "files=100000,total-size=100GB"
        self.process = Process(
            command,
            folder / "logs/healthimaging.log",
            _environment(HEALTHIMAGING_QUOTAS=quotas),
            r"endpoint: (\S+)",
        )
        known = json.loads((data / "healthimaging.json").read_text())
        self.datastore_id = known.pop("datastoreId")
        self.connection = known

    def gateway_environment(self) -> dict[str, str]:
        """What a gateway needs to know to be in front of it."""
        return {
            "GATEWAY_DATASTORE_ID": self.datastore_id,
            "GATEWAY_ENDPOINT_URL": self.connection["endpoint_url"],
            "GATEWAY_REGION": self.connection["region_name"],
            "AWS_ACCESS_KEY_ID": self.connection["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.connection["aws_secret_access_key"],
        }


def has_workers() -> bool:
    """Whether the gateway can run as several processes."""
    return "workers" in GatewaySettings.model_fields


class Gateway:
    """Our gateway, nothing in its caches."""

    def __init__(
        self, folder: Path, upstream: HealthImaging, workers: int = 1, **settings: object
    ) -> None:
        own = {"GATEWAY_CATALOG": "off"}
        own |= {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
        if has_workers():
            own["GATEWAY_WORKERS"] = str(workers)
        self.workers = workers if has_workers() else 1
        self.process = Process(
            [sys.executable, "-m", "gateway", "serve"],
            folder / "logs/gateway.log",
            _environment(GATEWAY_PORT="0", **upstream.gateway_environment(), **own),
            r"DICOMweb root: (\S+)",
        )
        self.root = self.process.found
        try:
            self._meet_all()
        except BaseException:
            self.process.stop()
            raise

    def _meet_all(self) -> None:
        """Return when every worker answers: the kernel divides new connections among them."""
        address = urlsplit(self.root).netloc
        for _ in range(_CONNECTIONS * self.workers):
            connection = http.client.HTTPConnection(address, timeout=_START_SECONDS)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            connection.close()


class Orthanc:
    """Orthanc with its DICOMweb plugin; it refuses whoever does not come from this machine."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        storage = folder / "orthanc"
        storage.mkdir(parents=True, exist_ok=True)
        configuration = folder / "orthanc.json"
        content = {
            "Name": "bench",
            "StorageDirectory": str(storage),
            "IndexDirectory": str(storage),
            "Plugins": [str(ORTHANC_PLUGIN)],
            "HttpPort": port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": False,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": True},
        }
        configuration.write_text(json.dumps(content, indent=1))
        self.process = Process(
            [str(tool("Orthanc")), str(configuration)],
            folder / "logs/orthanc.log",
            _environment(),
            r"(Orthanc has started)",
        )
        self.base = f"http://127.0.0.1:{port}"
        self.root = f"{self.base}/dicom-web"


class Bare:
    """uvicorn with an application that gives the same answers in turn."""

    def __init__(
        self, folder: Path, bodies: Sequence[bytes], media_type: str, workers: int
    ) -> None:
        port = free_port()
        content = folder / "bare"
        shutil.rmtree(content, ignore_errors=True)
        content.mkdir()
        for number, body in enumerate(bodies):
            (content / f"{number:04d}").write_bytes(body)
        command = [sys.executable, "-m", "uvicorn", "tests.bench.bare:app"]
        command += ["--loop", "uvloop", "--http", "httptools", "--lifespan", "off"]
        command += ["--no-access-log", "--no-server-header", "--no-proxy-headers"]
        command += ["--log-level", "warning", "--backlog", "2048"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
        self.process = Process(
            command,
            folder / "logs/bare.log",
            _environment(BENCH_BODIES=str(content), BENCH_TYPE=media_type),
            port=port,
        )
        self.root = f"http://127.0.0.1:{port}"


class Nginx:
    """nginx, which sends one file from disk."""

    def __init__(self, folder: Path, body: bytes, workers: int) -> None:
        port = free_port()
        place = folder / "nginx"
        place.mkdir(parents=True, exist_ok=True)
        (place / "frame").write_bytes(body)
        configuration = place / "nginx.conf"
        configuration.write_text(
            f"daemon off; worker_processes {workers}; pid {place}/nginx.pid;\n"
            f"error_log {place}/error.log;\n"
            "events { worker_connections 512; }\n"
            "http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n"
            f" open_file_cache max=100; client_body_temp_path {place}/body;\n"
            f" proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;\n"
            f" uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;\n"
            f" server {{ listen 127.0.0.1:{port}; root {place}; }} }}\n"
        )
        self.process = Process(
            [str(tool("nginx")), "-p", str(place), "-c", str(configuration)],
            folder / "logs/nginx.log",
            _environment(),
            port=port,
        )
        self.root = f"http://127.0.0.1:{port}"
