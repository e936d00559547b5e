"""The command line: serve, demo, healthimaging, import, catalog, viewer, check, key."""

import argparse
import asyncio
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

# Before NumPy is loaded: codecs bring their own threads, and none of the work is linear algebra.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from botocore.exceptions import BotoCoreError, ClientError

from gateway import catalogs, demo, ohif, serving, workers
from gateway.app import create_app
from gateway.auth import apikeys
from gateway.auth.access import access
from gateway.emulator import identity, quotas
from gateway.emulator.server import Server
from gateway.errors import ConfigurationError, GatewayError
from gateway.framing import Limits
from gateway.remote.client import HealthImagingClient
from gateway.remote.imports import Imports, batches, explain
from gateway.settings import (
    GatewaySettings,
    HealthImagingSettings,
    SettingsError,
    load,
    unknown,
)
from gateway.telemetry import logs

_FAILED: Final = 1
_INTERRUPTED: Final = 130


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _serve(_: argparse.Namespace) -> int:
    settings = _gateway_settings()
    access(settings)  # a mistake in it is told before anything is begun
    sockets = serving.share(settings.host, settings.port, "GATEWAY_PORT", settings.workers)
    demo.say(f"DICOMweb root: http://{settings.host}:{sockets[0].getsockname()[1]}/dicomweb")
    make, drain = partial(create_app, settings), settings.drain_delay + settings.drain_seconds
    return workers.service(sockets, make, settings.log_level, drain).run()


def _gateway_settings() -> GatewaySettings:
    # Links of one worker have to be good for all of them.
    link_key = os.environ.get("GATEWAY_LINK_KEY") or secrets.token_urlsafe(32)
    settings: GatewaySettings = load(GatewaySettings, link_key=link_key)
    logs.configure(settings.log_level)
    for sentence in unknown(GatewaySettings, os.environ):
        _complain(sentence)
    return settings


def _demo(arguments: argparse.Namespace) -> int:
    if os.environ.get("GATEWAY_DATASTORE_ID"):
        demo.say("GATEWAY_DATASTORE_ID is set: serving that data store, without an embedded one.")
        os.environ.setdefault("GATEWAY_PORT", str(arguments.port))
        return _serve(arguments)
    logs.configure(os.environ.get("GATEWAY_LOG_LEVEL", "warning"))
    return demo.run(arguments.data, arguments.port, arguments.samples)


def _healthimaging(arguments: argparse.Namespace) -> int:
    settings: HealthImagingSettings = load(
        HealthImagingSettings,
        data=arguments.data,
        port=arguments.port,
        simulate=arguments.simulate,
        latency_ms=arguments.latency,
        faults=",".join(arguments.fault) or None,
    )
    logs.configure(settings.log_level)
    for sentence in unknown(HealthImagingSettings, os.environ):
        _complain(sentence)
    mounts = dict(_mount(text) for text in arguments.mount)
    server = Server(settings, mounts)
    interrupt, limits = server.service.runner.interrupt, Limits(resettable=True)
    running = serving.server(server.app, interrupt, limits)
    serving.end_on_signals(running)
    demo.say(f"HealthImaging endpoint: {server.identity.endpoint_url}")
    if arguments.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        serving.run(running, server.socket)
    finally:
        server.close()
    return 0


def _mount(text: str) -> tuple[str, Path]:
    name, found, folder = text.partition("=")
    if not found or not Path(folder).is_dir():
        raise ConfigurationError(f"--mount {text} is not BUCKET=FOLDER with an existing folder.")
    return name, Path(folder).resolve()


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the parent closes its side, or is gone
    os.kill(os.getpid(), signal.SIGTERM)


def _import(arguments: argparse.Namespace) -> int:
    known = identity.load(arguments.data)
    if known is None or not arguments.folder.is_dir():
        missing = f"{arguments.folder} is not a folder."
        raise ConfigurationError(
            missing if known else f"{identity.path(arguments.data)} is missing."
        )
    connection = {
        "endpoint_url": known.endpoint_url,
        "region_name": known.region_name,
        "aws_access_key_id": known.aws_access_key_id,
        "aws_secret_access_key": known.aws_secret_access_key,
    }
    imports = Imports(known.datastoreId, connection)
    limits = (quotas.TABLE["files"].default, quotas.TABLE["total-size"].default)
    imported = scanned = 0
    for files in batches(arguments.folder, *limits):
        summary = _import_batch(imports, arguments.folder, files)
        imported += summary["numberOfImportedFiles"]
        scanned += summary["numberOfScannedFiles"]
    demo.say(f"Imported {imported} of {scanned} files.")
    return 0


