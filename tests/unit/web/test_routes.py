"""The table of routes: each line is reachable at both roots and leads where it says."""

import asyncio
import inspect
import re

import pytest
from starlette.routing import Route

from gateway.app import create_app
from gateway.errors import UpstreamUnavailable
from gateway.web import bulkdata, frames, instances, metadata, pixeldata, rendered, search, uri
from gateway.web.routes import DICOMWEB, OPERATIONS, ROOTS, routes
from gateway.web.transactions import SITE
from tests import multipart
from tests.unit.services.memory import (
    DATASTORE,
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

PLACES = {
    "datastore": DATASTORE,
    "study": "1.2.3",
    "series": "1.2.3.1",
    "instance": "1.2.3.1.1",
    "frames": "1",
    "path:path": "7FE00010",
}
BASE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
URI = "requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.1&objectUID=1.2.3.1.1"
FRAMES = [bytes(range(8)), bytes(range(8, 16))]
LINES = [(root, line) for root in ROOTS for line in DICOMWEB]
ids = pytest.mark.parametrize(
    ("root", "line"), LINES, ids=[f"{root}{line.path}" for root, line in LINES]
)


@pytest.fixture
def remote():
    remote = MemoryHealthImaging()
    first = instance("1.2.3.1.1", 1, frames=FRAMES, NumberOfFrames="2", **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", first, instance("1.2.3.1.2", 2)))
    return remote


@pytest.fixture
def app(remote):
    return create_app(settings(), remote)


def filled(path):
    query = f"?{URI}" if path.endswith("/wado") else ""  # its address is in the query
    return re.sub(r"\{([^}]*)\}", lambda found: PLACES[found[1]], path) + query


def visit(app, target, method="GET", **headers):
    """The answer, and the handler that gave it."""
    made = asgi.scope(target, method, headers=headers)
    response = asgi.answer(asyncio.run(asgi.drive(app, made)))
    return response, inspect.unwrap(made["endpoint"]) if "endpoint" in made else None


@ids
def test_each_line_is_reachable_and_leads_to_its_handler(app, root, line):
    response, handler = visit(app, filled(root + line.path), line.method)
    assert response.status_code == 200, response.text
    assert handler is line.handler
    assert response.content


@ids
def test_no_other_method_works(app, root, line, remote):
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"):
        response, _ = visit(app, filled(root + line.path), method)
        assert response.status_code == 405
        assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
        assert response.headers["content-type"] == "application/problem+json"
    assert remote.calls == []


@pytest.mark.parametrize("line", OPERATIONS, ids=lambda line: line.path)
def test_the_pages_of_the_operator(app, line):
    response, handler = visit(app, filled(line.path))
    assert handler is line.handler
    if line.kind is not SITE:  # that has tests of its own: it may not be installed
        assert response.status_code == 200
    assert visit(app, line.path, "POST")[0].status_code == 405


def test_the_table_is_all_there_is(app):
    made = [route for route in app.routes if isinstance(route, Route)]
    with_capabilities = len(DICOMWEB) + 2
    assert len(made) == len(app.routes) == len(OPERATIONS) + len(ROOTS) * with_capabilities
    assert [one.path for one in routes()] == [one.path for one in made]
    assert len({one.path for one in made}) == len(made)


def test_the_table_is_that_of_the_standard():
    """PS3.18 chapter 9, tables 10.4.1-1 and 10.6.1-1, as far as the gateway goes."""
    series = "/studies/{study}/series/{series}"
    one = f"{series}/instances/{{instance}}"
    pictures = {
        f"{place}/{name}": (handler, clause)
        for place in ("/studies/{study}", series, one, f"{one}/frames/{{frames}}")
        for name, handler, clause in (
            ("rendered", rendered.rendered, "10.4.1.1.3"),
            ("thumbnail", rendered.thumbnail, "10.4.1.1.4"),
        )
    }
    assert {line.path: (line.handler, line.clause) for line in DICOMWEB} == pictures | {
        "/studies/{study}": (instances.instances, "10.4.1.1.1"),
        series: (instances.instances, "10.4.1.1.1"),
        one: (instances.instances, "10.4.1.1.1"),
        "/studies/{study}/metadata": (metadata.metadata, "10.4.1.1.2"),
        f"{series}/metadata": (metadata.metadata, "10.4.1.1.2"),
        f"{one}/metadata": (metadata.metadata, "10.4.1.1.2"),
        f"{one}/frames/{{frames}}": (frames.frames, "10.4.1.1.6"),
        f"{one}/bulkdata/{{path:path}}": (bulkdata.bulkdata, "10.4.1.1.5"),
        f"{one}/bulkdata": (bulkdata.everything, "10.4.1.1.5"),
        f"{series}/bulkdata": (bulkdata.everything, "10.4.1.1.5"),
        "/studies/{study}/bulkdata": (bulkdata.everything, "10.4.1.1.5"),
        f"{one}/pixeldata": (pixeldata.pixeldata, "10.4.1.1.6"),
        f"{series}/pixeldata": (pixeldata.pixeldata, "10.4.1.1.6"),
        "/studies/{study}/pixeldata": (pixeldata.pixeldata, "10.4.1.1.6"),
        "/studies": (search.studies, "10.6"),
        "/series": (search.series, "10.6"),
        "/instances": (search.instances, "10.6"),
        "/studies/{study}/series": (search.series, "10.6"),
        "/studies/{study}/instances": (search.instances, "10.6"),
        f"{series}/instances": (search.instances, "10.6"),
        "/wado": (uri.wado, "9"),
    }


@pytest.mark.parametrize(
    "target",
    [
        "/dicomweb/nothing",
        "/studies",
        "/favicon.ico",
        "/dicomweb/studies/1.2.3/nothing",
        f"/dicomweb{BASE}/frames",
        f"/dicomweb{BASE}/frames/1/2",
        "/datastore",
    ],
)
def test_other_paths_do_not_exist(app, target):
    response, _ = visit(app, target)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_the_head_of_an_answer_is_that_of_the_answer(app):
    for path in ("/studies", f"{BASE}/frames/1", "/studies/1.2.3/metadata"):
        got, _ = visit(app, f"/dicomweb{path}")
        head, _ = visit(app, f"/dicomweb{path}", "HEAD")
        assert head.status_code == got.status_code == 200
        kinds = [one.headers["content-type"].partition(";")[0] for one in (head, got)]
        assert kinds[0] == kinds[1]
        if "content-length" in got.headers:
            assert head.headers["content-length"] == got.headers["content-length"]
    assert visit(app, "/dicomweb/studies/9.9/metadata", "HEAD")[0].status_code == 404


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/studies/1.x/metadata", "study"),
        ("/studies/x/series", "study"),
        ("/studies/1.2.3/series/1.x", "series"),
        ("/studies/1.2.3/series/x/instances", "series"),
        ("/studies/1.2.3/series/1.2.3.1/instances/x", "instance"),
        (f"{BASE}/frames/0", "frames"),
        (f"{BASE}/frames/1,1", "frames"),
        (f"{BASE}/frames/a", "frames"),
        (f"{BASE}/bulkdata/PixelData", "bulkdata"),
        (f"{BASE}/bulkdata/00282000/frames/1", "bulkdata"),
        (f"{BASE}/bulkdata/7FE00010/frames/x", "frames"),
        ("/studies/x/pixeldata", "study"),
        ("/studies?Nonsense=1", "Nonsense"),
        ("/studies?limit=x", "limit"),
        ("/studies?StudyDate=x", "StudyDate"),
        ("/studies?imageSetId=x", "imageSetId"),
        ("/studies/1.2.3/metadata?imageSetId=x", "imageSetId"),
        ("/studies?PatientName=%FF", "query"),
        ("/studies/1.2.3/rendered?window=40", "window"),
        ("/studies/1.2.3/thumbnail?viewport=128,128,0,0,9,9", "viewport"),
        (f"{BASE}/frames/0/rendered", "frames"),
        (f"{BASE}/frames/a/thumbnail", "frames"),
    ],
)
@pytest.mark.parametrize("root", ["/dicomweb", f"/datastore/{DATASTORE}"])
def test_what_is_malformed_is_400_and_named(app, remote, root, path, parameter):
    response, _ = visit(app, root + path)
    assert (response.status_code, response.json()["parameter"]) == (400, parameter)
    assert remote.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/dicomweb/studies/1.2.4",
        "/dicomweb/studies/1.2.4/metadata",
        "/dicomweb/studies/1.2.3/series/1.2.3.2/metadata",
        f"/dicomweb{BASE}9",
        f"/dicomweb{BASE}/frames/3",
        f"/dicomweb{BASE}/bulkdata/00282000",
        f"/dicomweb{BASE}/bulkdata/7FE00008",
        f"/dicomweb{BASE.removesuffix('1')}2/bulkdata",
        f"/dicomweb{BASE.removesuffix('1')}2/pixeldata",
        "/dicomweb/studies/1.2.9/bulkdata",
        f"/dicomweb{BASE}.7/frames/1",
        "/dicomweb/studies/1.2.4/rendered",
        "/dicomweb/studies/1.2.4/thumbnail",
        f"/dicomweb{BASE}/frames/3/rendered",
        f"/dicomweb{BASE}/frames/3/thumbnail",
        f"/datastore/{'e' * 32}/studies",
        f"/datastore/{'e' * 32}/studies/1.2.3/metadata",
        "/datastore/nonsense/studies",
    ],
)
def test_what_is_not_there_is_404(app, path):
    response, _ = visit(app, path)
    assert response.status_code == 404
    assert response.json()["title"] == "Not Found"


