"""WADO-RS metadata (PS3.18 10.4.1.1.2)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart, representations
from gateway.dicomweb.representations import DICOM_XML
from gateway.web import context, entities
from gateway.web.streams import Stream, begun


async def metadata(request: Request) -> Response:
    """The metadata of a study, series or instance: a JSON array, or XML documents."""
    address, root = context.address(request), context.root(request)
    single = address.instance is not None
    chosen = representations.documents(context.ranges(request), xml=True, single=single)
    service = context.services(request).metadata
    context.services(request).prefetch.saw_metadata(context.viewer(request.scope), address)
    if chosen.media_type != DICOM_XML:
        return Stream(await begun(service.retrieve(address, root)), chosen.media_type, None)
    documents = service.documents(address, root)
    if not chosen.multipart:
        return Stream(await begun(documents), chosen.media_type, None)
    mark = await entities.boundary(request)
    kind = multipart.content_type(mark, chosen.media_type)
    return Stream(await begun(_parts(documents, mark)), kind, None)


async def _parts(documents: AsyncGenerator[bytes, None], mark: str) -> AsyncGenerator[bytes, None]:
    async with aclosing(documents):
        async for document in documents:
            yield multipart.part_head(mark, DICOM_XML, len(document)) + document
            yield multipart.PART_TAIL
    yield multipart.end(mark)
