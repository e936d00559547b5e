"""Retrieve Bulk Data and Pixel Data (PS3.18 10.4.1.1.5 and 10.4.1.1.6): one value, or all."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

from gateway.dicom import bulkdata, tags
from gateway.dicom.bulkdata import ELSEWHERE
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.image import pixel_element
from gateway.dicomweb import representations
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.representations import OCTET_STREAM
from gateway.dicomweb.resources import Address, bulk_path
from gateway.errors import NotAcceptable, NotFound
from gateway.imagesets.document import Instance
from gateway.services.ahead import ordered
from gateway.services.compute import Compute
from gateway.services.library import Library
from gateway.services.metadata import described, links
from gateway.services.pixeldata import Part, PixelData, follows_from, is_one_part

_ENCAPSULATED_DOCUMENT: Final = tags.hex8(bulkdata.ENCAPSULATED_DOCUMENT)
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """The values of a resource; each part must be read to its end before the next is taken.

    ``first`` is the form of the first part, ``alone`` says that there is no other; ``complete``
    that no value had to be left out for want of a form that the client accepts. ``identity`` is
    what the bytes follow from for ever, empty if they change with the image set.
    """

    first: Representation
    parts: AsyncGenerator[Part, None]
    alone: bool
    complete: bool = True
    identity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of an instance, its path in the data set, and its media type."""

    instance: Instance
    path: str
    element: Element
    media_type: str = OCTET_STREAM


@dataclass(slots=True)
class _Survey:
    """What the values of a resource can go out as; ``value`` and ``first`` are of the first."""

    count: int = 0
    served: int = 0
    value: _Value | None = None
    first: Representation | None = None
    refusal: NotAcceptable | None = None

    def add(self, value: _Value, choose: Callable[[], Representation]) -> None:
        self.count += 1
        self.value = self.value or value
        try:
            chosen = choose()
        except NotAcceptable as error:
            self.refusal = error
        else:
            self.served += 1
            self.first = self.first or chosen


_Chosen: TypeAlias = tuple[_Value, Representation]


