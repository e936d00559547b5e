"""Asking the bulk data service, and reading its parts to their ends."""

import asyncio
from dataclasses import dataclass

from gateway.dicomweb.negotiation import Representation
from gateway.services.bulkdata import BulkData
from gateway.services.compute import Compute
from gateway.services.frames import Frames
from gateway.services.library import Library
from gateway.services.pixeldata import PixelData
from tests.unit.services.memory import settings

ROOT = "https://gateway.example/dicomweb"
LIMIT = 5


@dataclass(frozen=True)
class Found:
    """A part that was read to its end."""

    representation: Representation
    uri: str
    content: bytes


async def read(part):
    if isinstance(part.content, bytes):
        content = part.content
    else:
        content = b"".join([piece async for piece in part.content])
    assert len(content) == part.length
    return Found(part.representation, part.uri, content)


def ask(remote, work):
    """The answer of the service to ``work``, and its parts."""

    async def scenario():
        library, compute = Library(remote, settings()), Compute(2)
        pixeldata = PixelData(Frames(library, compute, 4))
        try:
            answer = await work(BulkData(library, compute, pixeldata, LIMIT, 4))
            return answer, [await read(part) async for part in answer.parts]
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(scenario())
