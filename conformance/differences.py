"""Attributes that a server sends, beside those of an original."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from conformance import values
from conformance.values import Elsewhere, Tree

Resolve = Callable[[Elsewhere], "bytes | None"]
"""The content that a BulkDataURI leads to; None if it was not asked for."""

ADDED: Final = frozenset(
    {0x00080005, 0x00080056, 0x00081190, 0x00083002, 0x00080201, 0x00020010, 0x00201206,
     0x00201208, 0x00201209, 0x00080061, 0x00080054}
)  # fmt: skip
"""What servers say of an instance, beside what stands in it."""

OF_PIXELS: Final = frozenset(
    {0x00280002, 0x00280004, 0x00280006, 0x00282110, 0x00282112, 0x00282114, 0x00280106, 0x00280107}
)
"""What may change with the transfer syntax in which a server keeps or sends pixels."""

_PIXEL_GROUP: Final = 0x7FE0
_DEPTH: Final = 32


def between(
    got: Tree, wanted: Tree, resolve: Resolve, at: str = "", depth: int = 0
) -> Iterator[str]:
    """What is missing, is another value or another VR, a sentence for each."""
    for tag, (vr, value) in wanted.items():
        where = f"{at}{tag:08X}"
        if tag in ADDED or tag in OF_PIXELS or tag >> 16 in (_PIXEL_GROUP, 0x0002):
            continue
        if tag & 0xFFFF == 0:
            continue
        if tag not in got:
            if not _is_private(tag):
                yield f"{where} is missing"
        else:
            yield from _attribute(where, vr, value, got[tag], resolve, depth)


def _is_private(tag: int) -> bool:
    return bool(tag >> 16 & 1)


def _attribute(
    where: str, vr: str, value: tuple[Any, ...], got: values.Attribute, resolve: Resolve, depth: int
) -> Iterator[str]:
    other_vr, other = got
    if "SQ" in (vr, other_vr):
        if vr == other_vr == "SQ":
            yield from _items(where, value, other, resolve, depth)
        return
    if other and isinstance(other[0], Elsewhere):
        content = resolve(other[0])
        if content is None:
            return
        other = (content,)
    if vr != other_vr and not ({"UN"} & {vr, other_vr} or _kin(vr, other_vr)):
        yield f"{where} is {other_vr}, not {vr}"
    elif not _equal(vr, value, other_vr, other):
        yield f"{where} is another value"


def _kin(one: str, other: str) -> bool:
    """VRs that a dictionary lists as alternatives of one attribute."""
    return any({one, other} <= set(some) for some in ({"US", "SS", "OW"}, {"OB", "OW"}))


def _equal(vr: str, value: tuple[Any, ...], other_vr: str, other: tuple[Any, ...]) -> bool:
    if vr != other_vr or any(isinstance(one, bytes) for one in (*value, *other)):
        if all(isinstance(one, bytes) for one in (*value, *other)):
            return (not value and not other) or (
                len(value) == len(other) and values.same(vr, value[0], other[0])
            )
        return True  # encoded on one side only: nothing that can be said for certain
    if _uncertain(value):
        return True
    return len(value) == len(other) and all(
        values.same(vr, a, b) for a, b in zip(value, other, strict=True)
    )


def _uncertain(value: tuple[Any, ...]) -> bool:
    """Text in a repertoire that is not said, or said wrongly: every reader guesses."""
    text = "".join(str(one) for one in value)
    return "\ufffd" in text or any(0x7F <= ord(c) <= 0x9F or ord(c) == 0x1B for c in text)


def _items(
    where: str, value: tuple[Any, ...], other: tuple[Any, ...], resolve: Resolve, depth: int
) -> Iterator[str]:
    if len(value) != len(other):
        yield f"{where} has {len(other)} items, not {len(value)}"
    elif depth < _DEPTH:
        for number, (wanted, got) in enumerate(zip(value, other, strict=True)):
            if isinstance(got, dict):
                yield from between(got, wanted, resolve, f"{where}[{number}].", depth + 1)


def closest(got: Tree, candidates: list[Tree], resolve: Resolve) -> list[str]:
    """The differences from the original that is most alike: a folder may have several."""
    found = [list(between(got, one, resolve)) for one in candidates]
    return min(found, key=len) if found else []
