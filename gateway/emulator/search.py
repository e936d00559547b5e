"""SearchImageSets: filters, order and pages over the image sets of a data store.

The position of a page is the last row's sort value and identifier, so image sets that arrive
between two pages neither shift nor repeat a row. Those that change meanwhile would, where the order
is by ``updatedAt``: they keep the place that they had when the first page was read.
"""

import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

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
_COLUMNS: Final = _EQUAL_COLUMNS | _RANGE_COLUMNS
_PRIMARY: Final = "isPrimary"
_DEFAULT_SORT: Final = {"sortField": "updatedAt", "sortOrder": "DESC"}

_Clause: TypeAlias = tuple[str, Any]
_Found: TypeAlias = tuple[Any, sqlite3.Row]

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
    where: list[_Clause] = [("datastore_id = ?", parameters["datastoreId"])]
    for item in criteria.get("filters", ()):
        where += _filter(item)
    sort = criteria.get("sort", _DEFAULT_SORT)
    size = parameters.get("maxResults", DEFAULT_SIZE)
    position = pager.position(parameters, parameters.get("nextToken"))
    began = position[2] if position else _newest(db, parameters["datastoreId"])
    rows = _rows(db, where, sort, position, began, size + 1)
    result: dict[str, Any] = {
        "imageSetsMetadataSummaries": [
            _summary(row) | touches.shown(row) for _, row in rows[:size]
        ],
        "sort": sort,
    }
    if len(rows) > size:
        value, last = rows[size - 1]
        result["nextToken"] = pager.token(parameters, [value, last["id"], began])
    return result


def _newest(db: sqlite3.Connection, datastore_id: str) -> float:
    query = "SELECT max(updated_at) FROM image_set WHERE datastore_id = ? AND version > 0"
    return db.execute(query, (datastore_id,)).fetchone()[0] or 0.0


def _rows(
    db: sqlite3.Connection,
    where: list[_Clause],
    sort: Mapping[str, str],
    position: list[Any] | None,
    began: float,
    size: int,
) -> list[_Found]:
    """Sort value and row of the next image sets; ``began`` is when the first page was read."""
    column, order = _RANGE_COLUMNS[sort["sortField"]], sort["sortOrder"]
    if column != "updated_at":
        return _page(db, "image_set", where, column, order, position, size)
    still = [*where, ("updated_at <= ?", began)]
    found = _page(db, "image_set", still, column, order, position, size)
    if position:
        former = (
            "(SELECT *, (SELECT max(updated_at) FROM image_set_version AS v "
            "WHERE v.image_set_id = s.id AND v.updated_at <= :began) AS former FROM image_set AS s "
            "WHERE datastore_id = :datastore AND version > 0 AND updated_at > :began)"
        )
        named = {"began": began, "datastore": where[0][1]}
        changed = [*where, ("former >= ?", 0.0)]
        found += _page(db, former, changed, "former", order, position, size, named)
        found.sort(key=lambda one: (one[0], one[1]["id"]), reverse=order == "DESC")
    return found[:size]


def _page(
    db: sqlite3.Connection,
    source: str,
    where: list[_Clause],
    column: str,
    order: str,
    position: list[Any] | None,
    size: int,
    named: Mapping[str, Any] | None = None,
) -> list[_Found]:
    """``size`` rows behind ``position``, at a cost that does not grow with what lies before it.

    The position is the nearer bound, so a bound of the filters on the same side goes: SQLite would
    begin there, and read everything up to the position again.
    """
    forward = order == "ASC"
    clauses, values = ["version > 0"], dict(named or {})
    for number, (clause, value) in enumerate(where):
        if position and clause == f"{column} {'>=' if forward else '<='} ?":
            continue
        clauses.append(clause.replace("?", f":p{number}"))
        values[f"p{number}"] = value
    if position:
        clauses.append(f"({column}, id) {'>' if forward else '<'} (:value, :id)")
        values |= {"value": position[0], "id": position[1]}
    rows = db.execute(
        f"SELECT * FROM {source} WHERE {' AND '.join(clauses)} "  # noqa: S608  columns are ours
        f"ORDER BY {column} {order}, id {order} LIMIT :size",
        values | {"size": size},
    )
    return [(row[column], row) for row in rows]


def _filter(item: Mapping[str, Any]) -> list[_Clause]:
    pairs = [next(iter(value.items())) for value in item["values"]]
    names = {name for name, _ in pairs}
    if len(names) != 1:
        raise invalid("The values of a search filter must be of the same attribute")
    name = names.pop()
    bounds = [value for _, value in pairs]
    if item["operator"] == "EQUAL":
        if len(bounds) != 1:
            raise invalid("The operator EQUAL takes exactly one value")
        return [_equal(name, bounds[0])]
    if name == _PRIMARY:
        raise invalid(f"The operator BETWEEN is not supported for {name}")
    if len(bounds) != 2:
        raise invalid("The operator BETWEEN takes exactly two values")
    low, high = (_comparable(name, bound) for bound in bounds)
    if low > high:
        raise invalid("The lower bound of a search filter is above the upper bound")
    return [(f"{_COLUMNS[name]} >= ?", low), (f"{_COLUMNS[name]} <= ?", high)]


def _equal(name: str, value: Any) -> _Clause:
    if name == _PRIMARY:
        return "is_primary = ?", int(value)
    return f"{_COLUMNS[name]} = ?", _comparable(name, value)


def _comparable(name: str, value: Any) -> Any:
    if name != "DICOMStudyDateAndTime":
        return value
    return study_datetime(value["DICOMStudyDate"], value.get("DICOMStudyTime", ""))


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    primary = {} if row["is_primary"] is None else {"isPrimary": bool(row["is_primary"])}
    return primary | {
        "imageSetId": row["id"],
        "version": row["version"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "DICOMTags": orjson.loads(row["tags"]),
    }
