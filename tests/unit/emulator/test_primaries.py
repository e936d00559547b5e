"""Primary image sets: who may be one, and that a merge loses nothing of any instance."""

import copy

import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import documents, image_sets, primaries
from gateway.emulator.failures import ChangeFailed
from tests.unit.emulator.archives import Archive, flat, instance, tree

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
