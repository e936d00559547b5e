"""Part 10 files made of an instance and its stored frames, one frame at a time (PS3.10).

Nothing here waits or fetches: frames are handed in, pieces of the file come out, so that a file is
made in the same way whether its frames come over a network or from a disk.
"""

from typing import Final

import numpy as np

from gateway.codecs import registry
from gateway.dicom import elements, image, part10, transfer_syntaxes as ts
from gateway.dicom.elements import DataSet
from gateway.dicom.image import ImagePixel
from gateway.imagesets.document import Instance

_FIRST_PIXEL_DATA: Final = 0x7FE00008
_PIXEL_DATA: Final = 0x7FE00010
_OFFSET_TABLES: Final = frozenset({0x7FE00001, 0x7FE00002})


def native_frame(instance: Instance, pixel: ImagePixel, frame: bytes) -> bytes:
    """A stored frame as Explicit VR Little Endian has it; ``pixel`` is the instance's.

    Raises:
        CodecError: it cannot be decoded.
    """
    return registry.native_frame(instance.stored_syntax, frame, pixel, instance.source_syntax)


class FileWriter:
    """One Part 10 file in ``syntax``, which is Explicit VR Little Endian or the stored one.

    ``add`` takes the stored frames in their order and ``end`` finishes the file; both give pieces
    to write. ``decodes`` says that ``add`` is work for a processor.
    """

    def __init__(self, instance: Instance, syntax: str) -> None:
        self._instance = instance
        self._syntax = syntax
        self._dataset = [one for one in instance.dataset() if one[0] not in _OFFSET_TABLES]
        self._pixel = instance.pixel()
        self._encapsulated = syntax == instance.stored_syntax and ts.is_encapsulated(syntax)
        self._bits = _Bits(self._pixel.frame_bits) if _unaligned(self._pixel) else None
        self._odd = False
        self._started = False

    @property
    def decodes(self) -> bool:
        """Whether frames are decoded, or repacked, on their way into the file."""
        stored = self._instance.stored_syntax
        return not self._encapsulated and (stored != ts.EXPLICIT_LE or self._bits is not None)

    def add(self, frame: bytes) -> list[bytes]:
        """The pieces that the next frame makes; the file's head stands before those of the first.

        Raises:
            CodecError: the frame cannot be decoded; nothing of it has been given out.
        """
        pieces = self._fragment(frame) if self._encapsulated else [self._native(frame)]
        if self._started:
            return pieces
        self._started = True
        return [self._head(frame), *pieces]

    def end(self) -> bytes:
        """What stands behind the last frame; the whole file where the instance has none."""
        if not self._started:
            return self._header(self._dataset) + part10.encode(self._dataset)
        behind = [element for element in self._dataset if element[0] > _PIXEL_DATA]
        rest = self._bits.rest() if self._bits else b""
        close = part10.encapsulated_end() if self._encapsulated else rest + b"\0" * self._odd
        return close + part10.encode(behind)

    def _head(self, first: bytes) -> bytes:
        """Everything up to the first byte of the first frame, which decides what the pixels are."""
        stored, source = self._instance.stored_syntax, self._instance.source_syntax
        if self._encapsulated:
            out = registry.encapsulated(stored, first, self._pixel)
            start = part10.encapsulated_start(_PIXEL_DATA)
        else:
            out = registry.uncompressed(stored, first, self._pixel, source)
            length = out.pixel_data_bytes
            self._odd = length % 2 == 1
            start = part10.header(*image.pixel_element(out), length + length % 2)
        dataset = image.restated(self._dataset, out)
        before = [element for element in dataset if element[0] < _FIRST_PIXEL_DATA]
        return self._header(dataset) + part10.encode(before) + start

    def _header(self, dataset: DataSet) -> bytes:
        sop_class = elements.text(dataset, 0x00080016)
        return part10.file_header(sop_class, elements.text(dataset, 0x00080018), self._syntax)

    def _fragment(self, frame: bytes) -> list[bytes]:
        head, pad = part10.fragment_header(len(frame))
        return [head, frame, pad] if pad else [head, frame]

    def _native(self, frame: bytes) -> bytes:
        native = native_frame(self._instance, self._pixel, frame)
        return self._bits.add(native) if self._bits else native


def _unaligned(pixel: ImagePixel) -> bool:
    return pixel.packed and pixel.frame_bits % 8 != 0


class _Bits:
    """Frames of one bit per pixel put together without gaps between them (PS3.5 8.1.1)."""

    def __init__(self, frame_bits: int) -> None:
        self._frame_bits = frame_bits
        self._held = np.empty(0, np.uint8)  # fewer than eight bits, one in a byte

    def add(self, frame: bytes) -> bytes:
        """The whole bytes that are there once the frame has been put behind those before."""
        bits = np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[: self._frame_bits]
        held = np.concatenate([self._held, bits])
        whole = len(held) - len(held) % 8
        self._held = held[whole:]
        return np.packbits(held[:whole], bitorder="little").tobytes()

    def rest(self) -> bytes:
        """The last byte, if it is not a whole one."""
        return np.packbits(self._held, bitorder="little").tobytes()
