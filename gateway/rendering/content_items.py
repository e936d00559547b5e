"""The values of content items (PS3.3 C.17.3.2 and C.18), each as text that people read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydicom._uid_dict import UID_dictionary

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import attributes, content_tables, wording
from gateway.rendering.concepts import code, listed, unit
from gateway.rendering.content_tables import Table

_REFERENCED_SOP: Final = 0x00081199
_SOP_CLASS: Final = 0x00081150
_SOP_INSTANCE: Final = 0x00081155


@dataclass(frozen=True, slots=True)
class Reference:
    """A composite object that is referred to; ``detail`` says which part of it."""

    sop_class: str
    sop: str
    detail: str = ""

    @property
    def kind(self) -> str:
        """What it is, ``CT Image``, by its SOP class."""
        known = UID_dictionary.get(self.sop_class)
        return known[0].removesuffix(" Storage") if known else "Object"


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a content item; ``missing`` says what should be there and is not."""

    text: str = ""
    references: tuple[Reference, ...] = ()
    table: Table | None = None
    missing: str = ""


def read(kind: str, item: DataSet) -> Value:
    """The value of a content item of value type ``kind`` (PS3.3 C.17.3.2.1)."""
    reader = _READERS.get(kind)
    if reader is None:
        named = f"the value type {wording.line(kind)[:16]} is unknown" if kind else "no value type"
        return Value(missing=named)
    return reader(item)


def references(item: DataSet, sequence: int = _REFERENCED_SOP) -> tuple[Reference, ...]:
    """The instances in ``sequence`` (PS3.3 10.8), and the presentation states named with them."""
    found: list[Reference] = []
    for one in attributes.items(item, sequence):
        sop = wording.line(elements.text(one, _SOP_INSTANCE))
        if sop:
            found.append(Reference(elements.text(one, _SOP_CLASS), sop, _part(one)))
        for state in attributes.items(one, _REFERENCED_SOP):
            uid = wording.line(elements.text(state, _SOP_INSTANCE))
            if uid:
                found.append(
                    Reference(elements.text(state, _SOP_CLASS), uid, "for its presentation")
                )
    return tuple(found)


def _part(reference: DataSet) -> str:
    """Which frames, segments or channels of an instance are meant."""
    parts = [
        f"{name}{'s' if len(given) > 1 else ''} {listed(given)}"
        for name, tag in (("frame", 0x00081160), ("segment", 0x0062000B))
        if (given := attributes.values(reference, tag))
    ]
    channels = attributes.values(reference, 0x0040A0B0)
    pairs = [f"{a}.{b}" for a, b in zip(channels[::2], channels[1::2], strict=False)]
    return ", ".join(parts + ([f"channels {listed(pairs)}"] if pairs else []))


def _text(item: DataSet) -> Value:
    text = wording.clean(str((attributes.values(item, 0x0040A160) or [""])[0]))
    return Value(text, missing="" if text else "the text is missing")


def _code(item: DataSet) -> Value:
    text = code(item, 0x0040A168)
    return Value(text, missing="" if text else "the code is missing")


def _number(item: DataSet) -> Value:
    """A measurement (PS3.3 C.18.1); without one, the qualifier says why (C.18.1-1)."""
    qualifier = code(item, 0x0040A301)
    for measured in attributes.items(item, 0x0040A300)[:1]:
        text = _figures(measured)
        if text:
            text = f"{text} {unit(measured)}".strip()
            return Value(f"{text} ({qualifier})" if qualifier else text)
    if qualifier:
        return Value(f"no value ({qualifier})")
    return Value(missing="the measured value is missing")


def _figures(measured: DataSet) -> str:
    for tag in (0x0040A30A, 0x0040A161):
        values = [value for value in attributes.values(measured, tag) if str(value).strip()]
        if values:
            return listed(values)
    above, below = (attributes.values(measured, tag) for tag in (0x0040A162, 0x0040A163))
    return listed([f"{a}/{b}" for a, b in zip(above, below, strict=False)])


def _single(tag: int, wanted: str, write: Callable[[str], str]) -> Callable[[DataSet], Value]:
    def read_one(item: DataSet) -> Value:
        text = write(str((attributes.values(item, tag) or [""])[0]))
        return Value(text, missing="" if text else f"the {wanted} is missing")

    return read_one


def _objects(item: DataSet) -> Value:
    found = references(item)
    return Value(references=found, missing="" if found else "the reference is missing")


def _coordinates(item: DataSet) -> Value:
    """SCOORD (PS3.3 C.18.6): columns and rows of the image that it is selected from."""
    return _graphic(item, 2, " in the image")


def _coordinates_3d(item: DataSet) -> Value:
    """SCOORD3D (PS3.3 C.18.9): millimetres in a frame of reference."""
    uid = wording.line(elements.text(item, 0x30060024))
    return _graphic(item, 3, f" in mm in frame of reference {uid}" if uid else " in mm")


def _graphic(item: DataSet, dimensions: int, where: str) -> Value:
    shape = wording.line(elements.text(item, 0x00700023)).lower()
    data = [
        f"{one:g}" for one in attributes.values(item, 0x00700022) if isinstance(one, float | int)
    ]
    count = len(data) // dimensions
    if not count:
        return Value(shape, missing="the coordinates are missing")
    points = [
        f"({', '.join(data[at : at + dimensions])})"
        for at in range(0, count * dimensions, dimensions)
    ]
    return Value(f"{shape or 'points'} {listed(points)}{where}".strip())


def _times(item: DataSet) -> Value:
    """TCOORD (PS3.3 C.18.7): samples, seconds or moments."""
    kind = wording.line(elements.text(item, 0x0040A130)).lower()
    samples, offsets, moments = (
        attributes.values(item, tag) for tag in (0x0040A132, 0x0040A138, 0x0040A13A)
    )
    if samples:
        return Value(f"{kind} at samples {listed(samples)}".strip())
    if offsets:
        return Value(f"{kind} at {listed(offsets)} s".strip())
    if moments:
        return Value(f"{kind} at {listed([wording.datetime(str(one)) for one in moments])}".strip())
    return Value(kind, missing="the points in time are missing")


def _table(item: DataSet) -> Value:
    found = content_tables.read(item)
    return Value(table=found, missing="" if found else "the table is missing")


_READERS: Final[dict[str, Callable[[DataSet], Value]]] = {
    "CONTAINER": lambda _: Value(),
    "TEXT": _text,
    "CODE": _code,
    "NUM": _number,
    "DATETIME": _single(0x0040A120, "date and time", wording.datetime),
    "DATE": _single(0x0040A121, "date", wording.date),
    "TIME": _single(0x0040A122, "time", wording.time),
    "PNAME": _single(0x0040A123, "name", wording.name),
    "UIDREF": _single(0x0040A124, "UID", wording.line),
    "COMPOSITE": _objects,
    "IMAGE": _objects,
    "WAVEFORM": _objects,
    "SCOORD": _coordinates,
    "SCOORD3D": _coordinates_3d,
    "TCOORD": _times,
    "TABLE": _table,
}