class BulkData:
    """The transactions, over a library; what is longer than ``inline_limit`` is bulk data.

    At most ``ahead`` values are fetched or waiting to be sent.
    """

    def __init__(
        self,
        library: Library,
        compute: Compute,
        pixeldata: PixelData,
        inline_limit: int,
        ahead: int,
    ) -> None:
        self._library = library
        self._compute = compute
        self._pixeldata = pixeldata
        self._limit = inline_limit
        self._ahead = ahead

    async def retrieve(self, address: Address, path: str, accept: Accept, root: str) -> BulkAnswer:
        """The value at ``path``, tags with item numbers between them, of one instance.

        Raises:
            InvalidRequest: the path is malformed.
            NotFound: the instance or the value does not exist.
            NotAcceptable: no form that the client wants is available.
        """
        keys = bulk_path(path)
        instance = await self._library.instance(address)
        value = await self._compute.run(_value_at, instance, keys)
        chosen = self._choose(value, accept, several=False)
        return self._one(value, chosen, address.datastore_id, root)

    async def everything(
        self, address: Address, accept: Accept, root: str, *, pixels: bool
    ) -> BulkAnswer:
        """All bulk data of a study, a series or an instance; of ``pixels`` only if so.

        Raises:
            NotFound: there are no instances, or no such values.
            NotAcceptable: no value is available in a form that the client wants.
        """
        seen = _Survey()
        async with aclosing(self._groups(address, pixels=pixels)) as groups:
            async for group in groups:
                for value in group:
                    seen.add(value, partial(self._choose, value, accept, several=True))
        if not seen.count:
            raise NotFound(f"There {'are no pixel' if pixels else 'is no bulk'} data")
        if seen.count == 1 and seen.value:
            chosen = seen.first or self._choose(seen.value, accept)
            answer = self._one(seen.value, chosen, address.datastore_id, root)
            # There may be more values tomorrow, but for the pixels of one instance.
            lasting = pixels and address.instance is not None
            return answer if lasting else replace(answer, identity=())
        if seen.first is None:
            raise seen.refusal or NotAcceptable("No value is available in an acceptable form")
        parts = self._parts(address, accept, root, pixels=pixels)
        return BulkAnswer(seen.first, parts, alone=False, complete=seen.served == seen.count)

    def _one(
        self, value: _Value, chosen: Representation, datastore_id: str, root: str
    ) -> BulkAnswer:
        parts = self._sent(datastore_id, [(value, chosen)], root)
        if value.element[2] is not ELSEWHERE:
            return BulkAnswer(chosen, parts, alone=True)
        identity = (root, *follows_from(value.instance, chosen))
        return BulkAnswer(chosen, parts, is_one_part(value.instance, chosen), identity=identity)

    def _choose(self, value: _Value, accept: Accept, *, several: bool = False) -> Representation:
        if value.element[2] is ELSEWHERE:
            return self._pixeldata.choose(value.instance, accept, several=several)
        return representations.bulk_data(accept, value.media_type, several=several)

    async def _groups(
        self, address: Address, *, pixels: bool
    ) -> AsyncGenerator[list[_Value], None]:
        """All values, those of some instances of one series at a time; no group is empty."""
        async with aclosing(self._library.batches(address)) as batches:
            async for batch in batches:
                for start in range(0, len(batch), _AT_ONCE):
                    instances = batch[start : start + _AT_ONCE]
                    limit = None if pixels else self._limit
                    if group := await self._compute.run(_values_of, instances, limit):
                        yield group

    async def _parts(
        self, address: Address, accept: Accept, root: str, *, pixels: bool
    ) -> AsyncGenerator[Part, None]:
        async with aclosing(self._groups(address, pixels=pixels)) as groups:
            async for group in groups:
                chosen: list[_Chosen] = []
                for value in group:
                    with suppress(NotAcceptable):  # the answer is said not to be complete
                        chosen.append((value, self._choose(value, accept, several=True)))
                async with aclosing(self._sent(address.datastore_id, chosen, root)) as parts:
                    async for part in parts:
                        yield part

    async def _sent(
        self, datastore_id: str, values: Sequence[_Chosen], root: str
    ) -> AsyncGenerator[Part, None]:

        async def fetch(one: _Chosen) -> bytes | None:
            value, chosen = one
            if value.element[2] is not ELSEWHERE:
                return await self._compute.run(bulkdata.content, value.element)
            if len(value.instance.frames) > 1:
                return None  # they are fetched while they are sent
            return await self._pixeldata.frame(datastore_id, value.instance, chosen)

        async with aclosing(ordered(values, fetch, self._ahead)) as contents:
            for value, chosen in values:
                uri = links(value.instance, root)(value.path)
                content = await anext(contents)
                if content is not None:
                    yield Part(chosen, uri, len(content), content)
                    continue
                frames = self._pixeldata.parts(datastore_id, value.instance, chosen, uri)
                async with aclosing(frames) as parts:
                    async for part in parts:
                        yield part


def _value_at(instance: Instance, keys: tuple[int, ...]) -> _Value:
    dataset = described(instance)
    element = bulkdata.find(dataset, keys)
    if element is None:
        raise NotFound("The instance has no such bulk data")
    path = "/".join(str(key) if at % 2 else tags.hex8(key) for at, key in enumerate(keys))
    return _Value(instance, path, element, _media_type(dataset, path))


def _values_of(instances: Iterable[Instance], limit: int | None) -> list[_Value]:
    """What is longer than ``limit`` bytes; without a limit the pixel data."""
    if limit is None:
        return [_pixels(instance) for instance in instances if instance.frames]
    found = []
    for instance in instances:
        dataset = described(instance)
        found += [
            _Value(instance, path, element, _media_type(dataset, path))
            for path, element in bulkdata.values(dataset, limit)
        ]
    return found


def _pixels(instance: Instance) -> _Value:
    tag, vr = pixel_element(instance.pixel())
    return _Value(instance, tags.hex8(tag), (tag, vr, ELSEWHERE))


def _media_type(dataset: DataSet, path: str) -> str:
    """What an encapsulated document says it is; all else is bytes."""
    return bulkdata.document_type(dataset) if path == _ENCAPSULATED_DOCUMENT else OCTET_STREAM
