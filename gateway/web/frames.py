"""WADO-RS frames (PS3.18 10.4.1.1.6) and the pixel data as bulk data."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart, reduction
from gateway.dicomweb.resources import frame_numbers
from gateway.services.frames import FramesAnswer
from gateway.web import context, entities
from gateway.web.streams import plain, stream


async def frames(request: Request) -> Response:
    """The frames of a list."""
    return await respond(request, frame_numbers(request.path_params["frames"]))


async def respond(request: Request, numbers: Sequence[int]) -> Response:
    """The frames with ``numbers``, all of them where there are none."""
    service = context.services(request).frames
    reduce = reduction.parse(context.query(request))
    ranges, quality = context.ranges(request), context.quality(request)
    answer = await service.retrieve(context.address(request), numbers, ranges, reduce or 0, quality)
    if unmodified := entities.immutable(request, *answer.identity):
        return unmodified
    mark = await entities.boundary(request)
    if answer.count == 1:
        response = await _one(answer, mark)
    else:
        kind = multipart.content_type(mark, answer.representation.media_type)
        response = await stream(request, _parts(answer, mark), kind)
    if reduce is not None:
        response.headers.update(reduction.headers(answer.rows, answer.columns))
    return response


async def _one(answer: FramesAnswer, mark: str) -> Response:
    """A single frame goes out in one piece: viewers decode it while it arrives, by its length."""
    async with aclosing(answer.frames) as source:
        frame = await anext(source)
    part_type = answer.representation.content_type
    if not answer.representation.multipart:
        return plain(frame, part_type)
    head = multipart.part_head(mark, part_type, len(frame))
    body = b"".join((head, frame, multipart.PART_TAIL, multipart.end(mark)))
    return plain(body, multipart.content_type(mark, answer.representation.media_type))


async def _parts(answer: FramesAnswer, mark: str) -> AsyncGenerator[bytes, None]:
    part_type = answer.representation.content_type
    async with aclosing(answer.frames) as source:
        async for frame in source:
            yield multipart.part_head(mark, part_type, len(frame))
            yield frame
            yield multipart.PART_TAIL
    yield multipart.end(mark)
