"""Functional groups (PS3.3 C.7.6.16): what holds for all frames, and what for one."""

from typing import Final

from gateway.dicom.elements import DataSet
from gateway.rendering.attributes import item, items

SHARED: Final = 0x52009229
PER_FRAME: Final = 0x52009230


class FunctionalGroups:
    """The functional groups of one instance; looking one up costs the same for any frame."""

    def __init__(self, dataset: DataSet) -> None:
        self._shared = item(dataset, SHARED)
        self._frames = items(dataset, PER_FRAME)

    def macro(self, number: int, tag: int) -> DataSet:
        """The first item of the sequence ``tag`` for the frame ``number``, from 1; or an empty one.

        A macro is either shared or per frame (PS3.3 C.7.6.16.1.1); where it is both, the frame's
        own counts.
        """
        own = self._frames[number - 1] if 0 < number <= len(self._frames) else []
        return item(own, tag) or item(self._shared, tag)
