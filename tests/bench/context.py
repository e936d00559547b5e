"""What a row of the benchmark has at hand: data, servers, and a way to compare fairly."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.bench import data
from tests.bench.data import Data
from tests.bench.processes import Process
from tests.bench.report import Bar, Result
from tests.bench.servers import ORTHANC_PLUGIN, Gateway, HealthImaging, Orthanc, has_workers, tool

_Value = TypeVar("_Value")


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


@dataclass
class Bench:
    """The servers of a run: those that stay are started when they are first needed."""

    folder: Path
    data: Data
    rounds: int = 3
    _upstream: HealthImaging | None = None
    _orthanc: Orthanc | None = None
    _running: list[Process] = field(default_factory=list)

    def healthimaging(self, *options: str) -> HealthImaging:
        """The embedded server with these options; started anew where it has others."""
        if self._upstream is not None and self._upstream.options != options:
            self._end(self._upstream.process)
            self._upstream = None
        if self._upstream is None:
            self._upstream = HealthImaging(self.folder, *options)
            self._running.append(self._upstream.process)
        return self._upstream

    def orthanc(self) -> Orthanc | None:
        """Orthanc with its data; None where it is not installed."""
        if tool("Orthanc") is None or not ORTHANC_PLUGIN.exists():
            return None
        if self._orthanc is None:
            self._orthanc = Orthanc(self.folder)
            self._running.append(self._orthanc.process)
            data.fill_orthanc(self.folder, self._orthanc)
        return self._orthanc

    @contextmanager
    def gateway(
        self, workers: int = 1, options: Sequence[str] = (), **settings: object
    ) -> Iterator[Gateway]:
        """A gateway with empty caches, for as long as it is needed."""
        made = Gateway(self.folder, self.healthimaging(*options), workers, **settings)
        with self.running(made.process):
            yield made

    @contextmanager
    def running(self, process: Process) -> Iterator[Process]:
        """See to it that a process ends."""
        self._running.append(process)
        try:
            yield process
        finally:
            self._end(process)

    def _end(self, process: Process) -> None:
        process.stop()
        self._running.remove(process)

    def close(self) -> None:
        """End everything."""
        while self._running:
            self._running.pop().stop()

    def interleaved(
        self, measures: Mapping[str, Callable[[], _Value] | None]
    ) -> dict[str, list[_Value]]:
        """What each measure gave in every round, one after the other in each; None is left out."""
        found: dict[str, list[_Value]] = {name: [] for name in measures}
        for _ in range(self.rounds):
            for name, measure in measures.items():
                if measure is not None:
                    found[name].append(measure())
        return found


def workers_note(wanted: int) -> str:
    """A word where the gateway cannot have as many workers as the row wants."""
    return "" if has_workers() or wanted == 1 else "one worker: there is no setting for more"


def rate(
    row: str, work: str, ours: float, peer: float | None, bar: float | None, **more: str
) -> Result:
    """A comparison of how many are done in a second with Orthanc's."""
    return _compared(row, work, ours, peer, bar, lambda: ours / (peer or 1), more, "Orthanc")


def sooner(
    row: str, work: str, ours: float, peer: float | None, bar: float | None, **more: str
) -> Result:
    """A comparison of how long it takes with Orthanc."""
    return _compared(
        row, work, ours, peer, bar, lambda: (peer or 0) / ours, {"unit": "s", **more}, "Orthanc"
    )


def _compared(
    row: str,
    work: str,
    ours: float,
    peer: float | None,
    bar: float | None,
    ratio: Callable[[], float],
    more: Mapping[str, str],
    name: str,
) -> Result:
    notes = [more.get("note", "")]
    if peer is None:
        notes.append(f"{name} is not installed: make bench-peers")
    return Result(
        row,
        work,
        ours,
        more["unit"],
        name,
        peer,
        None if peer is None else ratio(),
        None if bar is None else Bar(bar),
        "; ".join(filter(None, notes)),
    )


def cost(
    row: str, work: str, ours: float, peer: float | None, name: str, bar: float | None, note: str
) -> Result:
    """A comparison of what it costs, ours by the peer's: the less the better."""
    if peer is None:
        note = "; ".join(filter(None, (note, f"{name} is not installed: make bench-peers")))
    ratio = None if peer is None else ours / peer
    limit = None if bar is None else Bar(bar, at_least=False)
    return Result(row, work, ours, "s", name, peer, ratio, limit, note)
