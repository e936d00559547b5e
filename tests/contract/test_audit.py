"""The audit trail on its way: over TLS, to a repository that comes and goes, from one killed."""

import base64
import json
import re
import signal
import subprocess
import time
from xml.etree import ElementTree

import httpx
import pytest

from tests import files
from tests.running import Gateway, serve
from tests.syslogs import Authority, Repository
from tests.unit.auth import audit_schema


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def repository(authority):
    made = Repository(authority)
    yield made
    made.stop()


@pytest.fixture
def given(authority, repository, tmp_path):
    """The settings of a gateway whose trail goes to the repository."""
    return {
        "audit": "syslog",
        "audit_syslog_url": repository.url,
        "audit_syslog_ca": authority.file,
        "audit_syslog_certificate": authority.issue("gateway"),
        "audit_spool_dir": tmp_path / "spool",
        "audit_window": 0,
    }


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(root, numbers):
    """Searches that are told apart by a number; those that were answered."""
    with httpx.Client() as client:
        for number in numbers:
            assert client.get(f"{root}/studies", params={"StudyID": str(number)}).is_success


def asked(messages):
    """The numbers of the searches, each where it stands first."""
    found = []
    for text in messages:
        root = ElementTree.fromstring(text)
        if root.find("EventIdentification/EventID").get("csd-code") == "110112":
            query = root.find(".//ParticipantObjectQuery").text
            found.append(int(re.search(rb"StudyID=(\d+)", decoded(query))[1]))
    return list(dict.fromkeys(found))


def decoded(text):
    return base64.b64decode(text)


def test_messages_arrive_over_tls_as_the_schema_has_them(healthimaging, repository, given):
    gateway = Gateway(healthimaging, **given)
    ask(gateway.root, range(3))
    httpx.get(f"{gateway.root}/studies/1.2.3/metadata")
    gateway.stop()
    wait_for(lambda: len(repository.messages) >= 6)
    assert [audit_schema.check(text) for text in repository.messages] == [[]] * 6
    assert asked(repository.messages) == [0, 1, 2]


def test_a_repository_that_is_away_for_a_while_loses_nothing(healthimaging, repository, given):
    gateway = Gateway(healthimaging, **given)
    ask(gateway.root, range(10))
    wait_for(lambda: len(asked(repository.messages)) == 10)
    repository.stop()
    ask(gateway.root, range(10, 20))
    none = "gateway_audit_errors_total 0.0"
    wait_for(lambda: none not in httpx.get(f"{gateway.url}/metrics").text)
    repository.start()
    wait_for(lambda: len(asked(repository.messages)) == 20)
    assert asked(repository.messages) == list(range(20))
    gateway.stop()


def test_what_was_under_way_when_it_broke_is_sent_again(healthimaging, repository, given):
    gateway = Gateway(healthimaging, **given)
    for first in range(0, 50, 10):
        repository.limit = len(repository.messages) + 4
        ask(gateway.root, range(first, first + 10))
    wait_for(lambda: len(asked(repository.messages)) == 50)
    assert asked(repository.messages) == list(range(50))
    gateway.stop()


def test_nobody_else_gets_them(healthimaging, repository, given, tmp_path):
    """Neither a repository of another authority, nor one that only claims to be there."""
    (tmp_path / "other").mkdir()
    impostor = Repository(Authority(tmp_path / "other"), asks=False)
    gateway = Gateway(healthimaging, **{**given, "audit_syslog_url": impostor.url})
    ask(gateway.root, range(3))
    time.sleep(1)
    gateway.stop()
    assert impostor.messages == []
    impostor.stop()
    again = Gateway(healthimaging, **given)
    wait_for(lambda: len(asked(repository.messages)) == 3)
    again.stop()


def serving(healthimaging, **settings):
    return serve(healthimaging, subprocess.DEVNULL, **settings)


def test_kill_9_loses_nothing_that_an_answer_waited_for(healthimaging, repository, given):
    repository.stop()
    for start in range(0, 60, 20):
        process = serving(healthimaging, **given, audit_wait=True)
        root = process.stdout.readline().split()[-1]
        ask(root, range(start, start + 20))
        process.kill()
        process.wait()
        process.stdout.close()
    repository.start()
    process = serving(healthimaging, **given)
    wait_for(lambda: len(asked(repository.messages)) == 60)
    assert asked(repository.messages) == list(range(60))
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    process.stdout.close()


def test_workers_have_a_spool_each_and_one_delivers_what_others_have_left(
    healthimaging, repository, given
):
    repository.stop()
    process = serving(healthimaging, **given, workers=2)
    root = process.stdout.readline().split()[-1]
    for number in range(20):
        ask(root, [number])
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    process.stdout.close()
    spools = list(given["audit_spool_dir"].iterdir())
    assert len(spools) == 2
    repository.start()
    gateway = Gateway(healthimaging, **given)
    wait_for(lambda: len(asked(repository.messages)) == 20)
    assert sorted(asked(repository.messages)) == list(range(20))
    gateway.stop()
    assert not any(spools[0].parent.iterdir())


def test_lines_of_json_go_to_standard_output(healthimaging, given, tmp_path):
    process = serving(healthimaging, audit="json", audit_spool_dir=tmp_path / "json")
    root = process.stdout.readline().split()[-1]
    ask(root, [7])
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    codes = [
        json.loads(line)["EventIdentification"]["EventID"]["csd-code"]
        for line in rest.splitlines()
        if line.startswith("{")
    ]
    assert codes == ["110100", "110112", "110100"]


def test_a_client_that_leaves_early_has_no_success(fresh, tmp_path):
    paths = [files.write(tmp_path / f"{n}.dcm", files.ct(n, size=1024)) for n in range(1, 31)]
    fresh.import_files(paths, "large")
    trail = {"audit": "json", "audit_file": tmp_path / "lines", "audit_spool_dir": tmp_path / "s"}
    gateway = Gateway(fresh, **trail, audit_window=0)
    study = f"{gateway.root}/studies/{files.ct().StudyInstanceUID}"
    with httpx.stream("GET", study, timeout=60) as response:
        next(response.iter_raw(1000))
    whole = httpx.get(study, timeout=60)
    assert len(whole.content) > 30 * 1024 * 1024 * 2
    gateway.stop()
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    transfers = [
        (one["EventIdentification"], one["ParticipantObjectIdentification"][0])
        for one in lines
        if one["EventIdentification"]["EventID"]["csd-code"] == "110104"
    ]
    assert sorted(event["EventOutcomeIndicator"] for event, _ in transfers) == ["0", "4"]
    for event, subject in transfers:
        told = {each["type"]: decoded(each["value"]) for each in subject["ParticipantObjectDetail"]}
        if event["EventOutcomeIndicator"] == "0":
            assert int(told["Bytes"]) == len(whole.content)
        else:
            assert "ended before" in event["EventOutcomeDescription"]
            assert int(told["Bytes"]) < len(whole.content)
