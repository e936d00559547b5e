"""UpdateImageSetMetadata on documents: what a payload changes, and that nothing else changes."""

import copy
from pathlib import Path

import orjson
import pytest

from gateway.emulator import documents, updates
from gateway.emulator.failures import ChangeFailed
from tests.unit.emulator.archives import flat, instance, tree

REAL = sorted((Path(__file__).parents[2] / "data" / "ahi").glob("*.json"))
PRIVATE = "00191001"


def study(**dicom):
    return {"Study": {"DICOM": dicom}}


def series(**dicom):
    return {"Study": {"Series": {"1.2.3": {"DICOM": dicom}}}}


def at(sop="1.2.3.1", vrs=None, **dicom):
    content = {"DICOM": dicom} | ({} if vrs is None else {"DICOMVRs": vrs})
    return {"Study": {"Series": {"1.2.3": {"Instances": {sop: content}}}}}


def instances(**content):
    return {"Study": {"Series": {"1.2.3": {"Instances": content}}}}


def put(document, payload, *, force=False, primary=False):
    return updates.apply(document, payload, None, force=force, primary=primary)


def take(document, payload, *, force=False):
    return updates.apply(document, None, payload, force=force, primary=False)


def refused(match, document, updatable=None, removable=None, *, force=False, primary=False):
    before = copy.deepcopy(document)
    with pytest.raises(ChangeFailed, match=match) as failure:
        updates.apply(document, updatable, removable, force=force, primary=primary)
    assert document == before
    return str(failure.value)


# Values


def test_each_level_takes_its_attributes():
    payload = {
        "SchemaVersion": 1.1,
        "Patient": {"DICOM": {"PatientName": "Doe^Jane"}},
        "Study": {
            "DICOM": {"StudyDescription": "new"},
            "Series": {
                "1.2.3": {
                    "DICOM": {"SeriesDescription": "also new"},
                    "Instances": {"1.2.3.2": {"DICOM": {"InstanceNumber": "5"}}},
                }
            },
        },
    }
    document = tree()
    expected = copy.deepcopy(document)
    expected["Patient"]["DICOM"]["PatientName"] = "Doe^Jane"
    expected["Study"]["DICOM"]["StudyDescription"] = "new"
    node = expected["Study"]["Series"]["1.2.3"]
    node["DICOM"]["SeriesDescription"] = "also new"
    node["Instances"]["1.2.3.2"]["DICOM"]["InstanceNumber"] = "5"
    assert put(document, payload) == expected
    assert document == tree()


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_documents_are_changed_and_no_further(path):
    document = orjson.loads(path.read_bytes())
    changed = put(document, {"Patient": {"DICOM": {"PatientName": "MX^MX", "PatientID": None}}})
    assert changed["Patient"]["DICOM"] == document["Patient"]["DICOM"] | {
        "PatientName": "MX^MX",
        "PatientID": None,
    }
    assert changed | {"Patient": 0} == document | {"Patient": 0}
    gone = take(document, {"Study": {"DICOM": {"StudyTime": None}}})
    assert all("StudyTime" not in one for one in flat(gone).values())
    assert put(gone, study(StudyTime=document["Study"]["DICOM"]["StudyTime"])) == document


@pytest.mark.parametrize("value", [None, "", "Müller^Jürgen=山田^太郎", "\u202e", "😀^😀"])
def test_any_text_is_kept_as_it_is(value):
    changed = put(tree(), {"Patient": {"DICOM": {"PatientName": value}}})
    assert {one["PatientName"] for one in flat(changed).values()} == {value}


@pytest.mark.parametrize(
    ("payload", "key", "name"),
    [
        ({"Patient": {"DICOM": {"00100010": "X"}}}, "PatientName", "00100010"),
        (series(**{"0008103e": "X"}), "SeriesDescription", "0008103e"),
        (at(**{"00200013": "5"}), "InstanceNumber", "00200013"),
    ],
)
def test_an_element_named_by_its_tag_is_the_one_named_by_its_keyword(payload, key, name):
    changed = put(tree(instance("1.2.3.1", InstanceNumber="1")), payload)
    [found] = flat(changed).values()
    assert found[key] in ("X", "5")
    assert name not in found
    assert key not in flat(take(changed, payload))["1.2.3.1"]


