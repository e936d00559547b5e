"""WADO-URI (PS3.18 chapter 9)."""

from contextlib import AsyncExitStack
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.auth.grants import Action
from gateway.dicomweb import uri as parameters, warnings
from gateway.dicomweb.representations import DICOM
from gateway.dicomweb.resources import instance_url
from gateway.errors import GatewayError
from gateway.services.instances import InstancesAnswer
from gateway.web import context, entities, guard, instances, rendered
from gateway.web.streams import Begun, Stream, plain

_WHOLE: Final = 16 << 20
"""Bytes up to which a file goes out with its length (PS3.18 table 9.4.3-2), not piece by piece."""


async def wado(request: Request) -> Response:
    """One instance, as a DICOM file or rendered."""
    services = context.services(request)
    asked = parameters.parse(
        context.query(request),
        context.ranges(request),
        ",".join(request.headers.getlist("accept-charset")),
        services.settings.viewport_max_side,
    )
    # The address is in the query here; all that reads it from the path finds it there.
    uids = {"study": asked.study, "series": asked.series, "instance": asked.instance}
    request.scope["path_params"] = {**request.path_params, **uids}
    await guard.check(request, Action.RENDERED)
    if unmodified := await entities.addressed(request, related=asked.state is not None):
        return unmodified
    service = context.base_url(request) + context.service_path(request)
    answer = await services.uri.retrieve(context.address(request), asked, service)
    root = context.root(request)
    if isinstance(answer, InstancesAnswer):
        try:
            await guard.check(request, Action.READ)
        except GatewayError:
            await answer.files.aclose()
            raise
        response = await _file(answer)
        response.headers["Content-Location"] = instance_url(root, **uids)
        return response
    response = rendered.alone(answer, root)
    response.headers["Vary"] = "Accept-Charset"
    if asked.unsupported:
        response.headers["Warning"] = warnings.annotations(asked.unsupported)
    return response


async def _file(answer: InstancesAnswer) -> Response:
    """A file; the media type has no parameters here (PS3.18 9.1.3)."""
    pieces = instances.pieces(answer)
    head = bytearray()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pieces.aclose)
        async for piece in pieces:
            head += piece
            if len(head) > _WHOLE:
                stack.pop_all()  # the stream closes them
                return Stream(Begun(bytes(head), pieces, pieces), DICOM, None)
    return plain(bytes(head), DICOM)
