"""The embedded HealthImaging over HTTP: one port for its API and for the buckets beside it.

Which of the two a request is for, its signature says: the credential scope names the service.
"""

import fcntl
import hashlib
import logging
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.emulator import (
    actions,
    authorizers,
    blobs,
    calls,
    dicomweb,
    identity,
    model,
    operations,
    quotas,
    resources,
    s3server,
    sigv4,
    simulate,
    sinks,
    versions,
)
from gateway.emulator.buckets import BucketFault, Buckets
from gateway.emulator.calllog import CallLog
from gateway.emulator.calls import Call
from gateway.emulator.eventbus import EventBus
from gateway.emulator.faults import STATUS, Fault, invalid
from gateway.emulator.holdings import Holdings
from gateway.emulator.importer import Importer, JobRunner
from gateway.emulator.metrics import CONTENT_TYPE, Metrics
from gateway.emulator.paging import Pager
from gateway.emulator.s3client import Location
from gateway.emulator.store import Database
from gateway.emulator.touches import Touches
from gateway.emulator.workers import WorkerPool
from gateway.emulator.workflows import WorkflowRunner, Workflows
from gateway.errors import ConfigurationError
from gateway.settings import HealthImagingSettings

_log = logging.getLogger(__name__)

_MAX_BODY: Final = 1 << 20
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class _Target:
    """What a request is for, as far as its path tells; ``parse`` makes the call of its body."""

    action: str
    path: Mapping[str, str]
    parse: Callable[[bytes], model.Call]


def _target(wire: sigv4.Request) -> _Target | None:
    if retrieval := dicomweb.match(wire.method, wire.path):
        action, path = retrieval
        known = {"datastoreId": path["datastore"]}
        return _Target(action, known, lambda _: dicomweb.parse(action, path, wire))
    if found := model.match(wire.method, wire.path):
        operation, path = found
        return _Target(
            operation.name, path, lambda body: model.parse(operation, path, wire.query, body)
        )
    return None


