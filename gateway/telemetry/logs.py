"""Structured logs without patient data: values are identifiers of this system, counts and times."""

import logging
import sys
from collections.abc import Iterator
from typing import Final

import orjson

_RESERVED: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line; fields passed as ``extra`` stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Render ``record``; an exception is named by type and place, never by its text."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _RESERVED}
        if record.exc_info and record.exc_info[1]:
            chain = list(_causes(record.exc_info[1]))
            line["exception"] = " from ".join(type(error).__name__ for error in chain)
            line["at"] = _place(chain[-1])
        return orjson.dumps(line, default=str).decode()


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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("gateway").setLevel(level.upper())
    for name in ("pydicom", "botocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
