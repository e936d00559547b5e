"""The image set that attributes come from, as private attributes of our own (PS3.5 7.8)."""

from typing import Final

from gateway.dicom.elements import DataSet, Element

CREATOR: Final = "DICOMWEB GATEWAY IMAGE SET"
"""The private creator of these elements, in group 0009:

xx01 CS whether the image set is primary, xx02 LO its identifier, xx03 IS its version.
"""

_GROUP: Final = 0x0009_0000
_BLOCKS: Final = range(0x10, 0x100)


def marked(dataset: DataSet, image_set_id: str, version: int | None) -> DataSet:
    """``dataset`` and that it comes from an image set that is not primary.

    The elements stand in a block that nobody else has reserved; where there is none, they do not.
    """
    taken = {tag for tag, _, _ in dataset if tag >> 16 == _GROUP >> 16}
    for block in _BLOCKS:
        creator = _GROUP | block
        first = _GROUP | block << 8
        if creator not in taken and taken.isdisjoint(range(first, first + 0x100)):
            said: list[Element] = [
                (creator, "LO", [CREATOR]),
                (first | 1, "CS", ["NO"]),
                (first | 2, "LO", [image_set_id]),
            ]
            if version is not None:
                said.append((first | 3, "IS", [str(version)]))
            return sorted([*dataset, *said], key=lambda element: element[0])
    return dataset
