"""The audit trail of one process: accesses become messages, messages are spooled and delivered.

On the event loop, an access costs a look-up and an addition. Retrievals of one study by one client,
and refusals of one client, that end alike within a window are one message; searches are one each.
Messages are gathered and written to the disk in a thread: a process that is killed loses what is in
open windows and what the last moments brought, unless answers wait for it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from gateway.auth import audit
from gateway.auth.audit import Document, Node, Outcome, Source, Transfer
from gateway.auth.delivery import Delivery
from gateway.auth.sinks import Sink
from gateway.auth.spool import Spool
from gateway.dicomweb.accesses import Access, Kind
from gateway.settings import GatewaySettings
from gateway.telemetry.auditing import AuditCounts, Waiting

_log: Final = logging.getLogger(__name__)

_MOMENT: Final = 0.1  # seconds for which messages are gathered
_MOST_OPEN: Final = 10_000  # windows
_RESERVE: Final = 10  # one in so many bytes is left to what is under way when no more is admitted
_MOST_PENDING: Final = 32 << 20  # bytes that the disk does not take
_PAUSE: Final = 1.0

Patient = Callable[[str, str], str]
"""The Patient ID of a study of a data store, empty if it is not known without asking anybody."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who asked: the principal's name and kind, and the address of the client."""

    name: str
    kind: str
    address: str


@dataclass(slots=True)
class _Window:
    """What has come together of equal accesses."""

    began: float
    last: float
    requests: int = 0
    size: int = 0


@dataclass(slots=True)
class _Pending:
    """Messages that are not on the disk."""

    records: list[bytes] = field(default_factory=list)
    size: int = 0


_Key = tuple[Who, Kind | None, str, str, Outcome]


