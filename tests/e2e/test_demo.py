"""What a new user starts: real processes, real signals, a folder of files."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from gateway.demo import QUOTAS as demo_quotas
from gateway.emulator import quotas
from tests import files, multipart

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


class Demo:
    """``python -m gateway demo``, its lines as they come."""

    def __init__(self, data: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "gateway", "demo", "--port", "0", "--data", str(data)]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self.lines: list[str] = []

    def root(self) -> str:
        """The DICOMweb root: the last line of what it prints once it is ready."""
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith("http://"):
                return self.lines[-1]
        raise AssertionError(self.process.stderr.read())

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit status, and what it complained of."""
        self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=100)
        return self.process.returncode, complaints


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*arguments: str, **environment: str) -> Demo:
        started.append(Demo(tmp_path / "data", *arguments, **environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def children(parent: int) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            child = int(status.parent.name)
            found |= {child, *children(child)}
    return found


def alive(process: int) -> bool:
    """Whether it runs; one that has ended may wait for a parent that does not ask for it."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def gone(processes: set[int]) -> bool:
    """Whether all have ended, after a while at most."""
    deadline = time.monotonic() + 60
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, processes))


def test_a_new_user_sees_the_samples_and_a_second_start_imports_nothing(demo, tmp_path):
    first = demo()
    root = first.root()
    url = root.removesuffix("/dicomweb")
    assert httpx.get(f"{url}/readyz").status_code == 200
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    studies = httpx.get(f"{root}/studies").json()
    assert len(studies) == 13
    page = httpx.get(f"{url}/").text
    assert root in page
    assert "MISTER^CT" in page
    assert any("Imported 15 of 15 files" in line for line in first.lines)
    family = children(first.process.pid)
    assert family
    status, complaints = first.stop()
    assert (status, complaints) == (0, "")
    assert gone(family)
    second = demo()
    root = second.root()
    assert httpx.get(f"{root}/studies").json() == json.loads(
        json.dumps(studies).replace(url, root.removesuffix("/dicomweb"))
    )
    assert any("nothing is imported" in line for line in second.lines)
    assert second.stop(signal.SIGINT) == (0, "")
    known = json.loads((tmp_path / "data" / "healthimaging.json").read_text())
    assert known["endpoint_url"].startswith("http://127.0.0.1:")


def test_a_folder_of_files_good_and_bad(demo, tmp_path):
    folder = tmp_path / "samples" / "deep" / "er"
    folder.mkdir(parents=True)
    files.write(folder / "one.dcm", files.ct(1))
    (folder / "readme.txt").write_text("hello")
    running = demo("--samples", str(tmp_path / "samples"))
    root = running.root()
    assert len(httpx.get(f"{root}/studies").json()) == 1
    assert any("deep/er/readme.txt: not a DICOM Part 10 file" in line for line in running.lines)
    assert running.stop()[0] == 0


def test_the_demo_lifts_the_quotas_on_a_job_and_a_users_own_stay(demo, tmp_path):
    folder = tmp_path / "samples"
    for number in range(3):
        (folder / str(number)).mkdir(parents=True)
        files.write(folder / str(number) / "one.dcm", files.ct(number))
    lifted = quotas.parse(demo_quotas)
    assert min(lifted.limit(name) for name in ("files", "folders", "total-size")) >= 10**8
    assert lifted.limit("copies") == 100
    running = demo("--samples", str(folder), HEALTHIMAGING_QUOTAS="files=2")
    running.root()
    assert any(
        "not imported" in line and "Maximum number of files in a DICOM import job, 2" in line
        for line in running.lines
    )
    assert running.stop()[0] == 0


def test_an_import_that_is_interrupted_goes_on_at_the_next_start(demo, tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    noise = np.random.default_rng(120).integers(-999, 999, (512, 512), dtype="<i2").tobytes()
    for number in range(120):
        dataset = files.ct(number, size=512)
        dataset.PixelData = noise
        files.write(folder / f"{number:03}.dcm", dataset)
    first = demo("--samples", str(folder), HEALTHIMAGING_WORKERS="1")
    for line in first.process.stdout:
        if "of 120 files" in line:
            break
    assert int(line.split()[1]) < 100
    assert first.stop() == (0, "")
    second = demo("--samples", str(folder))
    root = second.root()
    [study] = httpx.get(f"{root}/studies").json()
    assert study["00201208"]["Value"] == [120]
    assert any("Imported 120 of 120 files into 1 image sets" in line for line in second.lines)
    assert second.stop() == (0, "")


def test_a_ct_series_of_300_slices_is_opened(demo, tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    noise = np.random.default_rng(300).integers(-30, 30, (512, 512), dtype="<i2")
    slices = {}
    for number in range(1, 301):
        dataset = files.ct(number, size=512)
        pixels = np.roll(noise, number) + np.int16(number)
        dataset.PixelData = pixels.tobytes()
        slices[dataset.SOPInstanceUID] = pixels
        files.write(folder / f"{number:03}.dcm", dataset)
    running = demo("--samples", str(folder))
    root = running.root()
    study = "1.2.826.0.1.3680043.10.1.1"
    series = f"{root}/studies/{study}/series/{study}.1"
    with httpx.Client(timeout=100) as client:
        metadata = client.get(f"{series}/metadata").json()
        assert [one["00200013"]["Value"][0] for one in metadata] == list(range(1, 301))
        for one in metadata[::37]:
            sop = one["00080018"]["Value"][0]
            response = client.get(f"{series}/instances/{sop}/frames/1")
            [part] = multipart.parse(response)
            assert part.content == slices[sop].tobytes()
        size = 0
        with client.stream("GET", series) as response:
            for chunk in response.iter_raw():
                size += len(chunk)
    assert size > 300 * 512 * 512 * 2
    resident = max(
        peak(process) for process in {running.process.pid, *children(running.process.pid)}
    )
    assert resident < 600 << 20  # the series is 157 MB decoded, in one part after the other
    assert running.stop() == (0, "")


def peak(process: int) -> int:
    """The largest resident size of a process so far, in bytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_start_too(demo, tmp_path, number):
    running = demo()
    time.sleep(1.5)
    family = children(running.process.pid)
    status, _ = running.stop(number)
    assert status in (0, 130, -number)
    assert gone(family)


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["--samples", "/nowhere/at/all"], {}, "SAMPLES /nowhere/at/all is not a folder."),
        ([], {"GATEWAY_INLINE_LIMIT": "-3"}, "GATEWAY_INLINE_LIMIT is wrong: it should be"),
        ([], {"HEALTHIMAGING_REGION": "nowhere"}, "HEALTHIMAGING_REGION is wrong"),
        ([], {"GATEWAY_DATASTORE_ID": "short"}, "GATEWAY_DATASTORE_ID is wrong"),
    ],
)
def test_a_mistake_is_one_clear_sentence(demo, arguments, environment, sentence):
    running = demo(*arguments, **environment)
    _, complaints = running.process.communicate(timeout=100)
    assert running.process.returncode == 1
    assert sentence in complaints
    assert "Traceback" not in complaints


