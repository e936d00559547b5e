"""WADO-RS studies, series and instances as ZIP archives (PS3.18 8.6.1.3)."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import archives
from gateway.services.instances import InstancesAnswer
from gateway.web import context
from gateway.web.streams import stream


async def respond(request: Request, answer: InstancesAnswer) -> Response:
    """The files of ``answer`` in an archive, under a name that browsers save it by."""
    source = context.services(request).archives.pack(answer.files)
    response = await stream(request, source, archives.ZIP)
    response.headers["Content-Disposition"] = archives.disposition(context.address(request))
    return response
