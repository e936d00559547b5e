"""Primary image sets: who may be one, and that a merge loses nothing of any instance."""

import copy
import threading

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import documents, image_sets, primaries, resources
from gateway.emulator.failures import ChangeFailed
from tests.unit.emulator.archives import Archive, flat, instance, tree
from tests.unit.emulator.test_publish import Job

A = "a" * 32
UPPER = documents.upper(tree())


@pytest.fixture
def archive(tmp_path):
    found = Archive(tmp_path / "data")
    found.add("a")
    return found


def ask(archive, call, attributes, datastore_id=None):
    with archive.database.read() as db:
        return call(db, datastore_id or archive.datastore_id, attributes)


def without(*names):
    return {key: value for key, value in UPPER.items() if key not in names}


# Who contradicts whom


@pytest.mark.parametrize(
    "attributes",
    [
        UPPER,
        UPPER | {"PatientID": " P1 ", "StudyID": "S1 "},  # as a file pads them
        UPPER | {"PatientName": None},
        UPPER | {"PatientName": "", "PatientSex": " "},
        without("PatientName", "PatientSex"),
        UPPER | {"PatientBirthDate": "19700101"},  # the other does not say
        UPPER | {"StudyTime": "11", "StudyDescription": "other", "Modality": "MR"},
        UPPER | {"SeriesInstanceUID": "1.2.4", "SeriesNumber": "8"},
        UPPER | {"SeriesNumber": "007"},
        UPPER | {"StudyInstanceUID": "1.3", "PatientID": "P2", "StudyDate": "19990101"},
    ],
)
def test_what_can_stand_beside_a_primary_image_set(archive, attributes):
    assert not ask(archive, primaries.contradicts, attributes)


@pytest.mark.parametrize(
    "attributes",
    [
        UPPER | {"PatientID": "P2"},
        UPPER | {"PatientID": None},
        without("PatientID"),
        without("StudyDate"),
        UPPER | {"StudyDate": "20240103"},
        UPPER | {"AccessionNumber": "A1"},
        UPPER | {"StudyID": "s1"},
        UPPER | {"PatientName": "Other"},
        UPPER | {"PatientSex": "F"},
        UPPER | {"SeriesNumber": "8"},
        without("SeriesNumber"),
        UPPER | {"SeriesInstanceUID": "1.2.4", "PatientID": "P2"},
    ],
)
def test_what_contradicts_a_primary_image_set(archive, attributes):
    assert ask(archive, primaries.contradicts, attributes)
    with pytest.raises(ChangeFailed, match="INVALID_REQUEST"):
        ask(
            archive,
            primaries.check_promotion,
            attributes | {"SeriesInstanceUID": "1.2.9"}
            if attributes.get("SeriesNumber") == "7"
            else attributes,
        )


def test_only_primary_image_sets_of_the_data_store_count(archive, tmp_path):
    archive.add(
        "b", tree(patient={"PatientID": "P2"}, study={"StudyInstanceUID": "1.5"}), primary=False
    )
    other = {"StudyInstanceUID": "1.5", "PatientID": "P3"}
    assert not ask(archive, primaries.contradicts, UPPER | other)
    assert ask(archive, primaries.of_series, UPPER | other) is None
    assert not ask(archive, primaries.contradicts, UPPER | {"PatientID": "P2"}, "d" * 32)
    with archive.database.read() as db:
        assert primaries.is_primary(db, A)
        assert not primaries.is_primary(db, "b" * 32)


def test_the_primary_image_set_of_a_series(archive):
    for attributes in (UPPER, UPPER | {"SeriesInstanceUID": "1.2.3 ", "PatientID": "P9"}):
        assert ask(archive, primaries.of_series, attributes)["id"] == A
    for key in ("StudyInstanceUID", "SeriesInstanceUID"):
        assert ask(archive, primaries.of_series, UPPER | {key: "1.9"}) is None
        assert ask(archive, primaries.of_series, without(key)) is None


def test_promotion_needs_a_series_without_a_primary_image_set(archive):
    with pytest.raises(ChangeFailed, match="has a primary image set already"):
        ask(archive, primaries.check_promotion, UPPER)
    with pytest.raises(ChangeFailed, match="contradict") as failure:
        ask(
            archive, primaries.check_promotion, UPPER | {"SeriesInstanceUID": "1.8", "StudyID": "X"}
        )
    assert "X" not in str(failure.value)
    ask(archive, primaries.check_promotion, UPPER | {"SeriesInstanceUID": "1.8"})
    archive.delete(A)
    archive.work()
    ask(archive, primaries.check_promotion, UPPER | {"PatientID": "P2"})


