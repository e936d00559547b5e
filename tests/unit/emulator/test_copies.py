"""CopyImageSet on documents: which instances are meant, and what a merge makes of two documents."""

import copy
from pathlib import Path

import orjson
import pytest
from hypothesis import given, strategies as st

from gateway.emulator import copies, documents
from gateway.emulator.failures import ChangeFailed
from tests.unit.emulator.archives import flat, instance, tree

REAL = sorted((Path(__file__).parents[2] / "data" / "ahi").glob("*.json"))


def named(*sops, series="1.2.3", content=None):
    found = {sop: content if content is not None else {} for sop in sops}
    return orjson.dumps(
        {"SchemaVersion": "1.1", "Study": {"Series": {series: {"Instances": found}}}}
    )


def sops(document):
    return [sop for _, sop, _ in documents.instances(document)]


@pytest.mark.parametrize("series", ["1.2.3", "imageSetId", "", "1.9"])
@pytest.mark.parametrize("content", [{}, {"DICOM": {}}, {"ImageFrames": []}])
def test_the_subset_is_the_instances_that_are_named(series, content):
    assert copies.subset(named("1.1", "1.2", series=series, content=content)) == {"1.1", "1.2"}


def test_the_subset_of_several_series_is_that_of_all():
    series = {
        "a": {"Instances": {"1": {}, "2": {}}},
        "b": {"Instances": {"2": {}, "3": {}}},
        "c": {},
    }
    assert copies.subset(orjson.dumps({"Study": {"Series": series}})) == {"1", "2", "3"}


@pytest.mark.parametrize("attributes", ["{}", '{"Study":{}}', '{"Study":{"Series":{"1.2.3":{}}}}'])
def test_no_instance_named_is_no_subset(attributes):
    assert copies.subset(attributes) is None


ODD = [None, 1, True, "x", [], ["1.2"], [{}], [[]]]


@pytest.mark.parametrize("value", ODD)
def test_another_form_is_refused(value):
    for attributes in (
        value,
        {"Study": value},
        {"Study": {"Series": value}},
        {"Study": {"Series": {"a": value}}},
        {"Study": {"Series": {"a": {"Instances": value}}}},
        {"Study": {"Series": {"b": {"Instances": {"1.2": {}}}, "a": {"Instances": value}}}},
    ):
        with pytest.raises(ValueError, match="not of the document's shape"):
            copies.subset(orjson.dumps(attributes))


@pytest.mark.parametrize("content", ["", "{", "{}{}"])
def test_what_is_no_json_is_refused(content):
    with pytest.raises(ValueError, match="line 1"):
        copies.subset(content)


json = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["Study", "Series", "Instances", "a"]), inner)
    ),
)


@given(json | st.fixed_dictionaries({"Study": st.fixed_dictionaries({"Series": json})}))
def test_any_json_names_instances_or_is_refused(value):
    try:
        found = copies.subset(orjson.dumps(value))
    except ValueError:
        return
    assert found is None or all(isinstance(one, str) for one in found)


def test_chosen_instances_are_copied_with_the_levels_above_them():
    source = tree()
    before = copy.deepcopy(source)
    found = copies.chosen(source, ["1.2.3.2"])
    assert flat(found) == {"1.2.3.2": flat(source)["1.2.3.2"]}
    found["Patient"]["DICOM"]["PatientID"] = "other"
    found["Study"]["Series"]["1.2.3"]["Instances"]["1.2.3.2"]["DICOM"]["Rows"] = 1
    assert source == before
    everything = copies.chosen(source, None)
    assert everything == source
    assert everything["Study"] is not source["Study"]


def test_a_series_without_chosen_instances_is_left_out():
    source = tree()
    other = tree(instance("1.2.4.1"), series={"SeriesInstanceUID": "1.2.4"})
    source["Study"]["Series"] |= other["Study"]["Series"]
    assert list(copies.chosen(source, {"1.2.4.1"})["Study"]["Series"]) == ["1.2.4"]


