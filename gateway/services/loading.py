"""The first load: a whole data store, in the order of its changes, resumed where it was left."""

import asyncio
import logging
import time
from contextlib import aclosing
from typing import Final

from gateway.dicomweb import warnings
from gateway.errors import GatewayError
from gateway.remote.api import Urgency
from gateway.services.feed import Feed
from gateway.services.index import Batch, Loading, Mark, State
from gateway.telemetry.syncing import Gauges

_log: Final = logging.getLogger(__name__)

_OVERLAP: Final = 2.0
_TOLD_SECONDS: Final = 10.0


async def load(feed: Feed, state: State, gauges: Gauges) -> None:
    """Bring all there is, and tell how far that is from time to time.

    Raises:
        GatewayError: HealthImaging is away, or refuses; what has been brought is kept.
    """
    begun = state.loading or Loading(time.time())
    await feed.apply(Batch(), Mark(loading=begun, epoch=state.epoch))
    _tell("catalog_load", feed, begun)
    watch = asyncio.create_task(_watch(feed, state, gauges))
    try:
        await feed.follow(await feed.run(feed.index.state), _OVERLAP, _ahead, lambda: gauges.total)
    finally:
        watch.cancel()
        await asyncio.wait([watch])
    # What was deleted meanwhile is found by a comparison, which is due by when the load began.
    state = await feed.run(feed.index.state)
    ended = Mark(loaded=time.time(), reconciled=begun.began, epoch=begun.began)
    await feed.apply(Batch(), ended)
    gauges.done = state.loading.done if state.loading else 0
    _tell("catalog_loaded", feed, state.loading)


async def _watch(feed: Feed, state: State, gauges: Gauges) -> None:
    """Count what there is, beside the load, and tell how far it is."""
    counting = asyncio.create_task(_count(feed, state, gauges))
    try:
        while True:
            await asyncio.sleep(_TOLD_SECONDS)
            _tell("catalog_load", feed, (await feed.run(feed.index.state)).loading)
    finally:
        counting.cancel()
        await asyncio.wait([counting])


async def _count(feed: Feed, state: State, gauges: Gauges) -> None:
    """How many image sets there will be; a search says that of one page at a time only."""
    total = state.loading.done if state.loading else 0
    try:
        async with aclosing(feed.pages(max(0.0, state.watermark - _OVERLAP), _ahead)) as pages:
            async for page in pages:
                total += len(page)
    except GatewayError:
        return  # then nobody knows
    gauges.total = total


def _ahead() -> Urgency:
    return Urgency.AHEAD


def _tell(event: str, feed: Feed, progress: Loading | None) -> None:
    extra: dict[str, object] = {"datastore": feed.datastore_id}
    if progress is not None:
        extra |= {"image_sets": progress.done, "of": progress.total}
    _log.info(event, extra=extra)


def loading(state: State) -> str:
    """The warning of answers that are found without the catalog, because it is being loaded."""
    progress = state.loading or Loading(0.0)
    return warnings.loading(progress.done, progress.total)
