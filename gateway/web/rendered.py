"""WADO-RS rendered resources and thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.8)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart, rendered as parameters, warnings
from gateway.dicomweb.resources import below, frame_numbers
from gateway.services.albums import Part
from gateway.services.rendered import RenderedAnswer, Wanted
from gateway.web import context, entities, repeats
from gateway.web.repeats import Source
from gateway.web.streams import CLIENT_CLOSED_REQUEST, Derived, guarded, plain, stream, unless_gone


async def rendered(request: Request) -> Response:
    """A study, series, instance or frames as pictures or documents."""
    side = context.services(request).settings.viewport_max_side
    wanted = _wanted(request, parameters.parse(context.query(request), side))
    service = context.services(request).rendered
    tag, ground = await entities.tag(request), await entities.ground(request)
    answer = await unless_gone(request, service.retrieve(wanted, tag))
    if answer is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    response = await _response(request, answer)
    repeats.note(request.scope, Source(ground, partial(service.shelf.content, tag)))
    if wanted.parameters.unsupported:
        response.headers["Warning"] = warnings.annotations(wanted.parameters.unsupported)
    return response


async def thumbnail(request: Request) -> Response:
    """One small picture of a study, series, instance or frame."""
    settings = context.services(request).settings
    sides = settings.thumbnail_side, settings.viewport_max_side
    wanted = _wanted(request, parameters.parse_thumbnail(context.query(request), *sides))
    service = context.services(request).rendered
    tag, ground = await entities.tag(request), await entities.ground(request)
    part = await unless_gone(request, service.thumbnail(wanted, tag))
    if part is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    repeats.note(request.scope, Source(ground, partial(service.shelf.content, tag)))
    return alone(part, context.root(request))


def _wanted(request: Request, given: parameters.Parameters) -> Wanted:
    listed = request.path_params.get("frames")
    numbers = frame_numbers(listed) if listed is not None else ()
    # Not pinned to an image set: what a document refers to is in others.
    root = context.base_url(request) + context.service_path(request)
    return Wanted(context.address(request), context.ranges(request), given, numbers, root)


async def _response(request: Request, answer: RenderedAnswer) -> Response:
    root = context.root(request)
    if not answer.multipart:
        await answer.rest.aclose()
        return alone(answer.first, root)
    mark = await entities.boundary(request)
    kind = multipart.content_type(mark, answer.first.media_type.partition(";")[0])
    return await stream(request, Derived(_parts(answer, mark, root), answer.rest), kind)


def alone(part: Part, root: str) -> Response:
    """A part without an envelope; ``root`` is the service root of where it is by itself."""
    response = plain(part.content, part.media_type)
    if part.foreign:
        guarded(response)
    if part.path:
        response.headers["Content-Location"] = below(root, part.path)
    return response


async def _parts(answer: RenderedAnswer, mark: str, root: str) -> AsyncGenerator[bytes, None]:
    async with aclosing(answer.rest) as rest:
        for piece in _pieces(answer.first, mark, root):
            yield piece
        async for part in rest:
            for piece in _pieces(part, mark, root):
                yield piece
    yield multipart.end(mark)


def _pieces(part: Part, mark: str, root: str) -> tuple[bytes, bytes, bytes]:
    location = below(root, part.path) if part.path else None
    head = multipart.part_head(mark, part.media_type, len(part.content), location)
    return head, part.content, multipart.PART_TAIL
