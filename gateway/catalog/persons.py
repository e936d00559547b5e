"""Person names and their words in the catalog, each there once."""

from collections.abc import Collection, Mapping

from sqlalchemy import Column, Connection, Table, and_, delete, select

from gateway.catalog import batches, words
from gateway.catalog.schema import PERSON, PERSON_WORD, STORE, STUDY, WORD, WORD_VARIANT


def numbers(connection: Connection, names: Collection[str]) -> Mapping[str, int]:
    """The identifiers of persons; those who are not there yet are put in with their words."""
    found = _found(connection, PERSON, PERSON.c.name, {*names})
    new = sorted({*names} - found.keys())
    first = batches.next_id(connection, PERSON)
    added = {name: number for number, name in enumerate(new, first)}
    rows = [
        {"id": number, "name": name, "folded": words.folded(name)} for name, number in added.items()
    ]
    batches.add(connection, PERSON, rows)
    spoken = {name: words.of(name) for name in new}
    known = _words(connection, {word for every in spoken.values() for word in every})
    links = [{"word": known[word], "person": added[name]} for name in new for word in spoken[name]]
    batches.add(connection, PERSON_WORD, links)
    return found | added


def _words(connection: Connection, texts: Collection[str]) -> Mapping[str, int]:
    """The identifiers of words; those not there yet are put in with their variants."""
    found = _found(connection, WORD, WORD.c.text, texts)
    new = sorted({*texts} - found.keys())
    added = {text: number for number, text in enumerate(new, batches.next_id(connection, WORD))}
    rows = [
        {"id": number, "text": text, "sound": words.sound(text)} for text, number in added.items()
    ]
    batches.add(connection, WORD, rows)
    variants = [
        {"variant": variant, "word": number}
        for text, number in added.items()
        for variant in sorted(words.variants(text))
    ]
    batches.add(connection, WORD_VARIANT, variants)
    return found | added


def _found(
    connection: Connection, table: Table, column: Column[str], texts: Collection[str]
) -> dict[str, int]:
    query = select(column, table.c.id)
    return dict(map(tuple, batches.rows(connection, query, column, texts)))


def sweep(connection: Connection, after: int, limit: int) -> int | None:
    """Take out names that no study has any more, among ``limit`` of them behind ``after``.

    Returns the last that was looked at, None when all have been.
    """
    query = select(PERSON.c.id, PERSON.c.name).where(PERSON.c.id > after)
    seen = connection.execute(query.order_by(PERSON.c.id).limit(limit)).all()
    names = {row.id: row.name for row in seen}
    stores = connection.scalars(select(STORE.c.id)).all()
    used: set[int] = set()
    for column in (STUDY.c.patient_name, STUDY.c.referring_physician):
        there = select(column).where(STUDY.c.store.in_(stores)).distinct()
        used |= {number for (number,) in batches.rows(connection, there, column, names)}
    _forget(connection, {number: name for number, name in names.items() if number not in used})
    return max(names) if len(seen) == limit else None


def _forget(connection: Connection, names: Mapping[int, str]) -> None:
    spoken = {number: words.of(name) for number, name in names.items()}
    every = {word for found in spoken.values() for word in found}
    known = _found(connection, WORD, WORD.c.text, every)
    for number, found in spoken.items():
        links = and_(
            PERSON_WORD.c.person == number,
            PERSON_WORD.c.word.in_([known[word] for word in found]),
        )
        connection.execute(delete(PERSON_WORD).where(links))
    batches.remove(connection, PERSON.c.id, names)
    column = PERSON_WORD.c.word
    query = select(column).distinct()
    kept = {word for (word,) in batches.rows(connection, query, column, known.values())}
    unused = [number for number in known.values() if number not in kept]
    batches.remove(connection, WORD_VARIANT.c.word, unused)
    batches.remove(connection, WORD.c.id, unused)