class Server:
    """An embedded HealthImaging bound to its port; ``app`` is the ASGI application."""

    def __init__(self, settings: HealthImagingSettings, mounts: dict[str, Path]) -> None:
        self._simulation = simulate.from_settings(settings)
        self._authorizers = authorizers.Authorizers(settings.authorizer, settings.region)
        limits = quotas.parse(settings.quotas, of_account=settings.simulate is not None)
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
        told = sinks.configured(settings)
        self._events = EventBus(self.service.database, told, settings.region)
        self._holdings = Holdings(self.service.database, self.service.layout)
        self.service = _service(settings, limits, self._keys, url)
        datastore_id = known.datastoreId if known else ""
        self.identity = identity.Identity(
            url, settings.region, self._default_datastore(datastore_id), *keys
        )
        identity.save(settings.data, self.identity)
        self._data_events = settings.log_data_events
        with self.service.database.read() as db:
            self._metrics = Metrics(resources.datastore_ids(db))
        self._call_log = CallLog(settings.data, self._event, self._metrics.lost)
        self.app = Starlette(
            routes=[Route("/{path:path}", self._handle, methods=_METHODS)], lifespan=self._lifespan
        )

    def _default_datastore(self, datastore_id: str) -> str:
        with self.service.database.write() as db:
            with suppress(Fault):
                return str(resources.active_datastore(db, datastore_id)["id"])
            return resources.create_datastore(
                db, {"datastoreName": "local"}, self._keys.region, self.service.import_rule
            )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        with self.service.database.write() as db:
            versions.undo_imports(db)
        shutil.rmtree(self.service.layout.growing, ignore_errors=True)
        self._buckets.tidy()
        self._events.start()
        self.service.runner.start()
        self.service.workflows.start()
        self.service.touches.start()
        yield
        await run_in_threadpool(self._stop)

    def _stop(self) -> None:
        self.service.runner.close()
        self.service.workflows.close()
        self.service.touches.close()
        self._events.close()  # after the last change

    async def _handle(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if request.method in ("GET", "HEAD") and "authorization" not in request.headers:
            if path == "/healthz":
                return JSONResponse({"status": "ok"})
            if path == "/metrics":
                return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})
        query = request.scope["query_string"].decode("latin-1")
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw]
        wire = sigv4.Request(request.method, path, query, headers)
        call = Call(request.client.host if request.client else "", wire.header("user-agent"))
        response = await self._answer(request, wire, call)
        response.headers["x-amzn-RequestId"] = call.request_id
        if call.action:
            self._record(call, response.status_code)
        return response

    def _record(self, call: Call, status: int) -> None:
        call.end(status)
        self._metrics.count(call)
        if calls.is_logged(call, self._data_events):
            self._call_log.write(call)

    def _event(self, call: Call) -> dict[str, Any]:
        return calls.event(call, resources.ACCOUNT, self._keys.region)

    async def _answer(self, request: Request, wire: sigv4.Request, call: Call) -> Response:
        bucket_request = False
        try:
            if token := authorizers.bearer(wire.header("authorization")):
                return await self._answer_token(wire, token, call)
            authorization = sigv4.parse(wire)
            bucket_request = authorization.service == "s3"
            if bucket_request:
                call.action = ""
                self._verify(wire, authorization, s3server.payload_hash(wire))
                return await s3server.handle(request, self._buckets, wire.path)
            return await self._answer_call(request, wire, authorization, call)
        except BucketFault as fault:
            return s3server.error(fault)
        except ClientDisconnect:
            return Response(status_code=400)
        except Fault as fault:
            if bucket_request:
                return s3server.error(BucketFault(403, "AccessDenied", str(fault)))
            call.fail(fault)
            return _error(fault)
        except Exception:
            _log.exception("request_failed", extra={"method": wire.method})
            failure = Fault("InternalServerException", "The server failed; its log says where")
            call.fail(failure)
            return _error(failure)

    async def _answer_call(
        self, request: Request, wire: sigv4.Request, given: sigv4.Authorization, call: Call
    ) -> Response:
        call.access_key_id = given.access_key_id
        target = _target(wire)
        call.action = target.action if target else actions.UNKNOWN
        body = await _body(request)
        self._verify(wire, given, hashlib.sha256(body).hexdigest())
        if target is None:
            call.verified = True
            raise Fault("UnknownOperationException", "No operation of HealthImaging has this path")
        return await self._perform(target, body, call)

    async def _answer_token(self, wire: sigv4.Request, token: str, call: Call) -> Response:
        target = _target(wire)
        if target is None or target.action not in dicomweb.OPERATIONS:
            raise sigv4.denied("Bearer tokens are for DICOMweb operations only")
        call.action = target.action
        datastore_id = target.path["datastoreId"]
        event = {"datastoreId": datastore_id, "operation": target.action, "bearerToken": token}
        arn = await run_in_threadpool(self._authorizer_arn, datastore_id)
        await run_in_threadpool(self._authorizers.check, arn, event)
        return await self._perform(target, b"", call)

    async def _perform(self, target: _Target, body: bytes, call: Call) -> Response:
        """Answer a call that is known to be allowed, in the way the settings ask for."""
        call.verified, call.parameters = True, target.path

        async def do() -> Response:
            return await run_in_threadpool(self._run, target, body, call)

        return await (self._simulation.run(call.action, do) if self._simulation else do())

    def _verify(self, wire: sigv4.Request, given: sigv4.Authorization, payload: str) -> None:
        if given.service not in ("s3", "medical-imaging"):
            raise sigv4.denied("Credential should be scoped to the service medical-imaging or s3")
        as_sent = dicomweb.match(wire.method, wire.path) is not None
        sigv4.verify(wire, given, self._keys, payload, datetime.now(UTC), as_sent=as_sent)

    def _authorizer_arn(self, datastore_id: str) -> str | None:
        with self.service.database.read() as db, suppress(Fault):
            row = resources.active_datastore(db, datastore_id)
            found: str | None = row["lambda_authorizer_arn"]
            return found
        return None  # who is not known is not told which data stores there are

    def _run(self, target: _Target, body: bytes, call: Call) -> Response:
        parsed = target.parse(body)
        if parsed.operation in dicomweb.OPERATIONS:
            return _streamed(dicomweb.call(self._holdings, parsed.operation, parsed.parameters))
        call.parameters = parsed.parameters
        result = operations.call(self.service, parsed.operation, parsed.parameters)
        if not actions.reads(parsed.operation):
            call.result = result
        answer = model.serialize(parsed.operation, result)
        return Response(answer.body, answer.status, answer.headers)

    def close(self) -> None:
        """Stop import jobs, release the port and the data folder; once more does no harm."""
        self._stop()
        self._call_log.close()
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
    return operations.Service(
        database,
        layout,
        JobRunner(Importer(database, layout, pool, location, limits)),
        WorkflowRunner(Workflows(database, layout, limits), settings.change_seconds),
        Pager(keys.secret_access_key),
        settings.region,
        settings.import_rule,
        limits,
        Touches(database, settings.archive_days),
    )


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise invalid("The request body is larger than 1 MiB")
    return body


def _streamed(answer: dicomweb.Answer) -> Response:
    """The answer as it is made: what fails before its first piece still gets a proper status."""
    first = next(answer.pieces, b"")
    pieces = chain((first,), answer.pieces)
    return StreamingResponse(pieces, headers={"Content-Type": answer.content_type})


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
