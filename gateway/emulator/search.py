"""SearchImageSets: filters, order and pages over the image sets of a data store.

The position of a page is the last row's sort value and identifier, so image sets that arrive
between two pages neither shift nor repeat a row.
"""

import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson

from gateway.emulator.faults import invalid
from gateway.emulator.paging import DEFAULT_SIZE, Pager
from gateway.emulator.touches import Touches

_EQUAL_COLUMNS: Final = {
    "DICOMPatientId": "patient_id",
    "DICOMAccessionNumber": "accession_number",
    "DICOMStudyId": "study_id",
    "DICOMStudyInstanceUID": "study_uid",
    "DICOMSeriesInstanceUID": "series_uid",
}
_RANGE_COLUMNS: Final = {
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "DICOMStudyDateAndTime": "study_datetime",
}
_DEFAULT_SORT: Final = {"sortField": "updatedAt", "sortOrder": "DESC"}
_TIME: Final = re.compile(r"(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?\s*")


def study_datetime(date: str, time: str) -> str:
    """Study Date and Time as text that sorts by time; ``""`` without a date."""
    date = date.strip().replace(".", "")
    if not date:
        return ""
    found = _TIME.fullmatch(time)
    hour, minute, second, fraction = found.groups() if found else (None, None, None, None)
    return f"{date}{hour or '00'}{minute or '00'}{second or '00'}{(fraction or '.').ljust(7, '0')}"


def search(
    db: sqlite3.Connection, parameters: Mapping[str, Any], pager: Pager, touches: Touches
) -> dict[str, Any]:
    """One page of the image sets of ``datastoreId`` that meet ``searchCriteria``.

    Raises:
        Fault: ValidationException, a filter that the service does not offer.
    """
    criteria = parameters.get("searchCriteria", {})
    where, values = ["datastore_id = ?", "version > 0"], [parameters["datastoreId"]]
    for item in criteria.get("filters", ()):
        clause, bound = _filter(item)
        where.append(clause)
        values += bound
    sort = criteria.get("sort", _DEFAULT_SORT)
    column = _RANGE_COLUMNS[sort["sortField"]]
    order = sort["sortOrder"]
    position = pager.position(parameters, parameters.get("nextToken"))
    if position is not None:
        where.append(f"({column}, id) {'>' if order == 'ASC' else '<'} (?, ?)")
        values += position
    size = parameters.get("maxResults", DEFAULT_SIZE)
    rows = db.execute(
        f"SELECT * FROM image_set WHERE {' AND '.join(where)} "  # noqa: S608  columns are ours
        f"ORDER BY {column} {order}, id {order} LIMIT ?",
        (*values, size + 1),
    ).fetchall()
    result: dict[str, Any] = {
        "imageSetsMetadataSummaries": [_summary(row) | touches.shown(row) for row in rows[:size]],
        "sort": sort,
    }
    if len(rows) > size:
        last = rows[size - 1]
        result["nextToken"] = pager.token(parameters, [last[column], last["id"]])
    return result


def _filter(item: Mapping[str, Any]) -> tuple[str, list[Any]]:
    pairs = [next(iter(value.items())) for value in item["values"]]
    names = {name for name, _ in pairs}
    if len(names) != 1:
        raise invalid("The values of a search filter must be of the same attribute")
    name = names.pop()
    bounds = [value for _, value in pairs]
    if item["operator"] == "EQUAL":
        if len(bounds) != 1:
            raise invalid("The operator EQUAL takes exactly one value")
        return _equal(name, bounds[0])
    if name not in _RANGE_COLUMNS:
        raise invalid(f"The operator BETWEEN is not supported for {name}")
    if len(bounds) != 2:
        raise invalid("The operator BETWEEN takes exactly two values")
    low, high = (_comparable(name, bound) for bound in bounds)
    if low > high:
        raise invalid("The lower bound of a search filter is above the upper bound")
    return f"{_RANGE_COLUMNS[name]} BETWEEN ? AND ?", [low, high]


def _equal(name: str, value: Any) -> tuple[str, list[Any]]:
    if name in _EQUAL_COLUMNS:
        return f"{_EQUAL_COLUMNS[name]} = ?", [value]
    if name in _RANGE_COLUMNS:
        return f"{_RANGE_COLUMNS[name]} = ?", [_comparable(name, value)]
    raise invalid(f"A search filter on {name} is not supported by this server")


def _comparable(name: str, value: Any) -> Any:
    if name != "DICOMStudyDateAndTime":
        return value
    return study_datetime(value["DICOMStudyDate"], value.get("DICOMStudyTime", ""))


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "imageSetId": row["id"],
        "version": row["version"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "DICOMTags": orjson.loads(row["tags"]),
    }
