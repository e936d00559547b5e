"""What all answers have in common: an entity tag, conditions, ranges, a cache policy and HEAD.

A handler says nothing of it. The tag of an answer that follows from image sets names what its bytes
follow from: the versions of those image sets, the request, and this program. So a client that has
the tag is answered before anything is read.
"""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from importlib.metadata import version
from typing import Final, assert_never

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway import __version__
from gateway.dicomweb import codings, conditions, multipart, warnings
from gateway.dicomweb.conditions import Outcome
from gateway.services import grounds
from gateway.services.grounds import Ground
from gateway.settings import GatewaySettings
from gateway.settings.identity import IdentitySettings
from gateway.settings.limits import LimitSettings
from gateway.web import context, partial
from gateway.web.errors import problem
from gateway.web.streams import Stream

Handler = Callable[[Request], Awaitable[Response]]

_MAKERS: Final = ("imagecodecs", "numpy", "orjson", "pillow")
"""Libraries whose next version may write other bytes for the same content."""

_CONDITIONAL: Final = frozenset({b"if-match", b"if-none-match", b"range"})
_NEGOTIATING: Final = ("accept", "accept-charset")
_REVALIDATED: Final = "private, no-cache"
_ELSEWHERE: Final = {
    "host",
    "port",
    "log_level",
    "workers",
    "frame_cache_mb",
    "rendered_cache_mb",
    "decoded_cache_mb",
    "disk_cache_dir",
    "disk_cache_mb",
    "shared_cache_url",
    "shared_cache_ttl",
    "shared_cache_max_value_mb",
    "shared_cache_timeout",
    *IdentitySettings.model_fields,
    "viewer_dir",
    *LimitSettings.model_fields,
}
"""Settings that no answer depends on."""
_NOT_KEPT: Final = "no-store"


class Freshness(Enum):
    """How the tag of an answer comes about, and whether caches may keep it."""

    STORED = "stored"
    """From what is stored at the address; caches ask again each time."""

    RELATED = "related"
    """From all that is stored of the study: other series decide how this one is shown."""

    MADE = "made"
    """From the bytes, which are few and made anew for each request; caches ask again each time."""

    FLEETING = "fleeting"
    """No tag, and nothing for a cache."""

    OWN = "own"
    """As the handler says, who does all of it."""


@dataclass(frozen=True, slots=True)
class Entity:
    """The tag of an answer, ``""`` if it is not known beforehand, and its Cache-Control."""

    tag: str
    cache: str = _REVALIDATED


def fingerprint(settings: GatewaySettings) -> str:
    """What beside the request and the image sets decides answers: this program as it is set.

    Equal for all processes that serve the same, wherever they listen.
    """
    made = settings.model_dump_json(exclude=_ELSEWHERE)
    return conditions.entity_tag(__version__, made, *(version(name) for name in _MAKERS))


def served(handler: Handler, freshness: Freshness) -> Handler:
    """``handler`` with all that this module does for its answers."""
    if freshness is Freshness.OWN:
        return handler

    @functools.wraps(handler)
    async def serve(request: Request) -> Response:
        if freshness is Freshness.FLEETING:
            response = await handler(request)
            response.headers["Cache-Control"] = _NOT_KEPT
            return response
        request.state.freshness = freshness
        await context.pin(request)
        if "if-none-match" in request.headers:
            entity = await _entity(request)
            if conditions.names(_header(request, "if-none-match"), entity.tag):
                return _not_modified(entity)
        response = await handler(request)
        try:
            return await _finished(request, response)
        except BaseException:
            if isinstance(response, Stream):
                await response.discard()
            raise

    return serve


def immutable(request: Request, *determinants: str) -> Response | None:
    """Say what the bytes of the answer follow from, as they do for ever; 304 if the client has it.

    For frames: what a frame is does not change with the versions of its image set.
    """
    services = context.services(request)
    seconds = services.settings.frame_max_age
    cache = f"private, max-age={seconds}, immutable" if seconds else _REVALIDATED
    made = (services.fingerprint, request.scope["query_string"], *determinants)
    entity = Entity(conditions.entity_tag(*made), cache)
    request.state.entity = entity
    known = conditions.names(_header(request, "if-none-match"), entity.tag)
    return _not_modified(entity) if known else None


async def addressed(request: Request, *, related: bool) -> Response | None:
    """Do for an address in the query what ``served`` does for one in the path; 304 likewise.

    ``related`` says that other series of the study decide the answer as well.
    """
    request.state.freshness = Freshness.RELATED if related else Freshness.STORED
    request.state.entity = request.state.ground = None
    entity = await _entity(request)
    known = conditions.names(_header(request, "if-none-match"), entity.tag)
    return _not_modified(entity) if known else None


async def tag(request: Request) -> str:
    """The tag of the answer, ``""`` if it is not known beforehand."""
    return (await _entity(request)).tag


async def boundary(request: Request) -> str:
    """The boundary of a multipart answer: the same as long as its tag is."""
    return multipart.boundary(await tag(request))


async def _entity(request: Request) -> Entity:
    """What is known of the answer to ``request`` beforehand."""
    found: Entity | None = getattr(request.state, "entity", None)
    if found is None:
        found = Entity(await _stored_tag(request))
        request.state.entity = found
    return found


