"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

from dataclasses import replace

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import query as rules, representations
from gateway.dicomweb.query import Level
from gateway.dicomweb.resources import check_uid
from gateway.web import context
from gateway.web.streams import plain


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
    answer = await context.services(request).search.run(datastore_id, query, context.root(request))
    response = plain(orjson.dumps(answer.results), media_type)
    for warning in answer.warnings:
        response.headers.append("Warning", warning)
    return response
