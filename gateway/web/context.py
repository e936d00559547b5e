"""What a handler needs of a request: the services, the address, the service root."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.types import Scope

from gateway.dicomweb import accept, conditions, forwarding, parameters, resources as places
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.capabilities import Resource
from gateway.dicomweb.forwarding import Origin
from gateway.dicomweb.resources import Address
from gateway.errors import InvalidRequest, NotFound
from gateway.remote.api import Summary
from gateway.services.answers import Answers
from gateway.services.archives import Archives
from gateway.services.bulkdata import BulkData
from gateway.services.frames import Frames
from gateway.services.instances import Instances
from gateway.services.library import Library
from gateway.services.metadata import Metadata
from gateway.services.prefetch import Prefetch
from gateway.services.readiness import Readiness
from gateway.services.rendered import Rendered
from gateway.services.search import Search
from gateway.services.sync import Sync
from gateway.services.uri import Uri
from gateway.services.viewer import Viewer
from gateway.settings import GatewaySettings
from gateway.telemetry.metrics import Metrics

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_IDENTIFIER = re.compile("[0-9a-z]{32}")
_SPACE = re.compile(r"(;|,|%3B|%2C)\+", re.IGNORECASE)
_BY_PROXIES: Final = {
    forwarding.FORWARDED.lower().encode(): forwarding.FORWARDED,
    forwarding.FOR.lower().encode(): forwarding.FOR,
}
_REMEMBERED: Final = 512  # bytes of what proxies say; what is longer no proxy has made
_TELLING = frozenset({b"authorization", b"forwarded", b"user-agent", b"x-forwarded-for"})


@dataclass(frozen=True, slots=True)
class Services:
    """The application's services, made once by ``create_app``."""

    settings: GatewaySettings
    library: Library
    search: Search
    metadata: Metadata
    instances: Instances
    frames: Frames
    prefetch: Prefetch
    bulkdata: BulkData
    archives: Archives
    rendered: Rendered
    uri: Uri
    readiness: Readiness
    fingerprint: str
    metrics: Metrics
    answers: Answers
    sync: Sync
    viewer: Viewer


def services(request: Request) -> Services:
    """The services of the application that serves ``request``."""
    found: Services = request.app.state.services
    return found


def resources(request: Request) -> Resource:
    """All resources below a service root."""
    found: Resource = request.app.state.resources
    return found


def query(request: Request) -> list[tuple[str, str]]:
    """The decoded pairs of the query string; a plus sign is a space.

    Raises:
        InvalidRequest: it is not UTF-8, percent-encoded or plain.
    """
    try:
        text = request.scope["query_string"].decode()
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError as error:
        raise InvalidRequest("The query string cannot be read", "query") from error


def ranges(request: Request) -> Accept:
    """What the client accepts; the query parameter ``accept`` wins (PS3.18 8.3.3.1)."""
    text = request.scope["query_string"].decode("latin-1")
    pairs = (pair.partition("=") for pair in text.split("&"))
    # A plus sign is part of a media type, application/dicom+json, but a space behind a separator.
    given = [unquote(_SPACE.sub(r"\1 ", value)) for name, _, value in pairs if name == "accept"]
    strict = services(request).settings.negotiation == "strict"
    return accept.parse(", ".join(given or request.headers.getlist("accept")), strict=strict)


def datastore_id(request: Request) -> str:
    """The data store of the path, or the default one.

    Raises:
        NotFound: the settings do not allow that data store.
    """
    settings = services(request).settings
    wanted: str = request.path_params.get("datastore", settings.datastore_id)
    allowed = settings.datastore_ids.replace(" ", "")
    known = wanted == settings.datastore_id or not allowed or wanted in allowed.split(",")
    if not (known and _is_identifier(wanted)):
        raise NotFound("The data store does not exist")
    return wanted


def address(request: Request) -> Address:
    """The study, series or instance that the path names.

    Raises:
        InvalidRequest: a UID, an image set identifier or a version is malformed.
    """
    path: Mapping[str, str] = request.path_params
    found = pinned(request)
    return Address(
        datastore_id(request),
        places.check_uid("study", path["study"]),
        places.check_uid("series", path["series"]) if "series" in path else None,
        places.check_uid("instance", path["instance"]) if "instance" in path else None,
        image_set_id(request),
        version_id(request) if found is None else found.version,
        getattr(request.state, "as_of", None),
    )


def image_set_id(request: Request) -> str | None:
    """The query parameter ``imageSetId``.

    Raises:
        InvalidRequest: it is not an identifier of 32 characters.
    """
    given = _only(request, "imageSetId")
    if given is not None and not _is_identifier(given):
        raise InvalidRequest("imageSetId is not an image set identifier", "imageSetId")
    return given


def version_id(request: Request) -> int | None:
    """The query parameter ``versionId``.

    Raises:
        InvalidRequest: it is no version, or there is no image set that it could be of.
    """
    given = _only(request, "versionId")
    if given is None:
        return None
    if "imageSetId" not in request.query_params:
        raise InvalidRequest("versionId is of no use without imageSetId", "versionId")
    return places.version_number(given)


