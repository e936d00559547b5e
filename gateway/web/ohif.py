"""OHIF at ``/viewer/``: its files, its page fit for where it is reached, its configuration."""

import base64
import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from gateway.dicomweb import codings, conditions
from gateway.services.viewer import File
from gateway.web import context, viewers
from gateway.web.entities import Freshness, served
from gateway.web.errors import problem

PATH: Final = "/viewer"
_CONFIGURATION: Final = "app-config.js"
_NONE: Final = "No viewer is installed; `make viewer` installs one"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".jsonc": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webapp": "application/manifest+json",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
_OTHER: Final = "application/octet-stream"
_NAMED_BY_CONTENT: Final = re.compile(r"(^|\.)[0-9a-f]{16,}\.[0-9a-z]+$")
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASKED_AGAIN: Final = "no-cache"
_ISOLATED: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the page's address names studies
}
"""Shared memory, which OHIF decodes and renders volumes in, is for isolated pages only."""

_ROOTED: Final = re.compile(r'(=")/(?!viewer/)')
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


async def slashless(request: Request) -> Response:
    """The way to the page, relative: a proxy may have put something before it."""
    query = request.url.query
    target = f"{PATH.strip('/')}/{f'?{query}' if query else ''}"
    return RedirectResponse(target, HTTPStatus.PERMANENT_REDIRECT)


async def ohif(request: Request) -> Response:
    """A file of the viewer; its page for every path that is one of the page's own."""
    path: str = request.path_params["path"]
    if path == _CONFIGURATION:
        return await _configuration(request)
    file = await context.services(request).viewer.find(path)
    if file is not None and file.path.name != "index.html":
        return _sent(request, file)
    if not _is_page(path):
        return problem(404, "The viewer has no such file")
    return await _page(request)


def _is_page(path: str) -> bool:
    """Whether the viewer itself takes the path apart: it is no file's, also not a missing one's."""
    return path == "index.html" or "." not in path.rpartition("/")[2]


def _sent(request: Request, file: File) -> Response:
    """A file, in the coding that is there and the client likes best."""
    name = file.path.name
    tag = conditions.entity_tag(name, file.version)
    headers = {
        **_ISOLATED,
        "Cache-Control": _FOR_EVER if _NAMED_BY_CONTENT.search(name) else _ASKED_AGAIN,
        "ETag": tag,
    }
    known = conditions.joined(request.headers.getlist("if-none-match"))
    if conditions.names(known, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if file.coded:
        headers["Vary"] = "Accept-Encoding"
        coding = codings.choose(_accepted(request, file))
        if coding is not None and coding in file.coded:
            file = file.coded[coding]
            headers |= {"Content-Encoding": coding, "ETag": codings.coded_tag(tag, coding)}
    kind = _TYPES.get(PurePosixPath(name).suffix, _OTHER)
    response = FileResponse(file.path, headers=headers, stat_result=file.stat)
    response.headers["Content-Type"] = kind
    return response


def _accepted(request: Request, file: File) -> Mapping[str, float]:
    wanted = codings.qualities(conditions.joined(request.headers.getlist("accept-encoding")))
    return {
        name: quality
        for name, quality in wanted.items()
        if name in file.coded or name == codings.IDENTITY
    }


async def _show(request: Request) -> Response:
    text = await context.services(request).viewer.page()
    if text is None:
        return problem(404, _NONE)
    base = context.base_url(request)
    text = _ROOTED.sub(rf"\1{urlsplit(base).path}{PATH}/", text)
    headers = {**_ISOLATED, "Content-Security-Policy": _policy(text, base, _issuers(request))}
    return Response(text, headers={**headers, "Content-Type": _TYPES[".html"]})


async def _configure(request: Request) -> Response:
    response = await viewers.hosted(request, urlsplit(context.base_url(request)).path + PATH)
    response.headers.update(_ISOLATED)
    return response


_page: Final = served(_show, Freshness.MADE)
_configuration: Final = served(_configure, Freshness.MADE)


def _issuers(request: Request) -> str:
    """The origins at which users sign in."""
    settings = context.services(request).settings
    urls = settings.oidc_issuer.split(",") if settings.oidc_client_id else ()
    return " ".join("{0.scheme}://{0.netloc}".format(urlsplit(url.strip())) for url in urls)


def _policy(page: str, base: str, issuers: str) -> str:
    """What the page may load and run: itself, what it makes, and its own inline scripts."""
    scripts = " ".join(f"'sha256-{_digest(script)}'" for script in _INLINE.findall(page))
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(base))
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' blob: 'unsafe-eval' {scripts}",  # its codecs write functions
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' blob: data:",
        "font-src": "'self' data:",
        "media-src": "'self' blob:",
        "worker-src": "'self' blob:",
        "connect-src": f"'self' {origin} {issuers} blob: data:",
        "frame-src": f"'self' {issuers} blob:",
        "object-src": "'self' blob:",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
