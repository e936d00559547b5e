"""Processor time of one GetImageFrame: ``python -m tests.bench.upstream boto3|gateway FILE``.

``FILE`` is the endpoint's healthimaging.json; standard output gets seconds for each call.
"""

import asyncio
import gzip
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from gateway.remote.client import HealthImagingClient
from gateway.settings import GatewaySettings, load

_CALLS: Final = 900
_AT_ONCE: Final = 16


class _Frames:
    """The frames of a series, by boto3."""

    def __init__(self, known: dict[str, str], series: str) -> None:
        self.datastore_id = known["datastoreId"]
        connection = {key: value for key, value in known.items() if key != "datastoreId"}
        config = Config(inject_host_prefix=False)
        self.client: Any = boto3.client("medical-imaging", config=config, **connection)
        wanted = {"values": [{"DICOMSeriesInstanceUID": series}], "operator": "EQUAL"}
        found = self.client.search_image_sets(
            datastoreId=self.datastore_id, searchCriteria={"filters": [wanted]}
        )
        self.image_set = found["imageSetsMetadataSummaries"][0]["imageSetId"]
        blob = self.client.get_image_set_metadata(
            datastoreId=self.datastore_id, imageSetId=self.image_set
        )["imageSetMetadataBlob"]
        document = json.loads(gzip.decompress(blob.read()))
        instances = document["Study"]["Series"][series]["Instances"].values()
        frames = [frame["ID"] for one in instances for frame in one["ImageFrames"]]
        self.all = (frames * (_CALLS // len(frames) + 1))[:_CALLS]

    def by_boto3(self, frames: Sequence[str]) -> None:
        """Fetch frames one after the other."""
        for frame in frames:
            answer = self.client.get_image_frame(
                datastoreId=self.datastore_id,
                imageSetId=self.image_set,
                imageFrameInformation={"imageFrameId": frame},
            )
            answer["imageFrameBlob"].read()

    async def by_gateway(self, client: HealthImagingClient, frames: Sequence[str]) -> None:
        """Fetch frames, a few at a time."""
        waiting = iter(frames)

        async def take() -> None:
            for frame in waiting:
                found = await client.open_frame(self.datastore_id, self.image_set, frame)
                b"".join([piece async for piece in found])

        await asyncio.gather(*(take() for _ in range(_AT_ONCE)))


async def _gateway(known: dict[str, str], frames: _Frames) -> float:
    settings = load(
        GatewaySettings,
        datastore_id=known["datastoreId"],
        endpoint_url=known["endpoint_url"],
        region=known["region_name"],
    )
    keys = {name: known[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    client = HealthImagingClient(settings, **keys)
    await frames.by_gateway(client, frames.all[:_AT_ONCE])
    before = time.process_time()
    await frames.by_gateway(client, frames.all)
    used = time.process_time() - before
    await client.close()
    return used


def _boto3(frames: _Frames) -> float:
    frames.by_boto3(frames.all[:_AT_ONCE])
    before = time.process_time()
    frames.by_boto3(frames.all)
    return time.process_time() - before


def main(which: str, endpoint: Path, series: str) -> None:
    """Measure one of the two clients."""
    known = json.loads(endpoint.read_text())
    frames = _Frames(known, series)
    used = _boto3(frames) if which == "boto3" else asyncio.run(_gateway(known, frames))
    print(used / _CALLS)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
