"""Presentation states and the frames that they show, found in the library."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from gateway.dicomweb.rendered import Parameters
from gateway.dicomweb.resources import Address, instance_url
from gateway.errors import InvalidRequest, NotFound
from gateway.imagesets.document import Instance
from gateway.rendering import presentation_states
from gateway.rendering.categories import Category, category
from gateway.rendering.presentation_states import PresentationState
from gateway.services.compute import Compute
from gateway.services.library import Library


@dataclass(frozen=True, slots=True)
class Presentation:
    """Frames of images as ``state`` has them, in its order; there is at least one.

    ``path`` is where a picture of the only frame is by itself, below the service root.
    """

    state: PresentationState
    frames: tuple[tuple[Instance, int], ...]
    path: str = ""


class Presentations:
    """Looks up what presentation states show."""

    def __init__(self, library: Library, compute: Compute) -> None:
        self._library = library
        self._compute = compute

    async def shown(self, address: Address, instance: Instance) -> Presentation:
        """What ``instance``, a presentation state at ``address``, shows of what is stored.

        Raises:
            NotFound: none of the images is stored.
            NotAcceptable: no true picture can be made of that kind of state.
        """
        state = await self._parsed(instance)
        frames = [shown async for shown in self._frames(address, instance, state)]
        if not frames:
            raise NotFound("None of the images that the presentation state shows is stored")
        own = instance_url("", instance.study, instance.series, instance.sop)
        return Presentation(state, tuple(frames), f"{own}/rendered" if len(frames) == 1 else "")

    async def applied(self, address: Address, image: Instance) -> Presentation:
        """Those frames of ``image`` that the presentation state at ``address`` is for.

        Raises:
            NotFound: there is no such presentation state.
            InvalidRequest: it is none, or not for ``image``.
            NotAcceptable: no true picture can be made of that kind of state.
        """
        instance = await self._library.instance(address)
        if category(instance) is not Category.PRESENTATION:
            raise InvalidRequest("The object is no presentation state", "presentationUID")
        state = await self._parsed(instance)
        numbers = range(1, len(image.frames) + 1)
        frames = tuple((image, number) for number in numbers if state.covers(image.sop, number))
        if not frames:
            message = "The presentation state is not for that image"
            raise InvalidRequest(message, "presentationUID")
        return Presentation(state, frames)

    async def _parsed(self, instance: Instance) -> PresentationState:
        return await self._compute.run(lambda: presentation_states.parse(instance.dataset()))

    async def _frames(
        self, address: Address, instance: Instance, state: PresentationState
    ) -> AsyncGenerator[tuple[Instance, int], None]:
        """The frames that are stored; a state may outlive some of its images."""
        for reference in state.references:
            place = Address(
                address.datastore_id,
                instance.study,
                reference.series,
                reference.sop,
                as_of=address.as_of,
            )
            try:
                image = await self._library.instance(place)
            except NotFound:
                continue
            if category(image) is Category.IMAGE:
                for number in reference.frames or range(1, len(image.frames) + 1):
                    if number <= len(image.frames):
                        yield image, number


def check(parameters: Parameters) -> None:
    """Refuse what a presentation state decides already (PS3.18 8.3.5.1, 9.5.1.2).

    Raises:
        InvalidRequest: there is such a parameter.
    """
    for name, given in (("window", parameters.window), ("overlays", parameters.overlays)):
        if given:
            raise InvalidRequest(f"{name} does not go with a presentation state", name)
