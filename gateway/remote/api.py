"""The port through which the gateway asks HealthImaging; ``client`` is its adapter over boto3."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Summary:
    """One image set as SearchImageSets returns it; ``tags`` are its DICOMTags, possibly few.

    ``version`` None is the latest, whatever that is; ``primary`` is None where the service does not
    say; ``updated`` is in seconds since 1970.
    """

    image_set_id: str
    version: int | None
    updated: float
    primary: bool | None
    tags: Mapping[str, Any]


class HealthImaging(Protocol):
    """What the services need. Every method raises NotFound or an UpstreamError."""

    def search(
        self, datastore_id: str, criteria: Mapping[str, Any]
    ) -> AsyncIterator[list[Summary]]:
        """The pages of SearchImageSets for ``criteria``, fetched as they are asked for."""
        ...

    async def properties(
        self, datastore_id: str, image_set_id: str, version: int | None
    ) -> Summary:
        """One image set, its latest version where none is given; without DICOMTags."""
        ...

    async def metadata(self, datastore_id: str, image_set_id: str, version: int | None) -> bytes:
        """The gzip document of an image set, of its latest version where none is given."""
        ...

    async def frame(self, datastore_id: str, image_set_id: str, frame_id: str) -> bytes:
        """The bytes of one frame as stored."""
        ...

    async def check(self, datastore_id: str) -> None:
        """Return if the data store is there and active."""
        ...

    async def close(self) -> None:
        """Release threads and connections."""
        ...
