"""Pictures of an image's frames: fetched, painted in threads, encoded one by one or as one."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, TypeVar

from gateway.dicomweb.rendered import Parameters
from gateway.dicomweb.renditions import ANIMATIONS, WITH_PROFILE
from gateway.dicomweb.resources import instance_url
from gateway.errors import InvalidRequest
from gateway.imagesets.document import Instance
from gateway.rendering import originals, pictures
from gateway.rendering.categories import is_slide
from gateway.rendering.lettering import Lettering
from gateway.rendering.painter import Painter, Picture
from gateway.rendering.presentation_states import PresentationState
from gateway.rendering.presenter import Presenter
from gateway.services.ahead import ordered
from gateway.services.compute import Compute
from gateway.services.decoded import Decoded
from gateway.services.library import Library
from gateway.services.sitters import Sitters

_Made = TypeVar("_Made")

_ANIMATED_AT_A_TIME: Final = 1  # all frames of an animation are in memory until it is encoded


@dataclass(frozen=True, slots=True)
class Part:
    """One picture or document; ``path`` is where it is by itself, below the service root.

    A ``foreign`` one is what somebody else has written, byte for byte.
    """

    media_type: str
    content: bytes
    path: str
    foreign: bool = False


Job: TypeAlias = Callable[[], Awaitable[Part]]
"""Work that makes a part; it costs nothing before it is called."""


class Studio:
    """Where pictures are made: what all of them share; ``most`` are the pixels of a side."""

    def __init__(
        self,
        library: Library,
        compute: Compute,
        decoded: Decoded,
        lettering: Lettering,
        ahead: int,
        most: int,
    ) -> None:
        self.library = library
        self.compute = compute
        self.decoded = decoded
        self.sitters = Sitters()
        self.lettering = lettering
        self.ahead = ahead
        self.most = most
        self.animating = asyncio.Semaphore(_ANIMATED_AT_A_TIME)


class Album:
    """The pictures of ``instance`` as ``media_type``, made as ``parameters`` have it.

    ``leaf`` is the last word of the path of a picture. Without ``enlarge`` none has more pixels
    than the image. A presentation ``state`` comes before the parameters; its pictures are not those
    at the image's paths, but at ``path`` where there is one.

    Raises:
        InvalidRequest: the media type cannot carry the ICC profile that is asked for.
    """

    def __init__(
        self,
        studio: Studio,
        datastore_id: str,
        instance: Instance,
        media_type: str,
        parameters: Parameters,
        *,
        leaf: str = "rendered",
        enlarge: bool = True,
        state: PresentationState | None = None,
        path: str = "",
    ) -> None:
        if parameters.profile != "no" and media_type not in WITH_PROFILE:
            raise InvalidRequest(f"{media_type} carries no ICC profile", "iccprofile")
        self._studio = studio
        self._datastore_id = datastore_id
        self._instance = instance
        self._media_type = media_type
        self._parameters = parameters
        self._leaf = leaf
        self._enlarge = enlarge
        self._state = state
        self._own_path = path
        self._painter: Painter | None = None
        self._hiring = threading.Lock()

    def jobs(self, numbers: Sequence[int], *, multipart: bool) -> Iterator[Job]:
        """A picture for each of the frames with ``numbers``, or one for all of them.

        One for all is an animation where the media type can be one and the frames are views of the
        same thing; else it is the middle frame.
        """
        if multipart:
            for number in numbers:
                yield partial(self.still, number)
        elif len(numbers) > 1 and self._media_type in ANIMATIONS and not is_slide(self._instance):
            yield partial(self.animation, numbers)
        else:
            yield partial(self.still, middle(numbers))

    async def still(self, number: int) -> Part:
        """The picture of the frame with ``number``."""
        content = await self._made(number, self._encoded)
        alone = len(self._instance.frames) == 1
        return Part(self._media_type, content, self._path("" if alone else f"/frames/{number}"))

    async def animation(self, numbers: Sequence[int]) -> Part:
        """The frames with ``numbers`` one after the other."""
        paint = partial(self._made, work=Painter.paint)
        async with self._studio.animating:
            async with aclosing(ordered(numbers, paint, self._studio.ahead)) as found:
                painted = [one async for one in found]
            content = await self._studio.compute.run(self._animated, numbers, painted)
        return Part(self._media_type, content, self._path(""))

    def _path(self, frame: str) -> str:
        if self._state is not None:
            return self._own_path
        one = self._instance
        return f"{instance_url('', one.study, one.series, one.sop)}{frame}/{self._leaf}"

    async def _made(self, number: int, work: Callable[[Painter, int, bytes], _Made]) -> _Made:
        studio = self._studio
        frame = await studio.library.frame(self._datastore_id, self._instance, number)
        return await studio.compute.run(self._worked, work, number, frame)

    def _worked(
        self, work: Callable[[Painter, int, bytes], _Made], number: int, frame: bytes
    ) -> _Made:
        """``work`` by the painter, who is hired once, in the thread of the first frame."""
        with self._hiring:
            if self._painter is None:
                self._painter = self._hired()
        return work(self._painter, number, frame)

    def _hired(self) -> Painter:
        studio, keep = self._studio, self._studio.decoded.get
        given = (studio.sitters.of(self._instance), self._parameters, studio.lettering)
        if self._state is None:
            return Painter(*given, enlarge=self._enlarge, keep=keep)
        return Presenter(
            *given, state=self._state, most=studio.most, enlarge=self._enlarge, keep=keep
        )

    def _encoded(self, painter: Painter, number: int, frame: bytes) -> bytes:
        given = (self._instance, frame, self._media_type, self._parameters)
        if self._state is None and originals.stands(*given):
            return frame
        picture, profile = painter.paint(number, frame)
        return pictures.encode(picture, self._media_type, self._parameters.quality, profile)

    def _animated(
        self, numbers: Sequence[int], painted: Sequence[tuple[Picture, bytes | None]]
    ) -> bytes:
        assert self._painter is not None  # noqa: S101  it has painted
        return pictures.animate(
            [picture for picture, _ in painted],
            self._painter.durations(numbers),
            self._media_type,
            self._parameters.quality,
            painted[0][1],
        )


def middle(numbers: Sequence[int]) -> int:
    """The number of the frame that stands for all with ``numbers``."""
    return numbers[len(numbers) // 2]
