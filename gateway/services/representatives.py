"""One image that stands for many: found without reading more documents than it takes."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from gateway.dicomweb.resources import Address
from gateway.errors import NotFound
from gateway.imagesets.document import Instance
from gateway.remote.api import Summary
from gateway.rendering.categories import (
    Category,
    category,
    is_slide,
    modality_order,
    slide_order,
)
from gateway.services.library import Library

_SERIES_UID: Final = "DICOMSeriesInstanceUID"
_NO_NUMBER: Final = 0


async def batches(library: Library, address: Address) -> AsyncGenerator[list[Instance], None]:
    """The instances at ``address`` series by series, those first that are likely to be images.

    Raises:
        NotFound: there are none.
    """
    for narrowed in await _series(library, address):
        async with aclosing(library.batches(narrowed)) as found:
            try:
                async for batch in found:
                    yield batch
            except NotFound:
                if narrowed == address:
                    raise


async def _series(library: Library, address: Address) -> list[Address]:
    """Addresses that together are ``address``, by the modality that a search tells of them."""
    if address.series is None and address.image_set_id is None:
        summaries = await library.study(address.datastore_id, address.study, address.as_of)
        if summaries and all(summary.tags.get(_SERIES_UID) for summary in summaries):
            first = {str(one.tags[_SERIES_UID]): one for one in reversed(summaries)}
            order = sorted(first, key=lambda uid: _order(first[uid]))
            return [replace(address, series=uid) for uid in order]
    return [address]


def _order(summary: Summary) -> tuple[int, int, str]:
    tags = summary.tags
    modality = str(tags.get("DICOMSeriesModality") or "").strip()
    number = int(tags.get("DICOMSeriesNumber") or _NO_NUMBER)
    return modality_order(modality), number, str(tags[_SERIES_UID])


def image(batch: Sequence[Instance]) -> Instance | None:
    """The middle image of the first series of ``batch`` that has any; of a slide, its overview."""
    images = [one for one in batch if category(one) is Category.IMAGE]
    if not images:
        return None
    images = [one for one in images if one.series == images[0].series]
    if any(map(is_slide, images)):
        return min(filter(is_slide, images), key=slide_order)
    return images[len(images) // 2]