class Trail:
    """Of one event loop; ``spool`` and ``sink`` are its own."""

    def __init__(
        self,
        spool: Spool,
        sink: Sink,
        source: Source,
        settings: GatewaySettings,
        patient: Patient,
    ) -> None:
        self.counts = AuditCounts()
        self.waits = settings.audit_wait
        self._limit = settings.audit_spool_mb << 20
        self._blocks = settings.audit_full == "block"
        self._window = 0.0 if self.waits else settings.audit_window
        self._default = settings.datastore_id
        self._spool = spool
        self._sink = sink
        self._source = source
        self._patient = patient
        self._open: dict[_Key, _Window] = {}
        self._pending = _Pending()
        self._writing = 0
        self._unsaid = 0
        self._due = asyncio.Event()
        self._on_disk = asyncio.Condition()
        self._taken = self._written = 0
        self._thread = ThreadPoolExecutor(1, "audit")
        self._delivery = Delivery(spool, sink, self.counts)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def full(self) -> bool:
        """Whether no more may be asked for, because there would be no room to say so."""
        return self._blocks and self._held() > self._limit - self._limit // _RESERVE

    def waiting(self) -> Waiting:
        """What is not delivered yet."""
        return Waiting(self._held(), self._limit, self._spool.since)

    def refuse(self) -> None:
        """Count a request that is refused while the trail is ``full``."""
        self.counts.refused += 1

    def search(self, who: Who, access: Access, outcome: Outcome, target: str) -> None:
        """Write down a search for ``target``, its path and query."""
        datastore = access.datastore or self._default
        node, now = _node(who), time.time()
        self._record(audit.query(self._source, node, outcome, now, datastore, target))

    def retrieval(self, who: Who, access: Access, outcome: Outcome, size: int) -> None:
        """Write down a retrieval, or add it to those before; ``size`` bytes were sent."""
        datastore = access.datastore or self._default
        self._add((who, access.kind, datastore, access.study, outcome), size)

    def refusal(self, who: Who, status: int, outcome: Outcome) -> None:
        """Write down that a request was refused with ``status``, 401 or 403."""
        self._add((who, None, str(status), "", outcome), 0)

    def _add(self, key: _Key, size: int) -> None:
        now = time.time()
        window = self._open.get(key)
        if window is None:
            if len(self._open) >= _MOST_OPEN:
                self._shut(next(iter(self._open)))
            window = self._open[key] = _Window(now, now)
        window.last = now
        window.requests += 1
        window.size += size
        if not self._window:
            self._shut(key)

    def _shut(self, key: _Key) -> None:
        """Make a window a message."""
        window = self._open.pop(key)
        who, kind, first, second, outcome = key
        if kind is None:
            wrong = audit.NODE_AUTHENTICATION if first == "401" else audit.RESTRICTED_FUNCTION
            told = {"Status": first, "Requests": str(window.requests)}
            made = audit.alert(self._source, _node(who), outcome, window.last, wrong, told)
        else:
            patient = self._patient(first, second)
            counts = window.requests, window.size, window.began, window.last
            transfer = Transfer(first, second, patient, *counts)
            made = audit.transferred(self._source, _node(who), outcome, transfer)
        self._record(made)

    def _held(self) -> int:
        return self._spool.held + self._pending.size + self._writing

    def _record(self, document: Document) -> None:
        """Let a message be written, if there is room for it."""
        self.counts.events += 1
        record = orjson.dumps(document)
        pending = self._pending
        if self._held() + len(record) > self._limit or pending.size + len(record) > _MOST_PENDING:
            self.counts.lost += 1
            if not self._unsaid:
                _log.error("audit_lost", extra={"reason": "The spool is full"})
            self._unsaid += 1
            return
        if self._unsaid:
            self._unsaid, lost = 0, self._unsaid
            self._say_lost(lost)
        pending.records.append(record)
        pending.size += len(record)
        self._taken += 1
        self._due.set()

    def _say_lost(self, lost: int) -> None:
        _log.error("audit_lost_so_many", extra={"messages": lost})
        reason = f"{lost} audit messages were lost because there was no room for them"
        outcome = Outcome(audit.SERIOUS_FAILURE, reason)
        stopped = audit.RECORDING_STOPPED
        self._record(audit.alert(self._source, None, outcome, time.time(), stopped, {}))

    async def settled(self) -> None:
        """Return when all that was written down before is on the disk."""
        until = self._taken
        async with self._on_disk:
            await self._on_disk.wait_for(lambda: self._written >= until)

    def start(self) -> None:
        """Begin to write and to deliver."""
        self._record(audit.activity(self._source, time.time(), audit.START))
        runs = (self._write(), self._deliver(), self._shut_in_time())
        self._tasks = [asyncio.create_task(one) for one in runs]

    async def close(self) -> None:
        """Write everything, deliver what can be delivered within seconds, and end."""
        writing, delivering, shutting = self._tasks
        shutting.cancel()
        for key in list(self._open):
            self._shut(key)
        self._record(audit.activity(self._source, time.time(), audit.STOP))
        writing.cancel()
        await asyncio.wait([writing, shutting])
        await self._write_once()
        await self._delivery.finish(delivering)
        await self._sink.close()
        await self._in_thread(self._spool.remove)
        self._thread.shutdown()

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        # Awaited to its end even if nobody waits: what is in the thread uses files that are closed.
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, call))

    async def _shut_in_time(self) -> None:
        """Shut the windows whose time is over; the first one open is the first one due."""
        while True:
            await asyncio.sleep(min(max(self._window / 4, _MOMENT), _PAUSE))
            before = time.time() - self._window
            for key in [one for one, window in self._open.items() if window.began <= before]:
                self._shut(key)

    async def _write(self) -> None:
        while True:
            await self._due.wait()
            if not self.waits:
                await asyncio.sleep(_MOMENT)
            self._due.clear()
            if not await self._write_once():
                self._due.set()
                await asyncio.sleep(_PAUSE)

    async def _write_once(self) -> bool:
        """Write what is pending; whether that worked."""
        pending = self._pending
        if not pending.records:
            return True
        self._pending, self._writing = _Pending(), pending.size
        work = asyncio.ensure_future(self._in_thread(lambda: self._spool.append(pending.records)))
        try:
            await _finished(work)
        finally:
            good = self._put_back(pending, work.exception() if work.done() else None)
        if good:
            self._delivery.written.set()
            async with self._on_disk:
                self._on_disk.notify_all()
        return good

    def _put_back(self, pending: _Pending, error: BaseException | None) -> bool:
        """Note that ``pending`` is on the disk, or have it written again."""
        self._writing = 0
        if error is None:
            self._written += len(pending.records)
            return True
        self.counts.errors += 1
        _log.error("audit_spool_failed", extra={"reason": type(error).__name__})
        self._pending.records[:0] = pending.records
        self._pending.size += pending.size
        return False

    async def _deliver(self) -> None:
        while True:
            try:
                await self._delivery.run(self._in_thread)
            except Exception:
                _log.exception("audit_delivery_failed")  # a mistake of this program's
                await asyncio.sleep(_PAUSE)
            else:
                return


async def _finished(work: "asyncio.Future[None]") -> None:
    """Wait for the end of ``work``, however it ends, and though one is told not to."""
    try:
        await asyncio.wait([work])
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _node(who: Who) -> Node:
    return Node(who.name, who.address)
