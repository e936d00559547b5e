"""Retrieve Metadata (PS3.18 10.4.1.1.4): the DICOM JSON of a study, a series or an instance."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from gateway.dicom import jsonmodel, tags
from gateway.dicom.image import pixel_element
from gateway.dicomweb.resources import Address, bulk_data_url
from gateway.imagesets.document import Instance
from gateway.services.compute import Compute
from gateway.services.library import Library


def dicom_json(instance: Instance, root: str, limit: int) -> dict[str, Any]:
    """All attributes of an instance; pixels and large values as links below ``root``."""
    uids = (instance.study, instance.series, instance.sop)

    def url(path: str) -> str:
        return bulk_data_url(root, *uids, path)

    found: dict[str, Any] = jsonmodel.encode(instance.dataset(), url, limit)
    if instance.frames:
        tag, vr = pixel_element(instance.pixel())
        found[tags.hex8(tag)] = {"vr": vr, "BulkDataURI": url(tags.hex8(tag))}
        found = dict(sorted(found.items()))
    return found


class Metadata:
    """The transaction, over a library."""

    def __init__(self, library: Library, compute: Compute, inline_limit: int) -> None:
        self._library = library
        self._compute = compute
        self._limit = inline_limit

    async def retrieve(self, address: Address, root: str) -> AsyncGenerator[bytes, None]:
        """A JSON array of the instances at ``address``, one series at a time.

        Raises:
            NotFound: there are none; before anything is yielded.
        """
        opening = b"["
        async with aclosing(self._library.batches(address)) as batches:
            async for batch in batches:
                yield opening + await self._compute.run(self._encode, batch, root)
                opening = b","
        yield b"]"

    def _encode(self, batch: list[Instance], root: str) -> bytes:
        return orjson.dumps([dicom_json(one, root, self._limit) for one in batch])[1:-1]
