"""Features that are left to servers: reported, and right where they are there."""

import json
from typing import Final
from xml.etree.ElementTree import ParseError, fromstring

from conformance import mediatypes, results
from conformance.context import Context
from conformance.model import NotSupported, Severity
from conformance.registry import check

_WADL: Final = "application/vnd.sun.wadl+xml"
_ORIGIN: Final = "https://viewer.example"


@check("option.gzip", "A body is compressed if that is asked for, and is the same",
       "PS3.18 8.4.1.1, RFC 9110 12.5.3", Severity.MAY)  # fmt: skip
def compressed(context: Context) -> None:
    """Accept-Encoding: gzip."""
    plain = context.whole(context.get("/studies"))
    packed = context.get("/studies", accept_encoding="gzip")
    if packed.broken is None and not packed.header("content-encoding"):
        raise NotSupported("Bodies are not compressed")
    context.whole(packed)
    same = context.json(plain) == context.json(packed)
    context.expect(same, "Compressed, the result is another one", packed)


@check("option.capabilities", "OPTIONS of the service root describes the service", "PS3.18 8.9",
       Severity.MAY)  # fmt: skip
def capabilities(context: Context) -> None:
    """WADL, or JSON."""
    answer = context.whole(context.get("/", accept=_WADL, method="OPTIONS"))
    kind = mediatypes.parse(answer.header("content-type") or "")
    if not answer.ok or not answer.body or kind.name not in (_WADL, "application/json"):
        raise NotSupported(f"OPTIONS is answered {answer.status} {kind.name}")
    try:
        json.loads(answer.body) if kind.name.endswith("json") else fromstring(answer.body)  # noqa: S314
        context.compared += 1
    except (ValueError, ParseError):
        context.problem(f"The document is not {kind.name}", answer)


@check("option.cors", "Web pages of other origins may read answers", "PS3.18 8.4.2, Fetch 3.2",
       Severity.MAY)  # fmt: skip
def cors(context: Context) -> None:
    """Access-Control-Allow-Origin for a request with Origin, and for its preflight."""
    answer = context.whole(context.get("/studies", origin=_ORIGIN))
    allowed = answer.header("access-control-allow-origin")
    if allowed is None:
        raise NotSupported("No Access-Control-Allow-Origin: a viewer needs the same origin")
    context.expect(allowed in ("*", _ORIGIN), f"Access-Control-Allow-Origin: {allowed}", answer)
    preflight = context.get(
        "/studies",
        accept=None,
        method="OPTIONS",
        origin=_ORIGIN,
        access_control_request_method="GET",
        access_control_request_headers="accept,authorization",
    )
    context.whole(preflight)
    context.expect(preflight.ok, f"The preflight is answered {preflight.status}", preflight)


@check("option.etag", "A condition on an entity tag is answered 304", "RFC 9110 13.1.2",
       Severity.MAY)  # fmt: skip
def entity_tag(context: Context) -> None:
    """If-None-Match with the ETag that was given."""
    original = context.need(context.originals.files, "instance")[0]
    path = f"{original.address}/metadata"
    tag = context.whole(context.get(path)).header("etag")
    if not tag:
        raise NotSupported("Answers have no ETag")
    answer = context.whole(context.get(path, if_none_match=tag))
    if context.succeeded(answer, 304):
        context.expect(not answer.body, "304 with a body", answer)
    other = context.whole(context.get(path, if_none_match='"no-such-tag"'))
    context.succeeded(other, 200)


@check("option.empty-value", 'emptyvaluematching finds what has no value by ""',
       "PS3.18 8.3.4.5", Severity.MAY)  # fmt: skip
def empty_value(context: Context) -> None:
    """AccessionNumber="" finds every study without one, and no other."""
    without = {one.uid for one in context.entities(1) if not any(one.distinct(0x00080050))}
    having = {one.uid for one in context.entities(1) if all(one.distinct(0x00080050))}
    if not without or not having:
        return
    pairs = [("AccessionNumber", '""'), ("emptyvaluematching", "true")]
    answer = context.get("/studies", pairs)
    context.optional(answer, "emptyvaluematching")
    got = {results.uid(one, 1) for one in context.json(answer)}
    if not got or got >= having:
        raise NotSupported("emptyvaluematching is ignored")
    context.expect(without <= got, "A study without a value is not found", answer)
    context.expect(not got & having, "A study with a value is found", answer)
