"""Small documents, and a data store with image sets made of them, without a server around it."""

import gzip
from dataclasses import replace

import orjson

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import blobs, changes, documents, image_sets, resources, versions
from gateway.emulator.quotas import DEFAULTS
from gateway.emulator.store import Database
from gateway.emulator.workflows import Workflows

PATIENT = {"PatientID": "P1", "PatientName": "Phantom^Test", "PatientSex": "O"}
STUDY = {"StudyInstanceUID": "1.2", "StudyID": "S1", "StudyDate": "20240102"}
SERIES = {"SeriesInstanceUID": "1.2.3", "SeriesNumber": "7", "Modality": "CT"}


def instance(sop, frames=(), **attributes):
    """One instance of a document."""
    return {
        "DICOM": {"SOPInstanceUID": sop, "MediaStorageSOPInstanceUID": sop, **attributes},
        "DICOMVRs": {},
        "StoredTransferSyntaxUID": ts.EXPLICIT_LE,
        "ImageFrames": [{"ID": frame} for frame in frames],
    }


def tree(*instances, patient=None, study=None, series=None, image_set_id="e" * 32):
    """A document with one series; by default with the instances 1.2.3.1 and 1.2.3.2."""
    instances = instances or (instance("1.2.3.1"), instance("1.2.3.2"))
    node = SERIES | (series or {})
    held = {one["DICOM"]["SOPInstanceUID"]: one for one in instances}
    study_node = {
        "DICOM": STUDY | (study or {}),
        "Series": {node["SeriesInstanceUID"]: {"DICOM": node, "Instances": held}},
    }
    return {
        "SchemaVersion": "1.1",
        "DatastoreID": "d" * 32,
        "ImageSetID": image_set_id,
        "Patient": {"DICOM": PATIENT | (patient or {})},
        "Study": study_node,
    }


def flat(document):
    """The attributes of each instance as every reader puts them together."""
    study = document["Study"]
    found = {}
    for series in study["Series"].values():
        upper = document["Patient"]["DICOM"] | study["DICOM"] | series["DICOM"]
        found |= {sop: upper | one["DICOM"] for sop, one in series["Instances"].items()}
    return found


class Archive:
    """A data folder with one data store; its changes are done when the test says so."""

    def __init__(self, root, rule=resources.PRIMARY):
        self.layout = blobs.Layout(root)
        self.database = Database(self.layout.database)
        self.workflows = Workflows(self.database, self.layout)
        with self.database.write() as db:
            self.datastore_id = resources.create_datastore(db, {}, "us-east-1", rule)

    def again(self, root):
        """The same archive as a restart of the server finds it in ``root``."""
        found = object.__new__(Archive)
        found.layout = blobs.Layout(root)
        found.database = Database(found.layout.database)
        found.workflows = Workflows(found.database, found.layout)
        found.datastore_id = self.datastore_id
        return found

    def add(self, name, document=None, *, primary=True, packs=None):
        """An image set; ``packs`` are the instances' contents of one frame each, by their UIDs."""
        image_set_id = name * 32
        document = document or tree()
        document["ImageSetID"], document["DatastoreID"] = image_set_id, self.datastore_id
        attributes = documents.upper(document)
        count = len(flat(document))
        new = image_sets.NewImageSet(image_set_id, self.datastore_id, attributes, count, primary)
        documents.save(self.layout, image_set_id, 1, document)
        with self.database.write() as db:
            image_sets.insert(db, new, versions.stamp(db, self.datastore_id))
            for _, sop, held in documents.instances(document):
                content = (packs or {}).get(sop)
                if content is None:
                    continue
                pack = f"{name}{sop}".encode().hex().ljust(32, "0")
                blobs.write(self.layout.pack(pack), content)
                frames = [(one, 0, len(content)) for one in documents.frame_ids(held)]
                image_sets.insert_frames(db, image_set_id, pack, ts.EXPLICIT_LE, frames)
        return image_set_id

    def update(self, image_set_id, latest, updatable=None, removable=None, **more):
        """Ask for UpdateImageSetMetadata."""
        given = {"updatableAttributes": updatable, "removableAttributes": removable}
        payloads = {k: orjson.dumps(v) for k, v in given.items() if v is not None}
        asked = {"DICOMUpdates": payloads}
        if "revert" in more:
            asked = {"revertToVersionId": more.pop("revert")}
        parameters = {
            "datastoreId": self.datastore_id,
            "imageSetId": image_set_id,
            "latestVersionId": latest,
            "updateImageSetMetadataUpdates": asked,
        }
        with self.database.write() as db:
            return changes.update(db, parameters | more)

    def copy(self, source, latest="1", destination=None, subset=None, **more):
        """Ask for CopyImageSet; the identifier of the destination."""
        asked = {"sourceImageSet": {"latestVersionId": latest}}
        if subset is not None:
            asked["sourceImageSet"]["DICOMCopies"] = {"copiableAttributes": orjson.dumps(subset)}
        if destination is not None:
            other, version = destination
            asked["destinationImageSet"] = {"imageSetId": other, "latestVersionId": version}
        parameters = {
            "datastoreId": self.datastore_id,
            "sourceImageSetId": source,
            "copyImageSetInformation": asked,
        }
        with self.database.write() as db:
            answer = changes.copy(db, parameters | more, "us-east-1")
        return answer["destinationImageSetProperties"]["imageSetId"]

    def delete(self, image_set_id):
        """Ask for DeleteImageSet."""
        parameters = {"datastoreId": self.datastore_id, "imageSetId": image_set_id}
        with self.database.write() as db:
            return changes.delete(db, parameters)

    def pending(self):
        """The changes that are not done, in order."""
        with self.database.read() as db:
            rows = db.execute("SELECT id FROM change ORDER BY submitted_at, id").fetchall()
        return [row["id"] for row in rows]

    def work(self, quotas=DEFAULTS):
        """Do what was asked for."""
        workflows = replace(self.workflows, quotas=quotas)
        for change_id in self.pending():
            workflows.run(change_id)

    def row(self, image_set_id):
        with self.database.read() as db:
            return dict(image_sets.find(db, self.datastore_id, image_set_id))

    def versions(self, image_set_id):
        """State, workflow status and message of each version, the oldest first."""
        query = "SELECT * FROM image_set_version WHERE image_set_id = ? ORDER BY version"
        with self.database.read() as db:
            rows = db.execute(query, (image_set_id,)).fetchall()
        return [(row["state"], row["workflow_status"], row["message"]) for row in rows]

    def document(self, image_set_id, wanted=None):
        """What GetImageSetMetadata answers."""
        with self.database.read() as db:
            row = image_sets.find(db, self.datastore_id, image_set_id)
            number = image_sets.readable(db, row, wanted)
        content = self.layout.metadata(image_set_id, number).read_bytes()
        return orjson.loads(gzip.decompress(content))

    def frame(self, image_set_id, frame_id):
        with self.database.read() as db:
            return image_sets.frame(db, image_set_id, frame_id, self.layout.root)[0]

    def rows(self):
        """Everything the database knows of image sets, but for the times."""
        found = {}
        with self.database.read() as db:
            for table in ("image_set", "image_set_version", "frame", "change", "garbage", "tag"):
                rows = (dict(row) for row in db.execute(f"SELECT * FROM {table}"))
                kept = [{k: v for k, v in row.items() if not k.endswith("_at")} for row in rows]
                found[table] = sorted(kept, key=str)
        return found

    def files(self):
        """Every file but the database, by its path."""
        root = self.layout.root
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
            and not path.name.startswith(self.layout.database.name)
            and self.layout.growing not in path.parents  # emptied at every start
        }
