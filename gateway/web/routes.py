"""Every route of the gateway: method, path below the service root, handler, clause of PS3.18."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web import bulkdata, frames, health, instances, metadata, pages, search

Handler = Callable[[Request], Awaitable[Response]]

ROOTS: Final = ("/dicomweb", "/datastore/{datastore}")
"""The service roots: the default data store's, and AHI's own paths for any."""


class Transaction(NamedTuple):
    """One line of the table."""

    method: str
    path: str
    handler: Handler
    clause: str


_STUDY: Final = "/studies/{study}"
_SERIES: Final = "/studies/{study}/series/{series}"
_INSTANCE: Final = "/studies/{study}/series/{series}/instances/{instance}"

DICOMWEB: Final = (
    Transaction("GET", f"{_INSTANCE}/frames/{{frames}}", frames.frames, "10.4.1.1.6"),
    Transaction("GET", f"{_INSTANCE}/bulkdata/{{path:path}}", bulkdata.bulkdata, "10.4.1.1.5"),
    Transaction("GET", f"{_INSTANCE}/metadata", metadata.metadata, "10.4.1.1.4"),
    Transaction("GET", f"{_SERIES}/metadata", metadata.metadata, "10.4.1.1.4"),
    Transaction("GET", f"{_STUDY}/metadata", metadata.metadata, "10.4.1.1.4"),
    Transaction("GET", f"{_SERIES}/instances", search.instances, "10.6"),
    Transaction("GET", f"{_STUDY}/series", search.series, "10.6"),
    Transaction("GET", f"{_STUDY}/instances", search.instances, "10.6"),
    Transaction("GET", "/studies", search.studies, "10.6"),
    Transaction("GET", "/series", search.series, "10.6"),
    Transaction("GET", "/instances", search.instances, "10.6"),
    Transaction("GET", _INSTANCE, instances.instances, "10.4.1.1.3"),
    Transaction("GET", _SERIES, instances.instances, "10.4.1.1.2"),
    Transaction("GET", _STUDY, instances.instances, "10.4.1.1.1"),
)

OPERATIONS: Final = (
    Transaction("GET", "/", pages.index, ""),
    Transaction("GET", "/healthz", health.healthz, ""),
    Transaction("GET", "/readyz", health.readyz, ""),
)


def routes() -> list[Route]:
    """The table as Starlette takes it."""
    below = [line._replace(path=root + line.path) for root in ROOTS for line in DICOMWEB]
    return [Route(line.path, line.handler, methods=[line.method]) for line in (*OPERATIONS, *below)]
