"""Capabilities and the viewer's configuration: that they say what the gateway really does."""

import asyncio
import json
import re
import xml.etree.ElementTree as ET

import pytest

from gateway.app import create_app
from gateway.dicomweb import query as search_parameters, rendered, uri, viewers
from gateway.dicomweb.accept import ANYTHING, Accept
from gateway.dicomweb.query import Level
from gateway.errors import InvalidRequest
from gateway.web import transactions
from gateway.web.routes import DICOMWEB, ROOTS, resources
from tests.unit.services.memory import (
    DATASTORE,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

NAMESPACE = {"w": "http://wadl.dev.java.net/2009/02"}
WADL = "application/vnd.sun.wadl+xml"
PLACES = {"study": "1.2.3", "series": "1.2.3.1", "instance": "1.2.3.1.1", "frames": "1",
          "path:path": "7FE00010", "datastore": DATASTORE}  # fmt: skip
URI = {"requestType": "WADO", "studyUID": "1.2.3", "seriesUID": "1.2.3.1", "objectUID": "1.2.3.1.1"}
OTHER = "e" * 32


@pytest.fixture
def remote():
    made = MemoryHealthImaging()
    frames = [bytes(range(8)), bytes(range(8))]
    one = instance("1.2.3.1.1", frames=frames, NumberOfFrames="2", **PIXELS)
    made.add(image_set("1.2.3", "1.2.3.1", one))
    return made


@pytest.fixture
def app(remote):
    return create_app(settings(), remote)


def ask(app, target, method="OPTIONS", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(asgi.fetch(app, target, method, headers=named))


def filled(path):
    return re.sub(r"\{([^}]*)\}", lambda found: PLACES[found[1]], path)


@pytest.mark.parametrize("root", [filled(root) for root in ROOTS])
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_a_root_describes_every_route(app, remote, root, slash, method):
    response = ask(app, f"{root}{slash}", method)
    assert response.status_code == 200
    assert response.headers["content-type"] == WADL
    application = ET.fromstring(response.content)
    base = application.find("w:resources", NAMESPACE).get("base")
    assert base == f"http://{asgi.HOST}{root}"
    names = [one.get("id") for one in application.findall(".//w:method", NAMESPACE)]
    assert sorted(names) == sorted(line.description.id for line in DICOMWEB)
    assert len(set(names)) == len(names)
    assert remote.calls == []


@pytest.mark.parametrize("line", DICOMWEB, ids=lambda line: line.path)
def test_each_resource_says_what_it_allows_and_describes_itself(app, remote, line):
    response = ask(app, f"/dicomweb{filled(line.path)}", accept="application/json")
    assert response.status_code == 200
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    [resource] = response.json()["application"]["resources"][0]["resource"]
    [method] = resource["method"]
    assert method["id"] == line.description.id
    assert resource["path"] == line.path.lstrip("/").replace(":path", "")
    assert remote.calls == []


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", WADL),
        ("application/*", WADL),
        ("application/json", "application/json"),
        ("application/dicom+json", "application/dicom+json"),
        ("application/xml", "application/xml"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml"),
        ("application/json;q=0.5, application/vnd.sun.wadl+xml;q=0.4", "application/json"),
    ],
)
def test_the_form_is_negotiated(app, accept, kind):
    assert ask(app, "/dicomweb/", accept=accept).headers["content-type"] == kind


def test_what_cannot_be_had_is_refused(app):
    refused = ask(app, "/dicomweb/", accept="image/jpeg")
    assert refused.status_code == 406
    assert WADL in refused.json()["available"]
    limited = create_app(settings(datastore_ids=DATASTORE), MemoryHealthImaging())
    assert ask(limited, f"/datastore/{OTHER}/").status_code == 404
    assert ask(limited, f"/datastore/{OTHER}/studies").status_code == 404


def test_a_root_is_tagged_and_options_are_not(app):
    got = ask(app, "/dicomweb/", "GET")
    assert ask(app, "/dicomweb/", "GET", if_none_match=got.headers["etag"]).status_code == 304
    options = ask(app, "/dicomweb/", if_none_match=got.headers["etag"])
    assert (options.status_code, options.headers["cache-control"]) == (200, "no-store")
    assert "etag" not in options.headers
    head = ask(app, "/dicomweb/", "HEAD")
    assert (head.content, head.headers["etag"]) == (b"", got.headers["etag"])


def test_a_preflight_is_no_question_for_capabilities(app):
    headers = {
        "origin": "https://viewer.example",
        "access_control_request_method": "GET",
        "access_control_request_headers": "authorization,range,if-none-match,if-range",
    }
    preflight = ask(app, "/dicomweb/studies", **headers)
    assert preflight.text == "OK"
    allowed = preflight.headers["access-control-allow-headers"]
    assert {"authorization", "range", "if-none-match"} <= set(allowed.split(","))
    plain = ask(app, "/dicomweb/studies", origin="https://viewer.example")
    assert plain.headers["content-type"] == WADL
    assert plain.headers["access-control-allow-origin"] == "*"
    exposed = plain.headers["access-control-expose-headers"].split(", ")
    assert {"Allow", "ETag", "Accept-Ranges", "Content-Range", "Content-Disposition"} <= set(
        exposed
    )


def test_what_is_set_is_said():
    app = create_app(
        settings(negotiation="strict", image_set_policy="flag", search_max_results=7),
        MemoryHealthImaging(),
    )
    said = ask(app, "/dicomweb/", accept="application/json").json()["application"]["doc"]
    found = {one["title"]: one["content"] for one in said}
    assert "PS3.18" in found["Conformance"]
    assert {"strict", "flag", "7"} <= set(found.values())


@pytest.mark.parametrize("line", DICOMWEB, ids=lambda line: line.path)
def test_the_media_types_that_are_said_can_be_asked_for(app, line):
    """What depends on the pixels, or on the kind of an instance, may be refused."""
    target = f"/dicomweb{filled(line.path)}"
    if line.kind is transactions.URI:
        target += "?" + "&".join(f"{name}={value}" for name, value in URI.items())
    served = set()
    for kind in line.kind.media_types:
        response = ask(app, target, "HEAD", accept=kind)
        assert response.status_code in (200, 206, 406), (kind, response.status_code)
        if response.status_code != 406:
            served.add(kind)
    assert line.kind.media_types[0] in served


SAMPLES = {
    "accept": "*/*", "charset": "utf-8", "imageSetId": f"{0:032x}", "versionId": "1", "limit": "1",
    "offset": "0", "includefield": "all", "quality": "50", "viewport": "8,8", "overlays": "true",
    "window": "1,2,linear", "reduce": "1", "contentType": "image/jpeg", "rows": "8", "columns": "8",
    "region": "0,0,1,1", "windowCenter": "1", "windowWidth": "2", "frameNumber": "1",
    "imageQuality": "50", "annotation": "patient", "presentationUID": "1.2",
    "presentationSeriesUID": "1.2", "transferSyntax": "1.2.840.10008.1.2.1",
}  # fmt: skip
TOGETHER = {
    "presentationUID": ("presentationSeriesUID",),
    "presentationSeriesUID": ("presentationUID",),
    "versionId": ("imageSetId",),
    "windowCenter": ("windowWidth",),
    "windowWidth": ("windowCenter",),
}


@pytest.mark.parametrize("line", DICOMWEB, ids=lambda line: line.path)
def test_the_parameters_that_are_said_are_understood(app, line):
    for one in line.kind.parameters:
        if line.kind.verb == "Search For" and one.name[0].isupper():
            continue  # an attribute; see below
        value = URI.get(one.name) or SAMPLES.get(one.name) or one.options[0]
        given = {other: SAMPLES[other] for other in TOGETHER.get(one.name, ())} | {one.name: value}
        if line.kind is transactions.URI:
            given |= URI
        pairs = "&".join(f"{name}={text}" for name, text in given.items())
        response = ask(app, f"/dicomweb{filled(line.path)}?{pairs}", "GET")
        there = not one.name.startswith("presentation")  # no such state is stored
        assert response.status_code == (200 if there else 404), (pairs, response.text)


@pytest.mark.parametrize("kind", [transactions.SEARCH_STUDIES, transactions.SEARCH_INSTANCES])
def test_the_search_keys_that_are_said_are_attributes(kind):
    keys = [one.name for one in kind.parameters if one.name[0].isupper()]
    assert "StudyInstanceUID" in keys
    for name in keys:
        assert search_parameters.parse(Level.STUDY, [(name, "")], {}).matches


def test_a_parameter_that_is_understood_is_said():
    """The names that the parsers know, told by what they refuse."""
    said = {one.name for one in transactions.RENDERED.parameters}
    for name in ("annotation", "quality", "viewport", "window", "iccprofile", "overlays"):
        assert name in said
        with pytest.raises(InvalidRequest) as caught:
            rendered.parse([(name, "\x00")], 100)
        assert caught.value.parameter == name
    said = {one.name for one in transactions.URI.parameters}
    with pytest.raises(InvalidRequest):
        uri.parse([], Accept((ANYTHING,)), "", 100)
    assert set(URI) <= said


def config(app, name="app-config.json", **headers):
    response = ask(app, f"/ohif/{name}", "GET", **headers)
    assert response.status_code == 200
    return response


def test_the_script_is_the_document(app):
    script, document = config(app, "app-config.js"), config(app)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    found = re.fullmatch(r"window\.config = (.*);\n", script.text, re.DOTALL)
    assert json.loads(found[1]) == document.json()


def test_the_viewer_is_told_to_use_what_there_is(app):
    found = config(app).json()
    [source] = found["dataSources"]
    assert found["defaultDataSourceName"] == source["sourceName"]
    told = source["configuration"]
    assert told["qidoRoot"] == told["wadoRoot"] == f"http://{asgi.HOST}/dicomweb"
    assert told["wadoUriRoot"] == f"http://{asgi.HOST}/dicomweb/wado"
    assert (told["imageRendering"], told["thumbnailRendering"]) == ("wadors", "thumbnail")
    for url in (f"{told['qidoRoot']}/studies", f"{told['wadoRoot']}/studies/1.2.3/metadata"):
        assert ask(app, url.removeprefix(f"http://{asgi.HOST}"), "GET").status_code == 200
    assert config(app, "dicomweb.json").json() == {"servers": {"dicomWeb": [told]}}


def test_the_viewer_is_not_told_to_use_what_there_is_not():
    tree = resources()
    instances = tree.children["studies"].children["{study}"].children["series"]
    del (
        instances.children["{series}"]
        .children["instances"]
        .children["{instance}"]
        .children["rendered"]
    )
    del instances.children["{series}"].children["thumbnail"]
    del tree.children["wado"]
    told = viewers.source(viewers.Source("a", "b", "https://x"), tree)
    assert (told["thumbnailRendering"], told["singlepart"]) == ("wadors", "bulkdata")
    assert "wadoUriRoot" not in told


def test_every_data_store_that_is_named_is_a_data_source():
    app = create_app(settings(datastore_ids=f"{OTHER}, {DATASTORE}"), MemoryHealthImaging())
    found = config(app, host="gw.example:81", x_forwarded_proto="https").json()
    roots = [one["configuration"]["wadoRoot"] for one in found["dataSources"]]
    assert roots == ["https://gw.example:81/dicomweb", f"https://gw.example:81/datastore/{OTHER}"]
    assert len({one["sourceName"] for one in found["dataSources"]}) == 2
