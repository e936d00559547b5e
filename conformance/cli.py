"""The command line: one run against one server."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from conformance import originals, registry, reports, runner, survey
from conformance.client import Client, Limits
from conformance.context import Session
from conformance.progress import Bar
from conformance.reports.document import Run

_COULD_NOT_RUN: Final = 2
_TOKEN: Final = "CONFORMANCE_TOKEN"  # noqa: S105 - a variable's name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("conformance", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("base_url", nargs="?", metavar="BASE_URL", help="the DICOMweb service root")
    add("--data", type=Path, metavar="DIR", help="the original DICOM files that the server holds")
    add("--token", default=os.environ.get(_TOKEN), help=f"a bearer token (or {_TOKEN})")
    add("--header", action="append", default=[], metavar="NAME:VALUE", help="sent with requests")
    add("--report", action="append", default=[], type=Path, metavar="FILE",
        help="written as .html, .json or .md; may be given several times")  # fmt: skip
    add("--only", action="append", default=[], metavar="CHECK",
        help="a check, a group, or a pattern like 'frame.*'; may be repeated")  # fmt: skip
    add("--timeout", type=float, default=30.0, metavar="SECONDS", help="for one answer")
    add("--max-size", type=int, default=512, metavar="MB", help="of one answer")
    add("--samples", type=int, default=40, metavar="N", help="instances whose pixels are compared")
    add("--workers", type=int, default=4, metavar="N", help="requests at a time")
    add("--allow-store", action="store_true", help="store instances: only this ever writes")
    add("--insecure", action="store_true", help="take any certificate")
    add("--list", action="store_true", help="list the checks and end")
    add("--verbose", "-v", action="store_true", help="print every check, not only what failed")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, report, and give the exit status: 0, 1 if a "shall" failed, 2 if it could not run."""
    options = _parser().parse_args(arguments)
    if options.list:
        return _list()
    if not options.base_url:
        return _stop("BASE_URL is missing; see --help")
    try:
        return _run(options)
    except survey.Unreachable as error:
        return _stop(f"{options.base_url} cannot be checked: {error}")
    except (OSError, ValueError) as error:
        return _stop(str(error))


def _stop(sentence: str) -> int:
    print(f"conformance: {sentence}", file=sys.stderr)  # noqa: T201
    return _COULD_NOT_RUN


def _list() -> int:
    for one in registry.all_checks():
        print(f"{one.id:30} {one.severity:7} {one.title} ({one.clause})")  # noqa: T201
    return 0


def _headers(options: argparse.Namespace) -> dict[str, str]:
    found = {}
    for text in options.header:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"--header {name!r} is not NAME:VALUE")
        found[name.strip()] = value.strip()
    if options.token:
        found["Authorization"] = f"Bearer {options.token}"
    return found


def _run(options: argparse.Namespace) -> int:
    for path in options.report:
        reports.writer(path)
    checks = runner.select(registry.all_checks(), options.only)
    if not checks:
        raise ValueError(f"No check is called {', '.join(options.only)}; see --list")
    if options.data and not options.data.exists():
        raise ValueError(f"--data {options.data} does not exist")
    held = originals.load(options.data) if options.data else originals.Originals()
    limits = Limits(options.timeout, options.max_size << 20)
    client = Client(options.base_url, _headers(options), limits, verify=not options.insecure)
    started = time.monotonic()
    try:
        session = Session(client, held, options.samples)
        survey.look(session)
        outcomes = runner.run(
            session, checks, stores=options.allow_store, workers=options.workers, progress=Bar()
        )
    finally:
        client.close()
    run = Run(
        options.base_url, datetime.now(UTC), time.monotonic() - started, session, tuple(outcomes)
    )
    print(reports.console(run, everything=options.verbose))  # noqa: T201
    for path in options.report:
        path.write_text(reports.writer(path)(run), encoding="utf-8")
    status = runner.exit_status(outcomes)
    if not status and held.files and not session.originals.files:
        return _stop(f"the server holds none of the files in {options.data}")
    return status
