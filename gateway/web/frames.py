"""WADO-RS frames (PS3.18 10.4.1.1.6) and the pixel data as bulk data."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart, reduction
from gateway.dicomweb.resources import frame_numbers
from gateway.services.arrivals import Follower
from gateway.services.frames import FramesAnswer
from gateway.web import context, entities, repeats
from gateway.web.repeats import Source
from gateway.web.streams import (
    CLIENT_CLOSED_REQUEST,
    Enclosed,
    Pieces,
    Stream,
    stream,
    unless_gone,
)


async def frames(request: Request) -> Response:
    """The frames of a list."""
    return await respond(request, frame_numbers(request.path_params["frames"]))


async def respond(request: Request, numbers: Sequence[int]) -> Response:
    """The frames with ``numbers``, all of them where there are none."""
    services = context.services(request)
    reduce = reduction.parse(context.query(request))
    ranges, quality = context.ranges(request), context.quality(request)
    address = context.address(request)
    ground = await entities.ground(request)
    answer = await services.frames.retrieve(address, numbers, ranges, reduce or 0, quality)
    if unmodified := entities.immutable(request, *answer.identity):
        return unmodified
    saw = partial(services.prefetch.saw_frame, address, answer.last, answer.available)
    mark = await entities.boundary(request)
    if answer.count == 1:
        response, around = await _one(request, answer, mark)
        if answer.alone is not None:  # what is made of a frame is not kept
            *_, image_set, frame = answer.identity
            find = partial(services.library.kept_frame, address.datastore_id, image_set, frame)
            repeats.note(request.scope, Source(ground, find, saw, *around))
    else:
        kind = multipart.content_type(mark, answer.representation.media_type)
        response = await stream(request, _parts(answer, mark), kind)
    saw(context.viewer(request.scope))
    if reduce is not None:
        response.headers.update(reduction.headers(answer.rows, answer.columns))
    return response


async def _one(
    request: Request, answer: FramesAnswer, mark: str
) -> tuple[Response, tuple[bytes, bytes]]:
    """A single frame and what goes out before and after it.

    Viewers decode it while it arrives, by its length.
    """
    part_type = answer.representation.content_type
    content = await _content(request, answer)
    if content is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST), (b"", b"")
    length = await content.length() if isinstance(content, Follower) else len(content)
    head, tail, kind = b"", b"", part_type
    if answer.representation.multipart:
        head = multipart.part_head(mark, part_type, length)
        tail = multipart.PART_TAIL + multipart.end(mark)
        kind = multipart.content_type(mark, answer.representation.media_type)
    if not isinstance(content, Follower):
        return Pieces((head, content, tail), kind), (head, tail)
    size = len(head) + length + len(tail)
    made = Stream(Enclosed(head, content, tail), kind, {"Content-Length": str(size)})
    return made, (head, tail)


async def _content(request: Request, answer: FramesAnswer) -> bytes | Follower | None:
    """The only frame: whole, or as much as is here of one that arrives; None for a client gone."""
    if answer.alone is None:
        async with aclosing(answer.frames) as source:
            return await anext(source)
    found = answer.alone()
    if isinstance(found, bytes):
        return found
    begun = False
    try:
        begun = await unless_gone(request, found.length()) is not None
        return (found.content or found) if begun else None
    finally:
        if not begun or found.content:
            await found.aclose()


async def _parts(answer: FramesAnswer, mark: str) -> AsyncGenerator[bytes, None]:
    part_type = answer.representation.content_type
    async with aclosing(answer.frames) as source:
        async for frame in source:
            yield multipart.part_head(mark, part_type, len(frame))
            yield frame
            yield multipart.PART_TAIL
    yield multipart.end(mark)
