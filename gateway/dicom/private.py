"""Private blocks (PS3.5 7.8.1): which elements a private creator has reserved."""

from collections.abc import Iterable, Iterator

from gateway.dicom import tags
from gateway.dicom.elements import Element


def creator_of(tag: int) -> int | None:
    """The tag of the creator of the private element ``tag``; None if it is none."""
    block = (tag >> 8) & 0xFF
    if not tags.is_private(tag) or block < 0x10:
        return None
    return tag & 0xFFFF0000 | block


def unplaced(tag: int) -> int:
    """The private ``tag`` without the number of its block, (gggg,00ee)."""
    return tag & 0xFFFF00FF


def placed(tag: int, block: int) -> int:
    """The unplaced ``tag`` in a block."""
    return tag & 0xFFFF00FF | block << 8


def blocks(elements: Iterable[Element], group: int, creator: str) -> Iterator[int]:
    """The blocks of ``group`` that ``creator`` has reserved among ``elements``."""
    for tag, _, value in elements:
        if tag >> 16 == group and tags.is_private_creator(tag) and value:
            name = value[0] if isinstance(value, list) else ""
            if str(name).strip(" \0") == creator.strip():
                yield tag & 0xFF


def elements(found: Iterable[Element], group: int, block: int) -> dict[int, Element]:
    """The elements of a private block by their unplaced tags."""
    return {
        unplaced(element[0]): element
        for element in found
        if element[0] >> 16 == group and (element[0] >> 8) & 0xFF == block
    }