# What does not fit the index of searchable attributes


@pytest.mark.parametrize(
    "value", [["1", "2"], {"a": 1}, True, 1e300, "9" * 30, "1_0", "٣", "7.0", [[]]]
)
def test_a_series_number_of_any_form_is_left_out_or_whole(value):
    found = image_sets.searched({"SeriesNumber": value, "StudyDate": value, "PatientID": value}, 1)
    assert "DICOMSeriesNumber" not in found["tags"]


# Merging


keys = {
    "patient": st.sampled_from(["PatientID", "PatientName", "PatientSex"]),
    "study": st.sampled_from(["StudyTime", "StudyDescription", "AccessionNumber"]),
    "series": st.sampled_from(["Modality", "SeriesTime", "SeriesNumber"]),
    "instance": st.sampled_from(["Rows", "ImageType", "00191001"]),
}
values = st.one_of(
    st.none(),
    st.sampled_from(["a", "b", ""]),
    st.integers(0, 1),
    st.just(["a", "b"]),
    st.just([{"CodeValue": "a"}]),
)
files = st.fixed_dictionaries(
    {level: st.dictionaries(names, values, max_size=3) for level, names in keys.items()}
)


def staged(number, levels):
    """An instance as import stages it, and its attributes as they have to stay."""
    sop = f"1.2.3.{number}"
    own = {"SOPInstanceUID": f"{sop} ", **levels["instance"]}
    parts = {
        "patient": dict(levels["patient"]),
        "study": {"StudyInstanceUID": "1.2", **levels["study"]},
        "series": {"SeriesInstanceUID": "1.2.3", **levels["series"]},
        "instance": {
            "DICOM": own,
            "DICOMVRs": {},
            "StoredTransferSyntaxUID": ts.EXPLICIT_LE,
            "ImageFrames": [],
        },
    }
    return sop, parts, parts["patient"] | parts["study"] | parts["series"] | own


def base_of(first, number):
    """The document of a first instance."""
    sop, parts, attributes = staged(number, first)
    document = tree()
    document["Patient"]["DICOM"] = parts["patient"]
    document["Study"]["DICOM"] = parts["study"]
    [series] = document["Study"]["Series"].values()
    series |= {"DICOM": parts["series"], "Instances": {sop: parts["instance"]}}
    return document, {sop: attributes}


@settings(max_examples=500)
@given(st.lists(st.lists(st.tuples(st.integers(0, 4), files), max_size=3), max_size=3), files)
def test_every_instance_keeps_its_attributes(batches, first):
    """Some of a batch are new, some replace what an earlier batch brought."""
    document, expected = base_of(first, 0)
    for batch in batches:
        made = [staged(number, levels) for number, levels in batch]
        expected |= {sop: attributes for sop, _, attributes in made}
        document = primaries.merged(document, [parts for _, parts, _ in made])
        assert flat(document) == expected
        [series] = document["Study"]["Series"].values()
        for node in (document["Patient"], document["Study"], series):
            for key, value in node["DICOM"].items():  # what all share stands nowhere else
                one_by_one = [one["DICOM"] for one in series["Instances"].values()]
                assert value not in [one[key] for one in one_by_one if key in one]


@given(files, files)
def test_merging_again_changes_nothing(first, second):
    document, _ = base_of(first, 0)
    _, parts, _ = staged(1, second)
    once = primaries.merged(document, [copy.deepcopy(parts)])
    again = primaries.merged(copy.deepcopy(once), [copy.deepcopy(parts)])
    assert again == once


def test_what_was_forced_into_two_levels_keeps_its_value():
    document = tree(instance("1.2.3.1"), patient={"Odd": "p"}, study={"Odd": "q"})
    document["Study"]["Series"]["1.2.3"]["DICOM"]["Odd"] = "r"
    before = flat(document)["1.2.3.1"]
    _, parts, attributes = staged(2, {level: {} for level in keys})
    found = flat(primaries.merged(document, [parts]))
    assert found == {"1.2.3.1": before, "1.2.3.2": attributes}


# Imports beside changes


