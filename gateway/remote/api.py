"""The port through which the gateway asks HealthImaging; ``client`` is its adapter over boto3."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from gateway.errors import UpstreamUnavailable
from gateway.telemetry.calls import Action


class Urgency(Enum):
    """Whether a person waits for what is asked for, or it is fetched ahead of being asked for."""

    WAITING = "waiting"
    AHEAD = "ahead"


class NotNow(UpstreamUnavailable):
    """Work ahead for which there is no room now; it was not queued, and nothing is wrong.

    Whoever waits for such work by then has to ask anew, as WAITING.
    """


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


class OpenFrame(Protocol):
    """A frame whose bytes are still arriving; read once, and closed by whoever opened it.

    ``length`` is the number of bytes where HealthImaging says it beforehand. It holds one of the
    calls that may run at a time until it is read to its end or closed.
    """

    length: int | None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes as they come; an UpstreamError where they end short, however late."""
        ...

    async def aclose(self) -> None:
        """Let go of it; a frame that is not at its end is broken off."""
        ...


class HealthImaging(Protocol):
    """What the services need. Every method raises NotFound or an UpstreamError.

    Calls that are AHEAD come after all that are WAITING, and raise NotNow rather than queue long.
    """

    def search(
        self,
        datastore_id: str,
        criteria: Mapping[str, Any],
        urgency: Urgency = Urgency.WAITING,
    ) -> AsyncIterator[list[Summary]]:
        """The pages of SearchImageSets for ``criteria``, fetched as they are asked for."""
        ...

    async def properties(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None,
        urgency: Urgency = Urgency.WAITING,
    ) -> Summary:
        """One image set, its latest version where none is given; without DICOMTags."""
        ...

    async def metadata(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None,
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes:
        """The gzip document of an image set, of its latest version where none is given."""
        ...

    async def open_frame(
        self,
        datastore_id: str,
        image_set_id: str,
        frame_id: str,
        urgency: Urgency = Urgency.WAITING,
        wanted: asyncio.Event | None = None,
    ) -> OpenFrame:
        """One frame as stored, from the moment on that HealthImaging begins to send it.

        ``wanted`` is set when somebody begins to wait for what was asked for AHEAD.
        """
        ...

    async def check(self, datastore_id: str) -> None:
        """Return if the data store is there and active."""
        ...

    def report(self) -> Iterable[Action]:
        """What has become of the calls so far, by action."""
        ...

    async def close(self) -> None:
        """Release threads and connections."""
        ...
