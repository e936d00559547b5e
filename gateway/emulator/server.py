"""The embedded HealthImaging over HTTP: one port for its API and for the buckets beside it.

Which of the two a request is for, its signature says: the credential scope names the service.
"""

import fcntl
import hashlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulator import (
    blobs,
    identity,
    model,
    operations,
    quotas,
    resources,
    s3server,
    sigv4,
)
from gateway.emulator.buckets import BucketFault, Buckets
from gateway.emulator.faults import STATUS, Fault, invalid
from gateway.emulator.importer import Importer, JobRunner
from gateway.emulator.paging import Pager
from gateway.emulator.s3client import Location
from gateway.emulator.store import Database
from gateway.emulator.touches import Touches
from gateway.emulator.workers import WorkerPool
from gateway.errors import ConfigurationError
from gateway.settings import HealthImagingSettings

_log = logging.getLogger(__name__)

_MAX_BODY: Final = 1 << 20
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "DELETE"]


class Server:
    """An embedded HealthImaging bound to its port; ``app`` is the ASGI application."""

    def __init__(self, settings: HealthImagingSettings, mounts: dict[str, Path]) -> None:
        limits = quotas.parse(settings.quotas)
        self._lock = _lock(settings.data)
        known = identity.load(settings.data)
        self.socket = _bind(settings, known)
        keys = (
            (known.aws_access_key_id, known.aws_secret_access_key) if known else identity.new_keys()
        )
        self._keys = sigv4.KeyPair(*keys, settings.region)
        url = _url(self.socket)
        self._buckets = Buckets(settings.data / "s3", mounts)
        self._buckets.root.mkdir(parents=True, exist_ok=True)
        self.service = _service(settings, limits, self._keys, url)
        datastore_id = known.datastoreId if known else ""
        self.identity = identity.Identity(
            url, settings.region, self._default_datastore(datastore_id), *keys
        )
        identity.save(settings.data, self.identity)
        self.app = Starlette(
            routes=[Route("/{path:path}", self._handle, methods=_METHODS)], lifespan=self._lifespan
        )

    def _default_datastore(self, datastore_id: str) -> str:
        with self.service.database.write() as db:
            with suppress(Fault):
                return str(resources.active_datastore(db, datastore_id)["id"])
            return resources.create_datastore(db, {"datastoreName": "local"}, self._keys.region)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.service.runner.start()
        self.service.touches.start()
        yield
        await run_in_threadpool(self.service.runner.close)
        await run_in_threadpool(self.service.touches.close)

    async def _handle(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if path == "/healthz" and "authorization" not in request.headers:
            return JSONResponse({"status": "ok"})
        query = request.scope["query_string"].decode("latin-1")
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw]
        wire = sigv4.Request(request.method, path, query, headers)
        response = await self._answer(request, wire)
        response.headers["x-amzn-RequestId"] = str(uuid4())
        return response

    async def _answer(self, request: Request, wire: sigv4.Request) -> Response:
        bucket_request = False
        try:
            authorization = sigv4.parse(wire)
            bucket_request = authorization.service == "s3"
            if bucket_request:
                self._verify(wire, authorization, s3server.payload_hash(wire))
                return await s3server.handle(request, self._buckets, wire.path)
            body = await _body(request)
            self._verify(wire, authorization, hashlib.sha256(body).hexdigest())
            return await run_in_threadpool(self._call, wire, body)
        except BucketFault as fault:
            return s3server.error(fault)
        except ClientDisconnect:
            return Response(status_code=400)
        except Fault as fault:
            if bucket_request:
                return s3server.error(BucketFault(403, "AccessDenied", str(fault)))
            return _error(fault)
        except Exception:
            _log.exception("request_failed", extra={"method": wire.method})
            return _error(Fault("InternalServerException", "The server failed; its log says where"))

    def _verify(self, wire: sigv4.Request, given: sigv4.Authorization, payload: str) -> None:
        if given.service not in ("s3", "medical-imaging"):
            raise sigv4.denied("Credential should be scoped to the service medical-imaging or s3")
        sigv4.verify(wire, given, self._keys, payload, datetime.now(UTC))

    def _call(self, wire: sigv4.Request, body: bytes) -> Response:
        found = model.match(wire.method, wire.path)
        if found is None:
            raise Fault("UnknownOperationException", "No operation of HealthImaging has this path")
        operation, parameters = found
        call = model.parse(operation, parameters, wire.query, body)
        result = operations.call(self.service, call.operation, call.parameters)
        answer = model.serialize(call.operation, result)
        return Response(answer.body, answer.status, answer.headers)

    def close(self) -> None:
        """Stop import jobs, release the port and the data folder; once more does no harm."""
        self.service.runner.close()
        self.service.touches.close()
        self.socket.close()
        self._lock.close()


def _service(
    settings: HealthImagingSettings, limits: quotas.Quotas, keys: sigv4.KeyPair, url: str
) -> operations.Service:
    layout = blobs.Layout(settings.data / "healthimaging")
    database = Database(layout.database)
    pool = WorkerPool(settings.workers, settings.file_seconds, settings.worker_memory_mb << 20)
    location = Location(url, keys.region, keys.access_key_id, keys.secret_access_key)
    if settings.s3_endpoint_url:
        location = Location(settings.s3_endpoint_url, keys.region)
    runner = JobRunner(Importer(database, layout, pool, location, limits))
    pager = Pager(keys.secret_access_key)
    touches = Touches(database, settings.archive_days)
    return operations.Service(database, layout, runner, pager, settings.region, limits, touches)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise invalid("The request body is larger than 1 MiB")
    return body


def _error(fault: Fault) -> Response:
    return Response(
        orjson.dumps({"message": str(fault)}),
        STATUS[fault.code],
        {"x-amzn-ErrorType": fault.code},
        "application/json",
    )


def _lock(data: Path) -> BinaryIO:
    """Hold the data folder: two servers on one folder would not see each other's jobs."""
    data.mkdir(parents=True, exist_ok=True)
    file = (data / ".healthimaging.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        message = f"The data folder {data} is in use by another embedded HealthImaging server."
        raise ConfigurationError(message) from error
    return file


def _bind(settings: HealthImagingSettings, known: identity.Identity | None) -> socket.socket:
    last = urlsplit(known.endpoint_url).port or 0 if known else 0
    for port in (settings.port,) if settings.port else (last, 0):
        try:
            return socket.create_server((settings.host, port), backlog=2048)
        except OSError as error:
            if settings.port:
                message = f"HEALTHIMAGING_PORT {port} cannot be used: {error.strerror}."
                raise ConfigurationError(message) from error
    raise ConfigurationError(f"HEALTHIMAGING_HOST {settings.host} cannot be listened on.")


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  compared, not bound
