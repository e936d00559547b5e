"""The page at ``/``: what is stored, and the root to paste into a viewer."""

from collections.abc import Iterable
from html import escape
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.dicom import jsonmodel
from gateway.dicomweb.query import Level, Query
from gateway.errors import GatewayError
from gateway.services.search import SearchAnswer
from gateway.services.sifting import sift
from gateway.web import context, guard
from gateway.web.ohif import PATH

_SHOWN: Final = 100
_COLUMNS: Final = (
    ("Patient", "00100010"),
    ("ID", "00100020"),
    ("Date", "00080020"),
    ("Description", "00081030"),
    ("Modalities", "00080061"),
    ("Series", "00201206"),
    ("Instances", "00201208"),
)
_NO_VIEWER: Final = "<p>No viewer is installed here; <code>make viewer</code> installs OHIF.</p>"
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DICOMweb gateway</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}th,td{{text-align:left;padding:.3rem .6rem;
border-bottom:1px solid #ccc}}code{{background:#eee;padding:.2rem .4rem}}</style></head>
<body><h1>DICOMweb gateway for AWS HealthImaging</h1>
<p>DICOMweb root, to paste into a viewer: <code>{root}</code></p>
{viewer}{body}</body></html>
"""


async def index(request: Request) -> Response:
    """The studies of the default data store."""
    services = context.services(request)
    root, viewer = context.root(request), _viewer(request)
    problem = await services.readiness.problem()
    if problem is not None:
        return _page(root, viewer, f"<p>Not ready: {escape(problem)}</p>", 503)
    query = Query(Level.STUDY, include=frozenset({(0x00081030,)}), limit=_SHOWN)
    try:
        answer = await _found(request, query, root)
    except GatewayError as error:
        return _page(root, viewer, f"<p>{escape(str(error))}</p>", 503)
    notes = "".join(f"<p>{escape(text)}</p>" for text in await services.sync.status())
    studies = [jsonmodel.encode(one.dataset) for one in answer.results]
    return _page(root, viewer, _table(root, viewer, studies) + notes)


def _viewer(request: Request) -> str | None:
    """The address of the viewer, if it is installed."""
    installed = context.services(request).viewer.installed()
    return f"{context.base_url(request)}{PATH}/" if installed else None


async def _found(request: Request, query: Query, root: str) -> SearchAnswer:
    services = context.services(request)
    datastore_id = services.settings.datastore_id
    sieve = guard.sieve(request, datastore_id)
    if sieve is None:
        return await services.search.run(datastore_id, query, root)
    return await sift(services.search, datastore_id, query, root, "", sieve)


def _page(root: str, viewer: str | None, body: str, status: int = 200) -> Response:
    link = f'<p><a href="{escape(viewer)}">Open the viewer</a></p>' if viewer else _NO_VIEWER
    return HTMLResponse(_PAGE.format(root=escape(root), viewer=link, body=body), status)


def _table(root: str, viewer: str | None, studies: list[dict[str, Any]]) -> str:
    if not studies:
        return "<p>No studies are stored.</p>"
    heads = "".join(f"<th>{name}</th>" for name, _ in _COLUMNS)
    rows = "".join(f"<tr>{_cells(root, viewer, study)}</tr>" for study in studies)
    note = f"<p>The newest {_SHOWN} studies.</p>" if len(studies) == _SHOWN else ""
    return f"<table><tr>{heads}<th></th></tr>{rows}</table>{note}"


def _cells(root: str, viewer: str | None, study: dict[str, Any]) -> str:
    cells = "".join(f"<td>{escape(_text(study.get(tag)))}</td>" for _, tag in _COLUMNS)
    uid = escape(_text(study.get("0020000D")), quote=True)
    opened = f'<a href="{escape(viewer)}viewer?StudyInstanceUIDs={uid}">open</a> ' if viewer else ""
    return f'{cells}<td>{opened}<a href="{escape(root)}/studies/{uid}/metadata">metadata</a></td>'


def _text(element: dict[str, Any] | None) -> str:
    values: Iterable[Any] = (element or {}).get("Value", ())
    return ", ".join(
        str(value.get("Alphabetic", "") if isinstance(value, dict) else value)
        for value in values
        if value is not None
    )
