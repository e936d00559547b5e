"""WADO-RS bulk data (PS3.18 10.4.1.1.5): what a BulkDataURI of ours leads to."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicom.tags import is_pixel_data
from gateway.dicomweb import multipart
from gateway.dicomweb.resources import bulk_path
from gateway.web import context, entities, frames
from gateway.web.streams import plain


async def bulkdata(request: Request) -> Response:
    """The value at a path of tags and item numbers; pixel data are answered as frames."""
    path = bulk_path(request.path_params["path"])
    if len(path) == 1 and is_pixel_data(path[0]):
        return await frames.respond(request, ())
    service = context.services(request).bulkdata
    answer = await service.retrieve(context.address(request), path, context.ranges(request))
    media_type = answer.representation.media_type
    if not answer.representation.multipart:
        return plain(answer.content, media_type)
    mark = await entities.boundary(request)
    head = multipart.part_head(mark, media_type, len(answer.content))
    body = b"".join((head, answer.content, multipart.PART_TAIL, multipart.end(mark)))
    return plain(body, multipart.content_type(mark, media_type))
