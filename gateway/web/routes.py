"""Every route of the gateway: method, path below the service root, handler, clause of PS3.18."""

from typing import Final, NamedTuple

from starlette.routing import Route

from gateway.web import (
    bulkdata,
    entities,
    frames,
    health,
    instances,
    metadata,
    pages,
    pixeldata,
    rendered,
    search,
    uri,
)
from gateway.web.entities import Freshness, Handler

ROOTS: Final = ("/dicomweb", "/datastore/{datastore}")
"""The service roots: the default data store's, and AHI's own paths for any."""


class Transaction(NamedTuple):
    """One line of the table; ``freshness`` is how its answers are cached."""

    method: str
    path: str
    handler: Handler
    clause: str
    freshness: Freshness = Freshness.STORED


_STUDY: Final = "/studies/{study}"
_SERIES: Final = "/studies/{study}/series/{series}"
_INSTANCE: Final = "/studies/{study}/series/{series}/instances/{instance}"
_FRAMES: Final = f"{_INSTANCE}/frames/{{frames}}"

DICOMWEB: Final = (
    Transaction("GET", f"{_FRAMES}/rendered", rendered.rendered, "10.4.1.1.3", Freshness.RELATED),
    Transaction("GET", f"{_INSTANCE}/rendered", rendered.rendered, "10.4.1.1.3", Freshness.RELATED),
    Transaction("GET", f"{_SERIES}/rendered", rendered.rendered, "10.4.1.1.3", Freshness.RELATED),
    Transaction("GET", f"{_STUDY}/rendered", rendered.rendered, "10.4.1.1.3", Freshness.RELATED),
    Transaction("GET", f"{_FRAMES}/thumbnail", rendered.thumbnail, "10.4.1.1.8", Freshness.RELATED),
    Transaction(
        "GET", f"{_INSTANCE}/thumbnail", rendered.thumbnail, "10.4.1.1.8", Freshness.RELATED
    ),
    Transaction("GET", f"{_SERIES}/thumbnail", rendered.thumbnail, "10.4.1.1.8", Freshness.RELATED),
    Transaction("GET", f"{_STUDY}/thumbnail", rendered.thumbnail, "10.4.1.1.8", Freshness.RELATED),
    Transaction("GET", _FRAMES, frames.frames, "10.4.1.1.6"),
    Transaction("GET", f"{_INSTANCE}/bulkdata/{{path:path}}", bulkdata.bulkdata, "10.4.1.1.5"),
    Transaction("GET", f"{_INSTANCE}/bulkdata", bulkdata.everything, "10.4.1.1.5"),
    Transaction("GET", f"{_SERIES}/bulkdata", bulkdata.everything, "10.4.1.1.5"),
    Transaction("GET", f"{_STUDY}/bulkdata", bulkdata.everything, "10.4.1.1.5"),
    Transaction("GET", f"{_INSTANCE}/pixeldata", pixeldata.pixeldata, "10.4.1.1.6"),
    Transaction("GET", f"{_SERIES}/pixeldata", pixeldata.pixeldata, "10.4.1.1.6"),
    Transaction("GET", f"{_STUDY}/pixeldata", pixeldata.pixeldata, "10.4.1.1.6"),
    Transaction("GET", f"{_INSTANCE}/metadata", metadata.metadata, "10.4.1.1.4"),
    Transaction("GET", f"{_SERIES}/metadata", metadata.metadata, "10.4.1.1.4"),
    Transaction("GET", f"{_STUDY}/metadata", metadata.metadata, "10.4.1.1.4"),
    Transaction("GET", f"{_SERIES}/instances", search.instances, "10.6", Freshness.MADE),
    Transaction("GET", f"{_STUDY}/series", search.series, "10.6", Freshness.MADE),
    Transaction("GET", f"{_STUDY}/instances", search.instances, "10.6", Freshness.MADE),
    Transaction("GET", "/studies", search.studies, "10.6", Freshness.MADE),
    Transaction("GET", "/series", search.series, "10.6", Freshness.MADE),
    Transaction("GET", "/instances", search.instances, "10.6", Freshness.MADE),
    Transaction("GET", _INSTANCE, instances.instances, "10.4.1.1.3"),
    Transaction("GET", _SERIES, instances.instances, "10.4.1.1.2"),
    Transaction("GET", _STUDY, instances.instances, "10.4.1.1.1"),
    Transaction("GET", "/wado", uri.wado, "9", Freshness.MADE),
)

OPERATIONS: Final = (
    Transaction("GET", "/", pages.index, "", Freshness.MADE),
    Transaction("GET", "/wado", uri.wado, "9", Freshness.MADE),
    Transaction("GET", "/healthz", health.healthz, "", Freshness.FLEETING),
    Transaction("GET", "/readyz", health.readyz, "", Freshness.FLEETING),
)


def routes() -> list[Route]:
    """The table as Starlette takes it."""
    below = [line._replace(path=root + line.path) for root in ROOTS for line in DICOMWEB]
    return [
        Route(line.path, entities.served(line.handler, line.freshness), methods=[line.method])
        for line in (*OPERATIONS, *below)
    ]
