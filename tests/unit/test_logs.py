"""Logs: one JSON object a line, and never the text of an exception."""

import asyncio
import json
import logging
import logging.handlers
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from gateway.telemetry import logs


@pytest.fixture
def lines(capsys):
    """What has been logged; the logging of the tests themselves is put back afterwards."""
    root = logging.getLogger()
    names = ["", "gateway", "pydicom", "botocore", "boto3", "urllib3"]
    levels = {name: logging.getLogger(name).level for name in names}
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    root.handlers[:] = [
        one for one in root.handlers if not isinstance(one.formatter, logs.JsonFormatter)
    ]
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def fails(text):
    raise ValueError(text)


def test_a_record_is_one_line_of_json(lines):
    logs.configure("info")
    logging.getLogger("gateway.web").info("request", extra={"status": 200, "bytes": 12})
    [line] = lines()
    assert {key: line[key] for key in line if key != "time"} == {
        "level": "info",
        "logger": "gateway.web",
        "event": "request",
        "status": 200,
        "bytes": 12,
    }
    assert datetime.strptime(line["time"], "%Y-%m-%dT%H:%M:%S%z").tzinfo


def test_line_breaks_and_quotes_stay_within_the_line(lines):
    logs.configure("info")
    logging.getLogger("gateway").info('two\nlines "quoted"', extra={"field": "a\nb"})
    [line] = lines()
    assert (line["event"], line["field"]) == ('two\nlines "quoted"', "a\nb")


def test_arguments_are_filled_in_and_odd_values_written_as_text(lines):
    logs.configure("info")
    logging.getLogger("gateway").info("%d of %s", 1, "two", extra={"kind": ValueError})
    [line] = lines()
    assert (line["event"], line["kind"]) == ("1 of two", "<class 'ValueError'>")


def test_an_exception_is_a_type_and_a_place_and_never_its_text(lines):
    logs.configure("info")
    try:
        try:
            fails("secret cause")
        except ValueError as error:
            raise KeyError("secret text") from error
    except KeyError:
        logging.getLogger("gateway").exception("request_failed", extra={"request": "1"})
    [line] = lines()
    assert (line["exception"], line["level"], line["request"]) == (
        "KeyError from ValueError",
        "error",
        "1",
    )
    assert line["at"].partition(":")[0] == __file__
    assert line["at"].endswith(" fails")
    assert "secret" not in json.dumps(line)


def test_the_place_is_where_it_was_raised(lines):
    logs.configure("info")
    try:
        fails("secret")
    except ValueError:
        logging.getLogger("gateway").exception("failed")
    [line] = lines()
    number = fails.__code__.co_firstlineno + 1
    assert line["at"] == f"{__file__}:{number} fails"


def test_no_exception_at_hand_is_no_exception(lines):
    logs.configure("info")
    logging.getLogger("gateway").error("failed", exc_info=True)  # noqa: LOG014
    [line] = lines()
    assert "exception" not in line
    assert "at" not in line


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_is_that_of_the_gateway(lines, level, expected):
    logs.configure(level)
    for name in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("gateway.services"), name)(name)
    assert [line["event"] for line in lines()] == expected


def test_libraries_are_heard_from_warning_up(lines):
    logs.configure("debug")
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("asyncio").debug("slow")
    logging.getLogger("uvicorn.error").warning("broken")
    assert [line["event"] for line in lines()] == ["broken"]


@pytest.mark.parametrize("name", ["pydicom", "pydicom.filereader", "botocore.auth", "boto3"])
def test_libraries_that_quote_values_are_not_heard(lines, name):
    logs.configure("debug")
    logging.getLogger(name).error("Invalid value 'Phantom^One' for VR DA")
    assert lines() == []


def test_configuring_twice_logs_once(lines):
    logs.configure("info")
    logs.configure("info")
    logging.getLogger("gateway").info("once")
    assert len(lines()) == 1


def test_a_line_without_a_record_is_the_same(lines):
    logs.configure("info")
    logger = logging.getLogger("gateway.web")
    logger.info("request", extra={"status": 200, "kind": ValueError})
    logs.info(logger, "request", {"status": 200, "kind": ValueError})
    one, other = lines()
    assert one.pop("time")[:16] == other.pop("time")[:16]
    assert one == other


def test_a_line_without_a_record_obeys_the_level(lines):
    logs.configure("warning")
    logs.info(logging.getLogger("gateway.web"), "request", {"status": 200})
    assert lines() == []


def test_other_handlers_hear_it_as_well(lines):
    logs.configure("info")
    heard = logging.handlers.BufferingHandler(10)
    logging.getLogger().addHandler(heard)
    try:
        logs.info(logging.getLogger("gateway.web"), "request", {"status": 200})
    finally:
        logging.getLogger().removeHandler(heard)
    assert [record.status for record in heard.buffer] == [200]
    assert [line["status"] for line in lines()] == [200]


def _events(text):
    return [json.loads(line)["event"] for line in text.splitlines()]


def test_lines_of_requests_are_written_a_moment_later_and_in_order(capsys, lines, monkeypatch):
    monkeypatch.setattr(logs, "_MOMENT", 0.01)
    logs.configure("info")
    logger = logging.getLogger("gateway")

    async def scenario():
        logs.info(logger, "one", {})
        logs.info(logger, "two", {})
        at_once = capsys.readouterr().err
        await asyncio.sleep(0.05)
        return _events(at_once), _events(capsys.readouterr().err)

    assert asyncio.run(scenario()) == ([], ["one", "two"])


def test_a_record_comes_behind_the_lines_before_it(capsys, lines):
    logs.configure("info")
    logger = logging.getLogger("gateway")

    async def scenario():
        logs.info(logger, "one", {})
        logger.error("two")
        logs.info(logger, "three", {})

    asyncio.run(scenario())
    logging.getLogger().handlers[0].flush()
    assert _events(capsys.readouterr().err) == ["one", "two", "three"]


def test_no_more_lines_wait_than_some(capsys, lines):
    logs.configure("info")

    async def scenario():
        for number in range(logs._MOST_WAITING + 3):
            logs.info(logging.getLogger("gateway"), str(number), {})
        return len(_events(capsys.readouterr().err))

    assert asyncio.run(scenario()) == logs._MOST_WAITING


def test_outside_of_an_event_loop_a_line_is_written_at_once(capsys, lines):
    logs.configure("info")
    logs.info(logging.getLogger("gateway"), "now", {})
    assert _events(capsys.readouterr().err) == ["now"]


_PROGRAM = """
import asyncio, logging
from gateway.telemetry import logs
async def main():
    logs.info(logging.getLogger("gateway"), "last", {})
def run():
    logs.configure("info")
    asyncio.run(main())
"""


@pytest.mark.parametrize(
    "how",
    [
        "run()",
        "import multiprocessing, program\nif __name__ == '__main__':\n"
        " one = multiprocessing.get_context('spawn').Process(target=program.run)\n"
        " one.start(); one.join()",
    ],
    ids=["a process", "a worker"],
)
def test_no_line_is_lost_at_the_end(tmp_path, how):
    (tmp_path / "program.py").write_text(_PROGRAM)
    (tmp_path / "main.py").write_text(f"from program import run\n{how}\n")
    path = os.pathsep.join((str(tmp_path), str(Path.cwd())))
    command = [sys.executable, str(tmp_path / "main.py")]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": path})
    assert _events(done.stderr) == ["last"]
