"""Every route of the gateway: method, path below the service root, handler, kind, name."""

import functools
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.dicomweb import capabilities as description
from gateway.dicomweb.capabilities import Method, Resource
from gateway.web import (
    bulkdata,
    capabilities,
    entities,
    frames,
    guard,
    health,
    instances,
    links,
    metadata,
    ohif,
    pages,
    pixeldata,
    rendered,
    search,
    uri,
    viewers,
)
from gateway.web.entities import Handler
from gateway.web.transactions import (
    BULK_DATA,
    CAPABILITIES,
    FRAMES,
    INSTANCES,
    LINK,
    METADATA,
    METRICS,
    PAGE,
    PIXEL_DATA,
    RENDERED,
    SEARCH_INSTANCES,
    SEARCH_SERIES,
    SEARCH_STUDIES,
    SITE,
    STATE,
    THUMBNAIL,
    URI,
    VIEWER,
    Kind,
)

ROOTS: Final = ("/dicomweb", "/datastore/{datastore}")
"""The service roots: the default data store's, and AHI's own paths for any."""


class Transaction(NamedTuple):
    """One line of the table; ``subject`` is what it retrieves or searches for, as PS3.18 says."""

    path: str
    handler: Handler
    kind: Kind
    subject: str
    method: str = "GET"

    @property
    def clause(self) -> str:
        """The clause of PS3.18."""
        return self.kind.clause

    @property
    def description(self) -> Method:
        """The line as the capabilities tell it."""
        kind = self.kind
        name = f"{kind.verb} {self.subject}"
        return Method(self.method, name, kind.clause, kind.media_types, kind.parameters)


_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_STUDY: Final = "/studies/{study}"
_SERIES: Final = "/studies/{study}/series/{series}"
_INSTANCE: Final = "/studies/{study}/series/{series}/instances/{instance}"
_FRAMES: Final = f"{_INSTANCE}/frames/{{frames}}"
_VALUE: Final = f"{_INSTANCE}/bulkdata/{{path:path}}"

DICOMWEB: Final = (
    Transaction(f"{_FRAMES}/rendered", rendered.rendered, RENDERED, "Rendered Frames"),
    Transaction(f"{_INSTANCE}/rendered", rendered.rendered, RENDERED, "Rendered Instance"),
    Transaction(f"{_SERIES}/rendered", rendered.rendered, RENDERED, "Rendered Series"),
    Transaction(f"{_STUDY}/rendered", rendered.rendered, RENDERED, "Rendered Study"),
    Transaction(f"{_FRAMES}/thumbnail", rendered.thumbnail, THUMBNAIL, "Frame Thumbnail"),
    Transaction(f"{_INSTANCE}/thumbnail", rendered.thumbnail, THUMBNAIL, "Instance Thumbnail"),
    Transaction(f"{_SERIES}/thumbnail", rendered.thumbnail, THUMBNAIL, "Series Thumbnail"),
    Transaction(f"{_STUDY}/thumbnail", rendered.thumbnail, THUMBNAIL, "Study Thumbnail"),
    Transaction(_FRAMES, frames.frames, FRAMES, "Frames"),
    Transaction(_VALUE, bulkdata.bulkdata, BULK_DATA, "Bulkdata"),
    Transaction(f"{_INSTANCE}/bulkdata", bulkdata.everything, BULK_DATA, "Instance Bulkdata"),
    Transaction(f"{_SERIES}/bulkdata", bulkdata.everything, BULK_DATA, "Series Bulkdata"),
    Transaction(f"{_STUDY}/bulkdata", bulkdata.everything, BULK_DATA, "Study Bulkdata"),
    Transaction(f"{_INSTANCE}/pixeldata", pixeldata.pixeldata, PIXEL_DATA, "Instance Pixel Data"),
    Transaction(f"{_SERIES}/pixeldata", pixeldata.pixeldata, PIXEL_DATA, "Series Pixel Data"),
    Transaction(f"{_STUDY}/pixeldata", pixeldata.pixeldata, PIXEL_DATA, "Study Pixel Data"),
    Transaction(f"{_INSTANCE}/metadata", metadata.metadata, METADATA, "Instance Metadata"),
    Transaction(f"{_SERIES}/metadata", metadata.metadata, METADATA, "Series Metadata"),
    Transaction(f"{_STUDY}/metadata", metadata.metadata, METADATA, "Study Metadata"),
    Transaction(
        f"{_SERIES}/instances", search.instances, SEARCH_INSTANCES, "Study Series Instances"
    ),
    Transaction(f"{_STUDY}/series", search.series, SEARCH_SERIES, "Study Series"),
    Transaction(f"{_STUDY}/instances", search.instances, SEARCH_INSTANCES, "Study Instances"),
    Transaction("/studies", search.studies, SEARCH_STUDIES, "Studies"),
    Transaction("/series", search.series, SEARCH_SERIES, "Series"),
    Transaction("/instances", search.instances, SEARCH_INSTANCES, "Instances"),
    Transaction(_INSTANCE, instances.instances, INSTANCES, "Instance"),
    Transaction(_SERIES, instances.instances, INSTANCES, "Series"),
    Transaction(_STUDY, instances.instances, INSTANCES, "Study"),
    Transaction("/wado", uri.wado, URI, "Instance by Query"),
)

OPERATIONS: Final = (
    Transaction("/", pages.index, PAGE, "Front Page"),
    Transaction("/wado", uri.wado, URI, "Instance by Query"),
    Transaction("/healthz", health.healthz, STATE, "Liveness"),
    Transaction("/readyz", health.readyz, STATE, "Readiness"),
    Transaction("/metrics", health.metrics, METRICS, "Metrics"),
    Transaction("/links", links.links, LINK, "Links"),
    Transaction("/ohif/app-config.js", viewers.script, VIEWER, "OHIF's Configuration"),
    Transaction("/ohif/app-config.json", viewers.document, VIEWER, "OHIF's Configuration"),
    Transaction("/ohif/dicomweb.json", viewers.proxied, VIEWER, "OHIF's Data Source"),
    Transaction(ohif.PATH, ohif.slashless, SITE, "OHIF"),
    Transaction(f"{ohif.PATH}/{{path:path}}", ohif.ohif, SITE, "OHIF"),
)


def resources() -> Resource:
    """What the table offers below each root, as the capabilities tell it."""
    return description.tree((line.path, line.description) for line in DICOMWEB)


def routes() -> list[Route]:
    """The table as Starlette takes it; each resource describes itself and those below it."""
    made = [_operation(line) for line in OPERATIONS]
    for root in ROOTS:
        made += [_capabilities(root), _capabilities(f"{root}/")]
        made += [_resource(root, line) for line in DICOMWEB]
    return made


def _operation(line: Transaction) -> Route:
    served = entities.served(line.handler, line.kind.freshness)
    handler = guard.guarded(served, line.kind.action)
    return Route(line.path, handler, methods=[line.method])


def _capabilities(path: str) -> Route:
    described = capabilities.describe("/", _METHODS)
    return _route(path, described, CAPABILITIES, described)


def _resource(root: str, line: Transaction) -> Route:
    described = capabilities.describe(line.path, _METHODS)
    return _route(f"{root}{line.path}", line.handler, line.kind, described)


def _route(path: str, handler: Handler, kind: Kind, described: Handler) -> Route:
    served = entities.served(handler, kind.freshness)

    @functools.wraps(handler)
    async def answer(request: Request) -> Response:
        return await (described if request.method == "OPTIONS" else served)(request)

    return Route(path, guard.guarded(answer, kind.action), methods=_METHODS)