class Import(Job):
    """A job into a data store with primary image sets; instances of several groups."""

    def __init__(self, root):
        super().__init__(root)
        with self.database.write() as db:
            db.execute("UPDATE datastore SET import_rule = ?", (resources.PRIMARY,))
        self.archive = Archive.again(self, root)
        self.waits = 0

    def wait(self):
        self.waits += 1

    def primary(self):
        query = "SELECT * FROM image_set WHERE is_primary = 1 AND version > 0"
        with self.database.read() as db:
            return [dict(row) for row in db.execute(query)]

    def meanwhile(self, monkeypatch, change):
        """Do ``change`` after the next look at the primary image sets."""
        real, done = primaries.of_series, []

        def look(*arguments):
            found = real(*arguments)
            if not done:
                done.append(1)
                thread = threading.Thread(target=change)
                thread.start()
                thread.join()
            return found

        monkeypatch.setattr(primaries, "of_series", look)


PATIENT_LEVEL = {"patient": {"PatientID": "P1"}}


@pytest.mark.parametrize("finished", [False, True])
def test_an_import_adds_to_the_version_that_is_the_newest(tmp_path, monkeypatch, finished):
    job = Import(tmp_path / "data")
    job.stage(1, PATIENT_LEVEL)
    job.publish()
    [row] = job.primary()

    def change():
        payload = {"Patient": {"DICOM": {"PatientComments": "new"}}}
        job.archive.update(row["id"], "1", payload)
        if finished:
            job.archive.work()

    job.stage(2, PATIENT_LEVEL, group=("H",))
    job.wait = lambda: job.archive.work()
    job.meanwhile(monkeypatch, change)
    job.publish()
    found = flat(job.archive.document(row["id"]))
    assert [found[f"1.2.3.{one}"].get("PatientComments") for one in (1, 2)] == ["new", None]
    assert [one[1] for one in job.archive.versions(row["id"])] == ["CREATED", "UPDATED", "IMPORTED"]
    assert job.archive.frame(row["id"], f"{2:016x}{0:016x}") == b"frame 0 of 2"


def test_an_import_goes_on_where_the_image_set_was_deleted(tmp_path, monkeypatch):
    job = Import(tmp_path / "data")
    job.stage(1, PATIENT_LEVEL)
    job.publish()
    [row] = job.primary()

    def change():
        job.archive.delete(row["id"])
        job.archive.work()

    job.stage(2, PATIENT_LEVEL, group=("H",))
    job.meanwhile(monkeypatch, change)
    job.publish()
    [other] = job.primary()
    assert other["id"] != row["id"]
    assert list(flat(job.archive.document(other["id"]))) == ["1.2.3.2"]


def test_an_import_gives_way_to_a_copy_that_was_promoted(tmp_path, monkeypatch):
    job = Import(tmp_path / "data")
    job.stage(1, PATIENT_LEVEL)
    job.publish()
    [row] = job.primary()
    with job.database.write() as db:
        db.execute("UPDATE image_set SET is_primary = 0")

    def change():
        job.archive.copy(row["id"], promoteToPrimary=True)
        job.archive.work()

    job.stage(2, PATIENT_LEVEL, group=("H",))
    job.meanwhile(monkeypatch, change)
    job.publish()
    [promoted] = job.primary()
    assert list(flat(job.archive.document(promoted["id"]))) == ["1.2.3.1"]
    assert job.waits == 0
    assert len({one["image_set_id"] for one in job.rows()["job_file"]}) == 2


def test_importing_the_same_again_replaces(tmp_path):
    job = Import(tmp_path / "data")
    job.stage(1, PATIENT_LEVEL, own={"Rows": 1})
    job.stage(2, PATIENT_LEVEL, own={"Rows": 1})
    job.publish()
    job.stage(3, {"patient": {"PatientID": "P1", "PatientSex": "F"}}, group=("H",))
    with job.database.write() as db:
        db.execute("UPDATE job_file SET sop_uid = '1.2.3.1' WHERE key = 'key-003'")
    name = job.layout.staged(job.id, f"{3:032x}")
    name.write_bytes(name.read_bytes().replace(b"1.2.3.3", b"1.2.3.1"))
    job.publish()
    [row] = job.primary()
    found = flat(job.archive.document(row["id"]))
    assert {sop: one.get("PatientSex") for sop, one in found.items()} == {
        "1.2.3.1": "F",
        "1.2.3.2": None,
    }
    assert row["version"] == 2
    assert orjson.loads(row["tags"])["DICOMNumberOfStudyRelatedInstances"] == 2
