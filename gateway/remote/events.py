"""HealthImaging's EventBridge events, as an SQS queue hands them over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import boto3
import orjson
from botocore.config import Config

from gateway.errors import UpstreamError
from gateway.remote.errors import FAILURES, translate

_IMAGE_SET: Final = "Image Set "
_BATCH: Final = 10
_POLL_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class Event:
    """One message: what has happened to what, and the receipt by which it is deleted.

    ``image_set_id`` is None where it tells of a data store or a job; ``deleted`` says that the
    image set is gone, ``settled`` that its version can be read. ``primary`` is None where the event
    does not say.
    """

    receipt: str
    datastore_id: str
    kind: str
    image_set_id: str | None = None
    version: int = 0
    primary: bool | None = None
    settled: bool = False
    deleted: bool = False


class Malformed(ValueError):
    """A message that is no event of HealthImaging; the text says what is wrong, not what is in it.

    It stays in the queue, whose redrive policy says what becomes of it.
    """


class Queue:
    """One SQS queue; its methods block, and belong in a thread."""

    def __init__(self, url: str, endpoint_url: str | None, region: str | None) -> None:
        self._url = url
        self._client: Any = boto3.session.Session().client(
            "sqs",
            endpoint_url=endpoint_url,
            region_name=region,
            config=Config(
                connect_timeout=3,
                read_timeout=_POLL_SECONDS + 10,
                retries={"mode": "standard", "total_max_attempts": 3},
            ),
        )

    def receive(self) -> Sequence[Mapping[str, Any]]:
        """The next messages, none if there was none for twenty seconds.

        Raises:
            UpstreamError: SQS is away, or refuses.
        """
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=_POLL_SECONDS
            )
        except FAILURES as error:
            raise _unavailable(error) from error
        return answer.get("Messages", ())  # type: ignore[no-any-return]

    def delete(self, receipts: Iterable[str]) -> None:
        """Delete messages; one that SQS does not delete comes again.

        Raises:
            UpstreamError: SQS is away, or refuses.
        """
        entries = [{"Id": str(n), "ReceiptHandle": one} for n, one in enumerate(receipts)]
        try:
            for start in range(0, len(entries), _BATCH):
                part = entries[start : start + _BATCH]
                self._client.delete_message_batch(QueueUrl=self._url, Entries=part)
        except FAILURES as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Close the connections to SQS; a call under way breaks off."""
        self._client.close()


def _unavailable(error: Any) -> UpstreamError:
    found = translate(error, "SQS")
    return UpstreamError(f"The SQS queue cannot be used: {type(found).__name__}")


def read(message: Mapping[str, Any]) -> Event:
    """The event in a message.

    Raises:
        Malformed: it is none.
    """
    try:
        body = orjson.loads(message["Body"])
        kind, detail = str(body["detail-type"]), body["detail"]
        store = str(detail["datastoreId"])
        if not kind.startswith(_IMAGE_SET):
            return Event(message["ReceiptHandle"], store, kind)
        state = detail["imageSetState"]
        return Event(
            message["ReceiptHandle"],
            store,
            kind,
            str(detail["imagesetId"]),
            int(detail.get("imageSetVersion", 0)),
            detail.get("isPrimary"),
            settled=state == "ACTIVE",
            deleted=state == "DELETED",
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(type(error).__name__) from None