def test_repeating_and_private_elements_are_named_by_upper_case_digits():
    payload = at(vrs={"0019100a": "LO"}, **{"0019100a": "a", "OverlayRows": 3})
    found = flat(put(tree(), payload, force=True))["1.2.3.1"]
    assert {key: found.get(key) for key in ("0019100A", "60000010")} == {
        "0019100A": "a",
        "60000010": 3,
    }
    assert not {"0019100a", "OverlayRows"} & found.keys()


def test_an_element_is_in_a_payload_once():
    refused("twice", tree(), {"Patient": {"DICOM": {"PatientName": "a", "00100010": "b"}}})
    refused("twice", tree(), removable={"Patient": {"DICOM": {"PatientName": None, "00100010": 0}}})


@pytest.mark.parametrize(
    "payload",
    [study(**{"0020000D": "1.9"}), at(**{"00080018": "1.9"}), at(**{"7FE00010": ""})],
)
def test_a_tag_in_place_of_a_keyword_escapes_no_rule(payload):
    refused("force only|generated", tree(), payload)
    refused("primary|generated", tree(), payload, force=True, primary=True)
    refused("identifies|generated|not there", tree(), removable=payload, force=True)


def test_a_keyword_in_another_case_is_none():
    payload = {"Patient": {"DICOM": {"patientname": "X"}}}
    refused("not an attribute of the DICOM standard", tree(), payload)
    refused("not an attribute of the DICOM standard", tree(), removable=payload)
    changed = put(tree(), payload, force=True)["Patient"]["DICOM"]
    assert (changed["patientname"], changed["PatientName"]) == ("X", "Phantom^Test")


# Values of single instances beside those of the image set


def test_a_value_for_all_ends_those_of_single_instances():
    document = tree(
        instance("1.2.3.1", StudyDescription="own", SeriesTime="10", PatientSex="F"),
        instance("1.2.3.2", StudyDescription="too"),
        study={"StudyDescription": "shared"},
    )
    document["Study"]["Series"]["1.2.3"]["Instances"]["1.2.3.1"]["DICOMVRs"] = {
        "StudyDescription": "UT"
    }
    found = flat(put(document, study(StudyDescription="all")))
    assert [one["StudyDescription"] for one in found.values()] == ["all", "all"]
    assert found["1.2.3.1"]["SeriesTime"] == "10"
    changed = put(document, study(StudyDescription="all") | {"Patient": {"DICOM": {}}})
    assert documents_vrs(changed) == [{}, {}]
    assert flat(changed)["1.2.3.1"]["PatientSex"] == "F"


def documents_vrs(document):
    return [one["DICOMVRs"] for *_, one in documents.instances(document)]


def test_a_removal_for_all_reaches_single_instances():
    document = tree(instance("1.2.3.1", PatientName="Secret^Own"), instance("1.2.3.2"))
    for value in (None, "Phantom^Test", "Secret^Own "):
        changed = take(document, {"Patient": {"DICOM": {"PatientName": value}}})
        assert all("PatientName" not in one for one in flat(changed).values())
        assert b"Secret" not in orjson.dumps(changed)
    refused("another", document, removable={"Patient": {"DICOM": {"PatientName": "Other"}}})


def test_what_only_some_instances_have_can_be_removed():
    document = tree(instance("1.2.3.1", StudyDescription="own"), instance("1.2.3.2"))
    changed = take(document, study(StudyDescription="own"))
    assert all("StudyDescription" not in one for one in flat(changed).values())
    refused("not there", changed, removable=study(StudyDescription=None))


