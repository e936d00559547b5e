"""The content of a catalog without the numbers that rows happen to have."""

from sqlalchemy import select

from gateway.catalog import schema


def table(connection, one):
    rows = [dict(row) for row in connection.execute(select(one)).mappings()]
    names = [column.name for column in one.columns]
    return rows, names


def dump(database):
    """All rows of studies, in terms of what they are about."""
    with database.read() as connection:
        rows = {one.name: table(connection, one)[0] for one in schema.TABLES.sorted_tables}
    persons = {row["id"]: row["name"] for row in rows["person"]}
    sets = {row["id"]: row["image_set_id"] for row in rows["image_set"]}
    studies = {row["id"]: (row["uid"], row["face"]) for row in rows["study"]}
    series = {
        row["id"]: (studies[row["study"]], sets[row["image_set"]], row["uid"], row["modality"])
        for row in rows["series"]
    }
    meant = {
        "image_set": sets.get,
        "study": studies.get,
        "series": series.get,
        "patient_name": persons.get,
        "referring_physician": persons.get,
    }
    found = {}
    for name in ("image_set", "study", "study_modality", "series", "instance"):
        found[name] = sorted(
            (
                {
                    key: meant.get(key, lambda v: v)(value)
                    for key, value in row.items()
                    if key != "id"
                }
                for row in rows[name]
            ),
            key=repr,
        )
    return found
