"""Processor time of everything that reads what clients write, over inputs that double in size.

``python -m tests.bench.parsers`` prints by how much the time of each grows when its input doubles:
2 is linear, 4 is quadratic and would be a way to keep the gateway busy with one request.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from gateway.dicom import uids, wildcards
from gateway.dicomweb import (
    accept,
    byteranges,
    codings,
    conditions,
    forwarding,
    query,
    rendered,
    resources,
)
from gateway.dicomweb.forwarding import Origin
from gateway.dicomweb.query import Level
from gateway.errors import GatewayError

_SIZES: Final = (4_000, 8_000, 16_000, 32_000, 64_000)
_LEAST_SECONDS: Final = 0.002
_BAR: Final = 2.9
_TRUSTED: Final = forwarding.networks("127.0.0.1")
_OWN: Final = Origin("http", "a", None)

_ATOMS: Final = (
    "a", "1", "1.", "0.", ",", ";", "=", '"', "\\", '\\"', " ", "\t", "*", "*/*,", "a=b;", 'a="',
    'a="b";', "for=a,", "for=\"[::1]\",", "multipart/related;type=", "q=0.5,", "bytes=", "0-1,",
    "-1,", 'W/"a",', "(", "/", ":", "[", ".", "-", "_", "%", "^", "?", "\u00e9",
)  # fmt: skip


def _header(name: str) -> Callable[[str], object]:
    return lambda text: forwarding.resolve(_OWN, "127.0.0.1", {name: text}, _TRUSTED)


def _match(name: str) -> Callable[[str], object]:
    return lambda text: query.parse(Level.STUDY, [(name, text)], {})


PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "Accept": lambda text: accept.parse(text, strict=False),
    "Accept, strict": lambda text: accept.parse(text, strict=True),
    "Range": lambda text: byteranges.parse(text, 1000),
    "If-None-Match": lambda text: conditions.names(text, '"a"'),
    "Accept-Encoding": codings.qualities,
    "UID": uids.is_importable,
    "frames": resources.frame_numbers,
    "bulk data path": resources.bulk_path,
    "query, name": lambda text: query.parse(Level.STUDY, [(text, "1")], {}),
    "query, PatientName": _match("PatientName"),
    "query, StudyDate": _match("StudyDate"),
    "query, StudyInstanceUID": _match("StudyInstanceUID"),
    "query, includefield": _match("includefield"),
    "query, limit": _match("limit"),
    "query, wildcards": lambda text: wildcards.compiled(text).fullmatch("a" * len(text)),
    "rendered, window": lambda text: rendered.parse([("window", text)], 100),
    "rendered, viewport": lambda text: rendered.parse([("viewport", text)], 100),
    "query, fuzzymatching": _match("fuzzymatching"),
    **{name: _header(name) for name in forwarding.HEADERS},
    "client": lambda text: forwarding.client("127.0.0.1", {forwarding.FORWARDED: text}, _TRUSTED),
}


def _seconds(parse: Callable[[str], object], text: str) -> float:
    """The least of three."""
    found = []
    for _ in range(3):
        began = time.process_time()
        with suppress(GatewayError):
            parse(text)
        found.append(time.process_time() - began)
    return min(found)


def _inputs(size: int) -> Iterator[tuple[str, str]]:
    for atom in _ATOMS:
        for end in ("", "!", "\x00"):
            yield f"{atom!r} … {end!r}", (atom * size)[:size] + end


def _slowest() -> Iterator[tuple[float, float, str, str]]:
    """Growth, seconds of the largest input, parser, input."""
    for name, parse in PARSERS.items():
        worst = (0.0, 0.0, name, "")
        for (about, small), (_, large) in zip(
            _inputs(_SIZES[-2]), _inputs(_SIZES[-1]), strict=True
        ):
            seconds = _seconds(parse, large)
            before = _seconds(parse, small)
            growth = seconds / before if seconds > _LEAST_SECONDS else 0.0
            worst = max(worst, (growth, seconds, name, about))
        yield worst


def main() -> int:
    """Print a line for each parser; 1 if one grows faster than its input."""
    bad = 0
    for growth, seconds, name, about in _slowest():
        bad += growth > _BAR
        sys.stdout.write(f"{name:26} x{growth:4.1f} {seconds * 1000:8.2f} ms  {about}\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
