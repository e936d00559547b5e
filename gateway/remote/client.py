"""HealthImaging over the network: what viewers wait for by signed requests, the rest by boto3."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote

import botocore.session
import orjson
from botocore.config import Config
from botocore.credentials import Credentials as StaticCredentials

from gateway.errors import NotFound
from gateway.remote import pages, quotas
from gateway.remote.api import OpenFrame, Summary, Urgency
from gateway.remote.calls import Calls
from gateway.remote.credentials import Credentials
from gateway.remote.endpoint import resolve
from gateway.remote.errors import FAILURES, configuring, translate
from gateway.remote.retries import Retries
from gateway.remote.schedule import Schedule
from gateway.remote.scheduler import Scheduler, Turn
from gateway.remote.wire import Answer, Wire
from gateway.settings import GatewaySettings
from gateway.telemetry import tracing
from gateway.telemetry.calls import Action

_Result = TypeVar("_Result")

_PAGE: Final = 50
_MOST_THREADS: Final = 32


class HealthImagingClient:
    """The adapter of ``remote.api.HealthImaging``; of the event loop that first calls it."""

    def __init__(self, settings: GatewaySettings, **credentials: str) -> None:
        """``credentials`` are boto3's keyword arguments; its default chain where there are none.

        Raises:
            ConfigurationError: AWS's configuration leads to no client.
        """
        slots = settings.upstream_concurrency
        threads = min(slots, _MOST_THREADS)
        self._threads = ThreadPoolExecutor(threads, "healthimaging")
        keys = StaticCredentials(*_static(**credentials)) if credentials else None
        with configuring():
            session = botocore.session.get_session()
            self._client: Any = session.create_client(
                "medical-imaging",
                endpoint_url=settings.endpoint_url,
                region_name=settings.region,
                config=_config(settings, threads),
                **credentials,
            )
            endpoint = resolve(session, settings.region, settings.endpoint_url)
        self._wire = Wire(
            endpoint,
            Credentials(lambda: keys or session.get_credentials()),
            settings.connect_timeout,
            settings.read_timeout,
        )
        limits = quotas.share(quotas.parse(settings.quotas), settings.workers)
        schedule = Schedule(limits, slots, settings.queue_seconds, time.monotonic())
        self._scheduler = Scheduler(schedule)
        self._calls = Calls(
            self._scheduler,
            Retries(settings.max_attempts),
            settings.breaker_failures,
            settings.breaker_slow_seconds,
        )

    async def _call(
        self, action: str, call: Callable[[], _Result], urgency: Urgency = Urgency.WAITING
    ) -> _Result:
        loop = asyncio.get_running_loop()

        async def attempt() -> _Result:
            answer: Any = await loop.run_in_executor(self._threads, call)
            tracing.replied(answer["ResponseMetadata"]["HTTPHeaders"])
            found: _Result = answer
            return found

        return await self._calls.make(action, attempt, urgency)

    async def _post(
        self,
        action: str,
        path: str,
        query: str = "",
        body: bytes = b"",
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes:
        """The whole answer to a signed request."""

        async def attempt() -> bytes:
            return await (await self._wire.post(path, query, body)).whole()

        return await self._calls.make(action, attempt, urgency)

    async def search(
        self,
        datastore_id: str,
        criteria: Mapping[str, Any],
        urgency: Urgency = Urgency.WAITING,
    ) -> AsyncIterator[list[Summary]]:
        """The pages of SearchImageSets, each fetched when it is asked for."""
        path = f"/datastore/{_quoted(datastore_id)}/searchImageSets"
        body, query = orjson.dumps(criteria), f"maxResults={_PAGE}"
        while True:
            answer = await self._post("SearchImageSets", path, query, body, urgency)
            found, token = pages.parse(answer)
            yield found
            if not token:
                return
            query = f"maxResults={_PAGE}&nextToken={_quoted(token)}"

    async def properties(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None,
        urgency: Urgency = Urgency.WAITING,
    ) -> Summary:
        """What GetImageSet says of an image set."""
        arguments = _named(datastore_id, image_set_id, version)
        answer = await self._call(
            "GetImageSet", lambda: self._client.get_image_set(**arguments), urgency
        )
        return pages.summary({**answer, "version": int(answer["versionId"])})

    async def metadata(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None,
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes:
        """The document of an image set, gzip-compressed as it comes."""
        path = _path(datastore_id, image_set_id, "getImageSetMetadata")
        query = "" if version is None else f"version={version}"
        return await self._post("GetImageSetMetadata", path, query, urgency=urgency)

    async def open_frame(
        self,
        datastore_id: str,
        image_set_id: str,
        frame_id: str,
        urgency: Urgency = Urgency.WAITING,
        wanted: asyncio.Event | None = None,
    ) -> OpenFrame:
        """A frame as stored, while it arrives; what breaks off is not tried again."""
        path = _path(datastore_id, image_set_id, "getImageFrame")
        body = orjson.dumps({"imageFrameId": frame_id})
        answer, turn = await self._calls.begin(
            "GetImageFrame",
            lambda: self._wire.post(path, body=body),
            urgency,
            flow=image_set_id,
            wanted=wanted,
        )
        return _ArrivingFrame(answer, turn, partial(self._calls.broken, "GetImageFrame"))

    async def check(self, datastore_id: str) -> None:
        """Return if the data store is active."""
        answer = await self._call(
            "GetDatastore", lambda: self._client.get_datastore(datastoreId=datastore_id)
        )
        status = answer["datastoreProperties"]["datastoreStatus"]
        if status != "ACTIVE":
            raise NotFound(f"The data store is not active but {status}")

    def report(self) -> Iterable[Action]:
        """What has become of the calls so far."""
        return self._calls.report()

    async def close(self) -> None:
        """End threads and connections; calls under way are waited for, open frames break off."""
        await self._calls.close()
        await self._wire.close()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._client.close()


class _ArrivingFrame:
    def __init__(self, answer: Answer, turn: Turn, broken: Callable[[], None]) -> None:
        self.length = answer.length
        self._broken = broken
        self._left = False
        self._answer = answer
        self._turn = turn

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer.pieces():
                yield piece
        except FAILURES as error:
            if not self._left:
                self._broken()
            raise translate(error, "GetImageFrame") from error
        finally:
            self._turn.end()

    async def aclose(self) -> None:
        self._left = True
        self._answer.close()
        self._turn.end()


def _config(settings: GatewaySettings, connections: int) -> Config:
    return Config(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        retries={"mode": "standard", "total_max_attempts": 1},  # tries are counted in ``calls``
        max_pool_connections=connections,
        # With an endpoint of its own, "runtime-" in front of the host would lead nowhere.
        inject_host_prefix=settings.endpoint_url is None,
    )


def _static(
    aws_access_key_id: str, aws_secret_access_key: str, aws_session_token: str | None = None
) -> tuple[str, str, str | None]:
    return aws_access_key_id, aws_secret_access_key, aws_session_token


def _path(datastore_id: str, image_set_id: str, operation: str) -> str:
    return f"/datastore/{_quoted(datastore_id)}/imageSet/{_quoted(image_set_id)}/{operation}"


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")


def _named(datastore_id: str, image_set_id: str, version: int | None) -> dict[str, str]:
    arguments = {"datastoreId": datastore_id, "imageSetId": image_set_id}
    return arguments if version is None else {**arguments, "versionId": str(version)}