@pytest.mark.parametrize("wanted", [["1.2.3.9"], ["1.2.3.1", "1.2.3.9"], [""]])
def test_an_instance_that_is_not_there_cannot_be_chosen(wanted):
    with pytest.raises(ChangeFailed, match="INVALID_REQUEST: An instance") as failure:
        copies.chosen(tree(), wanted)
    assert "1.2.3.9" not in str(failure.value)


def test_merging_adds_the_instances():
    source, destination = tree(instance("1.2.3.1", Rows=1)), tree(instance("1.2.3.2", Rows=2))
    before = copy.deepcopy((source, destination))
    found = copies.merged(source, destination, force=False)
    assert flat(found) == flat(destination) | flat(source)
    assert sops(found) == ["1.2.3.2", "1.2.3.1"]
    for one in found["Study"]["Series"]["1.2.3"]["Instances"].values():
        one["DICOM"]["Rows"] = 9
    found["Patient"]["DICOM"]["PatientID"] = "other"
    assert (source, destination) == before


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_an_instance_is_in_an_image_set_once(path, force):
    document = orjson.loads(path.read_bytes())
    with pytest.raises(ChangeFailed, match="not unique") as failure:
        copies.merged(document, document, force=force)
    sets = "SourceImageSet and DestinationImageSet"
    assert str(failure.value) == f"INVALID_REQUEST: SOP Instance UIDs of {sets} are not unique."


def test_two_halves_of_a_real_document_make_it_again():
    document = orjson.loads((REAL[0].parent / "ct_2023.json").read_bytes())
    one, other = sops(document)
    halves = [copies.chosen(document, [sop]) for sop in (other, one)]
    assert copies.merged(*halves, force=False) == document


DIFFERENCES = [
    ("Patient", {"patient": {"PatientName": "Other"}}),
    ("Patient", {"patient": {"PatientComments": None}}),
    ("Study", {"study": {"StudyDate": "20240103"}}),
    ("Study", {"study": {"StudyDescription": "more"}}),
    ("Series", {"series": {"Modality": "MR"}}),
    ("Series", {"series": {"SeriesInstanceUID": "1.2.4"}}),
]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("level", "difference"), DIFFERENCES)
def test_levels_that_differ_need_force(level, difference, reverse):
    first, second = tree(instance("1.2.3.1"), **difference), tree(instance("1.2.3.2"))
    source, destination = (second, first) if reverse else (first, second)
    with pytest.raises(ChangeFailed) as failure:
        copies.merged(source, destination, force=False)
    message = f"INVALID_REQUEST: {level} of SourceImageSet and DestinationImageSet don't match."
    assert str(failure.value) == message
    found = copies.merged(source, destination, force=True)
    assert found["Patient"] == destination["Patient"]
    assert found["Study"]["DICOM"] == destination["Study"]["DICOM"]
    [series] = found["Study"]["Series"].values()
    [target] = destination["Study"]["Series"].values()
    assert series["DICOM"] == target["DICOM"]
    assert set(sops(found)) == {"1.2.3.1", "1.2.3.2"}


def test_the_order_of_attributes_is_no_difference():
    source, destination = tree(instance("1.2.3.1")), tree(instance("1.2.3.2"))
    source["Patient"]["DICOM"] = dict(reversed(source["Patient"]["DICOM"].items()))
    assert len(sops(copies.merged(source, destination, force=False))) == 2


def test_padding_is_no_inconsistency():
    one, other = (
        {
            "Patient": {"DICOM": {"PatientID": f"P{pad}"}},
            "Study": {
                "DICOM": {"StudyInstanceUID": "1", "StudyID": f"S{pad}"},
                "Series": {
                    "1.2": {
                        "DICOM": {"SeriesNumber": f"1{pad}", "SoftwareVersions": [f"a{pad}"]},
                        "Instances": {sop: {"DICOM": {"SOPInstanceUID": sop}}},
                    }
                },
            },
        }
        for pad, sop in (("", "1.3"), (" ", "1.4"))
    )
    [series] = copies.merged(one, other, force=False)["Study"]["Series"].values()
    assert set(series["Instances"]) == {"1.3", "1.4"}
