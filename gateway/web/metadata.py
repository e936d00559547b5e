"""WADO-RS metadata (PS3.18 10.4.1.1.2)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart, representations
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.representations import DICOM_XML
from gateway.dicomweb.resources import Address
from gateway.services.metadata import Metadata
from gateway.web import context, entities, repeats
from gateway.web.repeats import Source
from gateway.web.streams import Stream, begun, plain


async def metadata(request: Request) -> Response:
    """The metadata of a study, series or instance: a JSON array, or XML documents."""
    address, root = context.address(request), context.root(request)
    single = address.instance is not None
    chosen = representations.documents(context.ranges(request), xml=True, single=single)
    services = context.services(request)
    saw = partial(services.prefetch.saw_metadata, address=address)
    saw(context.viewer(request.scope))
    tag = await entities.tag(request)
    if tag:
        find = partial(services.answers.peek, tag)
        repeats.note(request.scope, Source(await entities.ground(request), find, saw))
    mark, kind = multipart.boundary(tag), chosen.media_type
    if chosen.multipart:
        kind = multipart.content_type(mark, kind)
    pieces = _pieces(services.metadata, address, root, chosen, mark)
    content = await services.answers.get(tag) if tag else None
    if content is not None and (single or request.method != "HEAD"):
        return plain(content, kind)
    if content is not None:  # says no more than where the answer is made
        return Stream(pieces, kind, None)
    kept = services.answers.kept(pieces, tag) if tag else pieces
    if single:
        async with aclosing(kept):
            return plain(b"".join([piece async for piece in kept]), kind)
    return Stream(await begun(kept), kind, None)


def _pieces(
    service: Metadata, address: Address, root: str, chosen: Representation, mark: str
) -> AsyncGenerator[bytes, None]:
    if chosen.media_type != DICOM_XML:
        return service.retrieve(address, root)
    documents = service.documents(address, root)
    return _parts(documents, mark) if chosen.multipart else documents


async def _parts(documents: AsyncGenerator[bytes, None], mark: str) -> AsyncGenerator[bytes, None]:
    async with aclosing(documents):
        async for document in documents:
            yield multipart.part_head(mark, DICOM_XML, len(document)) + document
            yield multipart.PART_TAIL
    yield multipart.end(mark)
