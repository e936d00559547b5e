"""Which image sets hold a series, and its instances and frames read back from them."""

import sqlite3
import threading
from typing import Final

from cachetools import LRUCache

from gateway.dicomweb.resources import Address
from gateway.emulator import blobs, image_sets, resources
from gateway.emulator.faults import not_found
from gateway.emulator.store import Database
from gateway.imagesets import document
from gateway.imagesets.document import ImageSet, Instance

_CACHED_BYTES: Final = 256 << 20
_PARSED_PER_BYTE: Final = 6  # what a document takes once parsed, measured on CT series


class Holdings:
    """Instances by address; documents are remembered, because a version of one never changes."""

    def __init__(self, database: Database, layout: blobs.Layout) -> None:
        self._database = database
        self._layout = layout
        self._documents: LRUCache[tuple[str, int], ImageSet] = LRUCache(_CACHED_BYTES, _weight)
        self._lock = threading.Lock()  # guards: the cache, not the reading of documents

    def instances(self, address: Address) -> list[Instance]:
        """The instances of a series, or the one, in the order of their numbers.

        They come from the image set that ``address`` names, else from the primary one. Image sets
        of a data store that knows no primaries all count, the newest first.

        Raises:
            Fault: ResourceNotFoundException, no such data store, image set, series or instance.
        """
        with self._database.read() as db:
            versions = _versions(db, address)
        found: dict[str, Instance] = {}
        for image_set_id, version in versions:
            for instance in self._document(image_set_id, version).instances.values():
                if _is_at(instance, address):
                    found.setdefault(instance.sop, instance)
            if address.instance in found:
                break
        if not found:
            raise not_found("The instance" if address.instance else "The series")
        return sorted(found.values(), key=lambda one: (one.number, one.sop))

    def frame(self, instance: Instance, number: int) -> bytes:
        """The bytes of frame ``number``, from 1, as stored.

        Raises:
            Fault: ResourceNotFoundException, or InternalServerException where a file is damaged.
        """
        frame_id, root = instance.frames[number - 1], self._layout.root
        with self._database.read() as db:
            return image_sets.frame(db, instance.image_set_id, frame_id, root)[0]

    def _document(self, image_set_id: str, version: int) -> ImageSet:
        key = image_set_id, version
        with self._lock:
            known = self._documents.get(key)
        if known is not None:
            return known
        content = self._layout.metadata(image_set_id, version).read_bytes()
        found = document.parse(image_set_id, content)
        with self._lock:
            if _weight(found) <= self._documents.maxsize:
                self._documents[key] = found
        return found


def _weight(image_set: ImageSet) -> int:
    return image_set.size * _PARSED_PER_BYTE


def _versions(db: sqlite3.Connection, address: Address) -> list[tuple[str, int]]:
    """Image sets that may hold ``address``, the preferred first, and their readable versions."""
    resources.active_datastore(db, address.datastore_id)
    where, values = "datastore_id = ? AND version > 0", [address.datastore_id]
    if address.image_set_id is not None:
        where += " AND id = ?"
        values.append(address.image_set_id)
    else:
        where += " AND study_uid = ? AND series_uid = ? AND is_primary IS NOT 0"
        values += [address.study, address.series or ""]
    order = "is_primary DESC, updated_at DESC, id"
    rows = db.execute(f"SELECT id, version FROM image_set WHERE {where} ORDER BY {order}", values)  # noqa: S608
    found = [(row["id"], row["version"]) for row in rows]
    if not found and address.image_set_id is not None:
        raise not_found(f"Image set {address.image_set_id}")
    return found


def _is_at(instance: Instance, address: Address) -> bool:
    return (
        instance.study == address.study
        and instance.series == address.series
        and address.instance in (None, instance.sop)
    )
