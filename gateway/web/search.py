"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import query as rules, representations
from gateway.dicomweb.query import Level
from gateway.dicomweb.resources import check_uid
from gateway.services import results
from gateway.services.results import Result
from gateway.web import context
from gateway.web.streams import plain

_ENCODERS: Final[Mapping[str, Callable[[Sequence[Result], int], bytes]]] = {
    representations.JSON: results.dicom_json,
    representations.DICOM_JSON: results.dicom_json,
}
_TELLING: Final = ("authorization", "forwarded", "user-agent", "x-forwarded-for")


async def studies(request: Request) -> Response:
    """Search for studies."""
    return await _search(request, Level.STUDY)


async def series(request: Request) -> Response:
    """Search for series, of one study or of all."""
    return await _search(request, Level.SERIES)


async def instances(request: Request) -> Response:
    """Search for instances, of one series, of one study or of all."""
    return await _search(request, Level.INSTANCE)


async def _search(request: Request, level: Level) -> Response:
    media_type = representations.documents(context.ranges(request)).media_type
    datastore_id = context.datastore_id(request)
    names = {"study": 0x0020000D, "series": 0x0020000E}
    uids = {
        tag: check_uid(name, request.path_params[name])
        for name, tag in names.items()
        if name in request.path_params
    }
    query = rules.parse(level, context.query(request), uids)
    if only := context.pinned(request):
        query = replace(query, version=only.version)
    service = context.services(request).search
    answer = await service.run(datastore_id, query, context.root(request), _client(request))
    body = await service.encode(answer.results, _ENCODERS[media_type])
    response = plain(body, media_type)
    for warning in answer.warnings:
        response.headers.append("Warning", warning)
    if answer.total is not None:
        response.headers["X-Total-Count"] = str(answer.total)
    return response


def _client(request: Request) -> str:
    """Who asks, as far as requests tell: pages of one client belong together."""
    told = [request.headers.get(name, "") for name in _TELLING]
    peer = request.client.host if request.client else ""
    return hashlib.sha256("\n".join([peer, *told]).encode()).hexdigest()