async def _stored_tag(request: Request) -> str:
    """The tag of what is made of stored image sets; ``""`` where there are none, or none are asked.

    The bytes of such an answer follow from which these are, in which versions.
    """
    freshness = getattr(request.state, "freshness", Freshness.MADE)
    if freshness is Freshness.MADE or "study" not in request.path_params:
        return ""
    services = context.services(request)
    held = (await ground(request)).image_sets
    if not held or any(one.version is None for one in held):
        return ""
    scope = request.scope
    wanted = [scope["path"], scope["query_string"]]
    for name in _NEGOTIATING:
        wanted += [name, *request.headers.getlist(name)]
    image_sets = (f"{one.image_set_id}/{one.version}/{one.primary}" for one in held)
    return conditions.entity_tag(
        services.fingerprint, context.root(request), *wanted, "", *image_sets
    )


async def ground(request: Request) -> Ground:
    """What the answer to ``request``, which names a study, follows from: found once for each."""
    found: Ground | None = getattr(request.state, "ground", None)
    if found is None:
        related = request.state.freshness is Freshness.RELATED
        library = context.services(request).library
        address = context.address(request)
        if address.image_set_id is not None:  # which version is the latest is looked at again
            address = replace(address, version=context.version_id(request))
        found = await grounds.find(library, address, related=related)
        request.state.ground = found
    return found


async def _finished(request: Request, response: Response) -> Response:
    if response.status_code != HTTPStatus.OK:
        response.headers.setdefault("Cache-Control", _NOT_KEPT)
        return response
    entity = await _entity(request)
    if not entity.tag and not isinstance(response, StreamingResponse):
        entity = replace(entity, tag=_made_tag(response))
    await _flag(request, response)
    _tell_stale(request, response)
    response.raw_headers.append((b"vary", b"Accept"))
    response.raw_headers.append((b"cache-control", entity.cache.encode()))
    if entity.tag:
        response.raw_headers.append((b"etag", entity.tag.encode()))
        if _has_ranges(response):
            response.raw_headers.append((b"accept-ranges", b"bytes"))
        if any(name in _CONDITIONAL for name, _ in request.scope["headers"]):
            response = await _met(request, response, entity)
    if request.method == "HEAD" and not isinstance(response, StreamingResponse):
        response.body = b""  # its Content-Length stays
    return response


async def _flag(request: Request, response: Response) -> None:
    """Say, if that is the policy, that what is answered comes from image sets not primary."""
    services = context.services(request)
    made = request.state.freshness is Freshness.MADE or "study" not in request.path_params
    if services.settings.image_set_policy != "flag" or made:
        return
    library = services.library
    address = context.address(request)
    flags = await library.secondary(address)
    if flags and address.instance is not None:
        instance = await library.instance(address)
        flags = {name: flags[name] for name in flags if name == instance.image_set_id}
    if flags:
        response.raw_headers.append((b"warning", warnings.not_primary().encode()))


def _tell_stale(request: Request, response: Response) -> None:
    """Say of what is stored of a study that it is not known to be the newest; frames never change.

    Such an answer is not given again, as it has to be looked whether that is still so.
    """
    if "study" not in request.path_params or "frames" in request.path_params:
        return
    if context.services(request).library.is_stale(context.address(request)):
        response.raw_headers.append((b"warning", warnings.stale().encode()))
        request.scope.get("state", {}).pop("source", None)


def _made_tag(response: Response) -> str:
    """The tag of a small answer, its warnings and its other headers included."""
    lines = (part for line in response.raw_headers for part in line)
    return conditions.entity_tag(bytes(response.body), *lines)


async def _met(request: Request, response: Response, entity: Entity) -> Response:
    """The answer under the request's conditions and ranges (RFC 9110 13.2.2)."""
    if_match, if_none_match = _header(request, "if-match"), _header(request, "if-none-match")
    outcome = conditions.evaluate(if_match, if_none_match, entity.tag)
    if outcome is not Outcome.PERFORM and isinstance(response, Stream):
        await response.discard()
    match outcome:
        case Outcome.NOT_MODIFIED:
            return _not_modified(entity)
        case Outcome.FAILED:
            return problem(412, "The resource is not what If-Match says")
        case Outcome.PERFORM:
            return await _partial(request, response, entity)
        case _:
            assert_never(outcome)


def _has_ranges(response: Response) -> bool:
    """Whether parts can be had: the length is known, and no coding makes other bytes of it."""
    fields = dict(response.raw_headers)
    kind = fields.get(b"content-type", b"").decode("latin-1")
    return b"content-length" in fields and not codings.is_text(kind)


async def _partial(request: Request, response: Response, entity: Entity) -> Response:
    """The ranges that a GET asks for."""
    wanted = request.headers.get("range")
    counts = conditions.range_counts(request.headers.get("if-range"), entity.tag)
    if wanted is None or not counts or request.method != "GET" or not _has_ranges(response):
        return response
    return await partial.answer(response, wanted)


def _not_modified(entity: Entity) -> Response:
    headers = {"ETag": entity.tag, "Cache-Control": entity.cache, "Vary": "Accept"}
    return Response(status_code=304, headers=headers)


def _header(request: Request, name: str) -> str | None:
    return conditions.joined(request.headers.getlist(name))
