"""Retrieve Metadata (PS3.18 10.4.1.1.2): JSON or XML of a study, a series or an instance."""

from bisect import insort
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Final

import orjson

from gateway.dicom import jsonmodel, provenance, xmlmodel
from gateway.dicom.bulkdata import ELSEWHERE, BulkLink
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.image import pixel_element
from gateway.dicomweb.resources import Address, bulk_data_url
from gateway.imagesets.document import Instance
from gateway.imagesets.pieces import Pieces
from gateway.services.compute import Compute
from gateway.services.library import Library

_FIRST: Final = 10  # instances that are written before anything goes out
_AT_ONCE: Final = 100

Flags = Mapping[str, int | None]
"""The versions, by id, of image sets of which the answer says that they are not primary."""


def described(instance: Instance) -> DataSet:
    """All attributes of an instance; its pixel data are known to be elsewhere."""
    dataset = instance.dataset()
    for element in _pixels(instance):
        insort(dataset, element, key=lambda element: element[0])
    return dataset


def _pixels(instance: Instance) -> tuple[Element, ...]:
    return ((*pixel_element(instance.pixel()), ELSEWHERE),) if instance.frames else ()


def links(instance: Instance, root: str) -> BulkLink:
    """URLs of the values of ``instance`` below ``root``, which may be pinned to an image set."""
    return partial(bulk_data_url, root, instance.study, instance.series, instance.sop)


class Metadata:
    """The transaction, over a library; values of more than ``inline_limit`` bytes are linked."""

    def __init__(self, library: Library, compute: Compute, inline_limit: int) -> None:
        self._library = library
        self._compute = compute
        self._limit = inline_limit

    async def retrieve(self, address: Address, root: str) -> AsyncGenerator[bytes, None]:
        """A JSON array of the instances at ``address``, made bit by bit.

        Raises:
            NotFound: there are none; before anything is yielded.
        """
        opening, pieces = b"[", self._pieces()
        flags = await self._library.secondary(address)
        async with aclosing(self._instances(address)) as groups:
            async for group in groups:
                yield opening + await self._compute.run(self._json, group, pieces, root, flags)
                opening = b","
        yield b"]"

    async def documents(self, address: Address, root: str) -> AsyncGenerator[bytes, None]:
        """An XML document of each instance at ``address``.

        Raises:
            NotFound: there are none; before anything is yielded.
        """
        flags = await self._library.secondary(address)
        async with aclosing(self._instances(address)) as groups:
            async for group in groups:
                for document in await self._compute.run(self._xml, group, root, flags):
                    yield document

    async def _instances(self, address: Address) -> AsyncGenerator[list[Instance], None]:
        """The instances of one series after the other, in groups that are soon written."""
        async with aclosing(self._library.batches(address)) as batches:
            async for batch in batches:
                yield batch[:_FIRST]
                for start in range(_FIRST, len(batch), _AT_ONCE):
                    yield batch[start : start + _AT_ONCE]

    def _pieces(self) -> Pieces:
        shared = partial(jsonmodel.shared_member, limit=self._limit)
        return Pieces(shared, prepared=jsonmodel.writer)

    def _json(self, group: list[Instance], pieces: Pieces, root: str, flags: Flags) -> bytes:
        return b",".join([self._object(one, pieces, root, flags) for one in group])

    def _object(self, one: Instance, pieces: Pieces, root: str, flags: Flags) -> bytes:
        link = links(one, root)
        if one.image_set_id in flags:
            return orjson.dumps(jsonmodel.encode(_flagged(one, flags), link, self._limit))
        own = partial(jsonmodel.member, link=link, limit=self._limit)
        return b"{" + pieces.write(one, own, _pixels(one))[1:] + b"}"

    def _xml(self, group: list[Instance], root: str, flags: Flags) -> list[bytes]:
        return [
            xmlmodel.encode(_flagged(one, flags), links(one, root), self._limit) for one in group
        ]


def _flagged(instance: Instance, flags: Flags) -> DataSet:
    """All attributes; it says so in them where the image set is one of ``flags``."""
    dataset, source = described(instance), instance.image_set_id
    return provenance.marked(dataset, source, flags[source]) if source in flags else dataset
