"""Values of a metadata document that are not as the dictionary has them."""

from io import BytesIO

import orjson
import pytest
from hypothesis import given, settings, strategies as st
from pydicom.filereader import read_dataset

from gateway.dicom import jsonmodel, part10
from gateway.dicom.vrs import KNOWN
from gateway.errors import UpstreamInvalid
from gateway.imagesets import values

PLAIN = (
    st.none() | st.text(max_size=6) | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.booleans()
)
ODD = PLAIN | st.lists(PLAIN, max_size=3) | st.lists(st.just({"PatientID": "1"}), max_size=2)
ONE_OF_EACH_VR = [
    "RetrieveAETitle",
    "PatientAge",
    "Modality",
    "StudyDate",
    "PatientWeight",
    "AcquisitionDateTime",
    "ActualFrameDuration",
    "InstanceNumber",
    "StudyDescription",
    "AdditionalPatientHistory",
    "ReferencedImageSequence",
    "PatientName",
    "StudyID",
    "ImageComments",
    "StudyTime",
    "InstitutionAddress",
    "LongCodeValue",
    "SOPClassUID",
    "URNCodeValue",
    "TextValue",
    "EncapsulatedDocument",
    "DoubleFloatPixelData",
    "TrackPointIndexList",
    "LUTData",
    "FrameIncrementPointer",
    "RecommendedDisplayFrameRateInFloat",
    "SelectorFDValue",
    "SelectorFLValue",
    "SelectorSLValue",
    "SelectorSSValue",
    "SelectorSVValue",
    "SelectorULValue",
    "SelectorUSValue",
    "SelectorUVValue",
    "SmallestImagePixelValue",
    "00111001",
]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(ONE_OF_EACH_VR), ODD, min_size=1, max_size=8), st.data())
def test_a_value_of_any_type_under_any_keyword_is_written(own, data):
    known = data.draw(st.dictionaries(st.sampled_from(list(own)), st.sampled_from(sorted(KNOWN))))
    own = orjson.loads(orjson.dumps(own))
    try:
        found = sorted(values.elements(own, known, signed=False), key=lambda element: element[0])
    except UpstreamInvalid:
        assert any(
            isinstance(value, list) and any(isinstance(item, dict) for item in value)
            for value in own.values()
        )
        return
    read = read_dataset(BytesIO(part10.encode(found)), False, True)
    assert (
        {tag for tag, _, _ in found} <= set(read.keys()) <= {*(tag for tag, _, _ in found), 0x80005}
    )
    assert orjson.loads(orjson.dumps(jsonmodel.encode(found))).keys()


def element(attributes, known=None):
    [found] = values.elements(attributes, known or {}, signed=False)
    return found


@pytest.mark.parametrize(
    ("keyword", "value", "vr"),
    [
        ("ReferencedImageSequence", "text", "LO"),
        ("ReferencedImageSequence", [], "SQ"),
        ("ReferencedImageSequence", None, "SQ"),
        ("PatientName", [{"PatientID": "1"}], "SQ"),
        ("PatientName", {"PatientID": "1"}, "SQ"),
        ("EncapsulatedDocument", "no base64", "LO"),
        ("EncapsulatedDocument", [1, 2], "SL"),
        ("SelectorUSValue", [70_000], "SL"),
        ("SelectorUSValue", [-1], "SL"),
        ("SelectorUSValue", [1 << 31], "UL"),
        ("SelectorUSValue", [1 << 40], "SV"),
        ("SelectorUSValue", [1 << 63], "UV"),
        ("SelectorUSValue", [0.5], "FD"),
        ("SelectorUSValue", "AAA=", "UN"),
        ("FrameIncrementPointer", ["00181063"], "AT"),
        ("FrameIncrementPointer", "here", "LO"),
        ("LUTData", "AAAA", "OW"),
    ],
)
def test_a_value_that_does_not_fit_the_dictionary_is_read_by_its_type(keyword, value, vr):
    assert element({keyword: value})[1] == vr


def test_a_recorded_vr_goes_before_the_dictionary():
    assert element({"PatientName": "A"}, {"PatientName": "LT"})[1:] == ("LT", ["A"])
    assert element({"PatientName": "A"}, {"PatientName": "SQ"})[1:] == ("LO", ["A"])