def test_the_other_series_keep_theirs():
    document = tree(instance("1.2.3.1", SeriesTime="10"))
    other = tree(instance("1.2.4.1", SeriesTime="11"), series={"SeriesInstanceUID": "1.2.4"})
    document["Study"]["Series"] |= other["Study"]["Series"]
    for changed in (
        put(document, series(SeriesTime="12")),
        take(document, series(SeriesTime="10")),
    ):
        assert flat(changed)["1.2.4.1"]["SeriesTime"] == "11"
    assert "SeriesTime" not in flat(take(document, series(SeriesTime=None)))["1.2.3.1"]


# Instances and series


def test_instances_and_series_are_removed():
    left = take(tree(), instances(**{"1.2.3.1": {}}))
    assert [sop for _, sop, _ in documents.instances(left)] == ["1.2.3.2"]
    both = {"Study": {"Series": {"1.2.3": {}}}}
    refused("at least one instance", tree(), removable=both)
    refused("at least one instance", tree(), removable=instances(**{"1.2.3.1": {}, "1.2.3.2": {}}))
    document = tree()
    document["Study"]["Series"] |= tree(instance("1.2.4.1"), series={"SeriesInstanceUID": "1.2.4"})[
        "Study"
    ]["Series"]
    for payload in (both, instances(**{"1.2.3.1": {}, "1.2.3.2": {}})):
        left = take(document, payload)
        assert [sop for _, sop, _ in documents.instances(left)] == ["1.2.4.1"]
        assert list(left["Study"]["Series"]) == ["1.2.4"]


@pytest.mark.parametrize("value", [None, 0, False, "", [], [1], "x"])
def test_only_an_empty_object_removes(value):
    refused("not a JSON object", tree(), removable=instances(**{"1.2.3.1": value}))
    refused("not a JSON object", tree(), removable={"Study": {"Series": {"1.2.3": value}}})
    refused("not a JSON object", tree(), instances(**{"1.2.3.1": value}))
    refused("not a JSON object", tree(), {"Study": {"Series": {"1.2.3": value}}})


@pytest.mark.parametrize("content", [{}, {"DICOM": {"InstanceNumber": "1"}}])
def test_what_is_not_in_the_image_set_is_neither_changed_nor_removed(content):
    for payload in (
        {"Study": {"Series": {"1.2.9": content}}},
        instances(**{"1.2.3.9": content}),
    ):
        assert "1.2" not in refused("is not in the image set", tree(), payload)
        assert "1.2" not in refused("is not in the image set", tree(), removable=payload)


def test_removed_first_then_changed():
    document = tree(study={"StudyDescription": "old"})
    payload = study(StudyDescription="new")
    changed = updates.apply(
        document, payload, study(StudyDescription="old"), force=False, primary=False
    )
    assert changed == put(document, payload)
    removal = instances(**{"1.2.3.1": {}})
    refused("not in the image set", document, at(InstanceNumber="1"), removal)


# UIDs


def test_changed_uids_are_the_new_keys():
    document = tree(instance("1.2.3.1", InstanceNumber="1"), instance("1.2.3.2"))
    payload = at(SOPInstanceUID="1.9.1")
    payload["Study"] |= {"DICOM": {"StudyInstanceUID": "1.9"}}
    payload["Study"]["Series"]["1.2.3"]["DICOM"] = {"SeriesInstanceUID": "1.9.3"}
    changed = put(document, payload, force=True)
    assert [(one, sop) for one, sop, _ in documents.instances(changed)] == [
        ("1.9.3", "1.9.1"),
        ("1.9.3", "1.2.3.2"),
    ]
    found = flat(changed)["1.9.1"]
    assert found["MediaStorageSOPInstanceUID"] == found["SOPInstanceUID"] == "1.9.1"
    assert (found["StudyInstanceUID"], found["SeriesInstanceUID"]) == ("1.9", "1.9.3")
    assert found["InstanceNumber"] == "1"


def test_an_update_does_not_touch_the_media_storage_uids_of_others():
    document = tree()
    [_, other] = [one for *_, one in documents.instances(document)]
    other["DICOM"]["MediaStorageSOPInstanceUID"] = "1.7"  # as the file had it
    for payload in (study(StudyDescription="x"), at(SOPInstanceUID="1.9")):
        changed = flat(put(document, payload, force=True))
        assert changed["1.2.3.2"]["MediaStorageSOPInstanceUID"] == "1.7"


