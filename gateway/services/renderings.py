"""What each kind of instance can be rendered as, and the work that makes it.

The kinds are told apart here and nowhere else: for one more, ``offers`` and ``jobs`` take a case.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final, TypeAlias, assert_never

from gateway.dicom import bulkdata, elements
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.rendered import Parameters
from gateway.dicomweb.renditions import ANIMATIONS, STILLS, TEXT, TEXTS
from gateway.dicomweb.resources import instance_url
from gateway.imagesets.document import Instance
from gateway.rendering import report_html, report_text
from gateway.rendering.categories import Category, category, is_slide, video_type
from gateway.services import presentations
from gateway.services.albums import Album, Job, Part, Studio
from gateway.services.presentations import Presentation
from gateway.settings import GatewaySettings

_PROPER_STILLS: Final = tuple(kind for kind in STILLS if kind not in ANIMATIONS)


Subject: TypeAlias = Instance | Presentation
"""What is rendered: an instance, or what a presentation state shows."""


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
        self, subject: Subject, numbers: Sequence[int], parameters: Parameters, *, strict: bool
    ) -> Offers:
        """What can be made of ``subject``, or of its frames with ``numbers`` where there are any.

        Unless it is ``strict``, one picture may stand for all frames.
        """
        if isinstance(subject, Presentation):
            alone = len(subject.frames) == 1 or not strict
            return Offers(STILLS if alone else (), STILLS)
        return self._offers(subject, numbers, parameters, strict=strict)

    def _offers(
        self, instance: Instance, numbers: Sequence[int], parameters: Parameters, *, strict: bool
    ) -> Offers:
        match category(instance):
            case Category.IMAGE:
                return self._pictures(instance, numbers, parameters, strict=strict)
            case Category.VIDEO:
                return _whole(video_type(instance), numbers)
            case Category.DOCUMENT:
                return _whole(bulkdata.document_type(instance.dataset()), numbers)
            case Category.REPORT:
                return Offers() if numbers else Offers(TEXTS, TEXTS)
            case Category.PRESENTATION | Category.OTHER:
                return Offers()
            case _ as never:
                assert_never(never)

    def jobs(
        self,
        datastore_id: str,
        subject: Subject,
        numbers: Sequence[int],
        chosen: Representation,
        parameters: Parameters,
        root: str,
    ) -> Iterator[Job]:
        """The work that makes ``subject`` what was ``chosen`` of its offers, one for each part.

        Links in documents lead below the service root ``root``.

        Raises:
            InvalidRequest: a parameter does not go with the media type, or with the subject.
        """
        if isinstance(subject, Presentation):
            yield from self._presented(datastore_id, subject, chosen, parameters)
            return
        instance = subject
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
            case Category.REPORT:
                yield partial(self._report, instance, chosen.media_type, root)
            case Category.PRESENTATION | Category.OTHER:
                return
            case _ as never:
                assert_never(never)

    def _presented(
        self,
        datastore_id: str,
        subject: Presentation,
        chosen: Representation,
        parameters: Parameters,
    ) -> Iterator[Job]:
        """A picture of each frame, or of the first one, which then stands for all."""
        presentations.check(parameters)
        frames = subject.frames if chosen.multipart else subject.frames[:1]
        for _, group in groupby(frames, lambda frame: frame[0].sop):
            shown = list(group)
            album = Album(
                self._studio,
                datastore_id,
                shown[0][0],
                chosen.media_type,
                parameters,
                state=subject.state,
                path=subject.path,
            )
            for _, number in shown:
                yield partial(album.still, number)

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

    async def _report(self, instance: Instance, media_type: str, root: str) -> Part:
        """A structured report, in UTF-8 (PS3.18 8.7.4)."""
        content = await self._studio.compute.run(_written, instance, media_type, root)
        return Part(f"{media_type}; charset=utf-8", content, _path(instance))

    async def _document(self, instance: Instance) -> Part:
        dataset = instance.dataset()
        element = elements.find(dataset, bulkdata.ENCAPSULATED_DOCUMENT)
        content = await self._studio.compute.run(base64.b64decode, element[2] if element else "")
        return Part(bulkdata.document_type(dataset), content, _path(instance), foreign=True)


def _written(instance: Instance, media_type: str, root: str) -> bytes:
    """A report; what it refers to is linked as it is rendered."""
    dataset = instance.dataset()
    if media_type == TEXT:
        return report_text.text(dataset).encode()
    page = report_html.html(dataset, lambda *uids: f"{instance_url(root, *uids)}/rendered")
    return page.encode()


def _whole(media_type: str, numbers: Sequence[int]) -> Offers:
    """What has no pictures of frames goes out as it is."""
    return Offers() if numbers else Offers((media_type,), (media_type,))


def _path(instance: Instance) -> str:
    return f"{instance_url('', instance.study, instance.series, instance.sop)}/rendered"
