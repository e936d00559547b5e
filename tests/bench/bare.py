"""The least that uvicorn can do: the same bytes in the same order, whatever is asked for.

``BENCH_BODIES`` names the folder of the bodies, ``BENCH_TYPE`` is their media type.
"""

import itertools
import os
from pathlib import Path


def _answer(body: bytes) -> tuple[dict, dict]:
    headers = [
        (b"content-type", os.environ["BENCH_TYPE"].encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    return start, {"type": "http.response.body", "body": body}


_PATHS = sorted(Path(os.environ["BENCH_BODIES"]).iterdir())
_ANSWERS = itertools.cycle([_answer(path.read_bytes()) for path in _PATHS])


async def app(scope, receive, send) -> None:
    """Answer a request."""
    if scope["type"] == "http":
        start, end = next(_ANSWERS)
        await send(start)
        await send(end)