def test_two_cannot_have_the_same_uid():
    refused("unique", tree(), at(SOPInstanceUID="1.2.3.2"), force=True)
    swap = instances(
        **{
            "1.2.3.1": {"DICOM": {"SOPInstanceUID": "1.2.3.2"}},
            "1.2.3.2": {"DICOM": {"SOPInstanceUID": "1.2.3.1"}},
        }
    )
    document = tree(instance("1.2.3.1", InstanceNumber="1"), instance("1.2.3.2"))
    changed = flat(put(document, swap, force=True))
    assert changed["1.2.3.2"]["InstanceNumber"] == "1"
    assert changed["1.2.3.1"]["MediaStorageSOPInstanceUID"] == "1.2.3.1"
    other = tree(instance("1.2.4.1"), series={"SeriesInstanceUID": "1.2.4"})
    document["Study"]["Series"] |= other["Study"]["Series"]
    refused("unique", document, series(SeriesInstanceUID="1.2.4"), force=True)


# Private elements


def test_private_elements_are_added_changed_and_removed():
    added = put(tree(), at(vrs={PRIVATE: "DS"}, **{PRIVATE: "97"}), force=True)
    node = added["Study"]["Series"]["1.2.3"]["Instances"]["1.2.3.1"]
    assert (node["DICOM"][PRIVATE], node["DICOMVRs"]) == ("97", {PRIVATE: "DS"})
    changed = put(added, at(**{PRIVATE: "98"}), force=True)
    node = changed["Study"]["Series"]["1.2.3"]["Instances"]["1.2.3.1"]
    assert (node["DICOM"][PRIVATE], node["DICOMVRs"]) == ("98", {PRIVATE: "DS"})
    assert take(changed, at(**{PRIVATE: "98"}), force=True) == tree()
    refused("needs its VR", tree(), at(**{PRIVATE: "97"}), force=True)


@pytest.mark.parametrize("vr", ["XX", "", "ds", "DS ", None, 1, [], ["DS"], {}])
def test_a_vr_is_one_of_the_standard(vr):
    payload = at(vrs={PRIVATE: vr}, **{PRIVATE: "97"})
    refused("no VR of the DICOM standard", tree(), payload, force=True)


def test_vrs_are_of_attributes_that_are_there():
    refused("not an attribute there", tree(), at(vrs={PRIVATE: "DS"}), force=True)
    refused("force only", tree(), at(vrs={"SOPInstanceUID": "LO"}))
    refused("generated", tree(), at(vrs={"PixelData": "OB"}), force=True)
    refused("unknown member DICOMVRs", tree(), {"Patient": {"DICOMVRs": {"PatientID": "LO"}}})


def test_the_vr_of_an_element_in_a_sequence_stays():
    document = tree(instance("1.2.3.1", SourceImageSequence=[{PRIVATE: "a"}], **{PRIVATE: "b"}))
    [node] = [one for *_, one in documents.instances(document)]
    node["DICOMVRs"] = {PRIVATE: "LO"}
    changed = take(document, at(**{PRIVATE: None}), force=True)
    assert documents_vrs(changed) == [{PRIVATE: "LO"}]
    assert documents_vrs(take(changed, at(SourceImageSequence=None), force=True)) == [
        {PRIVATE: "LO"}  # nothing tells that it is of no use any more, and it does no harm
    ]


def test_what_concerns_the_study_is_patient_and_study():
    payload = {"SchemaVersion": 1.1, "Patient": {"DICOM": {"PatientID": "1"}}} | series(
        Modality="MR"
    )
    assert updates.of_study(payload) == {"Patient": {"DICOM": {"PatientID": "1"}}}
    payload["Study"]["DICOM"] = {"StudyDate": "20240101"}
    assert updates.of_study(payload) == {
        "Patient": payload["Patient"],
        "Study": {"DICOM": {"StudyDate": "20240101"}},
    }
    assert updates.of_study({}) == {}
