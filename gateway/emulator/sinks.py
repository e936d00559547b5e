"""Where state changes are told: a file of JSON lines, an EventBridge bus, an SQS queue."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.emulator import blobs
from gateway.errors import ConfigurationError
from gateway.settings import HealthImagingSettings

FILE_NAME: Final = "events.jsonl"

_REMOTE_BATCH: Final = 10
"""Entries of one call (API references, PutEvents and SendMessageBatch)."""

_FILE_BATCH: Final = 500
_TAIL: Final = 1 << 12

Event = Mapping[str, Any]


class Undelivered(Exception):
    """A sink has taken the first ``taken`` events only; ``str()`` is an error code."""

    def __init__(self, reason: str, taken: int = 0) -> None:
        super().__init__(reason)
        self.taken = taken


class Sink(Protocol):
    """Takes events in order, no more than ``batch`` at a time; one thread uses it."""

    name: str
    batch: int
    drains: bool
    """What has happened until the server stops is delivered before it ends."""

    def deliver(self, events: Sequence[Event]) -> None:
        """Hand over all events.

        Raises:
            Undelivered: some or all were not taken.
        """

    def close(self) -> None:
        """Let go of connections."""


class FileSink:
    """Appends each event to a file, once: what a crash interrupted is found there and not repeated.

    The file may be moved away at any time; the next event begins another one.
    """

    name = "file"
    batch = _FILE_BATCH
    drains = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def deliver(self, events: Sequence[Event]) -> None:
        """Append those events that are not in the file; they are on disk when this returns."""
        with self._path.open("a+b") as file:
            last = _mend(file)
            known = [event["id"] for event in events]
            new = events[known.index(last) + 1 :] if last in known else events
            file.write("".join(f"{_text(event)}\n" for event in new).encode())
            file.flush()
            os.fsync(file.fileno())
        if last is None:
            blobs.sync_directory(self._path.parent)

    def close(self) -> None:
        """Nothing is kept open."""


def _text(event: Event) -> str:
    """ASCII: queues refuse some characters, and readers of lines split at others."""
    return json.dumps(event, separators=(",", ":"))


def _mend(file: BinaryIO) -> str | None:
    """Cut off what a crash left half written; the identifier of the last event in the file."""
    while end := file.seek(0, os.SEEK_END):
        line = _last_line(file, end)
        identifier = _identifier(line)
        if identifier is not None:
            return identifier
        file.truncate(end - len(line))
    return None


def _last_line(file: BinaryIO, end: int) -> bytes:
    size = _TAIL
    while True:
        start = max(0, end - size)
        file.seek(start)
        tail = file.read(end - start)
        before = tail.rfind(b"\n", 0, -1)
        if before >= 0 or start == 0:
            return tail[before + 1 :]
        size *= 8


def _identifier(line: bytes) -> str | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return str(orjson.loads(line)["id"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


class EventBridgeSink:
    """Puts events on a bus, which gives them identifiers of its own."""

    name = "eventbridge"
    batch = _REMOTE_BATCH
    drains = False

    def __init__(self, endpoint_url: str | None, region: str, bus: str, source: str) -> None:
        self._client = _client("events", endpoint_url, region)
        self._bus = bus
        self._source = source

    def deliver(self, events: Sequence[Event]) -> None:
        """Put the events; the first that is refused, and those after it, are not delivered."""
        entries = [self._entry(event) for event in events]
        try:
            answer = self._client.put_events(Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise Undelivered(_reason(error)) from error
        if answer.get("FailedEntryCount") == 0:  # absent where it was not EventBridge that answered
            return
        for taken, result in enumerate(answer.get("Entries", ())):
            if "EventId" not in result:
                raise Undelivered(result.get("ErrorCode", "unknown error"), taken)
        raise Undelivered("unknown error")

    def _entry(self, event: Event) -> dict[str, Any]:
        return {
            "Time": event["time"],
            "Source": self._source,
            "Resources": event["resources"],
            "DetailType": event["detail-type"],
            "Detail": _text(event["detail"]),
            "EventBusName": self._bus,
        }

    def close(self) -> None:
        """Close the connections to EventBridge."""
        self._client.close()


class SqsSink:
    """Sends each event, in its envelope, as a message; in order where the queue keeps one."""

    name = "sqs"
    batch = _REMOTE_BATCH
    drains = False

    def __init__(self, endpoint_url: str | None, region: str, queue_url: str) -> None:
        self._client = _client("sqs", endpoint_url, region)
        self._queue_url = queue_url

    def deliver(self, events: Sequence[Event]) -> None:
        """Send the events; the first that is refused, and those after it, are not delivered."""
        entries = [self._entry(str(number), event) for number, event in enumerate(events)]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise Undelivered(_reason(error)) from error
        sent = {result["Id"] for result in answer.get("Successful", ())}
        codes = {result["Id"]: result["Code"] for result in answer.get("Failed", ())}
        for taken, entry in enumerate(entries):
            if entry["Id"] not in sent:
                raise Undelivered(codes.get(entry["Id"], "unknown error"), taken)

    def _entry(self, number: str, event: Event) -> dict[str, Any]:
        entry = {"Id": number, "MessageBody": _text(event)}
        if self._queue_url.endswith(".fifo"):
            entry |= {"MessageGroupId": event["source"], "MessageDeduplicationId": event["id"]}
        return entry

    def close(self) -> None:
        """Close the connections to SQS."""
        self._client.close()


def _client(service: str, endpoint_url: str | None, region: str) -> Any:
    return boto3.session.Session().client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1}),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown error"))
    return type(error).__name__


def configured(settings: HealthImagingSettings) -> Iterable[Sink]:
    """The file, and what else the settings name.

    Raises:
        ConfigurationError: an endpoint is given for a queue that is not.
    """
    yield FileSink(settings.data / FILE_NAME)
    if settings.eventbridge_bus or settings.eventbridge_endpoint_url:
        yield EventBridgeSink(
            settings.eventbridge_endpoint_url,
            settings.region,
            settings.eventbridge_bus or "default",
            settings.eventbridge_source,
        )
    if settings.sqs_queue_url:
        yield SqsSink(settings.sqs_endpoint_url, settings.region, settings.sqs_queue_url)
    elif settings.sqs_endpoint_url:
        raise ConfigurationError("HEALTHIMAGING_SQS_QUEUE_URL is not set, but its endpoint is.")
