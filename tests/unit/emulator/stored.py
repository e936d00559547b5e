"""A data store on disk, with image sets as an import would have left them."""

import gzip
import json

from gateway.emulator import blobs, image_sets, resources
from gateway.emulator.store import Database
from tests.unit.services import memory

STUDY, SERIES = "1.2.3", "1.2.3.1"


class Stored:
    """A data folder with one data store; ``rule`` is its import rule."""

    def __init__(self, root, rule="primary"):
        self.layout = blobs.Layout(root)
        self.database = Database(self.layout.database)
        with self.database.write() as db:
            self.datastore_id = resources.create_datastore(db, {}, "us-east-1", rule)
        self._count = 0

    def add(self, *instances, primary=None, series=SERIES):
        """Publish an image set of what ``memory.instance`` makes; its identifier."""
        self._count += 1
        name = f"{self._count:032x}"
        attributes = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": series}
        new = image_sets.NewImageSet(name, self.datastore_id, attributes, len(instances))
        with self.database.write() as db:
            image_sets.insert(db, new, float(self._count))
            self.change(db, name, is_primary=primary)
            for one in instances:
                self._settle(db, name, one)
        made = memory.image_set(STUDY, series, *instances)
        content = gzip.compress(json.dumps(made).encode())
        blobs.write(self.layout.metadata(name, 1), content)
        return name

    def change(self, db, name, **columns):
        """Set columns of an image set's row."""
        for column, value in columns.items():
            db.execute(f"UPDATE image_set SET {column} = ? WHERE id = ?", (value, name))

    def _settle(self, db, name, one):
        pack = f"{name}-{one['DICOM']['SOPInstanceUID']}"
        frames, places = one["ImageFrames"], []
        for number, frame in enumerate(frames):
            offset = sum(map(len, frames[:number]))
            places.append([f"{pack}-{number}", offset, len(frame)])
        image_sets.insert_frames(db, name, pack, one["StoredTransferSyntaxUID"], places)
        if frames:
            blobs.write(self.layout.pack(pack), b"".join(frames))
        one["ImageFrames"] = [{"ID": place[0]} for place in places]

    def forget_frames(self):
        """Delete every file of frames."""
        for path in self.layout.frames.rglob("*"):
            if path.is_file():
                path.unlink()
