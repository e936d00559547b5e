"""Retrieve Capabilities (PS3.18 8.9): what a resource and those below it offer."""

from collections.abc import Iterable
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway import __version__
from gateway.dicomweb import capabilities as rules, negotiation
from gateway.dicomweb.capabilities import Resource
from gateway.settings import GatewaySettings
from gateway.web import context
from gateway.web.entities import Handler
from gateway.web.streams import plain

_OPTIONS: Final = "OPTIONS"


def describe(path: str, methods: Iterable[str]) -> Handler:
    """The handler that describes the resource at ``path``; ``methods`` are those that it takes."""
    allow = ", ".join(methods)

    async def capabilities(request: Request) -> Response:
        """What can be done, as WADL or JSON, for OPTIONS and, at a service root, GET."""
        context.datastore_id(request)
        response = _description(request, rules.at(context.resources(request), path))
        if request.method == _OPTIONS:
            response.headers.update({"Allow": allow, "Vary": "Accept", "Cache-Control": "no-store"})
        return response

    return capabilities


def _description(request: Request, resource: Resource) -> Response:
    chosen = negotiation.plain(context.ranges(request), rules.MEDIA_TYPES).media_type
    said = _conformance(context.services(request).settings)
    root = context.root(request)
    if chosen in (rules.WADL, rules.XML):
        return plain(rules.wadl(root, resource, said), chosen)
    return plain(orjson.dumps(rules.json(root, resource, said)), chosen)


def _conformance(settings: GatewaySettings) -> dict[str, str]:
    """What a client may rely on beyond the resources themselves, by title."""
    return {
        "Implementation": f"DICOMweb gateway {__version__} for AWS HealthImaging",
        "Conformance": "DICOM PS3.18, origin server of the Studies Service, Retrieve (10.4) and "
        "Search (10.6) transactions, and of the URI Service (9); Retrieve Capabilities (8.9)",
        "Content negotiation": settings.negotiation,
        "Image sets that are not primary": settings.image_set_policy,
        "Results of one search at the most": str(settings.search_max_results),
    }
