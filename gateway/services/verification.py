"""The catalog compared with HealthImaging, image set by image set, without changing it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from gateway.errors import UpstreamInvalid
from gateway.remote.api import Summary, Urgency
from gateway.services.ahead import ordered
from gateway.services.feed import Feed
from gateway.services.index import Known

_STUDY: str = "DICOMStudyInstanceUID"
_CHUNK = 500


async def differences(
    feed: Feed, progress: Callable[[int], None], *, deep: bool = False
) -> AsyncGenerator[str, None]:
    """What differs, a line each: identifiers and versions, nothing of a patient's.

    ``deep`` also reads every document and compares what the catalog would make of it with what it
    has. ``progress`` is told how many image sets have been looked at.

    Raises:
        GatewayError: HealthImaging or the catalog is away.
    """
    for line in await feed.run(feed.index.damage):
        yield line
    listed: set[str] = set()
    async with aclosing(feed.pages(0.0, _waiting)) as pages:
        async for page in pages:
            async with aclosing(_of_page(feed, page, listed, deep=deep)) as lines:
                async for line in lines:
                    yield line
            progress(len(listed))
    after = ""
    while rows := await feed.run(feed.index.after, after, _CHUNK):
        for name in rows:
            if name not in listed:
                yield f"{name}: in the catalog, but not in HealthImaging"
        after = rows[-1]


async def _of_page(
    feed: Feed, page: list[Summary], listed: set[str], *, deep: bool
) -> AsyncGenerator[str, None]:
    new = [one for one in page if one.image_set_id not in listed]
    listed.update(one.image_set_id for one in new)
    known = await feed.run(feed.index.known, [one.image_set_id for one in new])
    same = []
    for one in new:
        had = known.get(one.image_set_id)
        text = _difference(feed, one, had)
        if text is not None:
            yield f"{one.image_set_id}: {text}"
        elif had is not None:
            same.append(one)
    if deep:
        async with aclosing(_contents(feed, same)) as lines:
            async for line in lines:
                yield line


def _difference(feed: Feed, told: Summary, had: Known | None) -> str | None:
    counts = feed.counts(told.primary)
    if had is None:
        return "not in the catalog" if counts else None
    if not counts:
        return "in the catalog, but not primary"
    if had.failed:
        return f"its document of version {had.version} could not be read"
    if had.version != told.version:
        return f"version {had.version} in the catalog, {told.version} in HealthImaging"
    if had.primary != told.primary:
        return f"primary is {had.primary} in the catalog, {told.primary} in HealthImaging"
    study = str(told.tags.get(_STUDY) or had.study)
    return None if had.study == study else "of another study"


async def _contents(feed: Feed, summaries: list[Summary]) -> AsyncGenerator[str, None]:
    """The differences between rows and documents, a few of which are fetched at a time."""

    async def compare(one: Summary) -> list[str]:
        try:
            document = await feed.document(one, _waiting)
            return await feed.run(feed.index.compare, one, document)
        except UpstreamInvalid:
            return ["its document cannot be read"]

    async with aclosing(ordered(summaries, compare, feed.ahead)) as found:
        for one in summaries:
            for text in await anext(found):
                yield f"{one.image_set_id}: {text}"


def _waiting() -> Urgency:
    return Urgency.WAITING
