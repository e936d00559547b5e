"""Pixel data as a value (PS3.18 8.7.3.3): native in one piece, compressed frame by frame."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb import representations
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.resources import bulk_frame_url
from gateway.imagesets.bits import Bits, is_unaligned
from gateway.imagesets.document import Instance
from gateway.services.frames import Frames, identity, offers


@dataclass(frozen=True, slots=True)
class Part:
    """A value, or a frame of one: its URI and its ``length`` bytes, at once or in pieces."""

    representation: Representation
    uri: str
    length: int
    content: bytes | AsyncGenerator[bytes, None]


def is_one_part(instance: Instance, chosen: Representation) -> bool:
    """Whether the pixel data of ``instance`` are one part in the representation ``chosen``."""
    return chosen.syntax == ts.EXPLICIT_LE or len(instance.frames) == 1


def follows_from(instance: Instance, chosen: Representation) -> tuple[str, ...]:
    """What the bytes of the pixel data of ``instance`` follow from."""
    numbers = range(1, len(instance.frames) + 1)
    return identity(instance, numbers, chosen, None, instance.pixel())


class PixelData:
    """Values of Pixel Data, Float Pixel Data and Double Float Pixel Data."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def choose(
        self, instance: Instance, accept: Accept, *, several: bool = False
    ) -> Representation:
        """How the pixel data of ``instance`` go out; ``several`` if there are values beside them.

        Raises:
            NotAcceptable: no form that the client wants is available.
        """
        stored = offers(instance)
        return representations.pixel_data(accept, stored, len(instance.frames), several=several)

    async def frame(self, datastore_id: str, instance: Instance, chosen: Representation) -> bytes:
        """The value of an image of one frame, in the representation that ``choose`` gave."""
        stream = self._frames.stream(datastore_id, instance, (1,), chosen.syntax)
        async with aclosing(stream) as frames:
            return await anext(frames)

    async def parts(
        self, datastore_id: str, instance: Instance, chosen: Representation, uri: str
    ) -> AsyncGenerator[Part, None]:
        """The value at ``uri`` of an image of several frames, as ``choose`` gave it.

        Each part must be read to its end before the next is taken.
        """
        numbers = range(1, len(instance.frames) + 1)
        stream = self._frames.stream(datastore_id, instance, numbers, chosen.syntax)
        async with aclosing(stream) as frames:
            if is_one_part(instance, chosen):
                first = await anext(frames)
                length = _native_length(instance, first)
                yield Part(chosen, uri, length, _native(instance, first, frames))
                return
            for number in numbers:
                frame = await anext(frames)
                yield Part(chosen, bulk_frame_url(uri, number), len(frame), frame)


def _native_length(instance: Instance, first: bytes) -> int:
    """The size in bytes of all frames; decoding may have changed the layout of the samples."""
    pixel = instance.pixel()
    return pixel.pixel_data_bytes if is_unaligned(pixel) else len(first) * len(instance.frames)


async def _native(
    instance: Instance, first: bytes, others: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    pixel = instance.pixel()
    bits = Bits(pixel.frame_bits) if is_unaligned(pixel) else None
    yield bits.add(first) if bits else first
    async for frame in others:
        yield bits.add(frame) if bits else frame
    if bits:
        yield bits.rest()
