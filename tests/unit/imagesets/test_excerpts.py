"""Excerpts say what the instance they were made of says."""

import base64
import math
from functools import cache

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st

from gateway.dicom import jsonmodel, levels, matching, xmlmodel
from gateway.dicom.conditions import by_tag
from gateway.emulator import metadata
from gateway.imagesets import document, excerpts
from gateway.imagesets.excerpts import STUDY_LEVEL, Uids
from tests import files
from tests.unit.imagesets.test_document import DOCUMENTS, ID, only, tree

SERIES_LEVEL = STUDY_LEVEL | levels.SERIES | {0x00400244, 0x00400245}
FIELDS = ("image_set_id", "study", "series", "sop", "stored_syntax", "source_syntax")
SAID = (*FIELDS, "number", "series_number", "modality", "sop_class", "image_type", "signed")


def uids(one):
    return Uids(one.image_set_id, one.study, one.series, one.sop)


def link(path):
    return f"http://test/{path}"


def again(one, first=None):
    """``one`` made again of its excerpts, and the speakers of its study and series."""
    first = first or one
    study, series = excerpts.study_blob(one), excerpts.series_blob(first)
    where = uids(one)
    return (
        excerpts.speaker(where, study, series, excerpts.instance_blob(one, first)),
        excerpts.speaker(where._replace(series="", sop=""), study),
        excerpts.speaker(where._replace(sop=""), study, series),
    )


def plain(dataset):
    """A data set in which what is no number equals itself."""
    return repr(dataset)


def check(one, first=None):
    whole, of_study, of_series = again(one, first)
    assert plain(whole.dataset()) == plain(one.dataset())
    for name in SAID:
        assert getattr(whole, name) == getattr(one, name), name
    assert len(whole.frames) == len(one.frames)
    assert whole.pixel() == one.pixel()
    for tag, _, _ in one.dataset():
        assert plain(whole.element(tag)) == plain(one.element(tag))
    assert whole.element(0x00090099) is None
    expected = [element for element in one.dataset() if element[0] in STUDY_LEVEL]
    assert plain(of_study.dataset()) == plain(expected)
    if first is None:
        above = one.upper.elements(signed=one.signed).keys() | SERIES_LEVEL
        expected = [element for element in one.dataset() if element[0] in above]
        assert plain(of_series.dataset()) == plain(expected)
        assert (of_series.series_number, of_series.frames) == (one.series_number, ())
    assert jsonmodel.encode(whole.dataset(), link) == jsonmodel.encode(one.dataset(), link)


@cache
def converted():
    """A document of each file of the collection, as the embedded server writes it."""
    found = []
    for path in files.collection():
        try:
            read = metadata.convert(files.read(path))
        except Exception:
            continue  # nothing that could be imported
        own = frozenset(read.attributes) - levels.PATIENT - levels.STUDY - levels.SERIES
        parts = [read.pick(level) for level in (levels.PATIENT, levels.STUDY, levels.SERIES)]
        content = tree(read.pick(own), DICOMVRs=read.vrs)
        content["Patient"]["DICOM"] = parts[0]
        content["Study"]["DICOM"] = parts[1]
        content["Study"]["Series"]["1.2.3"]["DICOM"] = parts[2]
        found.append(orjson.dumps(content))
    assert len(found) > 70
    return found


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_instances_of_real_documents(name):
    instances = list(document.parse(ID, DOCUMENTS[name]).instances.values())
    for one in instances:
        check(one)
        check(one, instances[0])


def test_instances_of_every_file():
    for content in converted():
        for one in document.parse(ID, content).instances.values():
            check(one)


