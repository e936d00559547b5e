"""The page of the gateway, and what it tells whoever operates it."""

import pytest

from gateway.app import create_app
from gateway.errors import UpstreamDenied
from tests.unit.services.memory import MemoryHealthImaging, image_set, instance, settings
from tests.unit.web import asgi


def page(remote, target="/", progress=None, **changes):
    return asgi.get(create_app(settings(**changes), remote, progress), target)


def test_the_page_lists_studies_and_names_the_root():
    remote = MemoryHealthImaging()
    remote.add(image_set("1.2.3", "1.2.3.1", instance("1.2.3.1.1")))
    response = page(remote)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<code>http://gateway.example/dicomweb</code>" in response.text
    for text in ("PHANTOM", "Phantom^One", "20240102", "<td>CT</td>", "<td>1</td>"):
        assert text in response.text
    assert 'href="http://gateway.example/dicomweb/studies/1.2.3/metadata"' in response.text


def test_the_root_is_the_public_one():
    response = page(MemoryHealthImaging(), public_url="https://public.example/x")
    assert "<code>https://public.example/x/dicomweb</code>" in response.text
    assert "No studies are stored." in response.text


def test_what_is_stored_is_text_and_never_markup():
    remote = MemoryHealthImaging()
    remote.add(
        image_set(
            "1.2.3",
            "1.2.3.1",
            instance("1.2.3.1.1"),
            patient={"PatientName": "<script>alert(1)</script>", "PatientID": '"><b>'},
            at_study={"StudyDescription": "<i>Chest</i> & {head}"},
        )
    )
    text = page(remote).text
    for markup in ("<script", "<b>", "<i>"):
        assert markup not in text
    assert "&lt;i&gt;Chest&lt;/i&gt; &amp; {head}" in text


def test_the_host_of_the_request_is_text_too():
    app = create_app(settings(), MemoryHealthImaging())
    assert "<script" not in asgi.get(app, "/", host='x"><script>').text


@pytest.mark.parametrize("target", ["/", "/readyz"])
def test_what_stands_in_the_way_is_told(target):
    remote = MemoryHealthImaging()
    remote.failures["check"] = UpstreamDenied("no <permission>")
    response = page(remote, target)
    assert response.status_code == 503
    assert ("no &lt;permission&gt;" if target == "/" else "no <permission>") in response.text
    busy = page(MemoryHealthImaging(), target, lambda: "importing 1 of 2")
    assert busy.status_code == 503
    assert "importing 1 of 2" in busy.text


def test_a_page_whose_search_fails_says_so():
    remote = MemoryHealthImaging()
    remote.failures["search"] = UpstreamDenied("not allowed to search")
    response = page(remote)
    assert (response.status_code, "not allowed to search" in response.text) == (503, True)


def test_alive_and_ready():
    remote = MemoryHealthImaging()
    assert page(remote, "/readyz").json() == {"status": "ready"}
    remote.failures["check"] = UpstreamDenied("no permission")
    assert page(remote, "/healthz").json() == {"status": "ok"}
    not_ready = page(remote, "/readyz")
    assert not_ready.json() == {"status": "not ready", "reason": "no permission"}
    assert not_ready.headers["retry-after"]


def test_what_the_caches_have_done_is_told_to_prometheus(tmp_path):
    response = page(MemoryHealthImaging(), "/metrics", disk_cache_dir=tmp_path, frame_cache_mb=3)
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert response.headers["cache-control"] == "no-store"
    assert 'gateway_cache_limit_bytes{tier="memory"} 3.145728e+06\n' in response.text
    assert 'gateway_cache_misses_total{tier="disk"} 0.0\n' in response.text
