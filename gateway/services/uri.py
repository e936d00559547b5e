"""The URI Service (PS3.18 chapter 9): one instance as a DICOM file, or as it is to be seen."""

from collections.abc import Sequence
from typing import Final

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb import renditions
from gateway.dicomweb.accept import Accept, MediaRange
from gateway.dicomweb.renditions import ANIMATIONS
from gateway.dicomweb.representations import DICOM
from gateway.dicomweb.resources import Address
from gateway.dicomweb.uri import Asked
from gateway.errors import InvalidRequest, NotAcceptable
from gateway.imagesets.document import Instance
from gateway.services.albums import Part
from gateway.services.instances import Instances, InstancesAnswer
from gateway.services.library import Library
from gateway.services.rendered import Rendered, Wanted

_FIRST: Final = (1,)


class Uri:
    """Both transactions, over a library and the services of WADO-RS."""

    def __init__(
        self, library: Library, instances: Instances, rendered: Rendered, most: int
    ) -> None:
        self._library = library
        self._instances = instances
        self._rendered = rendered
        self._most = most

    async def retrieve(self, address: Address, asked: Asked, root: str) -> Part | InstancesAnswer:
        """The instance at ``address`` in the media type that the client likes best.

        Links in documents lead below the service root ``root``.

        Raises:
            NotFound: it does not exist.
            NotAcceptable: it cannot be had as the client wants it.
            InvalidRequest: a parameter does not go with the instance.
        """
        instance = await self._library.instance(address)
        numbers = _numbers(instance, asked)
        state = _state(address, asked)
        parameters = asked.parameters(*await self._rendered.size(instance, state), self._most)
        offers = self._rendered.offers(instance, numbers, parameters).single
        media_type = _choose(instance, asked, offers)
        if media_type == DICOM:
            return await self._instances.retrieve(address, _file(asked))
        if asked.pictured and not media_type.startswith(("image/", "video/")):
            raise InvalidRequest(f"{asked.pictured} goes with images only", asked.pictured)
        if media_type not in ANIMATIONS and len(instance.frames) > 1:
            numbers = numbers or _FIRST
        accept = Accept((MediaRange(media_type),))
        wanted = Wanted(address, accept, parameters, numbers, root, state)
        answer = await self._rendered.retrieve(wanted)
        await answer.rest.aclose()
        return answer.first


def _state(address: Address, asked: Asked) -> Address | None:
    """The presentation state that is to be applied, which is of the same study (9.5.1.2)."""
    if asked.state is None:
        return None
    study, series, instance = address.study, asked.state.series, asked.state.instance
    return Address(address.datastore_id, study, series, instance, as_of=address.as_of)


def _numbers(instance: Instance, asked: Asked) -> tuple[int, ...]:
    """The frame that is asked for (PS3.18 9.5.2.1)."""
    if asked.frame is None:
        return ()
    count = len(instance.frames)
    if asked.frame > count or (asked.accept.strict and count == 1):
        raise InvalidRequest(f"frameNumber is not that of one of {count} frames", "frameNumber")
    return (asked.frame,)


def _choose(instance: Instance, asked: Asked, rendered: Sequence[str]) -> str:
    """The selected media type (PS3.18 9.3).

    Where the client takes any, an image of one frame is a picture and one of several a file; what
    is no image is rendered where it can be. Parameters of one transaction leave out the other.
    """
    if asked.syntax is not None:
        offers = [DICOM]
    elif asked.pictured:
        offers = list(rendered)
    elif len(instance.frames) > 1:
        offers = [DICOM, *rendered]
    else:
        offers = [*rendered, DICOM]
    chosen = renditions.choose(asked.accept, offers, ()).media_type
    if chosen.startswith("text/") and not asked.utf_8:
        raise NotAcceptable("Text is available in UTF-8 only", ("utf-8",))
    return chosen


def _file(asked: Asked) -> Accept:
    """The request for a DICOM file as WADO-RS has it (PS3.18 9.4.2.4)."""
    syntax = asked.syntax or ts.EXPLICIT_LE
    ranges = (MediaRange(DICOM, (("transfer-syntax", syntax),)),)
    return Accept(ranges, strict=asked.accept.strict)
