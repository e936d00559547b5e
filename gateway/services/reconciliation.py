"""The whole catalog compared with HealthImaging: what was missed comes, what is gone goes."""

import logging
import time
from contextlib import aclosing
from typing import Final

from gateway.services.changes import Mood
from gateway.services.feed import Feed
from gateway.services.index import Batch, Mark

_log: Final = logging.getLogger(__name__)

_CHECKED: Final = 100
_FAILED: Final = 50


async def reconcile(feed: Feed, mood: Mood) -> None:
    """Go through all image sets of a data store once; no more than a page is in memory.

    What is not found is looked at one by one before it is removed, because a listing that changes
    while it is read may leave something out.

    Raises:
        GatewayError: HealthImaging is away, or refuses; the next time begins from the beginning.
    """
    index, began = feed.index, time.time()
    until = (await feed.run(index.state)).watermark
    async with aclosing(feed.pages(0.0, mood)) as pages:
        async for page in pages:
            await feed.bring(page, mood)
            await feed.run(index.seen, [one.image_set_id for one in page], began)
    removed = await _remove_unseen(feed, began, until, mood)
    place: int | None = 0
    while place is not None:
        place = await feed.run(index.sweep, place)
    await feed.apply(Batch(), Mark(reconciled=began))
    extra = {"datastore": feed.datastore_id, "removed": removed}
    _log.info("catalog_reconciled", extra=extra)


async def _remove_unseen(feed: Feed, began: float, until: float, mood: Mood) -> int:
    removed = 0
    while unseen := await feed.run(feed.index.unseen, began, until, _CHECKED):
        removed += await feed.remove(unseen, mood)
        # What is there all the same has been seen by that.
        await feed.run(feed.index.seen, unseen, began)
    return removed


async def retry(feed: Feed, mood: Mood) -> int:
    """Try again what could not be read; the image sets that were tried."""
    after, tried = "", 0
    while failed := await feed.run(feed.index.failed, after, _FAILED):
        await feed.bring(failed, mood)
        after, tried = failed[-1].image_set_id, tried + len(failed)
    return tried
