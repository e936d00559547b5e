"""What each kind of instance can be rendered as, and the work that makes it.

The kinds are told apart here and nowhere else: for one more, ``offers`` and ``jobs`` take a case.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, assert_never

from gateway.dicom import elements
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.rendered import Parameters
from gateway.dicomweb.renditions import ANIMATIONS, STILLS
from gateway.dicomweb.representations import OCTET_STREAM
from gateway.dicomweb.resources import instance_url
from gateway.imagesets.document import Instance
from gateway.rendering.categories import Category, category, is_slide, video_type
from gateway.services.albums import Album, Job, Part, Studio
from gateway.settings import GatewaySettings

_DOCUMENT: Final = 0x00420011
_DOCUMENT_TYPE: Final = 0x00420012
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_PROPER_STILLS: Final = tuple(kind for kind in STILLS if kind not in ANIMATIONS)


@dataclass(frozen=True, slots=True)
class Offers:
    """Media types without an envelope and of parts, the default first.

    ``missing`` says why something is not among them that could be expected.
    """

    single: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    missing: str = ""


class Renderings:
    """Renders instances in a studio; ``settings`` bound what may be asked for."""

    def __init__(self, studio: Studio, settings: GatewaySettings) -> None:
        self._studio = studio
        self._settings = settings

    def offers(
        self, instance: Instance, numbers: Sequence[int], parameters: Parameters, *, strict: bool
    ) -> Offers:
        """What can be made of ``instance``, or of its frames with ``numbers`` where there are any.

        Unless it is ``strict``, one picture may stand for all frames.
        """
        match category(instance):
            case Category.IMAGE:
                return self._pictures(instance, numbers, parameters, strict=strict)
            case Category.VIDEO:
                return _whole(video_type(instance), numbers)
            case Category.DOCUMENT:
                return _whole(_document_type(instance), numbers)
            case Category.REPORT | Category.PRESENTATION | Category.OTHER:
                return Offers()
            case _ as never:
                assert_never(never)

    def jobs(
        self,
        datastore_id: str,
        instance: Instance,
        numbers: Sequence[int],
        chosen: Representation,
        parameters: Parameters,
    ) -> Iterator[Job]:
        """The work that makes ``instance`` what was ``chosen`` of its offers, one for each part.

        Raises:
            InvalidRequest: a parameter does not go with the media type.
        """
        match category(instance):
            case Category.IMAGE:
                kind = chosen.media_type
                album = Album(self._studio, datastore_id, instance, kind, parameters)
                every = numbers or range(1, len(instance.frames) + 1)
                yield from album.jobs(every, multipart=chosen.multipart)
            case Category.VIDEO:
                yield partial(self._video, datastore_id, instance)
            case Category.DOCUMENT:
                yield partial(self._document, instance)
            case Category.REPORT | Category.PRESENTATION | Category.OTHER:
                return
            case _ as never:
                assert_never(never)

    def _pictures(
        self, instance: Instance, numbers: Sequence[int], parameters: Parameters, *, strict: bool
    ) -> Offers:
        count = len(numbers) or len(instance.frames)
        if count == 1:
            return Offers(STILLS, STILLS)
        missing = self._unanimated(instance, count, parameters)
        moving = () if missing else ANIMATIONS
        if numbers or strict:
            return Offers(moving, STILLS, missing)
        return Offers((STILLS if is_slide(instance) else _PROPER_STILLS) + moving, STILLS, missing)

    def _unanimated(self, instance: Instance, count: int, parameters: Parameters) -> str:
        """Why there is no animation of ``count`` frames; ``""`` where there is one."""
        if is_slide(instance):
            return "the tiles of a slide make no animation"
        box, image = parameters.viewport, instance.pixel()
        size = box.width * box.height if box else image.rows * image.columns
        frames = self._settings.animation_max_frames
        pixels = self._settings.animation_max_megapixels
        if count <= frames and count * size <= pixels * 1_000_000:
            return ""
        return f"an animation has {frames} frames and {pixels} million pixels in all at the most"

    async def _video(self, datastore_id: str, instance: Instance) -> Part:
        """A video as it is stored, which is in one piece or in several."""
        numbers = range(1, len(instance.frames) + 1)
        frame = self._studio.library.frame
        content = [await frame(datastore_id, instance, number) for number in numbers]
        whole = content[0] if len(content) == 1 else b"".join(content)
        return Part(video_type(instance), whole, _path(instance))

    async def _document(self, instance: Instance) -> Part:
        element = elements.find(instance.dataset(), _DOCUMENT)
        content = await self._studio.compute.run(base64.b64decode, element[2] if element else "")
        return Part(_document_type(instance), content, _path(instance))


def _whole(media_type: str, numbers: Sequence[int]) -> Offers:
    """What has no pictures of frames goes out as it is."""
    return Offers() if numbers else Offers((media_type,), (media_type,))


def _document_type(instance: Instance) -> str:
    """MIME Type of Encapsulated Document, if it is one (PS3.3 C.24.2)."""
    stated = elements.text(instance.dataset(), _DOCUMENT_TYPE).lower()
    return stated if _MEDIA_TYPE.fullmatch(stated) else OCTET_STREAM


def _path(instance: Instance) -> str:
    return f"{instance_url('', instance.study, instance.series, instance.sop)}/rendered"
