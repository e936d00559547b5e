"""The audit trail that the settings ask for."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from gateway.auth import sinks, spool
from gateway.auth.audit import Node, Source
from gateway.auth.trail import Patient, Trail
from gateway.settings import GatewaySettings
from gateway.telemetry.auditing import Auditing
from gateway.telemetry.metrics import Metrics

_NAME: Final = "dicomweb-gateway"
_FOLDER: Final = Path("~/.local/state/dicomweb-gateway/audit")


def made(settings: GatewaySettings, metrics: Metrics, patient: Patient) -> Trail | None:
    """The trail of this process, None if there is to be none.

    Raises:
        ConfigurationError: the settings lead to nothing that can be used.
    """
    if settings.audit == "off":
        return None
    host = socket.gethostname()
    process = Node(str(os.getpid()), host, _NAME)
    source = Source(process, settings.audit_source_id or host, settings.audit_site_id)
    sink = sinks.made(settings)
    own = spool.claim(settings.audit_spool_dir or _FOLDER.expanduser())
    trail = Trail(own, sink, source, settings, patient)
    metrics.registry.register(Auditing(trail.counts, trail.waiting))
    return trail


@asynccontextmanager
async def running(trail: Trail | None) -> AsyncIterator[None]:
    """``trail``, if there is one, from its start to its end."""
    if trail is None:
        yield
        return
    trail.start()
    try:
        yield
    finally:
        await trail.close()