def _only(request: Request, name: str) -> str | None:
    if not request.scope["query_string"]:
        return None
    given = set(request.query_params.getlist(name))
    if len(given) > 1:
        raise InvalidRequest(f"{name} is given twice with different values", name)
    return next(iter(given), None)


async def pin(request: Request) -> None:
    """Settle what is read: all as of this moment; of an image set that is named, one version.

    Raises:
        InvalidRequest: the image set or its version is malformed.
        NotFound: there is no such image set.
    """
    library = services(request).library
    if not hasattr(request.state, "as_of"):  # else it was looked whether an answer still stands
        request.state.as_of = library.moment()
    if not request.scope["query_string"]:
        return
    image_set, number = image_set_id(request), version_id(request)
    if image_set is not None:
        place = (datastore_id(request), image_set, number)
        request.state.pinned = await library.pinned(*place, request.state.as_of)


def pinned(request: Request) -> Summary | None:
    """The image set that alone is read, once ``pin`` has settled it."""
    found: Summary | None = getattr(request.state, "pinned", None)
    return found


def quality(request: Request) -> int | None:
    """The query parameter ``quality``: that of lossy compression, from 1 to 100.

    Raises:
        InvalidRequest: it is not a number in that range.
    """
    given = request.query_params.get("quality")
    return None if given is None else parameters.quality(given)


def _is_identifier(text: str) -> bool:
    """Whether ``text`` has the form of AHI's identifiers: 32 digits and lower-case letters."""
    return _IDENTIFIER.fullmatch(text) is not None


def viewer(scope: Scope) -> int:
    """Who asks, as far as requests tell, in whatever order: who is prefetched for, who reads pages.

    The same in one process only.
    """
    peer = scope.get("client")
    told = sorted(line for line in scope["headers"] if line[0] in _TELLING)
    return hash((peer and peer[0], *told))


def client(scope: Scope, trusted: str) -> str:
    """The address of who asks, ``""`` if there is none, as far as ``trusted`` proxies tell it."""
    peer = scope.get("client")
    address = str(peer[0]) if peer else ""
    told = tuple([line for line in scope["headers"] if line[0] in _BY_PROXIES])
    if not told:
        return address
    short = sum([len(value) for _, value in told]) <= _REMEMBERED
    return (_client if short else _client.__wrapped__)(address, told, trusted)


@lru_cache(1024)
def _client(peer: str, told: tuple[tuple[bytes, bytes], ...], trusted: str) -> str:
    """The same; a client behind a proxy is asked for again with each of its requests."""
    found: dict[str, list[str]] = {}
    for name, value in told:
        found.setdefault(_BY_PROXIES[name], []).append(value.decode("latin-1"))
    headers = {name: conditions.joined(values) or "" for name, values in found.items()}
    return forwarding.client(peer, headers, forwarding.networks(trusted))


def root(request: Request) -> str:
    """The service root that the client uses, for the URLs in an answer.

    They lead to the image set and version that the answer is made of, where the client named one.
    """
    url = f"{base_url(request)}{service_path(request)}"
    found = pinned(request)
    if found is None or found.version is None:
        return url
    return places.pinned(url, found.image_set_id, found.version)


def service_path(request: Request) -> str:
    """The path of the service root: ``/dicomweb`` or ``/datastore/{id}``."""
    wanted = request.path_params.get("datastore")
    return f"/datastore/{wanted}" if wanted else "/dicomweb"


def base_url(request: Request) -> str:
    """Where the client reaches the gateway: as the setting has it, or proxies, or the request.

    Raises:
        InvalidRequest: Host, or what a trusted proxy has passed on, could not stand in a URL.
    """
    known = request.scope.setdefault("state", {})
    if "base_url" not in known:  # asked for by several who take part in one answer
        known["base_url"] = _base_url(request)
    found: str = known["base_url"]
    return found


def _base_url(request: Request) -> str:
    settings = services(request).settings
    if settings.public_url:
        return settings.public_url.rstrip("/")
    headers = {
        name: value
        for name in forwarding.HEADERS
        if (value := conditions.joined(request.headers.getlist(name)))
    }
    trusted = forwarding.networks(settings.trusted_proxies)
    own = _own_origin(request, direct=not headers)
    origin = forwarding.resolve(own, request.client and request.client.host, headers, trusted)
    return f"{origin.url}{request.scope.get('root_path', '').rstrip('/')}"


def _own_origin(request: Request, *, direct: bool) -> Origin:
    """The origin that the request itself names; ``direct`` if no proxy has passed it on."""
    scheme: str = request.scope["scheme"]
    name, port = request.scope.get("server") or ("localhost", None)
    given = request.headers.get("host", "").strip()
    if not given:
        return Origin(scheme, f"[{name}]" if ":" in name else name, port)
    host, own_port = forwarding.authority(given, "Host")
    if own_port is None and host in _LOOPBACK and direct:
        own_port = port  # some clients leave it out of Host
    return Origin(scheme, host, own_port)
