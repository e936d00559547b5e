"""Delivery of events: read from the outbox in order, handed to each sink at least once.

Every sink has a thread and a position of its own, so that one that is away delays no other, and a
restart goes on where the last one stopped.
"""

import logging
import random
import sqlite3
import threading
from collections.abc import Iterable
from typing import Final

from gateway.emulator import events, resources
from gateway.emulator.sinks import FileSink, Sink, Undelivered
from gateway.emulator.store import Database

_log = logging.getLogger(__name__)

MAX_ROWS: Final = 1_000_000
"""Events kept for a sink that is away, about half a gigabyte; beyond, the oldest are dropped."""

_POLL_SECONDS: Final = 0.25
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 60.0
_DOUBLINGS: Final = 7
_STOP_SECONDS: Final = 10


class Outbox:
    """The rows of ``event``, and in ``event_sink`` how far each sink has had them."""

    def __init__(self, database: Database, names: Iterable[str], bound: int) -> None:
        """A new sink begins where the file's position is; one that is gone holds no rows back."""
        self._database = database
        self._bound = bound
        wanted = set(names)
        with database.write() as db:
            rows = db.execute("SELECT name, sent FROM event_sink")
            known = {row["name"]: row["sent"] for row in rows}
            begin = known.get(FileSink.name, 0)
            new = [(name, begin) for name in wanted - known.keys()]
            db.executemany("INSERT INTO event_sink (name, sent) VALUES (?, ?)", new)
            gone = [(name,) for name in known.keys() - wanted]
            db.executemany("DELETE FROM event_sink WHERE name = ?", gone)

    def pending(self, name: str, limit: int) -> list[sqlite3.Row]:
        """The oldest events that a sink has not had: id and body."""
        with self._database.read() as db:
            return db.execute(
                "SELECT id, body FROM event WHERE id > "
                "(SELECT sent FROM event_sink WHERE name = ?) ORDER BY id LIMIT ?",
                (name, limit),
            ).fetchall()

    def advance(self, name: str, sent: int) -> None:
        """A sink has had everything up to ``sent``; what all have had is forgotten."""
        with self._database.write() as db:
            db.execute("UPDATE event_sink SET sent = ? WHERE name = ?", (sent, name))
            db.execute("DELETE FROM event WHERE id <= (SELECT min(sent) FROM event_sink)")

    def trim(self) -> None:
        """Drop the oldest events once there are too many, a hundredth at a time."""
        with self._database.read() as db:
            query = "SELECT (SELECT min(id) FROM event), (SELECT max(id) FROM event)"
            first, last = db.execute(query).fetchone()
        if first is None or last - first < self._bound:
            return
        kept = self._bound - self._bound // 100
        with self._database.write() as db:
            dropped = db.execute("DELETE FROM event WHERE id <= ?", (last - kept,)).rowcount
        _log.error("events_dropped", extra={"count": dropped})


class Courier:
    """Brings the events of the outbox to one sink, on a thread of its own."""

    def __init__(self, outbox: Outbox, sink: Sink, region: str) -> None:
        self._outbox = outbox
        self._sink = sink
        self._region = region
        self._failures = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"events-{sink.name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Begin to stop; ``close`` waits for it."""
        self._stop.set()

    def close(self) -> None:
        """Stop; a sink that does not answer is waited for a few seconds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._sink.close()

    def _run(self) -> None:
        while not self._stop.wait(self._pause()):
            self._round()
        if self._sink.drains:
            self._round()

    def _pause(self) -> float:
        """Seconds to the next look at the outbox: longer, and never the same, after failures."""
        if not self._failures:
            return _POLL_SECONDS
        longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(self._failures - 1, _DOUBLINGS))
        return random.uniform(longest / 2, longest)  # noqa: S311  spreads retries, hides nothing

    def _round(self) -> None:
        try:
            while self._deliver() and (self._sink.drains or not self._stop.is_set()):
                pass
            self._succeed()
        except Exception as error:  # whatever it is, the next round may go better
            self._fail(error)
        try:
            self._outbox.trim()
        except sqlite3.Error:
            _log.exception("events_not_trimmed")

    def _deliver(self) -> bool:
        """Deliver one batch; whether there may be more."""
        rows = self._outbox.pending(self._sink.name, self._sink.batch)
        if not rows:
            return False
        try:
            self._sink.deliver(
                [events.envelope(row["body"], self._region, resources.ACCOUNT) for row in rows]
            )
        except Undelivered as error:
            if error.taken:
                self._outbox.advance(self._sink.name, rows[error.taken - 1]["id"])
            raise
        self._outbox.advance(self._sink.name, rows[-1]["id"])
        return len(rows) == self._sink.batch

    def _succeed(self) -> None:
        if self._failures:
            _log.info("events_delivered_again", extra={"sink": self._sink.name})
        self._failures = 0

    def _fail(self, error: Exception) -> None:
        """Say so once in a row of failures: by a code, never by the text, which may quote."""
        if not self._failures:
            code = str(error) if isinstance(error, Undelivered) else type(error).__name__
            _log.warning("events_delayed", extra={"sink": self._sink.name, "error": code})
        taken = error.taken if isinstance(error, Undelivered) else 0
        self._failures = 1 if taken else self._failures + 1


class EventBus:
    """The couriers of all sinks; started and closed with the server."""

    def __init__(
        self, database: Database, sinks: Iterable[Sink], region: str, bound: int = MAX_ROWS
    ) -> None:
        found = list(sinks)
        outbox = Outbox(database, [sink.name for sink in found], bound)
        self._couriers = [Courier(outbox, sink, region) for sink in found]

    def start(self) -> None:
        """Begin to deliver, with what a former run of the server left."""
        for courier in self._couriers:
            courier.start()

    def close(self) -> None:
        """Stop; what has happened until now is in the file, other sinks get the rest next time."""
        for courier in self._couriers:
            courier.stop()
        for courier in self._couriers:
            courier.close()
