"""WADO-RS studies, series and instances as Part 10 files (PS3.18 10.4.1.1.1 to 10.4.1.1.3)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart
from gateway.dicomweb.archives import ZIP
from gateway.dicomweb.representations import OCTET_STREAM
from gateway.services.instances import InstancesAnswer
from gateway.web import archives, bulkdata, context, entities
from gateway.web.streams import stream

_SMALL: Final = 1 << 15  # bytes


async def instances(request: Request) -> Response:
    """All instances of a study or series, or the one of the path."""
    service = context.services(request).instances
    address, quality = context.address(request), context.quality(request)
    answer = await service.retrieve(address, context.ranges(request), quality)
    if answer.representation.media_type == ZIP:
        return await archives.respond(request, answer)
    if answer.representation.media_type == OCTET_STREAM:
        return await bulkdata.everything(request)
    if not answer.representation.multipart:
        return await stream(request, _gathered(pieces(answer)), answer.representation.content_type)
    mark = await entities.boundary(request)
    kind = multipart.content_type(mark, answer.representation.media_type)
    return await stream(request, _gathered(_parts(answer, mark)), kind)


async def pieces(answer: InstancesAnswer) -> AsyncGenerator[bytes, None]:
    """The one file of ``answer``, as it is made."""
    async with aclosing(answer.files) as files:
        async for file in files:
            async with aclosing(file.pieces):
                async for piece in file.pieces:
                    yield piece


async def _parts(answer: InstancesAnswer, mark: str) -> AsyncGenerator[bytes, None]:
    media_type = answer.representation.media_type
    async with aclosing(answer.files) as files:
        async for file in files:
            # With the content: what fails before anything is sent can still be an error answer.
            head = multipart.part_head(mark, f"{media_type}; transfer-syntax={file.syntax}")
            async with aclosing(file.pieces):
                async for piece in file.pieces:
                    yield head + piece if head else piece
                    head = b""
            yield multipart.PART_TAIL
    yield multipart.end(mark)


async def _gathered(source: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """``source``, its small pieces between two frames as one: each that is sent costs as much."""
    small: list[bytes] = []
    size = 0
    async with aclosing(source):
        async for piece in source:
            if len(piece) < _SMALL and size < _SMALL:
                small.append(piece)
                size += len(piece)
                continue
            if small:
                yield b"".join(small)
            yield piece
            small, size = [], 0
    if small:
        yield b"".join(small)
