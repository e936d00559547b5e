"""Instances written attribute by attribute, each value once: as DICOM JSON, or as Part 10.

Most instances of a series have the same attributes with mostly the same values. So their order is
settled once for all that have the same names, what stands above them is written once, and so is a
value that instances share; a document holds such a value once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.dicom.elements import Element
from gateway.imagesets.attributes import Names
from gateway.imagesets.document import Instance, Levels, in_dataset
from gateway.imagesets.values import certain_vr

Shared = Callable[[Element], bytes | None]
"""Writes an element; None if what is written differs between instances that have it alike."""

Own = Callable[[Element], bytes]
"""Writes an element of one instance."""

Prepared = Callable[[int, str], Callable[[Any], bytes | None] | None]
"""For a tag and its VR: what writes a value as ``Shared`` would, or gives None; None if nothing."""

_LAYOUTS: Final = 64
_REMEMBERED: Final = 16
_LARGEST: Final = 1 << 16  # bytes; what is larger is not remembered

_Memory = dict[int, tuple[Any, bytes]]
"""What values are written as, by identity; they are held, so that no other gets theirs."""

_Step = tuple[int, _Memory | None, Element | None, bytes]
"""A place among the instance's own attributes and what its values are written as; or a place among
those that are added; or an element that is written for each instance; or what is written for all.
"""

_NO_PLACE: Final = -1


@dataclass(frozen=True, slots=True)
class _Layout:
    """The order of the attributes of instances that have the same names, VRs and upper levels.

    These are ``held``, because layouts are found by their identity.
    """

    held: tuple[Names, Levels, Mapping[str, str]]
    steps: Sequence[_Step]
    writers: Mapping[int, Callable[[Any], bytes | None]]


class Pieces:
    """Writes instances as ``shared`` writes elements, in ascending order of their tags.

    Only tags that ``keeps`` says are written; ``defaults`` stand where nothing else has their tag.
    """

    def __init__(
        self,
        shared: Shared,
        keeps: Callable[[int], bool] = lambda _: True,
        defaults: Iterable[Element] = (),
        prepared: Prepared = lambda _, __: None,
    ) -> None:
        self._shared = shared
        self._prepared = prepared
        self._keeps = keeps
        self._defaults = {element[0]: element for element in defaults}
        self._layouts: dict[tuple[object, ...], _Layout] = {}

    def write(self, one: Instance, own: Own, added: Sequence[Element] = ()) -> bytes:
        """The attributes of ``one``; ``own`` writes what ``shared`` does not, and the ``added``.

        Of the attributes that have its tag, one that is added counts.
        """
        signed = one.signed
        identity = (id(one.attributes.names), id(one.upper), id(one.vrs), signed)
        key = (*identity, *[element[0] for element in added]) if added else identity
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._remember(key, one, added)
        row, pieces = one.attributes.row, []
        for place, memory, element, written in layout.steps:
            if memory is not None:
                found = memory.get(id(row[place]))
                pieces.append(found[1] if found else self._written(one, place, memory, own, layout))
            elif place >= 0:
                pieces.append(own(added[place]))
            else:
                pieces.append(written if element is None else own(element))
        return b"".join(pieces)

    def _written(
        self, one: Instance, place: int, memory: _Memory, own: Own, layout: _Layout
    ) -> bytes:
        write = layout.writers.get(place)
        piece = write(one.attributes.row[place]) if write is not None else None
        if piece is None:
            element = one.own(place)
            piece = self._shared(element)
            if piece is None:
                return own(element)
        if len(piece) <= _LARGEST:
            if len(memory) >= _REMEMBERED:
                memory.clear()
            value = one.attributes.row[place]
            memory[id(value)] = value, piece
        return piece

    def _remember(
        self, key: tuple[object, ...], one: Instance, added: Sequence[Element]
    ) -> _Layout:
        if len(self._layouts) >= _LAYOUTS:
            self._layouts.clear()
        held = one.attributes.names, one.upper, one.vrs
        steps = self._steps(one, added)
        writers = self._writers(one, [step[0] for step in steps if step[1] is not None])
        layout = self._layouts[key] = _Layout(held, steps, writers)
        return layout

    def _steps(self, one: Instance, added: Sequence[Element]) -> Sequence[_Step]:
        names, upper = one.attributes.names, one.upper.elements(signed=one.signed)
        stored = filter(self._stands, upper.keys() | names.tags.keys())
        last = {element[0]: place for place, element in enumerate(added)}
        steps: list[_Step] = []
        for tag in sorted({*stored, *last, *self._defaults}):
            if tag in last:
                steps.append((last[tag], None, None, b""))
            elif self._stands(tag) and tag in names.tags:
                steps.append((names.tags[tag], {}, None, b""))
            else:
                there = upper[tag] if self._stands(tag) and tag in upper else self._defaults[tag]
                _append(steps, there, self._shared(there))
        return steps

    def _writers(
        self, one: Instance, places: Iterable[int]
    ) -> dict[int, Callable[[Any], bytes | None]]:
        """What writes the attributes at ``places``, of those of which that can be said before."""
        tags = {place: tag for tag, place in one.attributes.names.tags.items()}
        found = {}
        for place in places:
            vr = certain_vr(one.attributes.names.keys[place], one.vrs)
            write = self._prepared(tags[place], vr) if vr is not None else None
            if write is not None:
                found[place] = write
        return found

    def _stands(self, tag: int) -> bool:
        return in_dataset(tag) and self._keeps(tag)


def _append(steps: list[_Step], element: Element, written: bytes | None) -> None:
    """Put one element behind ``steps``; what is written already becomes one piece."""
    if written is None:
        steps.append((_NO_PLACE, None, element, b""))
    elif steps and steps[-1][:3] == (_NO_PLACE, None, None):
        steps[-1] = (_NO_PLACE, None, None, steps[-1][3] + written)
    else:
        steps.append((_NO_PLACE, None, None, written))
