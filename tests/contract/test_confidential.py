"""Nothing of patients in logs, metrics and errors: marks, asked for and stored, are sought."""

import json
import re
import signal
import subprocess

import httpx
import pytest

from tests import files
from tests.running import HealthImaging, serve

UID = "1.2.826.0.1.3680043.10.7.4711"
MARKS = ("ZQXNAME", "ZQXGIVEN", "ZQXID", "ZQXACCESSION", "ZQXDESCRIPTION", "ZQXWORD", UID)
KEY = "ZQNOKEY"
"""The name of a parameter that there is not: errors say that one, logs do not."""

STORED = {
    "PatientName": "ZQXNAME^ZQXGIVEN",
    "PatientID": "ZQXID",
    "AccessionNumber": "ZQXACCESSION",
    "StudyDescription": "ZQXDESCRIPTION",
    "StudyInstanceUID": UID,
    "SeriesInstanceUID": f"{UID}.1",
    "SOPInstanceUID": f"{UID}.1.1",
}
PLACE = f"/studies/{UID}/series/{UID}.1/instances/{UID}.1.1"
REQUESTS = [
    ("/studies?PatientName=ZQXNAME*&PatientID=ZQXID", {}),
    ("/studies?PatientName=ZQXNAME^ZQXGIVEN&fuzzymatching=true", {}),
    ("/studies?StudyDescription=*ZQXDESCRIPTION*&includefield=all", {}),
    ("/studies?AccessionNumber=ZQXACCESSION", {"accept": "text/ZQXWORD"}),
    ("/studies?StudyDate=ZQXWORD", {}),
    ("/studies?limit=ZQXWORD", {}),
    (f"/studies?{KEY}=1", {}),
    ("/studies?PatientName=ZQXNAME%FF", {}),
    (f"/studies?includefield={KEY}", {}),
    ("/studies/ZQXWORD/metadata", {}),
    (f"/studies/{UID}.9/metadata", {}),
    (f"/studies/{UID}/series", {}),
    (f"{PLACE}/metadata", {}),
    (PLACE, {}),
    (f"/studies/{UID}", {"accept": "application/zip"}),
    (f"{PLACE}/frames/1", {}),
    (f"{PLACE}/frames/1", {}),
    (f"{PLACE}/frames/ZQXWORD", {}),
    (f"{PLACE}/frames/99", {}),
    (f"{PLACE}/rendered?window=ZQXWORD", {}),
    (f"{PLACE}/rendered?annotation=patient", {}),
    (f"{PLACE}/bulkdata/ZQXWORD", {}),
    (f"{PLACE}/ZQXWORD", {}),
    (f"{PLACE}/metadata?imageSetId=ZQXWORD", {}),
    ("/studies", {"x-forwarded-host": "ZQXWORD/ZQXNAME"}),
    ("/studies", {"forwarded": "host=ZQX WORD"}),
    ("/studies", {"host": "ZQXWORD^"}),
    (f"/wado?requestType=WADO&studyUID={UID}&seriesUID={UID}.1&objectUID={UID}.1.1", {}),
    (f"/wado?requestType=ZQXWORD&studyUID={UID}", {}),
    (f"/wado?requestType=WADO&studyUID={UID}&contentType=ZQXWORD", {}),
]


TOLD = {"log_level": "debug", "search_ttl": 60}


@pytest.fixture(scope="module")
def imaging(tmp_path_factory):
    server = HealthImaging(tmp_path_factory.mktemp("confidential"))
    folder = tmp_path_factory.mktemp("files")
    path = files.write(folder / "one.dcm", files.ct(1, size=16, **STORED))
    good, bad = server.import_files([path], "one")
    assert good, bad
    yield server
    server.stop()


def asked(process, methods=("GET", "HEAD")):
    """Every request of the list, and what is told of it beside good answers."""
    line = process.stdout.readline()
    root = line.split()[-1]
    told, statuses = [line], []
    with httpx.Client(timeout=60) as client:
        for target, headers in REQUESTS:
            for method in methods:
                response = client.request(method, f"{root}{target}", headers=headers)
                statuses.append(response.status_code)
                if response.is_error:
                    told.append(response.text)
                told += [
                    value
                    for name, value in response.headers.items()
                    if name in ("warning", "server", "x-request-id", "retry-after")
                ]
        told.append(client.get(root.replace("/dicomweb", "/metrics")).text)
    process.send_signal(signal.SIGTERM)
    rest, lines = process.communicate(timeout=60)
    return statuses, [*told, rest], lines


def sought(texts):
    return [
        text[max(0, text.index(mark) - 200) :][:300]
        for mark in MARKS
        for text in texts
        if mark in text
    ]


@pytest.mark.parametrize("catalog", ["off", "on"])
def test_marks_are_in_answers_only(imaging, tmp_path, catalog):
    place = f"sqlite:///{tmp_path}/catalog.sqlite"
    trail = {
        "audit": "json",
        "audit_file": tmp_path / "audit",
        "audit_spool_dir": tmp_path / "spool",
    }
    process = serve(imaging, subprocess.PIPE, **TOLD, catalog=catalog, catalog_url=place, **trail)
    statuses, told, lines = asked(process)
    assert {200, 400, 404, 406} <= set(statuses)
    assert 500 not in statuses
    assert lines.count('"event":"request"') >= len(REQUESTS)
    assert sought(told) == []
    assert sought([lines.replace(KEY, MARKS[0])]) == []
    for line in lines.splitlines():
        assert json.loads(line)["level"], line
    assert len(sought([(tmp_path / "audit").read_text()])) > 1  # where they belong


def test_marks_are_in_no_failure_of_healthimaging(imaging):
    away = {"endpoint_url": "http://127.0.0.1:1", "max_attempts": 1, "catalog": "off"}
    statuses, told, lines = asked(serve(imaging, subprocess.PIPE, **TOLD, **away), ["GET"])
    assert 503 in statuses
    assert sought([*told, lines.replace(KEY, MARKS[0])]) == []
    failures = [json.loads(line) for line in lines.splitlines() if "upstream_failed" in line]
    assert failures
    requests = {
        line["request"]
        for line in map(json.loads, lines.splitlines())
        if line["event"] == "request"
    }
    assert {one["request"] for one in failures} <= requests


def test_a_failure_names_healthimagings_request(imaging, tmp_path):
    """What HealthImaging refuses is logged with the identifier that AWS's support asks for."""
    wrong = {"AWS_SECRET_ACCESS_KEY": "wrong", "catalog": "off"}
    _, _, lines = asked(serve(imaging, subprocess.PIPE, **TOLD, **wrong), ["GET"])
    failures = [json.loads(line) for line in lines.splitlines() if "upstream_failed" in line]
    assert failures
    for one in failures:
        assert one["action"]
        assert re.fullmatch(r"[A-Z]\w+", one["error"])
        assert re.fullmatch(r"[0-9a-f-]{36}", one["aws_request"])
        assert len(one["request"]) == 32