KEYS = st.sampled_from(
    [
        *("PatientName", "00100010", "PatientWeight", "StudyDate", "SpecificCharacterSet"),
        *("SeriesNumber", "Modality", "PixelPaddingValue", "PixelRepresentation", "Rows"),
        *("InstanceNumber", "00090010", "00091001", "SmallestImagePixelValue", "ImageType"),
        *("RequestAttributesSequence", "ReferencedStudySequence", "LUTData", "PixelData"),
        *("PerformedProcedureStepStartDate", "NoKeyword"),
    ]
)
PLAIN = st.one_of(
    st.none(),
    st.sampled_from(["", "CT", "1", "-5 ", "a\\b", "AAAA", "Doe^J=愛", "NaN", "20200101"]),
    st.integers(-40000, 70000),
    st.lists(st.sampled_from(["A", "", "7"]), max_size=3),
    st.lists(st.integers(-5, 5), max_size=3),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
ITEMS = st.lists(st.dictionaries(KEYS, PLAIN, max_size=3), min_size=1, max_size=2)
LEVEL = st.dictionaries(KEYS, PLAIN | ITEMS, max_size=6)
KNOWN = st.dictionaries(
    KEYS, st.sampled_from(["UN", "OB", "SS", "US", "LO", "FD", "XX"]), max_size=3
)


@given(first=LEVEL, second=LEVEL, patient=LEVEL, study=LEVEL, series=LEVEL, known=KNOWN)
def test_whatever_stands_where(first, second, patient, study, series, known):
    content = tree(first, patient=patient, study=study, series=series, DICOMVRs=known)
    [found] = content["Study"]["Series"].values()
    found["Instances"]["1.2.3.5"] = {"DICOM": second}
    try:
        one, other = document.parse(ID, orjson.dumps(content)).instances.values()
        one.dataset(), other.dataset(), one.pixel(), other.pixel()
    except (document.UpstreamInvalid, TypeError, AttributeError):
        return  # nothing that could be served either
    check(one)
    check(other, one)


def test_a_digest_is_of_what_is_said_of_the_study():
    same = [
        only({"InstanceNumber": "1"}, patient={"PatientID": "A"}),
        only({"InstanceNumber": "2", "PatientID": "A"}, series={"Modality": "CT"}),
    ]
    other = only({"SpecificCharacterSet": "ISO_IR 192"}, patient={"PatientID": "A"})
    digests = [excerpts.study(one).digest for one in (*same, other)]
    assert digests[0] == digests[1] != digests[2]
    assert {len(one) for one in digests} == {16}


BYTES = base64.b64encode(np.random.default_rng(7).bytes(60_000)).decode()


def large(place):
    """An instance with two values of bytes, large together, at a level of its document."""
    item = {"00091001": BYTES, "CodeValue": "X" * 5000, "00091002": "AAAA"}
    attributes = {
        "instance": {"own": {"00091001": BYTES, "OriginalImageIdentification": [item]}},
        "lut": {"own": {"ModalityLUTSequence": [{"LUTData": BYTES + BYTES}]}},
        "series": {"series": {"00091001": BYTES, "RequestAttributesSequence": [item]}},
        "study": {"study": {"ReferencedStudySequence": [item, item]}},
    }[place]
    return only(**attributes, DICOMVRs={"00091001": "OB", "00091002": "UN"})


@pytest.mark.parametrize("place", ["instance", "lut", "series", "study"])
def test_large_bytes_are_linked_to_and_small_ones_stay(place):
    one = large(place)
    if place in ("series", "study"):  # there VRs are the dictionary's: private bytes are texts
        check(one)
        return
    study, series = excerpts.study_blob(one), excerpts.series_blob(one)
    whole = excerpts.speaker(uids(one), study, series, excerpts.instance_blob(one))
    blobs = (study, series, excerpts.instance_blob(one))
    assert sum(map(len, blobs)) < 2_000
    for limit in (0, 1024, 1 << 40):
        expected = jsonmodel.encode(one.dataset(), link, min(limit, 1024))
        assert jsonmodel.encode(whole.dataset(), link, limit) == expected if limit else True
    assert xmlmodel.encode(whole.dataset(), link, 1024) == xmlmodel.encode(
        one.dataset(), link, 1024
    )


def test_what_is_held_elsewhere_has_a_value_and_matches_nothing():
    one = large("instance")
    whole, _, _ = again(one)
    found = by_tag(whole.dataset())
    for values, modes, expected in (
        (["x"], matching.LITERAL, False),
        (['""'], matching.Modes(empty=True), False),
    ):
        matcher = matching.matcher({(0x00091001,): values}, modes)
        assert matcher.meets(found) is matcher.meets(by_tag(one.dataset())) is expected


def test_bytes_above_an_instance_tell_where_they_are():
    icon = {"ReferencedStudySequence": [{"EncapsulatedDocument": BYTES + BYTES}]}
    one = only(study=icon)
    whole, of_study, of_series = again(one)
    for found in (whole, of_study, of_series):
        assert uids(found) == uids(one)
        assert jsonmodel.encode(found.dataset(), link)["00081110"]["Value"] == [
            {"00420011": {"vr": "OB", "BulkDataURI": "http://test/00081110/1/00420011"}}
        ]
    other = only(study=icon, series={"SeriesNumber": "2"})
    assert excerpts.study(one).digest == excerpts.study(other).digest


def test_numbers_that_are_not_finite():
    values = ["NaN", "Infinity", "-Infinity", 1.5]
    one = only({"RealWorldValueSlope": "NaN"}, series={"PatientSize": 1.5, "00189073": values})
    whole, _, of_series = again(one)
    [kept] = [value for tag, _, value in of_series.dataset() if tag == 0x00189073]
    assert [math.isnan(kept[0]), *kept[1:]] == [True, math.inf, -math.inf, 1.5]
    assert plain(whole.dataset()) == plain(one.dataset())
