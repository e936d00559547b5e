"""The Dockerfile's own commands, in folders of this machine: what they install serves.

Slow, so only ``make image`` runs it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import pytest

from tests.image.dockerfile import ROOT, instructions

pytestmark = pytest.mark.skipif(not os.environ.get("IMAGE"), reason="run by make image")

STORE = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the wheels and the environment that the build stage makes."""
    folder = tmp_path_factory.mktemp("image")
    source = folder / "src"
    source.mkdir()
    for one in instructions():
        if one.name == "COPY" and "--from" not in one.text:
            for name in one.text.split()[:-1]:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, source / name)
        elif one.name == "RUN" and one.stage == 1:
            command = one.text.replace("/wheels", f"{folder}/wheels")
            command = command.replace("/opt/gateway", f"{folder}/gateway")
            command = command.replace("python -m", f"{sys.executable} -m")
            subprocess.run(command, shell=True, check=True, cwd=source, timeout=600)
    return folder


def test_the_wheel_has_every_file_of_the_package(installed):
    [wheel] = (installed / "wheels").glob("dicomweb_gateway-*.whl")
    files = subprocess.run(
        ["git", "ls-files", "gateway"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(files) - set(zipfile.ZipFile(wheel).namelist())


def test_there_is_no_pip_and_no_tool_of_developers(installed):
    names = {path.name for path in (installed / "gateway" / "bin").iterdir()}
    assert "dicomweb-gateway" in names
    assert not names & {"pip", "pip3", "pytest", "ruff", "mypy", "aws"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def answers(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return answer.status
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    return None


def command_of_health(program):
    [check] = [one.text for one in instructions() if one.name == "HEALTHCHECK"]
    words = check[check.index('["python"') :]
    return [str(program), "-c", words.split('"-c", "', 1)[1].removesuffix('"]')]


def test_it_does_not_begin_before_it_is_told_who_may_ask(installed, tmp_path):
    [given] = [one.text for one in instructions() if one.name == "ENV"]
    environment = dict(one.split("=", 1) for one in given.split()) | {
        "HOME": str(tmp_path),
        "PATH": f"{installed}/gateway/bin:/usr/bin:/bin",
        "GATEWAY_DATASTORE_ID": STORE,
        "GATEWAY_REGION": "us-east-1",
    }
    program = installed / "gateway" / "bin" / "dicomweb-gateway"
    done = subprocess.run(
        [program, "serve"], env=environment, check=False, timeout=30, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "GATEWAY_OIDC_ISSUER" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_serves_is_healthy_and_ends_by_sigterm(installed, tmp_path):
    home, port = tmp_path / "cache", free_port()
    home.mkdir()
    environment = {
        "HOME": str(home),
        "PATH": f"{installed}/gateway/bin:/usr/bin:/bin",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "GATEWAY_REGION": "us-east-1",
        "GATEWAY_ENDPOINT_URL": "http://127.0.0.1:9",
        "GATEWAY_DATASTORE_ID": STORE,
        "GATEWAY_PORT": str(port),
    }
    program = installed / "gateway" / "bin" / "dicomweb-gateway"
    server = subprocess.Popen([str(program), "serve"], cwd=home, env=environment)
    try:
        assert answers(port) == 200
        health = command_of_health(program.with_name("python"))
        assert subprocess.run(health, env=environment, check=False, timeout=10).returncode == 0
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in (0, -signal.SIGTERM)
        assert subprocess.run(
            health, env=environment, check=False, timeout=10, stderr=subprocess.DEVNULL
        ).returncode
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