@pytest.mark.parametrize(
    "path",
    ["/studies", "/studies/1.2.3/metadata", "/studies/1.2.3", BASE, f"{BASE}/frames/1",
     f"{BASE}/bulkdata/7FE00010", f"{BASE}/pixeldata", "/studies/1.2.3/bulkdata",
     "/studies/1.2.3/rendered", f"{BASE}/rendered", f"{BASE}/frames/1/rendered",
     f"{BASE}/frames/1,2/rendered", "/studies/1.2.3/thumbnail", f"{BASE}/thumbnail"],
)  # fmt: skip
def test_an_accept_that_nothing_meets_is_406_with_what_there_is(app, path):
    response, _ = visit(app, f"/dicomweb{path}", accept="text/html")
    assert response.status_code == 406
    assert response.json()["available"]
    for offer in response.json()["available"]:
        assert visit(app, f"/dicomweb{path}", accept=offer)[0].status_code == 200


def test_both_roots_write_urls_below_themselves(app):
    for root in ("/dicomweb", f"/datastore/{DATASTORE}"):
        [study] = visit(app, f"{root}/studies")[0].json()
        base = f"http://{asgi.HOST}{root}/studies/1.2.3"
        assert study["00081190"]["Value"] == [base]
        [first, second] = visit(app, f"{root}/studies/1.2.3/metadata")[0].json()
        link = first["7FE00010"]["BulkDataURI"]
        assert link == f"http://{asgi.HOST}{root}{BASE}/bulkdata/7FE00010"
        assert visit(app, link.removeprefix(f"http://{asgi.HOST}"))[0].status_code == 200
        assert "7FE00010" not in second


