"""The least that uvicorn can do: the same bytes whatever is asked for.

``BENCH_BODY`` names the file of the body, ``BENCH_TYPE`` is its media type.
"""

import os
from pathlib import Path

_BODY = Path(os.environ["BENCH_BODY"]).read_bytes()
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", os.environ["BENCH_TYPE"].encode()),
        (b"content-length", str(len(_BODY)).encode()),
    ],
}
_END = {"type": "http.response.body", "body": _BODY}


async def app(scope, receive, send) -> None:
    """Answer a request."""
    if scope["type"] == "http":
        await send(_START)
        await send(_END)
