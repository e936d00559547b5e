"""Bearer tokens on DICOMweb: real tokens, a real server, authorizers over HTTP and in Python."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby

import httpx
import pydicom
import pytest
from botocore.exceptions import ClientError

from gateway.emulator.authorizers import CONCURRENCY
from tests import files
from tests.contract import authorizing
from tests.contract.authorizing import token
from tests.contract.signing import Signature
from tests.running import HealthImaging

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:{}"
ELSEWHERE = "arn:aws:lambda:us-east-1:111122223333:function:http"
INVALID = (403, "AccessDeniedException", "Invalid or Expired Token")
DENIED = (403, "AccessDeniedException", "Access Denied")
MISCONFIGURED = (424, "FailedDependencyException", "Authorizer Misconfiguration")
FAILED = (424, "FailedDependencyException", "Authorizer Failed")
FOREIGN = (424, "FailedDependencyException", "Authorizer Cross Account/Cross Region Access")
LATE = (408, "RequestTimeoutException", "Authorizer Timeout")


class Function(BaseHTTPRequestHandler):
    """The authorizer as an HTTP endpoint; an error is answered as Lambda's runtime does."""

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.events.append(event)
        try:
            answer = authorizing.decide(event)
        except RuntimeError as error:
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def function():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Function)
    server.events = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Guarded:
    """A server with authorizers, and a data store for each of them."""

    def __init__(self, folder, function):
        targets = {
            "http": f"http://127.0.0.1:{function.server_port}/2015-03-31/functions/f/invocations",
            "python": "tests.contract.authorizing:decide",
            "gone": "http://127.0.0.1:1/",
        }
        setting = [f"{FUNCTION.format(name)}={target}" for name, target in targets.items()]
        self._log = folder / "log"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HEALTHIMAGING_AUTHORIZER", ",".join(setting))
            stderr = os.dup(2)
            try:
                with self._log.open("wb") as log:
                    os.dup2(log.fileno(), 2)  # of the process that is started now
                self.server = HealthImaging(folder / "data")
            finally:
                os.dup2(stderr, 2)
                os.close(stderr)
        arns = {name: FUNCTION.format(name) for name in (*targets, "unknown")}
        arns |= {"elsewhere": ELSEWHERE, "none": None}
        self.stores = {name: self._store(arn) for name, arn in arns.items()}
        dataset = files.ct()
        self.path = files.write(folder / "ct.dcm", dataset)
        self.place = (
            f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
            f"/instances/{dataset.SOPInstanceUID}"
        )
        for name in ("http", "python"):
            good, bad = self.server.import_files([self.path], name, self.stores[name])
            assert good, bad

    def _store(self, arn):
        given = {"lambdaAuthorizerArn": arn} if arn else {}
        return self.server.imaging.create_datastore(**given)["datastoreId"]

    def url(self, store, tail=""):
        root = f"{self.server.known['endpoint_url']}/datastore/{self.stores[store]}"
        return f"{root}{self.place}{tail}"

    def get(self, store, bearer, tail="", late=False):
        """Ask until the authorizer is in time, as even one in a hurry may not be; or once."""
        headers = {"Authorization": f"Bearer {bearer}"}
        for _ in range(1 if late else 20):
            answer = httpx.get(self.url(store, tail), headers=headers, timeout=30)
            if answer.status_code != LATE[0]:
                break
        return answer

    def log(self):
        return self._log.read_text()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, function):
    running = Guarded(tmp_path_factory.mktemp("guarded"), function)
    yield running
    running.server.stop()


def refusal(response):
    answer = response.json()
    assert set(answer) == {"message"}
    return response.status_code, response.headers["x-amzn-ErrorType"], answer["message"]


def test_a_data_store_shows_its_authorizer(guarded):
    found = guarded.server.imaging.get_datastore(datastoreId=guarded.stores["http"])
    assert found["datastoreProperties"]["lambdaAuthorizerArn"] == FUNCTION.format("http")


def test_an_arn_of_something_else_is_invalid(guarded):
    with pytest.raises(ClientError, match="lambdaAuthorizerArn"):
        guarded.server.imaging.create_datastore(lambdaAuthorizerArn=authorizing.ROLE)


