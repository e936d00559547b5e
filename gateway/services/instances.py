"""Retrieve Study, Series and Instance (PS3.18 10.4.1.1.1 to 10.4.1.1.3) as Part 10 files."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from gateway.dicomweb import representations
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.archives import ZIP
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.resources import Address
from gateway.imagesets.document import Instance
from gateway.imagesets.files import FileWriter
from gateway.imagesets.forms import Forms, form_of
from gateway.imagesets.heads import Heads
from gateway.services.ahead import ordered
from gateway.services.bounds import Bounds
from gateway.services.compute import Compute
from gateway.services.library import Library

_MEDIA_TYPES: Final = (representations.DICOM, ZIP)


@dataclass(frozen=True, slots=True)
class File:
    """One Part 10 file: its instance, its transfer syntax, and its bytes in pieces."""

    instance: Instance
    syntax: str
    pieces: AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class InstancesAnswer:
    """Files in ``representation``; each must be read to its end before the next is taken."""

    representation: Representation
    files: AsyncGenerator[File, None]


class Instances:
    """The transaction, over a library."""

    def __init__(
        self, library: Library, compute: Compute, ahead: int, bounds: Bounds | None = None
    ) -> None:
        """``ahead`` frames are fetched before they are needed."""
        self._bounds = bounds
        self._library = library
        self._compute = compute
        self._ahead = ahead

    async def retrieve(
        self, address: Address, ranges: Accept, quality: int | None = None
    ) -> InstancesAnswer:
        """The instances at ``address``; ``quality``, from 1 to 100, is that of lossy compression.

        Raises:
            NotFound: there are none.
            TooMuch: there are more than one request may retrieve.
            NotAcceptable: no form that the client wants is available for all of them.
        """
        forms = Forms()
        tally = self._bounds.begin() if self._bounds else None
        async for batch in self._library.batches(address):
            if tally:
                tally.add(batch)
            await self._compute.run(forms.add, batch)
        single = address.instance is not None
        chosen = representations.instances(
            ranges, forms.stored, forms.targets, single=single, media_types=_MEDIA_TYPES
        )
        if single and chosen.syntax == "*":
            chosen = replace(chosen, syntax=next(iter(forms.stored)))
        return InstancesAnswer(chosen, self._files(address, chosen.syntax, quality))

    async def _files(
        self, address: Address, syntax: str, quality: int | None
    ) -> AsyncGenerator[File, None]:
        async with aclosing(self._library.batches(address)) as batches:
            async for batch in batches:
                files = self._batch(address.datastore_id, batch, syntax, quality)
                async with aclosing(files):
                    async for file in files:
                        yield file

    async def _batch(
        self, datastore_id: str, batch: list[Instance], syntax: str, quality: int | None
    ) -> AsyncGenerator[File, None]:
        """Files of one image set; frames are fetched ahead across the files."""

        async def fetch(wanted: tuple[Instance, int]) -> bytes:
            return await self._library.frame(datastore_id, *wanted)

        heads = Heads()
        room = self._library.room
        ahead = ordered(_all_frames(batch), fetch, self._ahead, room, _size)
        async with aclosing(ahead) as frames:
            for instance in batch:
                target = form_of(instance, syntax)
                writer = FileWriter(instance, target, quality, heads)
                yield File(instance, target, self._pieces(instance, writer, frames))

    async def _pieces(
        self, instance: Instance, file: FileWriter, frames: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        for _ in instance.frames:
            frame = await anext(frames)
            pieces = await self._compute.run(file.add, frame) if file.decodes else file.add(frame)
            for piece in pieces:
                yield piece
        yield file.end()


def _size(wanted: tuple[Instance, int]) -> int:
    """The bytes of a decoded frame; encoded ones are smaller."""
    return wanted[0].pixel().frame_bytes


def _all_frames(batch: list[Instance]) -> Iterator[tuple[Instance, int]]:
    for instance in batch:
        for number in range(1, len(instance.frames) + 1):
            yield instance, number
