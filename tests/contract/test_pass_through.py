"""Pass-through: the authorizer of the data store decides, with the caller's own token."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests import files
from tests.issuers import AUDIENCE, Issuer, Keys
from tests.running import Gateway, HealthImaging

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:site"
ROLE = "arn:aws:iam::000000000000:role/reader"
KEYS = Keys(one="RS256")


class Site:
    """The authorizer as an HTTP endpoint: readers may retrieve, and ``down`` makes it fail."""

    def __init__(self, keys):
        site = self

        class Function(BaseHTTPRequestHandler):
            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                site.events.append(event)
                content = b"x" if site.down else json.dumps(site.decide(event)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.events, self.readers, self.down = [], {"reader"}, False
        self.tokens = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Function)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def decide(self, event):
        known = self.tokens.get(event["bearerToken"])
        allowed = known in self.readers and event["operation"] == "GetDICOMInstance"
        return {"isTokenValid": known is not None, "roleArn": ROLE if allowed else ""}

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Passing:
    def __init__(self, folder):
        self.issuer, self.site = Issuer(KEYS), Site(KEYS)
        environment = {"HEALTHIMAGING_AUTHORIZER": f"{FUNCTION}={self.site.url}"}
        self.server = HealthImaging(folder / "data", environment=environment)
        made = self.server.imaging.create_datastore(lambdaAuthorizerArn=FUNCTION)
        self.store = made["datastoreId"]
        dataset = files.ct()
        path = files.write(folder / "ct.dcm", dataset)
        good, bad = self.server.import_files([path], "one", self.store)
        assert good, bad
        self.gateway = Gateway(
            self.server,
            datastore_id=self.store,
            identity="pass-through",
            oidc_issuer=self.issuer.url,
            oidc_audience=AUDIENCE,
            search_ttl=60,
        )
        self.study = f"{self.gateway.root}/studies/{dataset.StudyInstanceUID}"
        self.frame = (
            f"{self.study}/series/{dataset.SeriesInstanceUID}"
            f"/instances/{dataset.SOPInstanceUID}/frames/1"
        )

    def token(self, who, **changes):
        made = KEYS.token(self.issuer.url, "one", sub=who, **changes)
        self.site.tokens[made] = who
        return made

    def status(self, url, bearer):
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return httpx.get(url, headers=headers, timeout=60).status_code

    def stop(self):
        self.gateway.stop()
        self.server.stop()
        self.site.stop()
        self.issuer.stop()


@pytest.fixture(scope="module")
def passing(tmp_path_factory):
    running = Passing(tmp_path_factory.mktemp("passing"))
    yield running
    running.stop()


def test_the_authorizer_decides_for_each_token_also_on_what_is_kept(passing):
    reader, other = passing.token("reader"), passing.token("other")
    for _ in range(3):
        for url in (passing.frame, f"{passing.study}/metadata", f"{passing.study}/thumbnail"):
            assert passing.status(url, reader) == 200
            assert passing.status(url, other) == 403
            assert passing.status(url, None) == 401
    tokens = {event["bearerToken"] for event in passing.site.events}
    assert tokens == {reader, other}
    assert {event["operation"] for event in passing.site.events} == {"GetDICOMInstance"}


def test_a_verdict_is_remembered_and_a_new_token_is_asked_about(passing):
    reader = passing.token("reader", jti="a")
    assert passing.status(passing.frame, reader) == 200
    asked = len(passing.site.events)
    for _ in range(5):
        assert passing.status(passing.frame, reader) == 200
    assert len(passing.site.events) == asked
    assert passing.status(passing.frame, passing.token("reader", jti="b")) == 200
    assert len(passing.site.events) == asked + 1


def test_a_study_that_is_not_there_is_not_told_from_one_that_is_anothers(passing):
    for who in ("reader", "other"):
        bearer = passing.token(who, jti="none")
        assert passing.status(f"{passing.gateway.root}/studies/1.2.3.4/metadata", bearer) == 403


def test_the_gateway_believes_no_token_that_its_issuer_has_not_signed(passing):
    asked = len(passing.site.events)
    expired = passing.token("reader", exp=-600)
    foreign = Keys(one="RS256").token(passing.issuer.url, "one", sub="reader")
    for bearer in (expired, foreign, "x"):
        assert passing.status(passing.frame, bearer) == 401
    assert len(passing.site.events) == asked


def test_an_authorizer_that_fails_permits_nothing(passing):
    passing.site.down = True
    try:
        bearer = passing.token("reader", jti="down")
        answer = httpx.get(passing.frame, headers={"Authorization": f"Bearer {bearer}"}, timeout=60)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert bearer not in answer.text
    finally:
        passing.site.down = False
    assert passing.status(passing.frame, bearer) == 200
