"""Person names looked up: which persons a key may match, by the indexes of their names and words.

A name is looked for by the beginning of its text, by the trigrams of what it has to contain, and
with fuzzy matching by its words: those that begin with a word of the key, that have a rest in
common with it once a few letters are taken out of either, or that sound alike. What is found may
be more than what matches, never less; few persons are compared by the rules of matching at once.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, intersect, or_, select, true, union

from gateway.catalog import dialects, statements, words
from gateway.catalog.plans import NameKey
from gateway.catalog.schema import PERSON, PERSON_WORD, WORD, WORD_VARIANT
from gateway.dicom import fuzzy, names, wildcards
from gateway.dicom.keys import EMPTY, Key, Modes

_MOST: Final = 1_500
"""Persons that are looked up; where more match, studies in their order soon meet one."""

_COMPARED: Final = 400
_MOST_WORDS: Final = 300
_NOBODY: Final = 0


@dataclass(frozen=True, slots=True)
class Named:
    """The persons who may match a key: ``ids``, None where they are too many to be looked up.

    ``decided`` says that all of them match, and nobody else. ``names`` is the condition on the rows
    of ``person`` that they meet, and ``words`` are sets of words of each of which a name that
    matches has one unless it is of ``others``, where there are no ``ids``; nothing where nothing is
    known.
    """

    ids: tuple[int, ...] | None
    decided: bool = False
    names: ColumnElement[bool] | None = None
    words: tuple[tuple[int, ...], ...] = ()
    others: tuple[int, ...] = ()

    def where(self, dialect: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """The condition that ``column`` refers to one of them; None where there is none."""
        if self.ids is not None:
            return statements.among(dialect, column, self.ids)
        if self.names is not None:
            found = select(PERSON.c.id).where(PERSON.c.id == column, self.names)
            return found.correlate_except(PERSON).exists()
        if self.words:
            close = and_(*(_has_word(column, each) for each in self.words))
            return or_(close, statements.among(dialect, column, self.others))
        return None


def _has_word(person: ColumnElement[Any], among: Iterable[int]) -> ColumnElement[bool]:
    found = select(PERSON_WORD.c.person).where(
        PERSON_WORD.c.person == person, PERSON_WORD.c.word.in_(list(among))
    )
    return found.correlate_except(PERSON_WORD).exists()


def find(connection: Connection, key: NameKey, modes: Modes) -> Named:
    """The persons whom ``key`` may match."""
    return _Finder(connection, key, modes).found()


class _Finder:
    """Looks up one key."""

    def __init__(self, connection: Connection, key: NameKey, modes: Modes) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._key = key
        self._modes = modes

    def found(self) -> Named:
        """What is found; of a key of which all values have to match, by the first of them."""
        values = self._key.values[:1] if self._key.every else self._key.values
        asks_empty = [self._modes.empty and one == EMPTY for one in values]
        if any(asks_empty) and self._key.every:
            return Named(None)
        each = [self._one(one) for one, empty in zip(values, asks_empty, strict=True) if not empty]
        if len(each) == 1 and not any(asks_empty) and (each[0].ids is None or each[0].decided):
            return each[0] if not self._key.every else replace(each[0], decided=False)
        ids = {_NOBODY} if any(asks_empty) else set()
        for one in each:
            if one.ids is None:
                return Named(None)
            ids.update(one.ids)
        return self._compared(tuple(sorted(ids)))

    def _compared(self, ids: tuple[int, ...]) -> Named:
        """``ids`` without those that do not match, if they are few."""
        if len(ids) > _COMPARED:
            return Named(ids if len(ids) <= _MOST else None)
        key = Key(self._key.values, self._modes, every=self._key.every)
        chosen = select(PERSON.c.id, PERSON.c.name).where(
            statements.among(self._dialect, PERSON.c.id, ids)
        )
        met = [
            number
            for number, name in self._connection.execute(chosen)
            if key.meets((self._key.field.tag, "PN", [name] if name else []))
        ]
        return Named(tuple(met), decided=True)

    def _one(self, value: str) -> Named:
        return self._fuzzy(value) if self._modes.fuzzy else self._literal(value)

    def _literal(self, value: str) -> Named:
        """The persons whose names may match ``value`` by their components.

        Of a key of one group the first group of a name is looked for by its beginning, the others
        by what stands between ``=`` and it.
        """
        groups = names.groups(value)
        parts = [one for one in enumerate(groups) if not wildcards.is_universal(one[1])]
        if not parts:
            return Named(None)
        if len(groups) == 1:
            return self._only_group(groups[0])
        found = _few(self._ids(and_(*(self._group(*one) for one in parts))))
        return found if found.ids is not None else Named(None, names=_groups_written(parts))

    def _ids(self, where: ColumnElement[bool]) -> Sequence[int]:
        """The persons who meet a condition on their name, up to one more than are looked up."""
        found = select(PERSON.c.id).where(where, PERSON.c.id != _NOBODY).limit(_MOST + 1)
        return self._connection.execute(found).scalars().all()

    def _only_group(self, part: str) -> Named:
        """The persons of whose groups one may match ``part``."""
        prefix, fragments = _prefix(part), _fragments(part)
        ways = [self._containing(fragments)]
        if prefix:
            others = self._containing([f"={prefix}", *fragments])
            ways = [and_(self._begins(part), _written(fragments)), others]
        ids: set[int] = set()
        for way in ways:
            ids.update(self._ids(way))
            if len(ids) > _MOST:
                break
        decided = _PLAIN.fullmatch(part) is not None
        found = replace(_few(sorted(ids)), decided=decided)
        return found if found.ids is not None else replace(found, names=_any_group_written(part))

    def _group(self, number: int, part: str) -> ColumnElement[bool]:
        """The condition that the group ``number`` of a name may match ``part``."""
        fragments = _fragments(part)
        if number == 0:
            return and_(self._begins(part), self._containing(fragments))
        prefix = _prefix(part)
        return self._containing([f"={prefix}", *fragments] if prefix else fragments)

    def _begins(self, part: str) -> ColumnElement[bool]:
        prefix = _prefix(part)
        if wildcards.is_pattern(part):
            return statements.beginning(PERSON.c.folded, prefix)
        return or_(PERSON.c.folded == prefix, statements.beginning(PERSON.c.folded, f"{prefix}="))

    def _containing(self, fragments: Sequence[str]) -> ColumnElement[bool]:
        return and_(dialects.containing(self._dialect, fragments), _written(fragments))

    def _fuzzy(self, value: str) -> Named:
        """The persons each of whose words of the key has one close to it, or who match literally.

        Names written without spaces are compared as a whole: their groups are words as well.
        """
        wanted = fuzzy.key_words(value)
        if not wanted:
            return self._literal(value)
        close = [self._close(one) for one in wanted]
        known = tuple(one for one in close if one is not None)
        ways = [self._with_words(known, decided=len(known) == len(close))]
        patterns = any(map(wildcards.is_pattern, wanted))
        if not patterns:
            ways.append(self._together(value))
        if patterns or wildcards.is_pattern(value):
            ways.append(self._literal(value))
        if all(one.ids is not None for one in ways):
            found = _few(sorted({number for one in ways for number in one.ids or ()}))
            return replace(found, decided=all(one.decided for one in ways))
        others = [one.ids for one in ways[1:]]
        if None in others:
            return Named(None)
        ids = {number for one in others for number in one or ()}
        decided = len(known) == len(close) and all(one.decided for one in ways[1:])
        return Named(None, decided, words=known, others=tuple(sorted(ids)))

    def _close(self, word: str) -> tuple[int, ...] | None:
        """The words that are close to ``word``; None if they are too many."""
        if wildcards.is_pattern(word):
            prefix = _prefix(word)
            if not prefix:
                return None
            return self._words([statements.beginning(WORD.c.text, prefix)], fuzzy.close_to(word))
        lookup = words.lookup(word)
        ways = [statements.beginning(WORD.c.text, lookup.prefix)]
        if lookup.variants:
            variant = WORD_VARIANT.c.variant.in_(sorted(lookup.variants))
            ways.append(WORD.c.id.in_(select(WORD_VARIANT.c.word).where(variant)))
        if lookup.sound:
            ways.append(WORD.c.sound == lookup.sound)
        return self._words(ways, fuzzy.close_to(word))

    def _together(self, value: str) -> Named:
        """The persons of whose groups one, written together, begins with the whole key.

        Of a key of one word those whose first word does are among the close ones; it can be beyond
        a shorter word as well.
        """
        ways = [statements.beginning(WORD.c.text, one) for one in words.joined(value)]
        wanted = fuzzy.key_words(value)
        found = select(PERSON_WORD.c.person).join(WORD, WORD.c.id == PERSON_WORD.c.word)
        chosen: Any = found.where(or_(*ways)).distinct()
        if len(wanted) == 1:
            shorter = self._shorter(wanted[0])
            if not shorter:
                return Named((), decided=True)
            has = PERSON_WORD.c.word.in_(shorter)
            chosen = intersect(found.where(ways[-1]), select(PERSON_WORD.c.person).where(has))
        people = self._connection.execute(chosen.limit(_MOST + 1)).scalars().all()
        return replace(_few(people), decided=True)

    def _shorter(self, word: str) -> Sequence[int]:
        """The words that ``word`` begins with."""
        beginnings = [word[:at] for at in range(1, len(word))]
        found = select(WORD.c.id).where(WORD.c.text.in_(beginnings))
        return self._connection.execute(found).scalars().all()

    def _words(
        self, ways: Sequence[ColumnElement[bool]], test: Callable[[str], bool]
    ) -> tuple[int, ...] | None:
        """The words that meet one of the conditions and the test; None if they are too many."""
        each = [select(WORD.c.id, WORD.c.text).where(way) for way in ways]
        found = (union(*each) if len(each) > 1 else each[0]).limit(_MOST + 1)
        rows = self._connection.execute(found).all()
        if len(rows) > _MOST:
            return None
        chosen = tuple(number for number, text in rows if test(text))
        return chosen if len(chosen) <= _MOST_WORDS else None

    def _with_words(self, each: Sequence[Sequence[int]], *, decided: bool) -> Named:
        """The persons who have one of each set of words."""
        if not each:
            return Named(None)
        person = PERSON_WORD.c.person
        each_way = [select(person).where(PERSON_WORD.c.word.in_(list(one))) for one in each]
        chosen: Any = intersect(*each_way) if len(each_way) > 1 else each_way[0].distinct()
        found = self._connection.execute(chosen.limit(_MOST + 1)).scalars().all()
        return replace(_few(found), decided=decided)


_PLAIN: Final = re.compile(r"\*?[^*?^=]+\*")
"""Groups of keys that SQL alone decides: what a group of the name begins with, or contains."""


def _written(fragments: Iterable[str]) -> ColumnElement[bool]:
    """The condition that a name contains all ``fragments``."""
    return and_(true(), *(PERSON.c.folded.contains(one, autoescape=True) for one in fragments))


def _any_group_written(part: str) -> ColumnElement[bool]:
    """The condition, for one name after another, that a group may match ``part``."""
    prefix = _prefix(part)
    if not prefix:
        return _written(_fragments(part))
    begins = statements.beginning(PERSON.c.folded, prefix)
    return and_(or_(begins, _written([f"={prefix}"])), _written(_fragments(part)))


def _groups_written(parts: Iterable[tuple[int, str]]) -> ColumnElement[bool]:
    return and_(*(_written(_fragments(part)) for _, part in parts))


def _few(ids: Sequence[int]) -> Named:
    return Named(tuple(ids) if len(ids) <= _MOST else None)


def _prefix(part: str) -> str:
    """What a group has to begin with; components left out at its end are empty."""
    ends = [at for at in map(part.find, "*?") if at >= 0]
    return part[: min(ends, default=len(part))].rstrip("^")


def _fragments(part: str) -> list[str]:
    """What a group has to contain."""
    pieces = part.replace("?", "*").split("*")
    return [piece for one in pieces if (piece := one.rstrip("^"))]
