"""Retrieve Rendered resources and Thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.8)."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.dicomweb import renditions
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.rendered import Parameters
from gateway.dicomweb.renditions import STILLS
from gateway.dicomweb.resources import Address, instance_url
from gateway.errors import ConfigurationError, InvalidRequest, NotAcceptable, NotFound
from gateway.imagesets.document import Instance
from gateway.rendering import pictures, placeholder
from gateway.rendering.categories import Category, category
from gateway.rendering.lettering import Lettering
from gateway.services import presentations, representatives
from gateway.services.ahead import ordered
from gateway.services.albums import Album, Job, Part, Studio, middle
from gateway.services.compute import Compute
from gateway.services.decoded import Decoded
from gateway.services.library import Library
from gateway.services.presentations import Presentations
from gateway.services.renderings import Offers, Renderings, Subject
from gateway.services.shelf import Shelf
from gateway.settings import GatewaySettings
from gateway.telemetry.metrics import Metrics

_LARGEST_TILE: Final = 256  # pixels a side
_REFUSALS: Final = (InvalidRequest, NotAcceptable, NotFound)
"""Why one instance among others is left out."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks for: a study, series or instance, or frames of it by their numbers.

    Links in documents lead below the service root ``root``. An image is shown as the presentation
    ``state`` has it, if there is one.
    """

    address: Address
    accept: Accept
    parameters: Parameters
    numbers: tuple[int, ...] = ()
    root: str = ""
    state: Address | None = None


@dataclass(frozen=True, slots=True)
class RenderedAnswer:
    """The ``first`` part, made already, and the ``rest``, which has to be closed.

    Without ``multipart`` there is no rest.
    """

    multipart: bool
    first: Part
    rest: AsyncGenerator[Part, None]


class Rendered:
    """The transactions, over a library."""

    def __init__(
        self, library: Library, compute: Compute, settings: GatewaySettings, metrics: Metrics
    ) -> None:
        self._library = library
        self._studio = Studio(
            library,
            compute,
            Decoded(settings.decoded_cache_mb << 20, metrics),
            _lettering(settings),
            settings.fetch_ahead,
            settings.viewport_max_side,
        )
        self._renderings = Renderings(self._studio, settings)
        self._presentations = Presentations(library, compute)
        self.shelf = Shelf(settings.rendered_cache_mb << 20, metrics)

    async def retrieve(self, wanted: Wanted, tag: str = "") -> RenderedAnswer:
        """What the client asks for, rendered; ``tag`` is the answer's entity tag, where it has one.

        A study or series goes out in parts, unless the client wants one picture that stands for it.

        Raises:
            NotFound: there is nothing at the address, or no such frame.
            NotAcceptable: nothing that the client accepts can be made of it.
            InvalidRequest: a parameter does not go with the media type or the image.
        """
        finished = self.shelf.peek(tag)
        if finished is not None:
            return RenderedAnswer(False, finished, _nothing())
        if wanted.address.instance is None:
            return await self._collection(wanted, tag)
        instance = await self._library.instance(wanted.address)
        _check(instance, wanted.numbers)
        subject = await self._subject(instance, wanted)
        chosen = self._choose(subject, wanted.numbers, wanted)
        jobs = self._jobs(subject, wanted.numbers, chosen, wanted)
        if chosen.multipart:
            return await self._answer(chosen.multipart, self._made(jobs), tag)
        return RenderedAnswer(False, await self.shelf.get(tag, partial(_done, jobs)), _nothing())

    async def _answer(
        self, multipart: bool, parts: AsyncGenerator[Part, None], tag: str
    ) -> RenderedAnswer:
        """``parts`` with the first of them made, or found if it is all there is to be made."""
        if multipart:
            return RenderedAnswer(multipart, await anext(parts), parts)
        return RenderedAnswer(multipart, await self.shelf.get(tag, partial(_only, parts)), parts)

    async def thumbnail(self, wanted: Wanted, tag: str = "") -> Part:
        """One small picture of what the client asks for; a tile where it has no pixels.

        ``tag`` is the answer's entity tag, where it has one.

        Raises:
            NotFound: there is nothing at the address, or no such frame.
            NotAcceptable: the client accepts no picture.
        """
        return await self.shelf.get(tag, partial(self._thumbnail, wanted))

    async def _thumbnail(self, wanted: Wanted) -> Part:
        media_type = renditions.choose(wanted.accept, STILLS, ()).media_type
        instance = await self._shown(wanted.address)
        _check(instance, wanted.numbers)
        if category(instance) is Category.PRESENTATION:
            with suppress(NotAcceptable, NotFound):
                return await self._presented(instance, media_type, wanted)
        if category(instance) is not Category.IMAGE:
            return await self._studio.compute.run(self._tile, instance, media_type, wanted)
        album = Album(
            self._studio,
            wanted.address.datastore_id,
            instance,
            media_type,
            wanted.parameters,
            leaf="thumbnail",
            enlarge=False,
        )
        return await album.still(middle(wanted.numbers or _all_frames(instance)))

    async def _presented(self, instance: Instance, media_type: str, wanted: Wanted) -> Part:
        """The first frame that ``instance``, a presentation state, shows, as a thumbnail."""
        found = await self._presentations.shown(wanted.address, instance)
        image, number = found.frames[0]
        album = Album(
            self._studio,
            wanted.address.datastore_id,
            image,
            media_type,
            wanted.parameters,
            enlarge=False,
            state=found.state,
            path=f"{instance_url('', instance.study, instance.series, instance.sop)}/thumbnail",
        )
        return await album.still(number)

    async def _subject(self, instance: Instance, wanted: Wanted) -> Subject:
        """``instance``, or what is shown where a presentation state is asked for or with.

        Raises:
            NotFound: the state or all that it shows is missing.
            NotAcceptable: no true picture can be made of that kind of state.
            InvalidRequest: the state or a parameter does not go with it.
        """
        if wanted.state is not None:
            found = await self._presentations.applied(wanted.state, instance)
        elif category(instance) is Category.PRESENTATION:
            found = await self._presentations.shown(wanted.address, instance)
        else:
            return instance
        presentations.check(wanted.parameters)
        return found

    async def _shown(self, address: Address) -> Instance:
        """The instance that stands for all at ``address``, an image if there is any."""
        if address.instance is not None:
            return await self._library.instance(address)
        first: Instance | None = None
        async with aclosing(representatives.batches(self._library, address)) as batches:
            async for batch in batches:
                found = representatives.image(batch)
                if found is not None:
                    return found
                first = first or batch[0]
        if first is None:
            raise NotFound("There are no instances any more")
        return first

    def _tile(self, instance: Instance, media_type: str, wanted: Wanted) -> Part:
        box = wanted.parameters.viewport
        side = min(box.width, box.height, _LARGEST_TILE) if box else _LARGEST_TILE
        picture = placeholder.draw(instance.modality, side, side, self._studio.lettering)
        return Part(media_type, pictures.encode(picture, media_type), "")

    async def size(self, instance: Instance, state: Address | None) -> tuple[int, int]:
        """Rows and columns of what is seen of ``instance``, by the presentation ``state`` if any.

        Raises:
            NotFound: there is no such presentation state.
            NotAcceptable: no true picture can be made of that kind of state.
            InvalidRequest: it is none, or not for ``instance``.
        """
        pixel = instance.pixel()
        if state is None:
            return pixel.rows, pixel.columns
        found = await self._presentations.applied(state, instance)
        most = max(self._studio.most, pixel.rows, pixel.columns)
        area = found.state.area(instance.sop, found.frames[0][1], pixel.rows, pixel.columns)
        columns, rows = area.size(found.state.orientation, most)
        return rows, columns

    def offers(self, instance: Instance, numbers: Sequence[int], parameters: Parameters) -> Offers:
        """What can be made of ``instance``, or of its frames with ``numbers``."""
        return self._renderings.offers(instance, numbers, parameters, strict=False)

    def _choose(
        self,
        subject: Subject,
        numbers: Sequence[int],
        wanted: Wanted,
        multipart: bool | None = None,
    ) -> Representation:
        """The best rendition of ``subject``; ``multipart`` None is either way."""
        accept = wanted.accept
        offers = self._renderings.offers(subject, numbers, wanted.parameters, strict=accept.strict)
        single = () if multipart else offers.single
        parts = () if multipart is False else offers.parts
        try:
            return renditions.choose(accept, single, parts)
        except NotAcceptable as error:
            if not (offers.single or offers.parts):
                error.message = "There is nothing in the instance that could be rendered"
            elif offers.missing:
                error.message = f"{error.message}; {offers.missing}"
            raise

    def _jobs(
        self,
        subject: Subject,
        numbers: Sequence[int],
        chosen: Representation,
        wanted: Wanted,
    ) -> Iterator[Job]:
        datastore_id = wanted.address.datastore_id
        return self._renderings.jobs(
            datastore_id, subject, numbers, chosen, wanted.parameters, wanted.root
        )

    async def _made(self, jobs: Iterator[Job]) -> AsyncGenerator[Part, None]:
        """The parts that ``jobs`` make, a few at a time."""
        async with aclosing(ordered(jobs, lambda job: job(), self._studio.ahead)) as parts:
            async for part in parts:
                yield part

    async def _collection(self, wanted: Wanted, tag: str) -> RenderedAnswer:
        """A study or series in the way that the client prefers of those that lead anywhere."""
        refusal: NotAcceptable | None = None
        for multipart in renditions.envelopes(wanted.accept) or (wanted.accept.strict,):
            parts = self._every(wanted) if multipart else self._representative(wanted)
            try:
                return await self._answer(multipart, parts, tag)
            except NotAcceptable as error:
                refusal = error
        raise refusal or NotFound("There are no instances any more")

    async def _every(self, wanted: Wanted) -> AsyncGenerator[Part, None]:
        """All parts of all instances; those that cannot be had in an acceptable form are left out.

        Raises:
            NotAcceptable: that is none of them.
        """
        refusals: list[NotAcceptable] = []
        nothing = True
        async with aclosing(self._library.batches(wanted.address)) as batches:
            async for batch in batches:
                subjects = await self._subjects(batch, wanted, refusals)
                jobs = self._acceptable(subjects, wanted, refusals)
                async with aclosing(self._made(jobs)) as parts:
                    async for part in parts:
                        nothing = False
                        yield part
        if nothing:
            raise refusals[0]

    async def _subjects(
        self, batch: Sequence[Instance], wanted: Wanted, refusals: list[NotAcceptable]
    ) -> list[Subject]:
        """What there is to render of ``batch``; states that cannot be shown are left out."""
        found: list[Subject] = []
        for instance in batch:
            try:
                found.append(await self._subject(instance, wanted))
            except _REFUSALS as error:
                refusals[:] = refusals or [_refusal(error)]
        return found

    def _acceptable(
        self, subjects: Sequence[Subject], wanted: Wanted, refusals: list[NotAcceptable]
    ) -> Iterator[Job]:
        for subject in subjects:
            try:
                chosen = self._choose(subject, (), wanted, multipart=True)
            except NotAcceptable as error:
                refusals[:] = refusals or [error]
                continue
            yield from self._jobs(subject, (), chosen, wanted)

    async def _representative(self, wanted: Wanted) -> AsyncGenerator[Part, None]:
        """The image that stands for a study or series, else the first document there is.

        Raises:
            NotAcceptable: there is none in an acceptable form.
        """
        refusal: NotAcceptable | None = None
        async with aclosing(representatives.batches(self._library, wanted.address)) as batches:
            async for batch in batches:
                for instance, numbers in _candidates(batch):
                    try:
                        subject = await self._subject(instance, wanted)
                        chosen = self._choose(subject, numbers, wanted, multipart=False)
                    except _REFUSALS as error:
                        refusal = refusal or _refusal(error)
                        continue
                    for job in self._jobs(subject, numbers, chosen, wanted):
                        yield await job()
                    return
        raise refusal or NotFound("There are no instances any more")


async def _nothing() -> AsyncGenerator[Part, None]:
    return
    yield


async def _done(jobs: Iterator[Job]) -> Part:
    """What the one job of ``jobs`` makes."""
    return await next(jobs)()


async def _only(parts: AsyncGenerator[Part, None]) -> Part:
    """The one part of ``parts``."""
    async with aclosing(parts):
        return await anext(parts)


def _lettering(settings: GatewaySettings) -> Lettering:
    """The font of the settings.

    Raises:
        ConfigurationError: it cannot be read.
    """
    font = settings.annotation_font
    try:
        return Lettering(font.read_bytes() if font else b"")
    except OSError as error:
        raise ConfigurationError("GATEWAY_ANNOTATION_FONT is no font that can be read.") from error


def _refusal(error: Exception) -> NotAcceptable:
    return error if isinstance(error, NotAcceptable) else NotAcceptable(str(error))


def _all_frames(instance: Instance) -> range:
    return range(1, len(instance.frames) + 1)


def _candidates(batch: Sequence[Instance]) -> Iterator[tuple[Instance, tuple[int, ...]]]:
    """What could stand for a series: an image by its middle frame, then what is no image."""
    image = representatives.image(batch)
    if image is not None:
        yield image, (middle(_all_frames(image)),)
    for instance in batch:
        if category(instance) is not Category.IMAGE:
            yield instance, ()


def _check(instance: Instance, numbers: Sequence[int]) -> None:
    beyond = max(numbers, default=0)
    if beyond > len(instance.frames):
        raise NotFound(f"Frame {beyond} does not exist; there are {len(instance.frames)}")
