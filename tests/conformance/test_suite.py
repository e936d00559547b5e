"""The suite as a program: reports, exit statuses, and what it does with servers that are none."""

import ast
import io
import json
import socket
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import conformance
from conformance import cli, decoders, multipart, originals, pixels, registry
from conformance.checks import transport
from conformance.checks.search_matching import dates_of
from conformance.model import Answer, Broken, Request, Verdict
from conformance.multipart import Fault
from tests import files
from tests.conformance import confirmed, faults, suite, ward

PACKAGE = Path(conformance.__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("few")
    ward.write(made)
    return made


def test_it_imports_nothing_of_the_gateway():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.partition(".")[0] in ("gateway", "tests") for name in names), path


def test_every_check_says_what_it_is_about():
    checks = registry.all_checks()
    assert len({one.id for one in checks}) == len(checks) > 100
    for one in checks:
        assert one.title, one.id
        assert any(word in one.clause for word in ("PS3.", "RFC ")), one.id
        assert (one.run is None) != (one.observe is None)


def test_what_is_said_to_be_found_exists():
    known = {one.id for one in registry.all_checks()}
    for planted in faults.ALL:
        assert planted.found <= known, planted.name
    assert len({one.name for one in faults.ALL}) == len(faults.ALL) >= 40
    assert confirmed.BY_HAND.keys() <= known


@pytest.fixture(scope="module")
def reports(gateway, folder, tmp_path_factory):
    """One run with all reports, against a store that holds nothing of the folder's."""
    place = tmp_path_factory.mktemp("reports")
    paths = [place / f"out.{kind}" for kind in ("html", "json", "md")]
    arguments = [gateway.root, "--data", str(folder), "--only", "page", "--only", "http"]
    for path in paths:
        arguments += ["--report", str(path)]
    return cli.main([*arguments, "--token", "secret-token"]), *paths


def test_a_run_writes_its_reports(reports):
    status, html, document, markdown = reports
    assert status == 2  # none of the files is there
    page = html.read_text("utf-8")
    assert "http://" not in page.replace("http://127.0.0.1", "")  # nothing from elsewhere
    assert "src=" not in page and "@import" not in page  # noqa: PT018
    found = json.loads(document.read_text("utf-8"))
    assert found["format"] == 1
    assert {one["id"] for one in found["checks"]} >= {"page.limit", "http.complete"}
    assert "| ✓ |" in markdown.read_text("utf-8")


def test_a_token_and_names_of_patients_stand_in_no_report(reports):
    for path in reports[1:]:
        text = path.read_text("utf-8")
        assert "secret-token" not in text
        assert "Muster" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["http://127.0.0.1:9/dicomweb"],
        ["http://127.0.0.1:9/", "--report", "out.txt"],
        ["http://127.0.0.1:9/", "--only", "no-such-check"],
        ["http://127.0.0.1:9/", "--data", "/no/such/folder"],
        ["http://127.0.0.1:9/", "--header", "no colon"],
        ["no-url"],
    ],
)
def test_a_run_that_cannot_start(arguments, capsys):
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith("conformance: ")


def test_a_server_that_holds_none_of_the_files_is_no_success(keeping, tmp_path, capsys):
    files.write(tmp_path / "one.dcm", files.ct(1, StudyInstanceUID="1.2.99"))
    arguments = [keeping.root, "--data", str(tmp_path), "--only", "http.type"]
    assert cli.main(arguments) == 2
    assert "holds none of the files" in capsys.readouterr().err


@pytest.fixture
def garbage():
    """A server that answers whatever it is told to, on each connection, and closes it."""
    listening = socket.create_server(("127.0.0.1", 0))
    answer = {"bytes": b""}

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer["bytes"])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield answer, f"http://127.0.0.1:{listening.getsockname()[1]}/dicom-web"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)


OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"Content-Type: application/dicom+json\r\n"
AGAIN = b"HTTP/1.1 302 Found\r\nLocation: /dicom-web/studies\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "content",
    [
        OK + b"Content-Type: text/html\r\nContent-Length: 18\r\n\r\n<html>Hello</html>",
        JSON + b"Content-Length: 9\r\n\r\n[1,2,null",
        JSON + b'Content-Length: 99\r\n\r\n[{"0020000D"',
        JSON + b'Content-Length: 26\r\n\r\n[{"0020000D":{"vr":null}}]',
        OK + b"Content-Type: multipart/related\r\nContent-Length: 2\r\n\r\n--",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_garbage_is_a_finding_and_never_a_crash(garbage, folder, content):
    answer, root = garbage
    answer["bytes"] = content
    for data in (folder, None):
        outcomes = suite.check(root, data, seconds=2)
        assert not [one for one in outcomes.values() if one.verdict is Verdict.ERROR]
        assert suite.failed(outcomes)


@pytest.mark.parametrize("content", [b"\x00\xff not http at all\r\n\r\n", AGAIN, b""])
def test_what_is_no_server_cannot_be_checked(garbage, content):
    answer, root = garbage
    answer["bytes"] = content
    assert cli.main([root, "--timeout", "2"]) == 2


@pytest.mark.parametrize(
    ("path", "fields", "found"),
    [
        ("/frames/1", (), 1),
        ("/metadata", (), 1),
        ("/frames/1", (("Content-Length", "9999999999"),), 0),  # large, and says so
        ("", (), 0),  # a study may be larger than what this suite takes
    ],
)
def test_a_body_that_does_not_end_is_found(path, fields, found):
    request = Request("GET", f"http://server/studies/1.2{path}", ())
    answer = Answer(request, 200, fields, b"", 1.0, Broken.TOO_LARGE, "The answer is too large")
    assert len(transport.complete(answer, originals.Originals())) == found


@pytest.mark.parametrize("length", [b"", b"Content-Length: 2\r\n"])
def test_an_empty_archive_has_nothing_wrong(garbage, folder, length):
    answer, root = garbage
    answer["bytes"] = JSON + length + b"Connection: close\r\n\r\n[]"
    outcomes = suite.check(root, None, "search.studies", "negotiate.json", "viewer.ohif-list",
                           "viewer.dicomweb-client", "match", "search.counts")  # fmt: skip
    assert suite.failed(outcomes) == {}


def test_ranges_of_dates_have_days_of_the_calendar_for_ends():
    for key in dates_of(["20240131", "20241226"]):
        for end in filter(None, key.split("-")):
            datetime.strptime(end, "%Y%m%d")


CONTENT_TYPE = 'multipart/related; type="text/plain"; boundary='


@pytest.mark.parametrize(
    ("boundary", "body", "parts", "wrong"),
    [
        ("b", b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b--\r\n", [b"one"], set()),
        ('"b c"', b"--b c\r\nContent-Type: text/plain\r\n\r\none\r\n--b c--", [b"one"], set()),
        ("b", b"before\r\n--b \r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\nafter", [b""],
         set()),
        ("b", b"--b\r\nContent-Type: text/plain\r\n\r\n--bb\r\n--b--", [b"--bb"], set()),
        ("b", b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b", [b"one"], {Fault.CLOSING}),
        ("b", b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b-", [b"one"], {Fault.CLOSING}),
        ("b c:d", b"--b c:d\r\nContent-Type: text/plain\r\n\r\none\r\n--b c:d--", [],
         {Fault.BOUNDARY}),
        ("b", b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n--c\r\nContent-Type: text/plain"
         b"\r\n\r\ntwo\r\n--b--", [], {Fault.BOUNDARY}),
        ("b", b"--b\r\nContent-Type: text/plain\r\n\r\none", [b"one"], {Fault.CLOSING}),
        ("b", b"--b\n\nContent-Type: text/plain\n\none\n--b--\n", [], {Fault.BOUNDARY}),
        ("b", b"--c\r\n\r\none\r\n--c--", [], {Fault.BOUNDARY}),
        ("", b"--\r\n\r\none\r\n----", [], {Fault.BOUNDARY, Fault.TYPE}),
        ("b", b"--b\r\n\r\none\r\n--b--", [b"one"], {Fault.PART}),
        ("b", b"--b\r\nContent-Type: image/png\r\n\r\none\r\n--b--", [b"one"], {Fault.TYPE}),
        ("b", b"--b\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\none\r\n--b--", [b"one"],
         {Fault.LENGTH}),
    ],
)  # fmt: skip
def test_multipart_by_the_book(boundary, body, parts, wrong):
    message = multipart.parse(CONTENT_TYPE + boundary, body)
    assert [part.content for part in message.parts] == parts
    assert {kind for kind, _ in message.faults} == wrong


def test_pixels_are_compared_of_every_kind_and_of_every_series(folder):
    held = originals.load(folder)
    chosen = pixels.kinds(held.files, 40)
    assert {one.uids[1] for one in chosen} == {one.uids[1] for one in held.files if one.frames}
    assert len({one.uids[2] for one in chosen}) == len(chosen)
    first = pixels.kinds(held.files, 3)
    assert chosen[:3] == first


def test_subsampled_chroma_of_noise_is_no_mistake_and_swapped_colours_are():
    noise = np.random.default_rng(5).integers(40, 216, (32, 48, 3), dtype="u1")
    shape = decoders.Shape(32, 48, 3, 8, 8, 7, signed=False, planar=False, photometric="RGB")
    coded = io.BytesIO()
    Image.fromarray(noise).save(coded, "JPEG", quality=95, subsampling="4:2:0")
    got = np.asarray(Image.open(coded)).astype(np.int64)
    assert np.abs(got - noise).mean() > 10
    assert pixels._apart(got, noise.astype(np.int64), shape, lossy=True) == ""
    assert pixels._apart(got[:, :, ::-1], noise.astype(np.int64), shape, lossy=True)


def test_files_that_contradict_each_other_are_left_out(tmp_path):
    ward.write(tmp_path)
    whole = len(originals.load(tmp_path).files)
    copy = tmp_path / f"{ward.UID}.0.0.1.dcm"
    (tmp_path / "other.dcm").write_bytes(copy.read_bytes().replace(b"P100A ", b"P100Z "))
    (tmp_path / "text.dcm").write_bytes(b"This is no DICOM file.")
    held = originals.load(tmp_path)
    assert len(held.files) == whole - 2
    assert len(held.skipped) == 4
