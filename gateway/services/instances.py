"""Retrieve Study, Series and Instance (PS3.18 10.4.1.1.1 to 10.4.1.1.3) as Part 10 files."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from gateway.codecs import registry
from gateway.dicom import elements, image, part10, transfer_syntaxes as ts
from gateway.dicom.elements import DataSet
from gateway.dicomweb import representations
from gateway.dicomweb.accept import MediaRange
from gateway.dicomweb.representations import Representation
from gateway.dicomweb.resources import Address
from gateway.remote.document import Instance
from gateway.services.ahead import ordered
from gateway.services.compute import Compute
from gateway.services.frames import native_frame
from gateway.services.library import Library

_FIRST_PIXEL_DATA, _PIXEL_DATA = 0x7FE00008, 0x7FE00010
_OFFSET_TABLES = frozenset({0x7FE00001, 0x7FE00002})


@dataclass(frozen=True, slots=True)
class File:
    """One Part 10 file: its transfer syntax, and its bytes in pieces."""

    syntax: str
    pieces: AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class InstancesAnswer:
    """Files in ``representation``; each must be read to its end before the next is taken."""

    representation: Representation
    files: AsyncGenerator[File, None]


class Instances:
    """The transaction, over a library."""

    def __init__(self, library: Library, compute: Compute, ahead: int) -> None:
        self._library = library
        self._compute = compute
        self._ahead = ahead

    async def retrieve(self, address: Address, ranges: Sequence[MediaRange]) -> InstancesAnswer:
        """The instances at ``address``.

        Raises:
            NotFound: there are none.
            NotAcceptable: no form that the client wants is available for all of them.
        """
        stored: set[str] = set()
        async for batch in self._library.batches(address):
            stored |= {one.stored_syntax for one in batch if one.frames}
        chosen = representations.instances(
            ranges,
            stored or {ts.EXPLICIT_LE},
            decodable=all(map(registry.decodes, stored)),
            single=address.instance is not None,
        )
        return InstancesAnswer(chosen, self._files(address, chosen.syntax))

    async def _files(self, address: Address, syntax: str) -> AsyncGenerator[File, None]:
        async with aclosing(self._library.batches(address)) as batches:
            async for batch in batches:
                async with aclosing(self._batch(address.datastore_id, batch, syntax)) as files:
                    async for file in files:
                        yield file

    async def _batch(
        self, datastore_id: str, batch: list[Instance], syntax: str
    ) -> AsyncGenerator[File, None]:
        """Files of one image set; frames are fetched ahead across the files."""

        async def fetch(wanted: tuple[Instance, int]) -> bytes:
            return await self._library.frame(datastore_id, *wanted)

        async with aclosing(ordered(_all_frames(batch), fetch, self._ahead)) as frames:
            for instance in batch:
                target = instance.stored_syntax if syntax == "*" else syntax
                yield File(target, self._pieces(instance, target, frames))

    async def _pieces(
        self, instance: Instance, syntax: str, frames: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        dataset = [element for element in instance.dataset() if element[0] not in _OFFSET_TABLES]
        if not instance.frames:
            yield _header(dataset, syntax) + part10.encode(dataset)
            return
        first = await anext(frames)
        pixel = instance.pixel()
        if syntax == instance.stored_syntax and ts.is_encapsulated(syntax):
            out = registry.encapsulated(syntax, first, pixel)
            pieces = _encapsulated(first, frames, len(instance.frames))
        else:
            out = registry.uncompressed(
                instance.stored_syntax, first, pixel, instance.source_syntax
            )
            pieces = self._native(instance, pixel, out, first, frames)
        async for piece in _around(image.restated(dataset, out), syntax, pieces):
            yield piece

    async def _native(
        self,
        instance: Instance,
        pixel: image.ImagePixel,
        out: image.ImagePixel,
        first: bytes,
        frames: AsyncGenerator[bytes, None],
    ) -> AsyncGenerator[bytes, None]:
        length = out.pixel_data_bytes
        header = _pixel_header(out, length + length % 2)
        if pixel.packed and pixel.frame_bits % 8:
            rest = [await anext(frames) for _ in range(pixel.frames - 1)]
            yield header + _repacked([first, *rest], pixel)
        else:
            for number in range(pixel.frames):
                frame = first if number == 0 else await anext(frames)
                decoded = await self._compute.run(native_frame, instance, pixel, frame)
                if number == 0:
                    yield header  # not before the first frame has been decoded
                yield decoded
        if length % 2:
            yield b"\0"


def _all_frames(batch: list[Instance]) -> Iterator[tuple[Instance, int]]:
    for instance in batch:
        for number in range(1, len(instance.frames) + 1):
            yield instance, number


def _header(dataset: DataSet, syntax: str) -> bytes:
    sop_class = elements.text(dataset, 0x00080016)
    return part10.file_header(sop_class, elements.text(dataset, 0x00080018), syntax)


async def _around(
    dataset: DataSet, syntax: str, pixels: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """A file: what comes before the pixels, the pixels, what comes behind them."""
    before = [element for element in dataset if element[0] < _FIRST_PIXEL_DATA]
    behind = [element for element in dataset if element[0] > _PIXEL_DATA]
    first = await anext(pixels)
    yield _header(dataset, syntax) + part10.encode(before)
    yield first
    async for piece in pixels:
        yield piece
    if behind:
        yield part10.encode(behind)


async def _encapsulated(
    first: bytes, frames: AsyncGenerator[bytes, None], count: int
) -> AsyncGenerator[bytes, None]:
    yield part10.encapsulated_start(_PIXEL_DATA)
    for number in range(count):
        frame = first if number == 0 else await anext(frames)
        head, pad = part10.fragment_header(len(frame))
        yield head
        yield frame
        if pad:
            yield pad
    yield part10.encapsulated_end()


def _pixel_header(pixel: image.ImagePixel, length: int) -> bytes:
    return part10.header(*image.pixel_element(pixel), length)


def _repacked(frames: list[bytes], pixel: image.ImagePixel) -> bytes:
    """Frames of one bit per pixel without gaps between them (PS3.5 8.1.1)."""
    bits = [
        np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[: pixel.frame_bits]
        for frame in frames
    ]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes()
