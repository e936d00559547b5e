"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

import hashlib
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import multipart, query as rules, representations, warnings
from gateway.dicomweb.query import Level
from gateway.dicomweb.representations import DICOM_XML
from gateway.dicomweb.resources import check_uid
from gateway.services import results
from gateway.services.search import JsonAnswer, SearchAnswer
from gateway.services.sifting import sift
from gateway.web import context, guard
from gateway.web.streams import plain

_STUDY_UID: Final = 0x0020000D


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
    chosen = representations.documents(context.ranges(request), xml=True)
    datastore_id = context.datastore_id(request)
    names = {"study": _STUDY_UID, "series": 0x0020000E}
    uids = {
        tag: check_uid(name, request.path_params[name])
        for name, tag in names.items()
        if name in request.path_params
    }
    query = rules.parse(level, context.query(request), uids)
    if only := context.pinned(request):
        query = replace(query, version=only.version, secondary=only.primary is False)
    service = context.services(request).search
    wanted = datastore_id, query, context.root(request), str(context.viewer(request.scope))
    answer: SearchAnswer | JsonAnswer
    sieve = guard.sieve(request, datastore_id)
    if sieve is not None:
        answer = await sift(service, *wanted, sieve)
        if chosen.media_type == DICOM_XML:
            response = _parts(await service.encode(answer.results, results.dicom_xml))
        else:
            content = await service.encode(answer.results, results.dicom_json)
            response = plain(content, chosen.media_type)
    elif chosen.media_type == DICOM_XML:
        answer = await service.run(*wanted)
        response = _parts(await service.encode(answer.results, results.dicom_xml))
    else:
        answer = await service.json(*wanted)
        response = plain(answer.content, chosen.media_type)
    for warning in answer.warnings:
        response.headers.append("Warning", warning)
    named = query.matches.get((_STUDY_UID,), ())
    library = context.services(request).library
    alone = "study" not in request.path_params and len(named) == 1  # else it is said of the path
    if alone and library.studies.is_stale((datastore_id, named[0])):
        response.headers.append("Warning", warnings.stale())
    if answer.total is not None:
        response.headers["X-Total-Count"] = str(answer.total)
    return response


def _parts(documents: list[bytes]) -> Response:
    """A multipart answer; no content where there is nothing to put into parts (PS3.18 8.3.4.4.1).

    Its boundary follows from what is in it, as its entity tag does.
    """
    if not documents:
        return Response(status_code=204)
    mark = multipart.boundary(hashlib.sha256(b"".join(documents)).hexdigest()[:32])
    kind = multipart.content_type(mark, DICOM_XML)
    return plain(multipart.body(mark, DICOM_XML, documents), kind)