def test_a_port_in_use_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "gateway", "demo", "--data", str(tmp_path), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert f"PORT {port} cannot be used" in done.stderr


def test_two_servers_do_not_share_a_data_folder(fresh):
    command = [sys.executable, "-m", "gateway", "healthimaging", "--data", str(fresh.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "is in use by another embedded HealthImaging server" in done.stderr


@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The value length")
def test_no_patient_data_is_logged_at_the_chattiest_level(demo, tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    good, long, wrong, torn = (files.ct(number) for number in range(1, 5))
    for dataset in (good, long, wrong, torn):
        dataset.PatientName = "SECRET^Ünsal"
        dataset.PatientID = "SECRET1"
        dataset.SpecificCharacterSet = "ISO_IR 192"
    long.PatientID = "SECRET" * 50
    wrong.PatientBirthDate = "SECRET"
    wrong.PatientAge = "SECRETS"
    del torn.Rows
    for name, dataset in {"good": good, "long": long, "wrong": wrong, "torn": torn}.items():
        files.write(folder / f"{name}.dcm", dataset)
    running = demo(
        "--samples", str(folder), GATEWAY_LOG_LEVEL="debug", HEALTHIMAGING_LOG_LEVEL="debug"
    )
    root = running.root()
    [study] = httpx.get(f"{root}/studies", params={"PatientName": "SECRET*"}).json()
    uid = study["0020000D"]["Value"][0]
    for address, parameters in [
        ("studies", {"PatientID": "SECRET1", "StudyDate": "SECRET"}),
        ("studies", {"Unknown": "SECRET1"}),
        ("studies", {"PatientID": "SECRET1", "includefield": "all"}),
        (f"studies/{uid}", {}),
        (f"studies/{uid}/metadata", {}),
        (f"studies/{uid}/series/SECRET/metadata", {}),
        ("SECRET", {}),
    ]:
        answer = httpx.get(f"{root}/{address}", params=parameters)
        if answer.is_error:
            assert "SECRET" not in answer.json()["detail"]
    status, complaints = running.stop()
    assert status == 0
    assert '"status": 200' in complaints or '"status":200' in complaints
    for line in [*running.lines, *complaints.splitlines()]:
        assert "SECRET" not in line
        assert "nsal" not in line


def test_import_from_the_command_line(fresh, tmp_path):
    folder = tmp_path / "studies"
    folder.mkdir()
    files.write(folder / "one.dcm", files.ct(1))
    (folder / "noise.bin").write_bytes(b"noise")
    command = [sys.executable, "-m", "gateway", "import", str(folder), "--data", str(fresh.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "noise.bin: not a DICOM Part 10 file" in done.stdout
    assert done.stdout.splitlines()[-1] == "Imported 1 of 2 files."


def test_check_and_serve_against_a_data_store(fresh):
    environment = {
        "GATEWAY_DATASTORE_ID": fresh.datastore_id,
        "GATEWAY_ENDPOINT_URL": fresh.known["endpoint_url"],
        "GATEWAY_REGION": fresh.known["region_name"],
        "GATEWAY_PORT": "0",
        "AWS_ACCESS_KEY_ID": fresh.known["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": fresh.known["aws_secret_access_key"],
    }
    command = [sys.executable, "-m", "gateway"]
    done = subprocess.run(
        [*command, "check"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    wrong = environment | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    done = subprocess.run(
        [*command, "check"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | wrong,
    )
    assert done.returncode == 1
    assert "refused the gateway's credentials" in done.stderr
    serving = subprocess.Popen(
        [*command, "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | environment,
    )
    root = serving.stdout.readline().split()[-1]
    while True:
        try:
            assert httpx.get(f"{root}/studies").json() == []
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    serving.terminate()
    serving.communicate(timeout=100)
    assert serving.returncode == 0


def test_several_workers_are_ready_when_the_samples_are_there(demo):
    running = demo(GATEWAY_WORKERS="2")
    root = running.root()
    service = root.removesuffix("/dicomweb")
    for _ in range(8):  # connections go to either
        assert httpx.get(f"{service}/readyz", timeout=90).status_code == 200
        assert httpx.get(f"{root}/studies", timeout=90).json()
    workers = children(running.process.pid)
    assert running.stop(signal.SIGINT) == (0, "")
    assert gone(workers)
