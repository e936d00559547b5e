"""What HealthImaging's DICOMweb service says to a token, by the status of its answer."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.errors import ConfigurationError, UpstreamUnavailable
from gateway.remote.permissions import Permissions
from gateway.settings import GatewaySettings

STORE = "d" * 32
UIDS = ("1.2", "1.2.3", "1.2.3.4")


@pytest.fixture
def service():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, dict(self.headers)))
            self.send_response(self.server.status)
            content = b"" if self.server.status == 204 else b"[]"
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(url, search):
    async def scenario():
        permissions = Permissions(GatewaySettings(datastore_id=STORE, dicomweb_url=url))
        try:
            if search:
                return await permissions.may_search(b"a.b.c", STORE)
            return await permissions.may_read(b"a.b.c", STORE, UIDS, "e" * 32)
        finally:
            await permissions.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("status", [200, 204, 401, 403])
def test_an_answer_is_a_permission(service, status, search):
    service.status = status
    assert ask(service.url, search) == (status < 300)
    [(path, headers)] = service.asked
    place = f"/studies/{UIDS[0]}/series/{UIDS[1]}/instances/{UIDS[2]}?imageSetId={'e' * 32}"
    assert path == f"/datastore/{STORE}{'/studies?limit=1' if search else place}"
    assert headers["Authorization"] == "Bearer a.b.c"


@pytest.mark.parametrize("status", [302, 400, 404, 406, 408, 424, 429, 500, 501, 503])
def test_anything_else_is_none(service, status):
    service.status = status
    for search in (True, False):
        with pytest.raises(UpstreamUnavailable):
            ask(service.url, search)


def test_a_service_that_is_away_permits_nothing():
    with pytest.raises(UpstreamUnavailable):
        ask("http://127.0.0.1:1", search=True)


def test_where_the_service_is_has_to_be_known(monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such")
    with pytest.raises(ConfigurationError, match="GATEWAY_REGION"):
        Permissions(GatewaySettings(datastore_id=STORE))
    found = Permissions(GatewaySettings(datastore_id=STORE, region="eu-west-1"))
    assert found._base == "https://dicom-medical-imaging.eu-west-1.amazonaws.com"
