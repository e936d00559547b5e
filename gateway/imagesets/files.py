"""Part 10 files made of an instance and its stored frames, one frame at a time (PS3.10).

Nothing here waits or fetches: frames are handed in, pieces of the file come out, so that a file is
made in the same way whether its frames come over a network or from a disk.
"""

import zlib
from typing import Final

from gateway.codecs import registry
from gateway.dicom import derivation, elements, image, part10, transfer_syntaxes as ts
from gateway.dicom.derivation import LossyStep
from gateway.dicom.elements import DataSet
from gateway.dicom.image import ImagePixel
from gateway.imagesets.bits import Bits, is_unaligned
from gateway.imagesets.document import Instance
from gateway.imagesets.forms import transcoder
from gateway.imagesets.heads import FIRST_PIXEL_DATA, OFFSET_TABLES, PIXEL_DATA, Heads

_UIDS: Final = (0x00080016, 0x00080018)  # SOP Class, SOP Instance


def native_frame(instance: Instance, pixel: ImagePixel, frame: bytes) -> bytes:
    """A stored frame as Explicit VR Little Endian has it; ``pixel`` is the instance's.

    Raises:
        CodecError: it cannot be decoded.
    """
    return registry.native_frame(instance.stored_syntax, frame, pixel, instance.source_syntax)


class FileWriter:
    """One Part 10 file in ``syntax``: the stored one, one of its ``targets``, or Implicit VR.

    ``add`` takes the stored frames in their order and ``end`` finishes the file; both give pieces
    to write. ``decodes`` says that ``add`` is work for a processor. The file speaks of lossy
    compression, with ``quality`` from 1 to 100 where one is given, as far as the first frame tells.
    ``heads`` are those that write the other files of a series.
    """

    def __init__(
        self,
        instance: Instance,
        syntax: str,
        quality: int | None = None,
        heads: Heads | None = None,
    ) -> None:
        self._instance = instance
        self._syntax = syntax
        self._implicit = syntax == ts.IMPLICIT_LE
        self._heads = heads or Heads()
        self._deflater = _Deflater() if syntax == ts.DEFLATED_LE else None
        self._encapsulated = ts.is_encapsulated(syntax)
        pixels = ts.EXPLICIT_LE if self._implicit or self._deflater else syntax
        self._transcoder = transcoder(instance, pixels, quality)
        pixel = instance.pixel()
        native = not self._encapsulated
        self._bits = Bits(pixel.frame_bits) if native and is_unaligned(pixel) else None
        self._odd = False
        self._behind: bytes | None = None

    @property
    def decodes(self) -> bool:
        """Whether frames are decoded, repacked or deflated on their way into the file."""
        return self._transcoder.works or self._bits is not None or self._deflater is not None

    def add(self, frame: bytes) -> list[bytes]:
        """The pieces that the next frame makes; the file's head stands before those of the first.

        Raises:
            CodecError: the frame cannot be decoded; nothing of it has been given out.
            NotAcceptable: it cannot be compressed lossily.
        """
        sent = self._transcoder.frame(frame)
        if self._behind is not None:
            return self._written(*self._pixels(sent))
        meta, before, self._behind = self._around(frame, sent)
        head, *rest = self._written(before, *self._pixels(sent))
        return [meta + head, *rest]

    def end(self) -> bytes:
        """What stands behind the last frame; the whole file where the instance has none."""
        if self._behind is None:
            whole = self._dataset()
            written = self._written(self._encoded(whole))
            return b"".join([self._meta(whole), *written, self._rest()])
        rest = self._bits.rest() if self._bits else b""
        close = part10.encapsulated_end() if self._encapsulated else rest + b"\0" * self._odd
        return b"".join([*self._written(close, self._behind), self._rest()])

    def _around(self, first: bytes, sent: bytes) -> tuple[bytes, bytes, bytes]:
        """What stands before the first frame, which decides what the pixels are, and behind all.

        The file meta information is apart.
        """
        out = self._transcoder.described(first, sent)
        if self._encapsulated:
            start = part10.encapsulated_start(PIXEL_DATA)
        else:
            length = out.pixel_data_bytes
            self._odd = length % 2 == 1
            element = image.pixel_element(out)
            start = part10.header(*element, length + length % 2, implicit=self._implicit)
        if self._transcoder.lossy:
            meta, before, behind = self._derived(out, sent)
        else:
            before, behind = self._heads.around(self._instance, out, implicit=self._implicit)
            found = map(self._instance.element, _UIDS)
            meta = self._meta([one for one in found if one is not None])
        return meta, before + start, behind

    def _derived(self, out: ImagePixel, sent: bytes) -> tuple[bytes, bytes, bytes]:
        """The attributes around the pixel data of an image that is lossily compressed."""
        stored = self._dataset()
        dataset = derivation.lossily_compressed(image.restated(stored, out), self._step(len(sent)))
        before = [element for element in dataset if element[0] < FIRST_PIXEL_DATA]
        behind = [element for element in stored if element[0] > PIXEL_DATA]
        return self._meta(dataset), self._encoded(before), self._encoded(behind)

    def _dataset(self) -> DataSet:
        every = self._instance.dataset()
        return part10.in_one_character_set([one for one in every if one[0] not in OFFSET_TABLES])

    def _step(self, sent: int) -> LossyStep:
        ratio = self._instance.pixel().frame_bytes / sent
        name = f"{self._syntax}/{self._transcoder.quality}"
        return LossyStep(self._transcoder.method, ratio, name)

    def _meta(self, dataset: DataSet) -> bytes:
        sop_class, sop_instance = (elements.text(dataset, tag) for tag in _UIDS)
        return part10.file_header(sop_class, sop_instance, self._syntax)

    def _encoded(self, dataset: DataSet) -> bytes:
        return part10.encode_part(dataset, implicit=self._implicit)

    def _pixels(self, sent: bytes) -> list[bytes]:
        if not self._encapsulated:
            return [self._bits.add(sent) if self._bits else sent]
        head, pad = part10.fragment_header(len(sent))
        return [head, sent, pad] if pad else [head, sent]

    def _written(self, *pieces: bytes) -> list[bytes]:
        return list(pieces) if self._deflater is None else [self._deflater.add(*pieces)]

    def _rest(self) -> bytes:
        return self._deflater.end() if self._deflater else b""


class _Deflater:
    """A data set deflated while it is written, padded to an even length (PS3.5 A.5)."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._length = 0

    def add(self, *pieces: bytes) -> bytes:
        """What of ``pieces`` is ready."""
        return self._counted(b"".join(map(self._stream.compress, pieces)))

    def end(self) -> bytes:
        """What was held back."""
        rest = self._counted(self._stream.flush())
        return rest + b"\0" * (self._length % 2)

    def _counted(self, deflated: bytes) -> bytes:
        self._length += len(deflated)
        return deflated
