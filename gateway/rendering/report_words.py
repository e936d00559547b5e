"""How the parts of a report are called, in whatever form it is written."""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.rendering.reports import Item, Position

_RELATIONSHIPS: Final = {
    "": "relationship not given",
    "CONTAINS": "",
    "HAS ACQ CONTEXT": "acquisition context",
    "HAS CONCEPT MOD": "modifier",
    "HAS OBS CONTEXT": "observation context",
    "HAS PROPERTIES": "property",
    "INFERRED FROM": "inferred from",
    "SELECTED FROM": "selected from",
}
_KINDS: Final = {
    "": "Item",
    "CODE": "Code",
    "COMPOSITE": "Object",
    "CONTAINER": "Section",
    "DATE": "Date",
    "DATETIME": "Date and time",
    "IMAGE": "Image",
    "NUM": "Measurement",
    "PNAME": "Person",
    "SCOORD": "Region",
    "SCOORD3D": "Region in space",
    "TABLE": "Table",
    "TCOORD": "Period",
    "TEXT": "Text",
    "TIME": "Time",
    "UIDREF": "UID",
    "WAVEFORM": "Waveform",
}


def relationship(item: Item) -> str:
    """How ``item`` belongs to the one above it; ``""`` where that goes without saying."""
    return _RELATIONSHIPS.get(item.relationship, item.relationship.lower())


def name(item: Item) -> str:
    """The concept name of ``item``, else what it is."""
    return item.name or _KINDS.get(item.kind, "Item")


def modifiers(item: Item) -> Mapping[Position, str]:
    """What qualifies the name of ``item``, ``Laterality: Left``, by its position."""
    return {
        one.position: f"{one.name}: {one.value.text}" if one.name else one.value.text
        for one in item.items
        if one.modifies
    }


def below(item: Item) -> list[Item]:
    """The items below ``item`` that stand on lines of their own."""
    return [one for one in item.items if not one.modifies]


def anchor(position: Position) -> str:
    """``position`` as it is written: ``1.2.3``."""
    return ".".join(map(str, position))


def names(root: Item) -> Mapping[Position, str]:
    """The name of each item by its position."""
    return {item.position: name(item) for item in _walk(root)}


def _walk(item: Item) -> Iterator[Item]:
    yield item
    for one in item.items:
        yield from _walk(one)
