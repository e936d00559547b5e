"""Staged instances become image sets: nothing of a file is lost, and a crash leaves no trace."""

import gzip
import shutil
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import blobs, image_sets, jobs, publish, resources
from gateway.emulator.ingest import MAX_METADATA_BYTES, Staged
from gateway.emulator.rules import Identity
from gateway.emulator.store import Database

LEVELS = ("patient", "study", "series")
UIDS = {"study": {"StudyInstanceUID": "1.2"}, "series": {"SeriesInstanceUID": "1.2.3"}}


class Job:
    """A job with staged instances, on a data folder of its own."""

    def __init__(self, root):
        self.layout = blobs.Layout(root)
        self.database = Database(self.layout.database)
        with self.database.write() as db:
            self.datastore_id = resources.create_datastore(
                db, {}, "us-east-1", resources.NEW_IMAGE_SETS
            )
            places = {"dataAccessRoleArn": "r", "inputS3Uri": "s3://i/", "outputS3Uri": "s3://o/"}
            answer = jobs.submit(db, {"datastoreId": self.datastore_id, **places})
        self.id = answer["jobId"]

    def again(self, root):
        """The same job as a restart of the server finds it in ``root``."""
        job = object.__new__(Job)
        job.layout = blobs.Layout(root)
        job.database = Database(job.layout.database)
        job.datastore_id, job.id = self.datastore_id, self.id
        return job

    def stage(self, number, levels=None, *, frames=2, size=100, group=("G",), own=None):
        """One instance; ``levels`` are its attributes at the upper levels."""
        name, sop = f"{number:032x}", f"1.2.3.{number}"
        parts = {
            level: {**UIDS.get(level, {}), **(levels or {}).get(level, {})} for level in LEVELS
        }
        entries = [{"ID": f"{number:016x}{frame:016x}"} for frame in range(frames)]
        pieces = [f"frame {frame} of {number}".encode() for frame in range(frames)]
        at = [sum(map(len, pieces[:frame])) for frame in range(frames)]
        instance = {
            "DICOM": {"SOPInstanceUID": sop, **(own or {})},
            "DICOMVRs": {"00091001": "LO"},
            "StoredTransferSyntaxUID": ts.EXPLICIT_LE,
            "ImageFrames": entries,
        }
        table = [(e["ID"], o, len(p)) for e, o, p in zip(entries, at, pieces, strict=True)]
        staged = self.layout.staged(self.id, name)
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(orjson.dumps(parts | {"instance": instance, "frames": table}))
        if frames:
            self.layout.staged_pack(self.id, name).write_bytes(b"".join(pieces))
        identity = Identity("1.2", "1.2.3", sop, group)
        jobs.record(self.database, self.id, Staged(f"key-{number:03d}", identity, name, size))

    def publish(self):
        jobs.number_copies(self.database, self.id)
        row = jobs.begin(self.database, self.id)
        for group in jobs.groups(self.database, self.id):
            publish.Publisher(self.database, self.layout, row, self.wait).publish(group)

    def wait(self):
        raise AssertionError("nothing is locked here")

    def image_sets(self):
        """The identifiers of all image sets in order of their files."""
        return [one["image_set_id"] for one in jobs.image_set_counts(self.database, self.id)]

    def document(self, image_set_id):
        content = self.layout.metadata(image_set_id, 1).read_bytes()
        return orjson.loads(gzip.decompress(content))

    def frame(self, image_set_id, frame_id):
        with self.database.read() as db:
            return image_sets.frame(db, image_set_id, frame_id, self.layout.root)[0]

    def rows(self):
        """Everything the database knows of image sets, but for the times."""
        found = {}
        with self.database.read() as db:
            for table in ("image_set", "image_set_version", "frame", "job_file"):
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
            if path.is_file() and not path.name.startswith(self.layout.database.name)
        }


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "data")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One data folder for all examples of a test: a new database takes longer than they do."""
    return tmp_path_factory.mktemp("publish")


def merged(document):
    """The attributes of each instance as every reader puts them together."""
    study = document["Study"]
    [series] = study["Series"].values()
    upper = document["Patient"]["DICOM"] | study["DICOM"] | series["DICOM"]
    return {sop: upper | one["DICOM"] for sop, one in series["Instances"].items()}


values = st.one_of(
    st.none(),
    st.text("ab ", max_size=2),
    st.integers(0, 2),
    st.lists(st.text("ab", max_size=1), max_size=2),
    st.just([{"CodeValue": "a"}]),
)
levels = st.fixed_dictionaries(
    {
        "patient": st.dictionaries(st.sampled_from(["PatientID", "PatientName"]), values),
        "study": st.dictionaries(st.sampled_from(["StudyTime", "StudyDescription"]), values),
        "series": st.dictionaries(
            st.sampled_from(["Modality", "SeriesDate", "Manufacturer"]), values
        ),
    }
)
own = st.dictionaries(st.sampled_from(["InstanceNumber", "Rows", "00091001"]), values)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(levels, own), min_size=1, max_size=5))
def test_merging_the_levels_gives_back_each_file(shared, instances):
    job = Job(shared)
    expected = {}
    for number, (upper, lower) in enumerate(instances):
        job.stage(number, upper, own=lower, frames=0)
        sop = f"1.2.3.{number}"
        expected[sop] = {"SOPInstanceUID": sop, **lower}
        for level in LEVELS:
            expected[sop] |= UIDS.get(level, {}) | upper[level]
    job.publish()
    [image_set_id] = job.image_sets()
    document = job.document(image_set_id)
    assert merged(document) == expected
    # What all instances share stands at its level and nowhere else.
    [series] = document["Study"]["Series"].values()
    at = {"patient": document["Patient"], "study": document["Study"], "series": series}
    for level in LEVELS:
        everyone = [upper[level] | UIDS.get(level, {}) for upper, _ in instances]
        for key in set().union(*everyone):
            shared = all(key in one and one[key] == everyone[0].get(key) for one in everyone)
            present = all(key in one for one in everyone)
            assert (key in at[level]["DICOM"]) == present
            below = [key in one["DICOM"] for one in series["Instances"].values()]
            assert not (shared and any(below))


def test_the_document_has_the_form_of_a_real_one(job):
    job.stage(1, {"patient": {"PatientID": "P1"}, "study": {"StudyDate": "20240102"}})
    job.stage(2, {"patient": {"PatientID": "P1"}, "series": {"Modality": "CT"}}, frames=0)
    job.publish()
    [image_set_id] = job.image_sets()
    document = job.document(image_set_id)
    assert document == {
        "SchemaVersion": "1.1",
        "DatastoreID": job.datastore_id,
        "ImageSetID": image_set_id,
        "Patient": {"DICOM": {"PatientID": "P1"}},
        "Study": {
            "DICOM": {"StudyInstanceUID": "1.2"},
            "Series": {
                "1.2.3": {
                    "DICOM": {"SeriesInstanceUID": "1.2.3"},
                    "Instances": {
                        "1.2.3.1": {
                            "DICOM": {"SOPInstanceUID": "1.2.3.1", "StudyDate": "20240102"},
                            "DICOMVRs": {"00091001": "LO"},
                            "StoredTransferSyntaxUID": ts.EXPLICIT_LE,
                            "ImageFrames": [
                                {"ID": f"{1:016x}{0:016x}"},
                                {"ID": f"{1:016x}{1:016x}"},
                            ],
                        },
                        "1.2.3.2": {
                            "DICOM": {"SOPInstanceUID": "1.2.3.2", "Modality": "CT"},
                            "DICOMVRs": {"00091001": "LO"},
                            "StoredTransferSyntaxUID": ts.EXPLICIT_LE,
                            "ImageFrames": [],
                        },
                    },
                }
            },
        },
    }
    assert list(document) == ["SchemaVersion", "DatastoreID", "ImageSetID", "Patient", "Study"]


def test_the_instance_that_differs_keeps_its_own_value(job):
    for number, name in enumerate(["Same", "Same", "Other"]):
        job.stage(number, {"series": {"SeriesDescription": name}}, frames=0)
    job.publish()
    [series] = job.document(job.image_sets()[0])["Study"]["Series"].values()
    assert series["DICOM"]["SeriesDescription"] == "Same"
    kept = [one["DICOM"].get("SeriesDescription") for one in series["Instances"].values()]
    assert kept == [None, None, "Other"]


def test_frames_are_found_once_it_is_published(job):
    for number in (1, 2):
        job.stage(number)
    job.publish()
    [image_set_id] = job.image_sets()
    for number in (1, 2):
        for frame in (0, 1):
            content = job.frame(image_set_id, f"{number:016x}{frame:016x}")
            assert content == f"frame {frame} of {number}".encode()
    assert not list(job.layout.staging.rglob("*.frames"))


def test_the_image_set_is_found_by_what_its_instances_share(job):
    shared = {"patient": {"PatientID": "P1"}, "study": {"AccessionNumber": "A1"}}
    for number in range(3):
        job.stage(number, shared, frames=0)
    job.publish()
    [image_set_id] = job.image_sets()
    with job.database.read() as db:
        row = image_sets.find(db, job.datastore_id, image_set_id)
    assert (row["patient_id"], row["accession_number"], row["study_uid"]) == ("P1", "A1", "1.2")
    tags = orjson.loads(row["tags"])
    assert tags["DICOMNumberOfStudyRelatedInstances"] == 3


def test_each_group_and_each_copy_is_an_image_set(job):
    job.stage(1, group=("G",))
    job.stage(2, group=("H",))
    job.stage(3, group=("G",))
    with job.database.write() as db:  # a second file of the first instance
        db.execute("UPDATE job_file SET sop_uid = '1.2.3.1' WHERE key = 'key-003'")
    job.publish()
    found = job.image_sets()
    assert len(set(found)) == 3
    for image_set_id in found:
        assert len(merged(job.document(image_set_id))) == 1


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([1, 1, 1], [3]),
        ([MAX_METADATA_BYTES, 0, 1], [2, 1]),
        ([MAX_METADATA_BYTES // 2] * 5, [2, 2, 1]),
        ([MAX_METADATA_BYTES // 2 + 1] * 3, [1, 1, 1]),
    ],
)
def test_a_group_is_cut_where_its_document_would_grow_too_large(job, sizes, parts):
    for number, size in enumerate(sizes):
        job.stage(number, size=size)
    job.publish()
    found = [list(merged(job.document(one))) for one in job.image_sets()]
    assert [len(part) for part in found] == parts
    assert sum(found, []) == [f"1.2.3.{number}" for number in range(len(sizes))]  # noqa: RUF017
    job.publish()  # and once more, as after a crash
    assert [list(merged(job.document(one))) for one in job.image_sets()] == found


class Crash(BaseException):
    """The server ends here."""


# What is called at each step, the time at which it fails, and whether before or after its work.
STEPS = [
    (publish, "_load", 1, "before"),
    (publish.orjson, "dumps", 6, "before"),
    (Path, "replace", 1, "before"),
    (Path, "replace", 1, "after"),
    (Path, "rename", 1, "before"),
    (Path, "rename", 1, "after"),
    (Path, "rename", 2, "after"),
    (blobs, "sync_directory", 1, "before"),
    (blobs, "sync_directory", 2, "before"),
    (image_sets, "insert", 1, "before"),
    (image_sets, "insert", 1, "after"),
    (image_sets, "insert_frames", 2, "after"),
    (image_sets, "insert", 2, "after"),
]


def crash_at(monkeypatch, place, name, nth, when):
    real, calls = getattr(place, name), []

    def wrapped(*arguments, **more):
        calls.append(1)
        if len(calls) == nth and when == "before":
            raise Crash
        result = real(*arguments, **more)
        if len(calls) == nth:
            raise Crash
        return result

    if place is publish.orjson:
        place, name = publish, "orjson"
        real_module = publish.orjson
        wrapped = type("orjson", (), {"dumps": wrapped, "loads": real_module.loads})
    monkeypatch.setattr(place, name, wrapped)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[1]}-{step[2]}-{step[3]}")
def test_publishing_again_after_a_crash_gives_the_same(tmp_path, monkeypatch, step):
    job = Job(tmp_path / "crashed")
    for number in range(4):
        group = ("G",) if number < 3 else ("H",)
        job.stage(number, {"series": {"SeriesTime": str(number)}}, group=group)
    job.database = None
    shutil.copytree(tmp_path / "crashed", tmp_path / "smooth")
    smooth = job.again(tmp_path / "smooth")
    smooth.publish()

    crashed = job.again(tmp_path / "crashed")
    crash_at(monkeypatch, *step)
    with pytest.raises(Crash):
        crashed.publish()
    monkeypatch.undo()
    visible = crashed.image_sets()
    assert visible == smooth.image_sets()[: len(visible)]

    restarted = job.again(tmp_path / "crashed")
    restarted.publish()
    assert restarted.rows() == smooth.rows()
    assert restarted.files() == smooth.files()
    restarted.publish()  # nothing is left to do
    assert restarted.rows() == smooth.rows()


def test_an_image_set_is_visible_as_a_whole_or_not_at_all(job, monkeypatch):
    for number in range(3):
        job.stage(number)
    crash_at(monkeypatch, image_sets, "insert_frames", 3, "before")
    with pytest.raises(Crash):
        job.publish()
    rows = job.rows()
    assert rows["image_set"] == rows["image_set_version"] == rows["frame"] == []
    assert {row["image_set_id"] for row in rows["job_file"]} == {None}
