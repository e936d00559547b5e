"""HealthImaging over boto3: blocking calls in a bounded set of threads, errors translated."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import NotFound
from gateway.remote.api import OpenFrame, Summary, Urgency
from gateway.remote.errors import translate
from gateway.settings import GatewaySettings

_Result = TypeVar("_Result")

_PAGE: Final = 50


class HealthImagingClient:
    """The adapter of ``remote.api.HealthImaging`` over boto3's ``medical-imaging`` client."""

    def __init__(self, settings: GatewaySettings, **credentials: str) -> None:
        """``credentials`` are boto3's keyword arguments; its default chain where there are none."""
        threads = settings.upstream_concurrency
        self._threads = ThreadPoolExecutor(threads, "healthimaging")
        self._client: Any = boto3.session.Session().client(
            "medical-imaging",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            config=Config(
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                retries={"mode": "adaptive", "total_max_attempts": settings.max_attempts},
                max_pool_connections=threads,
                # With an endpoint of its own, "runtime-" in front of the host would lead nowhere.
                inject_host_prefix=settings.endpoint_url is None,
            ),
            **credentials,
        )

    async def _call(self, operation: str, call: Callable[[], _Result]) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, call)
        except (ClientError, BotoCoreError) as error:
            raise translate(error, operation) from error

    async def search(
        self, datastore_id: str, criteria: Mapping[str, Any]
    ) -> AsyncIterator[list[Summary]]:
        """The pages of SearchImageSets, each fetched when it is asked for."""
        arguments: dict[str, Any] = {"datastoreId": datastore_id, "maxResults": _PAGE}
        if criteria:
            arguments["searchCriteria"] = criteria
        while True:
            answer = await self._call(
                "SearchImageSets", lambda: self._client.search_image_sets(**arguments)
            )
            yield [_summary(item) for item in answer["imageSetsMetadataSummaries"]]
            if not answer.get("nextToken"):
                return
            arguments["nextToken"] = answer["nextToken"]

    async def properties(
        self, datastore_id: str, image_set_id: str, version: int | None
    ) -> Summary:
        """What GetImageSet says of an image set."""
        arguments = _named(datastore_id, image_set_id, version)
        answer = await self._call("GetImageSet", lambda: self._client.get_image_set(**arguments))
        return _summary({**answer, "version": int(answer["versionId"])})

    async def metadata(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None,
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes:
        """The document of an image set, gzip-compressed as it comes."""
        arguments = _named(datastore_id, image_set_id, version)

        def fetch() -> bytes:
            answer = self._client.get_image_set_metadata(**arguments)
            body: bytes = answer["imageSetMetadataBlob"].read()
            return body

        return await self._call("GetImageSetMetadata", fetch)

    async def open_frame(
        self,
        datastore_id: str,
        image_set_id: str,
        frame_id: str,
        urgency: Urgency = Urgency.WAITING,
    ) -> OpenFrame:
        """A frame as stored, already whole."""
        return _Whole(await self.frame(datastore_id, image_set_id, frame_id, urgency))

    async def frame(
        self,
        datastore_id: str,
        image_set_id: str,
        frame_id: str,
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes:
        """The bytes of a frame as stored."""

        def fetch() -> bytes:
            answer = self._client.get_image_frame(
                datastoreId=datastore_id,
                imageSetId=image_set_id,
                imageFrameInformation={"imageFrameId": frame_id},
            )
            body: bytes = answer["imageFrameBlob"].read()
            return body

        return await self._call("GetImageFrame", fetch)

    async def check(self, datastore_id: str) -> None:
        """Return if the data store is active."""
        answer = await self._call(
            "GetDatastore", lambda: self._client.get_datastore(datastoreId=datastore_id)
        )
        status = answer["datastoreProperties"]["datastoreStatus"]
        if status != "ACTIVE":
            raise NotFound(f"The data store is not active but {status}")

    async def close(self) -> None:
        """End the threads; calls under way are waited for."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._client.close()


class _Whole:
    def __init__(self, content: bytes) -> None:
        self.length: int | None = len(content)
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content

    async def aclose(self) -> None:
        self._content = b""


def _named(datastore_id: str, image_set_id: str, version: int | None) -> dict[str, str]:
    arguments = {"datastoreId": datastore_id, "imageSetId": image_set_id}
    return arguments if version is None else {**arguments, "versionId": str(version)}


def _summary(item: Mapping[str, Any]) -> Summary:
    updated = item.get("updatedAt") or item.get("createdAt")
    return Summary(
        item["imageSetId"],
        item.get("version", 1),
        updated.timestamp() if updated else 0.0,
        item.get("isPrimary"),
        item.get("DICOMTags", {}),
    )
