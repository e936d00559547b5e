"""A viewer as DICOMweb sees it: searches, metadata, then frames over a few connections."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from tests.bench import data, load
from tests.bench.images import Series
from tests.bench.rows.frames import STORED

_JSON: Final = {"Accept": "application/dicom+json", **load.BROWSER}
_SUCCESS: Final = range(200, 300)
_SECONDS: Final = 120


@dataclass(slots=True)
class Viewer:
    """One person at a browser with so many connections; ``errors`` are statuses that were none."""

    root: str
    connections: int = 6
    errors: list[int] = field(default_factory=list)
    first_frame: float = 0.0
    complete: float = 0.0

    async def open_study(self, study: Sequence[Series]) -> None:
        """What OHIF asks for when a study is opened, and all frames."""
        async with self._session() as session:
            started = time.perf_counter()
            uid = study[0].study
            await self._get(session, f"/studies?StudyInstanceUID={uid}", _JSON)
            await self._get(session, f"/studies/{uid}/series", _JSON)
            await asyncio.gather(*(self._metadata(session, series) for series in study))
            paths = [path for series in study for path in data.frame_paths(series)]
            await self._frame(session, paths[0])
            self.first_frame = time.perf_counter() - started
            await self._frames(session, paths[1:])
            self.complete = time.perf_counter() - started

    async def open_series(self, series: Series) -> None:
        """Its metadata, then all its frames in order."""
        async with self._session() as session:
            started = time.perf_counter()
            await self._metadata(session, series)
            await self._frames(session, data.frame_paths(series))
            self.complete = time.perf_counter() - started

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.connections),
            timeout=aiohttp.ClientTimeout(_SECONDS),
            auto_decompress=False,
        )

    async def _metadata(self, session: aiohttp.ClientSession, series: Series) -> None:
        await self._get(session, f"{data.path(series)}/metadata", _JSON)

    async def _frames(self, session: aiohttp.ClientSession, paths: Iterable[str]) -> None:
        waiting = iter(paths)

        async def take() -> None:
            for path in waiting:
                await self._frame(session, path)

        await asyncio.gather(*(take() for _ in range(self.connections)))

    async def _frame(self, session: aiohttp.ClientSession, path: str) -> None:
        await self._get(session, path, STORED)

    async def _get(self, session: aiohttp.ClientSession, path: str, headers: dict) -> None:
        async with session.get(self.root + path, headers=headers) as answer:
            await answer.read()
            if answer.status not in _SUCCESS:
                self.errors.append(answer.status)
