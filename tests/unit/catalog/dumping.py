"""The content of a catalog without the numbers that rows happen to have."""

from sqlalchemy import select

from gateway.catalog import schema
from gateway.catalog.schema import STORE

_TABLES = ("image_set", "study", "study_modality", "series", "instance")


def _mapped(row, meant):
    return {
        name: meant[name].get(value) if name in meant else value
        for name, value in row.items()
        if name != "id"
    }


def dump(database, datastore_id=None):
    """All rows of a data store, or of all, in terms of what they are about."""
    with database.read() as connection:
        rows = {
            one.name: [dict(row) for row in connection.execute(select(one)).mappings()]
            for one in schema.TABLES.sorted_tables
        }
        found = select(STORE.c.id).where(STORE.c.datastore_id == datastore_id)
        own = None if datastore_id is None else connection.scalar(found)
    persons = {row["id"]: row["name"] for row in rows["person"]}
    sets = {row["id"]: row for row in rows["image_set"] if own in (None, row["store"])}
    names = {number: row["image_set_id"] for number, row in sets.items()}
    studies = {
        row["id"]: (row["uid"], row["face"]) for row in rows["study"] if own in (None, row["store"])
    }
    series = {
        row["id"]: (studies[row["study"]], names[row["image_set"]], row["uid"], row["modality"])
        for row in rows["series"]
        if row["image_set"] in sets
    }
    meant = {
        "image_set": names,
        "study": studies,
        "series": series,
        "patient_name": persons,
        "referring_physician": persons,
    }
    if own is not None:
        meant["store"] = {own: "the store"}

    def counts(row):
        return own is None or row.get("store") == own or row.get("image_set") in sets

    return {
        name: sorted((_mapped(row, meant) for row in rows[name] if counts(row)), key=repr)
        for name in _TABLES
    }