def test_results_that_are_left_are_told_in_a_header(app):
    response, _ = visit(app, "/dicomweb/instances?limit=1&includefield=00201200")
    found = response.headers.get_list("warning")
    assert len(found) == 2
    assert "1 additional results" in found[0]
    assert "NumberOfPatientRelatedStudies" in found[1]


def test_a_broken_frame_is_500_where_it_must_be_decoded(remote):
    broken = instance("1.2.9.1.1", frames=[b"broken"], stored=HTJ2K_RPCL, **PIXELS)
    remote.add(image_set("1.2.9", "1.2.9.1", broken))
    app = create_app(settings(), remote)
    path = "/dicomweb/studies/1.2.9/series/1.2.9.1/instances/1.2.9.1.1/frames/1"
    response, _ = visit(app, path)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    kept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    [part] = multipart.parse(visit(app, path, accept=kept)[0])
    assert part.content == b"broken"


def test_an_absent_healthimaging_is_503_and_says_when_to_come_back(app, remote):
    for operation in ("search", "metadata", "frame"):
        remote.failures = {operation: UpstreamUnavailable("away", retry_after=9)}
        paths = [f"{BASE}/frames/1"]
        paths += [] if operation == "frame" else ["/studies", "/studies/1.2.3/metadata", BASE]
        for path in paths:
            response, _ = visit(app, f"/dicomweb{path}")
            assert (response.status_code, response.headers["retry-after"]) == (503, "9")
    remote.failures = {}
    assert visit(app, f"/dicomweb{BASE}/frames/1")[0].status_code == 200


def test_browsers_of_other_origins_may_ask_and_read(app):
    response, _ = visit(app, "/dicomweb/studies", origin="https://viewer.example")
    assert response.headers["access-control-allow-origin"] == "*"
    exposed = response.headers["access-control-expose-headers"]
    for name in ("Content-Range", "Content-Length", "Warning", "ETag"):
        assert name in exposed
    preflight, _ = visit(
        app,
        f"/dicomweb{BASE}/frames/1",
        "OPTIONS",
        **{
            "origin": "https://viewer.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "accept, authorization",
        },
    )
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["access-control-allow-headers"]


def test_errors_can_be_read_by_other_origins_too(app, remote):
    remote.failures["search"] = RuntimeError("not ours")
    for path, status in (("/nothing", 404), ("/studies?x=1", 400), ("/studies", 500)):
        response, _ = visit(app, f"/dicomweb{path}", origin="https://viewer.example")
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "*"
        assert "not ours" not in response.text


def test_the_end_of_the_application_releases_what_it_holds(app, remote):
    received = iter(["lifespan.startup", "lifespan.shutdown"])
    sent = []

    async def receive():
        kind = next(received)
        assert not remote.closed
        return {"type": kind}

    async def send(message):
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert remote.closed
