"""What SearchImageSets answers: one page of image sets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from botocore.utils import parse_timestamp

from gateway.errors import UpstreamInvalid
from gateway.remote.api import Summary


def parse(answer: bytes) -> tuple[list[Summary], str]:
    """The image sets of a page, and the token of the next one, ``""`` behind the last.

    Raises:
        UpstreamInvalid: it is no such page.
    """
    try:
        page = orjson.loads(answer)
        found = [summary(item) for item in page["imageSetsMetadataSummaries"]]
        return found, str(page.get("nextToken") or "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpstreamInvalid("A page of image sets cannot be read") from error


def summary(item: Mapping[str, Any]) -> Summary:
    """One image set of a page, or as GetImageSet says what it is."""
    return Summary(
        item["imageSetId"],
        item.get("version", 1),
        _seconds(item.get("updatedAt") or item.get("createdAt")),
        item.get("isPrimary"),
        item.get("DICOMTags") or {},
    )


def _seconds(moment: Any) -> float:
    """A time as it stands in JSON, in any form that botocore reads, in seconds since 1970."""
    if moment is None or isinstance(moment, (int, float)):
        return float(moment or 0)
    read = moment if isinstance(moment, datetime) else parse_timestamp(moment)
    return float(read.timestamp())
