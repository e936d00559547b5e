"""Retrieve Frames (PS3.18 10.4.1.1.6): as stored, decoded, or in another transfer syntax."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from gateway.codecs import registry, resolutions
from gateway.dicom.image import ImagePixel
from gateway.dicomweb import representations
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.representations import Stored
from gateway.dicomweb.resources import Address
from gateway.errors import NotAcceptable, NotFound
from gateway.imagesets import reduced
from gateway.imagesets.document import Instance
from gateway.imagesets.forms import targets, transcoder
from gateway.services.ahead import ordered
from gateway.services.arrivals import Follower
from gateway.services.compute import Compute
from gateway.services.library import Library

Work = Callable[[bytes], bytes]
"""What is done to a stored frame before it goes out."""


@dataclass(frozen=True, slots=True)
class FramesAnswer:
    """``count`` frames of ``rows`` and ``columns``, in the order asked for.

    ``identity`` is what their bytes follow from. ``alone`` gives the only frame where it goes out
    as it is stored: its bytes, or who follows them as they arrive. ``last`` is the number of the
    frame asked for last, of ``available`` ones.
    """

    representation: Representation
    count: int
    frames: AsyncGenerator[bytes, None]
    rows: int
    columns: int
    identity: tuple[str, ...]
    last: int
    available: int
    alone: Callable[[], bytes | Follower] | None = None


def offers(instance: Instance) -> Stored:
    """How the frames of ``instance`` can go out."""
    syntax = instance.stored_syntax
    able = targets(instance, alone=True)
    described = registry.is_described(syntax, instance.pixel())
    return Stored(syntax, able.lossless, able.lossy, described=described)


def _reduced(
    instance: Instance, pixel: ImagePixel, frame: bytes, reduce: int, stored: Stored
) -> Stored:
    """What frames can be had as at a lower resolution, judged by one of them."""
    syntaxes = reduced.syntaxes(instance, pixel, frame, reduce)
    if not syntaxes:
        raise NotAcceptable("The frames cannot be had at a lower resolution")
    return replace(stored, syntax=syntaxes[0], lossless=syntaxes[1:], lossy=())


def identity(
    instance: Instance,
    numbers: Sequence[int],
    chosen: Representation,
    quality: int | None,
    pixel: ImagePixel | None,
) -> tuple[str, ...]:
    """What the bytes of frames follow from; ``pixel`` where they are not those that are stored."""
    made = (instance.stored_syntax, instance.source_syntax, str(pixel), str(quality))
    frames = (instance.frames[number - 1] for number in numbers)
    return (chosen.accept, *(made if pixel else ()), instance.image_set_id, *frames)


class Frames:
    """The transaction, over a library."""

    def __init__(self, library: Library, compute: Compute, ahead: int) -> None:
        self._library = library
        self._compute = compute
        self._ahead = ahead

    async def retrieve(
        self,
        address: Address,
        numbers: Sequence[int],
        ranges: Accept,
        reduce: int = 0,
        quality: int | None = None,
    ) -> FramesAnswer:
        """The frames with ``numbers``, from 1; all of the instance's where there are none given.

        Their sides are halved ``reduce`` times; ``quality``, from 1 to 100, is that of lossy
        compression.

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
        stored = offers(instance)
        if reduce:
            first = await self._library.frame(address.datastore_id, instance, numbers[0])
            stored = _reduced(instance, pixel, first, reduce, stored)
        chosen = representations.frames(ranges, stored, len(numbers))
        coder = transcoder(instance, chosen.syntax, quality, alone=True)
        work = coder.frame if coder.works else None
        if reduce:
            work = partial(reduced.encode, instance, pixel, reduce, chosen.syntax)
        frames = self._frames(address.datastore_id, instance, numbers, work)
        size = resolutions.reduced(pixel, reduce)
        follows = identity(instance, numbers, chosen, quality, pixel if work else None)
        alone = None
        if work is None and len(numbers) == 1:
            alone = partial(self._library.arriving, address.datastore_id, instance, numbers[0])
        return FramesAnswer(
            chosen,
            len(numbers),
            frames,
            size.rows,
            size.columns,
            follows,
            numbers[-1] if numbers else 0,
            len(instance.frames),
            alone,
        )

    def stream(
        self, datastore_id: str, instance: Instance, numbers: Sequence[int], syntax: str
    ) -> AsyncGenerator[bytes, None]:
        """The frames with ``numbers``, from 1, in one of the transfer syntaxes of ``offers``."""
        coder = transcoder(instance, syntax, alone=True)
        work = coder.frame if coder.works else None
        return self._frames(datastore_id, instance, numbers, work)

    async def _frames(
        self,
        datastore_id: str,
        instance: Instance,
        numbers: Sequence[int],
        work: Work | None,
    ) -> AsyncGenerator[bytes, None]:

        async def fetch(number: int) -> bytes:
            frame = await self._library.frame(datastore_id, instance, number)
            return frame if work is None else await self._compute.run(work, frame)

        if len(numbers) == 1:
            yield await fetch(numbers[0])
            return
        size = instance.pixel().frame_bytes  # of a decoded frame; encoded ones are smaller
        room = self._library.room
        ahead = ordered(numbers, fetch, self._ahead, room, lambda _: size)
        async with aclosing(ahead) as frames:
            async for frame in frames:
                yield frame
