"""Retrieve Frames (PS3.18 10.4.1.1.6): as stored, or decoded."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from gateway.codecs import registry
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.dicomweb import representations
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.representations import Stored
from gateway.dicomweb.resources import Address
from gateway.errors import NotFound
from gateway.imagesets.document import Instance
from gateway.imagesets.files import native_frame
from gateway.services.ahead import ordered
from gateway.services.compute import Compute
from gateway.services.library import Library


@dataclass(frozen=True, slots=True)
class FramesAnswer:
    """``count`` frames, in the order asked for, in ``representation``."""

    representation: Representation
    count: int
    frames: AsyncGenerator[bytes, None]


def _stored(instance: Instance, pixel: ImagePixel) -> Stored:
    syntax = instance.stored_syntax
    native = syntax != ts.EXPLICIT_LE and registry.decodes(syntax)
    described = registry.is_described(syntax, pixel)
    return Stored(syntax, (ts.EXPLICIT_LE,) if native else (), described=described)


class Frames:
    """The transaction, over a library."""

    def __init__(self, library: Library, compute: Compute, ahead: int) -> None:
        self._library = library
        self._compute = compute
        self._ahead = ahead

    async def retrieve(
        self, address: Address, numbers: Sequence[int], ranges: Accept
    ) -> FramesAnswer:
        """The frames with ``numbers``, from 1; all of the instance's where there are none given.

        Raises:
            NotFound: the instance or a frame does not exist.
            NotAcceptable: no form that the client wants is available.
        """
        instance = await self._library.instance(address)
        numbers = numbers or range(1, len(instance.frames) + 1)
        beyond = max(numbers, default=1)
        if beyond > len(instance.frames):
            raise NotFound(f"Frame {beyond} does not exist; there are {len(instance.frames)}")
        pixel = instance.pixel()
        chosen = representations.frames(ranges, _stored(instance, pixel), len(numbers))
        kept = chosen.syntax == instance.stored_syntax
        decode = None if kept else pixel
        frames = self._frames(address.datastore_id, instance, numbers, decode)
        return FramesAnswer(chosen, len(numbers), frames)

    async def _frames(
        self,
        datastore_id: str,
        instance: Instance,
        numbers: Sequence[int],
        decode: ImagePixel | None,
    ) -> AsyncGenerator[bytes, None]:

        async def fetch(number: int) -> bytes:
            frame = await self._library.frame(datastore_id, instance, number)
            if decode is None:
                return frame
            return await self._compute.run(native_frame, instance, decode, frame)

        async with aclosing(ordered(numbers, fetch, self._ahead)) as frames:
            async for frame in frames:
                yield frame
