"""Retrieve Bulk Data (PS3.18 10.4.1.1.5): a binary value of an instance by its path."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.dicom import elements, vrs
from gateway.dicom.elements import DataSet
from gateway.dicomweb import representations
from gateway.dicomweb.accept import Accept
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.representations import OCTET_STREAM
from gateway.dicomweb.resources import Address
from gateway.errors import NotFound
from gateway.services.library import Library

_ENCAPSULATED_DOCUMENT: Final = 0x00420011
_DOCUMENT_TYPE: Final = 0x00420012


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """The bytes of one value, little-endian, in ``representation``."""

    representation: Representation
    content: bytes


def find(dataset: DataSet, path: Sequence[int]) -> bytes:
    """The bytes of the value at ``path``: tags, with item numbers from 1 between them.

    Raises:
        NotFound: there is no such binary value.
    """
    element = elements.find(dataset, path[0])
    if element and len(path) > 1 and element[1] == "SQ" and path[1] <= len(element[2]):
        return find(element[2][path[1] - 1], path[2:])
    if element is None or len(path) > 1 or element[1] not in vrs.BYTES:
        raise NotFound("The instance has no such bulk data")
    return base64.b64decode(element[2])


class BulkData:
    """The transaction, over a library."""

    def __init__(self, library: Library) -> None:
        self._library = library

    async def retrieve(self, address: Address, path: Sequence[int], ranges: Accept) -> BulkAnswer:
        """The value at ``path`` of the instance at ``address``.

        Raises:
            NotFound: the instance or the value does not exist.
            NotAcceptable: no form that the client wants is available.
        """
        instance = await self._library.instance(address)
        dataset = instance.dataset()
        content = find(dataset, path)
        kind = OCTET_STREAM
        if tuple(path) == (_ENCAPSULATED_DOCUMENT,):
            kind = elements.text(dataset, _DOCUMENT_TYPE).lower() or OCTET_STREAM
        return BulkAnswer(representations.bulk_data(ranges, kind), content)
