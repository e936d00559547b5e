"""A viewer as DICOMweb sees it: searches, metadata, then frames over a few connections."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench import data, load
from tests.bench.connection import Pool
from tests.bench.images import Series
from tests.bench.rows.frames import STORED

_JSON: Final = {"Accept": "application/dicom+json", **load.BROWSER}
_SUCCESS: Final = range(200, 300)


@dataclass(slots=True)
class Viewer:
    """One person at a browser with so many connections; ``errors`` has statuses of failures."""

    root: str
    connections: int = 6
    errors: list[int] = field(default_factory=list)
    first_frame: float = 0.0
    complete: float = 0.0

    async def open_study(self, study: Sequence[Series]) -> None:
        """What OHIF asks for when a study is opened, and all frames."""
        pool = Pool(self.root, self.connections)
        started = time.perf_counter()
        uid = study[0].study
        await self._get(pool, f"/studies?StudyInstanceUID={uid}", _JSON)
        await self._get(pool, f"/studies/{uid}/series", _JSON)
        await asyncio.gather(*(self._metadata(pool, series) for series in study))
        paths = [path for series in study for path in data.frame_paths(series)]
        await self._get(pool, paths[0], STORED)
        self.first_frame = time.perf_counter() - started
        await self._frames(pool, paths[1:])
        self.complete = time.perf_counter() - started
        pool.close()

    async def open_series(self, series: Series) -> None:
        """Its metadata, then all its frames in order."""
        pool = Pool(self.root, self.connections)
        started = time.perf_counter()
        await self._metadata(pool, series)
        await self._frames(pool, data.frame_paths(series))
        self.complete = time.perf_counter() - started
        pool.close()

    async def _metadata(self, pool: Pool, series: Series) -> None:
        await self._get(pool, f"{data.path(series)}/metadata", _JSON)

    async def _frames(self, pool: Pool, paths: Iterable[str]) -> None:
        waiting = iter(paths)

        async def take() -> None:
            for path in waiting:
                await self._get(pool, path, STORED)

        await asyncio.gather(*(take() for _ in range(self.connections)))

    async def _get(self, pool: Pool, path: str, headers: Mapping[str, str]) -> None:
        status = await pool.get(path, headers)
        if status not in _SUCCESS:
            self.errors.append(status)
