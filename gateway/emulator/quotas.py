"""The service's quotas: one table, each limit enforced and each one to be changed by a setting."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.emulator.faults import Fault
from gateway.settings import SettingsError

VARIABLE: Final = "HEALTHIMAGING_QUOTAS"

_UNITS: Final = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_MANY: Final = 1_000_000
_VALUE: Final = re.compile(r"(\d{1,12})(KB|MB|GB)?")


@dataclass(frozen=True, slots=True)
class Quota:
    """One line of the guide's table: its default, and its name in the Service Quotas console."""

    default: int
    title: str


TABLE: Final[Mapping[str, Quota]] = {
    "datastores": Quota(10, "Maximum data stores"),
    "import-jobs": Quota(100, "Maximum concurrent import jobs per data store"),
    "copies": Quota(100, "Maximum concurrent CopyImageSet requests per data store"),
    "updates": Quota(100, "Maximum concurrent UpdateImageSetMetadata requests per data store"),
    "deletes": Quota(100, "Maximum concurrent DeleteImageSet requests per data store"),
    "files": Quota(5_000, "Maximum number of files in a DICOM import job"),
    "folders": Quota(10_000, "Maximum number of nested folders in a DICOM import job"),
    "total-size": Quota(10 << 30, "Maximum size of all files in a DICOM import job"),
    "file-size": Quota(10 << 30, "Maximum size of each DICOM P10 file in a DICOM import job"),
    "metadata-size": Quota(
        50 << 20, "Maximum size limit on ImageSetMetadata per Import, Copy, and UpdateImageSet"
    ),
    "update-size": Quota(10 << 10, "Maximum payload size limit accepted by UpdateImageSetMetadata"),
    "copied-frames": Quota(
        1_000, "Maximum number of ImageFrames allowed to be copied per CopyImageSet request"
    ),
}
"""By the name that the setting knows: the developer guide's quotas, sizes in bytes.

A single file was limited to 4 GB by the guide of January 2025, and to 10 GB by later ones.
"""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The limits in force; ``changed`` are those that a setting gives another value."""

    changed: Mapping[str, int] = field(default_factory=dict)

    def limit(self, name: str) -> int:
        """The largest value that is allowed, in the unit of TABLE."""
        return self.changed.get(name, TABLE[name].default)

    def excess(self, name: str, value: int) -> str | None:
        """A sentence that names the quota where ``value`` is beyond it, None where it is not."""
        if value <= self.limit(name):
            return None
        shown = _shown(self.limit(name), sized=name.endswith("-size"))
        return f"The quota is exceeded: {TABLE[name].title}, {shown}"

    def check(self, name: str, value: int) -> None:
        """Let ``value`` pass where the quota allows it.

        Raises:
            Fault: ServiceQuotaExceededException.
        """
        reason = self.excess(name, value)
        if reason is not None:
            raise Fault("ServiceQuotaExceededException", reason)


DEFAULTS: Final = Quotas()


def parse(text: str, *, of_account: bool = False) -> Quotas:
    """The quotas as ``HEALTHIMAGING_QUOTAS`` changes them: ``files=100000,total-size=50GB``.

    The number of data stores, a quota of the account and not of one of them, is limited only with
    ``of_account`` or where the text says so: tests make a data store each.

    Raises:
        SettingsError: one sentence per mistake.
    """
    changed: dict[str, int] = {} if of_account else {"datastores": _MANY}
    mistakes = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = item.partition("=")
        try:
            changed[name] = _number(name, value)
        except ValueError as error:
            mistakes.append(f"{VARIABLE} is wrong: {error}")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Quotas(changed)


def _number(name: str, value: str) -> int:
    if name not in TABLE:
        close = difflib.get_close_matches(name, TABLE, 1)
        hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(TABLE)}."
        raise ValueError(f"{name} is no quota. {hint}")
    found = _VALUE.fullmatch(value)
    if found is None:
        raise ValueError(f"{name}={value} is not a number, nor a size like 10GB.")
    number, unit = found.groups("")
    if unit and not name.endswith("-size"):
        raise ValueError(f"{name}={value} has a unit, but is a count.")
    return int(number) * _UNITS[unit]


def _shown(limit: int, *, sized: bool) -> str:
    for unit in ("GB", "MB", "KB"):
        if sized and limit and limit % _UNITS[unit] == 0:
            return f"{limit // _UNITS[unit]} {unit}"
    return f"{limit:,} bytes" if sized else f"{limit:,}"
