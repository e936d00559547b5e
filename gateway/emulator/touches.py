"""When image sets were last touched, and the storage tier that follows from it.

The developer guide, "Understanding storage tiers": creating, updating or reading an image set is a
touch, asking for its properties or searching is none; 30 days without one move it to the archive.
"""

import logging
import sqlite3
import threading
import time
from typing import Any, Final

from gateway.emulator.store import Database

_log = logging.getLogger(__name__)

FREQUENT: Final = "FREQUENT_ACCESS"
ARCHIVE: Final = "ARCHIVE_INSTANT_ACCESS"
_DAY: Final = 86400.0


class Touches:
    """Reads of image sets, kept in memory and written together: a frame costs no write.

    What a crash takes with it is a few seconds of them.
    """

    def __init__(self, database: Database, archive_days: float, seconds: float = 5.0) -> None:
        self._database = database
        self._archive_seconds = archive_days * _DAY
        self._interval = seconds
        self._noted: dict[str, float] = {}
        self._lock = threading.Lock()  # guards _noted
        self._stop = threading.Event()
        self._writer = threading.Thread(target=self._write, name="touches", daemon=True)

    def start(self) -> None:
        """Begin to write what is noted, every few seconds."""
        self._writer.start()

    def note(self, image_set_id: str) -> None:
        """The metadata or a frame of an image set was read now."""
        with self._lock:
            self._noted[image_set_id] = time.time()

    def shown(self, row: sqlite3.Row) -> dict[str, Any]:
        """What GetImageSet and SearchImageSets say of a row of ``image_set``.

        An update or a copy is a touch too, and is told by the row's own time.
        """
        with self._lock:
            noted = self._noted.get(row["id"], 0.0)
        last = max(noted, row["accessed_at"] or 0.0, row["updated_at"])
        archived = time.time() - last > self._archive_seconds
        return {"lastAccessedAt": last, "storageTier": ARCHIVE if archived else FREQUENT}

    def flush(self) -> None:
        """Write what is noted; each note stays in memory until it is on disk."""
        with self._lock:
            noted = list(self._noted.items())
        if not noted:
            return
        with self._database.write() as db:
            db.executemany(
                "UPDATE image_set SET accessed_at = max(coalesce(accessed_at, 0), ?) WHERE id = ?",
                [(at, image_set_id) for image_set_id, at in noted],
            )
        with self._lock:
            for image_set_id, at in noted:
                if self._noted[image_set_id] == at:
                    del self._noted[image_set_id]

    def _write(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.flush()
            except sqlite3.Error:
                _log.exception("touches_not_written")  # they are written with the next ones

    def close(self) -> None:
        """Write the last of them and stop; once more does no harm."""
        self._stop.set()
        if self._writer.is_alive():
            self._writer.join()
        self.flush()
