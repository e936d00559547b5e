"""Structured logs without patient data: values are identifiers of this system, counts and times."""

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from functools import lru_cache
from typing import Final, TextIO

import orjson

REQUEST: Final[ContextVar[str | None]] = ContextVar("request", default=None)
"""The request on whose behalf something is done; what is logged then names it."""

_MOMENT: Final = 0.1  # seconds
_MOST_WAITING: Final = 256  # lines
_RESERVED: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


@lru_cache(2)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))


_Line = tuple[float, str, str, Mapping[str, object]]
"""When, of which logger, what happened, and the fields."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line; fields passed as ``extra`` stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Render ``record``; an exception is named by type and place, never by its text."""
        line = {
            "time": _stamp(int(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        request = REQUEST.get()
        if request is not None:
            line["request"] = request
        line |= {key: value for key, value in vars(record).items() if key not in _RESERVED}
        if record.exc_info and record.exc_info[1]:
            chain = list(_causes(record.exc_info[1]))
            line["exception"] = " from ".join(type(error).__name__ for error in chain)
            line["at"] = _place(chain[-1])
        return orjson.dumps(line, default=str).decode()


class Lines(logging.StreamHandler[TextIO]):
    """The handler of this module's lines, for which some need no record.

    Those are made and written some at a time, because a call of the system for each costs as much
    as an answer: a moment later, before any record, and when the process ends.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(JsonFormatter())
        self._waiting: deque[_Line] = deque()

    def info(self, logger: str, event: str, fields: Mapping[str, object]) -> None:
        """Write a line of level info as a record of ``logger`` would be, within a moment.

        The ``fields`` are not to be changed any more.
        """
        self._waiting.append((time.time(), logger, event, fields))
        count = len(self._waiting)
        if count == 1:
            self._flush_soon()
        elif count >= _MOST_WAITING:
            self.flush()

    def _flush_soon(self) -> None:
        try:
            asyncio.get_running_loop().call_later(_MOMENT, self.flush)
        except RuntimeError:  # outside of an event loop nobody would come back to it
            self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record`` behind what came before it."""
        self.flush()
        super().emit(record)

    def flush(self) -> None:
        """Write what waits."""
        with self.lock or nullcontext():
            waiting = []
            while self._waiting:  # also what comes meanwhile: nobody would come back to it
                waiting.append(_line(*self._waiting.popleft()))
            if not waiting:
                super().flush()
                return
            try:
                self.stream.write(b"".join(waiting).decode())
                super().flush()
            except (OSError, ValueError):  # full, or closed
                self.handleError(logging.makeLogRecord({"name": __name__}))


def _line(moment: float, logger: str, event: str, fields: Mapping[str, object]) -> bytes:
    own = {"time": _stamp(int(moment)), "level": "info", "logger": logger, "event": event}
    return orjson.dumps({**own, **fields}, default=str, option=orjson.OPT_APPEND_NEWLINE)


def info(logger: logging.Logger, event: str, fields: Mapping[str, object]) -> None:
    """``logger.info``, at a fraction of its cost where only this module's handler would hear it.

    For what is logged of every request: else the line costs as much as the answer.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    match logging.getLogger().handlers:
        case [Lines() as only]:
            only.info(logger.name, event, fields)
        case _:
            logger.info(event, extra=fields)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    return f"{code.co_filename}:{trace.tb_lineno} {code.co_name}"


def configure(level: str) -> None:
    """Log to standard error from ``level`` up; libraries from warning up.

    pydicom's and botocore's own messages can quote attribute values, so they are left out.
    """
    root = logging.getLogger()
    root.handlers[:] = [Lines()]
    root.setLevel(logging.WARNING)
    logging.getLogger("gateway").setLevel(level.upper())
    for name in ("pydicom", "botocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