def _import_batch(imports: Imports, folder: Path, files: list[Path]) -> dict[str, Any]:
    """Import as many files as the service's quotas allow in one job; the job's summary."""
    prefix = f"upload-{os.getpid()}-{os.urandom(4).hex()}"
    imports.upload(folder, files, "imports", prefix)
    demo.say(f"Uploaded {len(files)} files.")
    job = imports.start(f"s3://imports/{prefix}/")
    summary = imports.follow(job, lambda message: demo.say(f"Importing: {message}"))
    for name, reason in imports.failures(job):
        demo.say(f"  not imported: {name}: {reason}")
    return summary


def _check(_: argparse.Namespace) -> int:
    settings = _gateway_settings()
    access(settings)

    async def ask() -> None:
        client = HealthImagingClient(settings)
        try:
            await client.check(settings.datastore_id)
        finally:
            await client.close()

    asyncio.run(ask())
    demo.say("The settings are valid and the data store is active.")
    return 0


def _viewer(arguments: argparse.Namespace) -> int:
    new = ohif.install(arguments.into, arguments.archive)
    demo.say(f"OHIF {ohif.VERSION} is installed{'' if new else ' already'} in {arguments.into}.")
    return 0


def _catalog(arguments: argparse.Namespace) -> int:
    settings = _gateway_settings()
    match arguments.action:
        case "status":
            return catalogs.status(settings)
        case "rebuild":
            return catalogs.rebuild(settings)
        case _:
            return catalogs.verify(settings, deep=arguments.deep)


def _key(arguments: argparse.Namespace) -> int:
    key, line = apikeys.make(arguments.name, arguments.grant, arguments.until)
    demo.say(f"The key, which is shown only now:\n{key}")
    demo.say(f"Its line of the file that GATEWAY_API_KEYS_FILE names:\n{line}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dicomweb-gateway", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("serve", _serve, "serve DICOMweb from the data store that GATEWAY_DATASTORE_ID names")
    run = add("demo", _demo, "serve sample studies from an embedded HealthImaging")
    run.add_argument("--data", type=Path, default=Path("data"), help="folder for everything stored")
    run.add_argument("--port", type=int, default=8080, help="port of the gateway")
    run.add_argument("--samples", type=Path, help="folder of DICOM files to import instead")
    emulator = add("healthimaging", _healthimaging, "run the embedded HealthImaging alone")
    emulator.add_argument("--data", type=Path, help="folder for everything stored")
    emulator.add_argument("--port", type=int, help="port to listen on; 0 keeps that of before")
    emulator.add_argument(
        "--mount", action="append", default=[], metavar="BUCKET=FOLDER",
        help="serve a folder as a bucket, for reading",
    )  # fmt: skip
    emulator.add_argument("--simulate", metavar="aws", help="apply the request rates of AWS")
    emulator.add_argument("--latency", metavar="MS", help="milliseconds added to calls")
    emulator.add_argument(
        "--fault", action="append", default=[], metavar="ACTION:KIND[:rate=SHARE]",
        help="inject a fault: error=CODE, slow=SPEED, stall=SECONDS, truncate, reset",
    )  # fmt: skip
    emulator.add_argument(
        "--with-parent", action="store_true", help="end when standard input closes"
    )
    load_ = add("import", _import, "import a folder into a running embedded HealthImaging")
    load_.add_argument("folder", type=Path, help="folder of DICOM files")
    load_.add_argument("--data", type=Path, default=Path("data"), help="the server's data folder")
    catalog = add("catalog", _catalog, "the search index: how far it is, built anew, or compared")
    catalog.add_argument("action", choices=("status", "rebuild", "verify"))
    catalog.add_argument("--deep", action="store_true", help="verify: compare every document")
    viewer = add("viewer", _viewer, "install the OHIF viewer, which is served at /viewer/ then")
    viewer.add_argument("--into", type=Path, default=Path("build/viewer"), help="folder for it")
    viewer.add_argument("--archive", type=Path, help="its npm package, if npm cannot fetch it")
    add("check", _check, "check the settings and the way to the data store")
    key = add("key", _key, "make a key for a machine, and its line of GATEWAY_API_KEYS_FILE")
    key.add_argument("name", help="what the machine is called")
    key.add_argument(
        "--grant", action="append", required=True, metavar="DATASTORE:ACTIONS",
        help="data store, default or *, and some of search,read,rendered,metrics",
    )  # fmt: skip
    key.add_argument(
        "--until", type=date.fromisoformat, metavar="YYYY-MM-DD", help="last day of the key"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
    except (GatewayError, SettingsError) as error:
        _complain(str(error))
        return _FAILED
    except (ClientError, BotoCoreError) as error:
        _complain(explain(error))
        return _FAILED
    except KeyboardInterrupt:  # before the servers took over the signals
        return _INTERRUPTED
    return status
