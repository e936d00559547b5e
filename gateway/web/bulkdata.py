"""WADO-RS bulk data (PS3.18 10.4.1.1.5): what a BulkDataURI of ours leads to, or all there is."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart
from gateway.dicomweb.resources import bulk_frames
from gateway.services.bulkdata import BulkAnswer
from gateway.services.pixeldata import Part
from gateway.web import context, entities, frames
from gateway.web.streams import Begun, Derived, guarded, plain, stream


async def bulkdata(request: Request) -> Response:
    """The value at a path of tags and item numbers, or frames of it."""
    path = request.path_params["path"]
    numbers = bulk_frames(path)
    if numbers:
        return await frames.respond(request, numbers)
    service = context.services(request).bulkdata
    address = context.address(request)
    accept, root = context.ranges(request), context.root(request)
    return await _respond(request, await service.retrieve(address, path, accept, root))


async def everything(request: Request, *, pixels: bool = False) -> Response:
    """All bulk data of a study, a series or an instance, or of its ``pixels`` only."""
    service = context.services(request).bulkdata
    address, accept = context.address(request), context.ranges(request)
    answer = await service.everything(address, accept, context.root(request), pixels=pixels)
    return await _respond(request, answer)


async def _respond(request: Request, answer: BulkAnswer) -> Response:
    if answer.identity and (known := entities.immutable(request, *answer.identity)):
        return known
    mark = await entities.boundary(request)
    parts: Begun[Part] | AsyncGenerator[Part, None] = answer.parts
    if answer.alone:
        part = await anext(answer.parts)
        if isinstance(part.content, bytes):
            await answer.parts.aclose()
            return _at_once(part, part.content, mark)
        if not part.representation.multipart:
            source = Derived(part.content, answer.parts)
            response = await stream(request, source, part.representation.content_type)
            response.headers["Content-Length"] = str(part.length)
            return guarded(response)
        parts = Begun(part, answer.parts, answer.parts)
    kind = multipart.content_type(mark, answer.first.media_type)
    response = await stream(request, Derived(_parts(parts, mark), parts), kind)
    if not answer.complete:
        response.status_code = HTTPStatus.PARTIAL_CONTENT  # PS3.18 table 10.4.3-1
    return response


def _at_once(part: Part, content: bytes, mark: str) -> Response:
    """A value that is held in one piece: its length is known, and what a Range asks of it."""
    kind = part.representation.content_type
    if not part.representation.multipart:
        return guarded(plain(content, kind))
    body = multipart.body(mark, kind, [content], part.uri)
    return plain(body, multipart.content_type(mark, part.representation.media_type))


async def _parts(
    values: Begun[Part] | AsyncGenerator[Part, None], mark: str
) -> AsyncGenerator[bytes, None]:
    async with aclosing(values) as parts:
        async for part in parts:
            kind = part.representation.content_type
            yield multipart.part_head(mark, kind, part.length, part.uri)
            if isinstance(part.content, bytes):
                yield part.content
            else:
                async with aclosing(part.content) as pieces:
                    async for piece in pieces:
                        yield piece
            yield multipart.PART_TAIL
    yield multipart.end(mark)
