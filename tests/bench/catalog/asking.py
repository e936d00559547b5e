"""One person who searches: a connection that stays open, and how long each answer takes."""

import http.client
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

from tests.bench.processes import Failure

_HEADERS: Final = {"Accept": "application/dicom+json"}
_NOTHING: Final = (http.HTTPStatus.OK, http.HTTPStatus.NO_CONTENT)


@dataclass(frozen=True, slots=True)
class Answers:
    """Seconds of each answer, request and all, in ascending order.

    ``rows`` is how many results they had on average.
    """

    seconds: tuple[float, ...]
    rows: float

    def quantile(self, share: float) -> float:
        """The seconds that this share of the answers took at the most."""
        return self.seconds[min(int(len(self.seconds) * share), len(self.seconds) - 1)]


class Client:
    """A client of the service at ``root``."""

    def __init__(self, root: str) -> None:
        parts = urlsplit(root)
        self._base = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=120)

    def ask(self, paths: Iterable[str]) -> Answers:
        """The answers to ``paths``, one after the other."""
        seconds, rows = [], 0
        for path in paths:
            started = time.perf_counter()
            self._connection.request("GET", f"{self._base}{path}", headers=_HEADERS)
            answer = self._connection.getresponse()
            body = answer.read()
            seconds.append(time.perf_counter() - started)
            if answer.status not in _NOTHING:
                raise Failure(f"{self._base}{path} gave {answer.status}")
            rows += len(orjson.loads(body or b"[]"))
        return Answers(tuple(sorted(seconds)), rows / len(seconds))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
