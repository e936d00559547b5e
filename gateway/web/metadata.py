"""WADO-RS metadata (PS3.18 10.4.1.1.4)."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import representations
from gateway.web import context
from gateway.web.streams import Stream, begun


async def metadata(request: Request) -> Response:
    """The DICOM JSON of a study, series or instance."""
    media_type = representations.documents(context.ranges(request)).media_type
    service = context.services(request).metadata
    source = service.retrieve(context.address(request), context.root(request))
    return Stream(await begun(source), media_type, None)
