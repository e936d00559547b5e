"""The command ``catalog``: how far the search index is, built anew, compared with the service."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeVar

from gateway.errors import ConfigurationError
from gateway.remote.client import HealthImagingClient
from gateway.services.compute import Compute
from gateway.services.feed import Feed
from gateway.services.index import Index
from gateway.services.indexes import CatalogPlace, place
from gateway.services.loading import load
from gateway.services.verification import differences
from gateway.settings import GatewaySettings
from gateway.telemetry.syncing import Counts, Gauges

_Result = TypeVar("_Result")

_FAILED: Final = 1
_WIDTH: Final = 40
_POLL_SECONDS: Final = 0.5
_SHOWN: Final = 50


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)  # noqa: T201


class Bar:
    """A line that shows how far something is, where standard error is a terminal."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._last = ""

    def show(self, done: int, total: int | None) -> None:
        """Show ``done`` of ``total``, which may not be known."""
        if not self._shows:
            return
        filled = min(_WIDTH, _WIDTH * done // total) if total else 0
        self._last = f"[{'#' * filled:<{_WIDTH}}] {done}{f' of {total}' if total else ''}"
        sys.stderr.write(f"\r{self._last}")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line empty."""
        if self._last:
            sys.stderr.write(f"\r{' ' * len(self._last)}\r")
            sys.stderr.flush()


def status(settings: GatewaySettings) -> int:
    """Print how far the catalog is."""
    found = _place(settings)
    try:
        for index in found.open():
            for line in _status(index):
                say(line)
    finally:
        found.close()
    return 0


def _status(index: Index) -> list[str]:
    state, now = index.state(), time.time()
    lines = [f"data store {index.datastore_id}", f"  image sets     {index.count()}"]
    if state.loaded is None:
        progress = state.loading
        of = f" of {progress.total}" if progress and progress.total else ""
        lines.append(f"  first load     {progress.done if progress else 0}{of}")
    else:
        lines.append(f"  loaded         {_moment(state.loaded)}")
    lines.append(f"  watermark      {_moment(state.watermark)}")
    if state.synced is not None:
        lines.append(f"  lag            {max(0.0, now - state.synced):.0f} s")
    if state.reconciled is not None:
        lines.append(f"  compared       {_moment(state.reconciled)}")
    failed = index.failed("", _SHOWN)
    lines += [f"  cannot be read {one.image_set_id} version {one.version}" for one in failed]
    more = index.count_failed() - len(failed)
    return [*lines, f"  cannot be read {more} more"] if more > 0 else lines


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def verify(settings: GatewaySettings, *, deep: bool) -> int:
    """Compare with HealthImaging and print the differences; the exit status, 1 if there are any."""

    async def run(feed: Feed) -> int:
        total, count, bar = await feed.run(feed.index.count), 0, Bar()
        async for line in differences(feed, lambda done: bar.show(done, total), deep=deep):
            bar.end()
            say(line)
            count += 1
        bar.end()
        say(f"{feed.datastore_id}: {total} image sets in the catalog, {count} differences.")
        return count

    return _FAILED if sum(_each(settings, run)) else 0


def rebuild(settings: GatewaySettings) -> int:
    """Empty the catalog and load it; a gateway that runs already does that itself."""
    found = _place(settings)
    bar = Bar()

    async def run(feed: Feed) -> None:
        await feed.run(feed.index.reset)
        watching = asyncio.create_task(_watch(feed.index, bar))
        try:
            if await feed.run(found.election.won):
                await load(feed, feed.index.state(), Gauges())
            await watching
        finally:
            watching.cancel()
            bar.end()
        say(f"{feed.datastore_id}: {await feed.run(feed.index.count)} image sets.")

    _each(settings, run, found)
    return 0


async def _watch(index: Index, bar: Bar) -> None:
    while True:
        state = await asyncio.to_thread(index.state)
        if state.loading is not None:
            bar.show(state.loading.done, state.loading.total)
        if state.loaded is not None:
            return
        await asyncio.sleep(_POLL_SECONDS)


def _each(
    settings: GatewaySettings,
    run: Callable[[Feed], Awaitable[_Result]],
    found: CatalogPlace | None = None,
) -> list[_Result]:
    """What ``run`` gives for each data store."""

    async def all_() -> list[_Result]:
        async with _feeds(settings, found or _place(settings)) as feeds:
            return [await run(feed) for feed in feeds]

    return asyncio.run(all_())


@asynccontextmanager
async def _feeds(settings: GatewaySettings, found: CatalogPlace) -> AsyncIterator[list[Feed]]:
    client, threads = HealthImagingClient(settings), Compute(os.cpu_count() or 1)
    policy, ahead = settings.image_set_policy, settings.fetch_ahead
    try:
        indexes = await threads.run(found.open)
        yield [Feed(client, one, policy, threads, Counts(), ahead) for one in indexes]
    finally:
        await client.close()
        await threads.close()
        found.close()


def _place(settings: GatewaySettings) -> CatalogPlace:
    found = place(settings)
    if found is None:
        raise ConfigurationError("GATEWAY_CATALOG is off.")
    return found
