"""Request rates as AWS limits them: one token bucket per action of the account."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls per second that are sustained, and calls that are admitted at once after a pause."""

    rate: float
    burst: int


LIMITS: Final[Mapping[str, Limit]] = {
    "CreateDatastore": Limit(0.085, 1),
    "GetDatastore": Limit(10, 20),
    "ListDatastores": Limit(5, 10),
    "DeleteDatastore": Limit(0.085, 1),
    "StartDICOMImportJob": Limit(1, 2),  # 0.25 and 1 in the guide of January 2025
    "GetDICOMImportJob": Limit(25, 50),
    "ListDICOMImportJobs": Limit(10, 20),
    "SearchImageSets": Limit(25, 50),
    "GetImageSet": Limit(25, 50),
    "GetImageSetMetadata": Limit(50, 100),
    "GetImageFrame": Limit(1000, 2000),
    "ListImageSetVersions": Limit(25, 50),
    "UpdateImageSetMetadata": Limit(0.25, 1),
    "CopyImageSet": Limit(0.25, 1),
    "DeleteImageSet": Limit(0.25, 1),
    "TagResource": Limit(10, 20),
    "ListTagsForResource": Limit(10, 20),
    "UntagResource": Limit(10, 20),
    "GetDICOMInstance": Limit(50, 100),
    "GetDICOMInstanceMetadata": Limit(50, 100),
    "GetDICOMInstanceFrames": Limit(50, 100),
    "GetDICOMSeriesMetadata": Limit(50, 100),
    "GetDICOMBulkdata": Limit(50, 100),
}
"""Default limits (developer guide, "AWS HealthImaging throttling limits").

Those of SearchDICOM… and StoreDICOM… are not published; they are not limited here.
"""


class Bucket:
    """Tokens that run out with calls and come back with time."""

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Take one token at ``now``, in seconds of a clock that never goes back; False without."""
        gained = (now - self._filled_at) * self._limit.rate
        self._tokens = min(self._tokens + gained, self._limit.burst)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttles:
    """The buckets of one server, which stands for an account; used by the event loop alone."""

    def __init__(
        self,
        limits: Mapping[str, Limit] = LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._buckets = {action: Bucket(limit, clock()) for action, limit in limits.items()}

    def admit(self, action: str) -> bool:
        """Whether a call may go on now; it is counted if so."""
        bucket = self._buckets.get(action)
        return bucket is None or bucket.take(self._clock())
