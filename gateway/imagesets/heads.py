"""What stands before and behind the pixel data of Part 10 files, written value by value."""

from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.dicom import image, part10
from gateway.dicom.elements import Element
from gateway.dicom.image import ImagePixel
from gateway.imagesets.document import Instance
from gateway.imagesets.pieces import Pieces

OFFSET_TABLES: Final = frozenset({0x7FE00001, 0x7FE00002})
FIRST_PIXEL_DATA: Final = 0x7FE00008
PIXEL_DATA: Final = 0x7FE00010


class _BeyondAscii(Exception):
    """The strings of an instance need another character set."""


class Heads:
    """Writes the attributes of files of one series after another: what they share only once."""

    def __init__(self) -> None:
        self._explicit = _Writer(implicit=False)
        self._implicit = _Writer(implicit=True)

    def around(self, one: Instance, out: ImagePixel, *, implicit: bool) -> tuple[bytes, bytes]:
        """The attributes before the pixel data, which are as ``out`` says, and those behind.

        They have implicit VRs or explicit ones, and are in one character set.
        """
        return (self._implicit if implicit else self._explicit).around(one, out)


class _Writer:
    """With implicit VRs or explicit ones; in ASCII, or in Unicode where a string needs it."""

    def __init__(self, *, implicit: bool) -> None:
        self._implicit = implicit
        self._ascii = self._parts(self._in_ascii)
        self._unicode = self._parts(self._in_unicode)

    def around(self, one: Instance, out: ImagePixel) -> tuple[bytes, bytes]:
        own = partial(self._restated, out)
        before, behind = self._ascii
        try:
            return before.write(one, own), behind.write(one, own)
        except _BeyondAscii:
            before, behind = self._unicode
            return before.write(one, own, (part10.UNICODE,)), behind.write(one, own)

    def _parts(self, shared: Callable[[Element], bytes | None]) -> tuple[Pieces, Pieces]:
        return Pieces(shared, _is_before), Pieces(shared, _is_behind)

    def _in_ascii(self, element: Element) -> bytes | None:
        if not part10.is_ascii([element]):
            raise _BeyondAscii
        return None if element[0] in image.RESTATED else self._encoded(element)

    def _in_unicode(self, element: Element) -> bytes | None:
        if element[0] in image.RESTATED:
            return None
        said = part10.without_character_set(element)
        return self._encoded(said) if said else b""

    def _restated(self, out: ImagePixel, element: Element) -> bytes:
        [said] = image.restated([element], out)
        return self._encoded(said)

    def _encoded(self, element: Element) -> bytes:
        return part10.encode_part([element], implicit=self._implicit)


def _is_before(tag: int) -> bool:
    return tag < FIRST_PIXEL_DATA and tag not in OFFSET_TABLES


def _is_behind(tag: int) -> bool:
    return tag > PIXEL_DATA