@pytest.mark.parametrize("store", ["http", "python"])
def test_a_good_token_opens_the_door(guarded, store):
    response = guarded.get(store, token())
    assert response.status_code == 200, response.text
    found = pydicom.dcmread(io.BytesIO(response.content))
    assert found.PixelData == files.read(guarded.path).PixelData


def test_the_authorizer_is_told_who_wants_what(guarded, function):
    function.events.clear()
    bearer = token()
    operations = {"": "Instance", "/metadata": "InstanceMetadata", "/frames/1": "InstanceFrames"}
    for tail in operations:
        guarded.get("http", bearer, tail)
    asked = [event for event, _ in groupby(function.events)]
    assert asked == [
        {
            "datastoreId": guarded.stores["http"],
            "operation": f"GetDICOM{name}",
            "bearerToken": bearer,
        }
        for name in operations.values()
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"key": "another key, of another identity provider"}, INVALID),
        ({"exp": -60}, INVALID),
        ({"iat": -12 * 3600 - 60}, INVALID),
        ({"nbf": 60}, INVALID),
        ({"sub": "sleepy"}, LATE),
        ({"sub": "fatal"}, FAILED),
    ],
)
@pytest.mark.parametrize("store", ["http", "python"])
def test_a_token_that_is_refused(guarded, store, changes, expected):
    answer = guarded.get(store, token(**changes), late=expected is LATE)
    assert refusal(answer) == expected


@pytest.mark.parametrize("store", ["http", "python"])
def test_a_role_is_needed_for_the_operation(guarded, store):
    assert refusal(guarded.get(store, token(), "/metadata")) == DENIED


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("gone", MISCONFIGURED),
        ("unknown", MISCONFIGURED),
        ("elsewhere", FOREIGN),
        ("none", DENIED),
    ],
)
def test_an_authorizer_that_cannot_be_asked(guarded, store, expected):
    assert refusal(guarded.get(store, token())) == expected


def test_an_unknown_data_store_is_not_told_from_one_that_takes_no_tokens(guarded):
    address = guarded.url("none").replace(guarded.stores["none"], "0" * 32)
    response = httpx.get(address, headers={"Authorization": f"Bearer {token()}"})
    assert refusal(response) == DENIED


def test_too_many_at_a_time_are_refused(guarded):
    count = CONCURRENCY + 4
    bearer = token(sub="sleepy")
    with ThreadPoolExecutor(count) as pool:
        answers = list(
            pool.map(lambda _: refusal(guarded.get("python", bearer, late=True)), range(count))
        )
    busy = [one for one in answers if one == (429, "ThrottlingException", "Too many requests")]
    late = answers.count(LATE)
    assert late + len(busy) == count
    assert 0 < late <= CONCURRENCY  # fewer where one of an earlier test still sleeps
    while guarded.get("python", token()).status_code == 429:  # until those that sleep are done
        time.sleep(0.05)


def test_tokens_are_for_dicomweb_only_and_signatures_stay_good(guarded):
    root = guarded.server.known["endpoint_url"]
    bearer = {"Authorization": f"Bearer {token()}"}
    response = httpx.get(f"{root}/datastore/{guarded.stores['http']}", headers=bearer)
    assert refusal(response)[:2] == DENIED[:2]
    signed = httpx.get(guarded.url("http"), auth=Signature(guarded.server.known))
    assert signed.status_code == 200


def test_no_token_is_in_the_log(guarded):
    bearer = token(sub="fatal")
    for store in ("http", "python"):
        assert refusal(guarded.get(store, bearer)) == FAILED
    log = guarded.log()
    assert "authorizer_failed" in log
    assert "eyJ" not in log  # how every token begins


def test_a_wrong_setting_is_a_sentence(tmp_path):
    command = [sys.executable, "-m", "gateway", "healthimaging", "--data", str(tmp_path)]
    environment = os.environ | {"HEALTHIMAGING_AUTHORIZER": "no.such:authorizer"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr == (
        "HEALTHIMAGING_AUTHORIZER no.such:authorizer cannot be imported: No module named 'no'.\n"
    )
