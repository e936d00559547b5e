"""Instances written in pieces: byte for byte what their data sets are as a whole."""

from functools import partial

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import jsonmodel
from gateway.errors import UpstreamInvalid
from gateway.imagesets import document
from gateway.imagesets.pieces import Pieces
from tests.unit.imagesets.test_document import DOCUMENTS, ID
from tests.unit.imagesets.test_values import ODD, ONE_OF_EACH_VR

LIMIT = 16
KEYS = st.sampled_from(
    [*ONE_OF_EACH_VR, "00111001", "00110010", "00080060", "PixelRepresentation", "PixelData",
     "SmallestImagePixelValue", "00080000", "FFFCFFFC", "no keyword", "0054", "RVCode"]
)  # fmt: skip
RECORDED = st.sampled_from([{}, {"00111001": "UN"}])
ROWS = (0x00280010, "US", [1])
ATTRIBUTES = st.dictionaries(KEYS, ODD, max_size=6)


def link(one, path):
    return f"{one.sop}/{path}"


def whole(one, keeps=lambda _: True):
    found = [element for element in one.dataset() if keeps(element[0])]
    return orjson.dumps(jsonmodel.encode(found, partial(link, one), LIMIT))


def in_pieces(pieces, one, added=()):
    own = partial(jsonmodel.member, link=partial(link, one), limit=LIMIT)
    return b"{" + pieces.write(one, own, added)[1:] + b"}"


def shared(element):
    return jsonmodel.shared_member(element, LIMIT)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_instance_of_a_real_document_is_written_as_a_whole_is(name):
    pieces = Pieces(shared, prepared=jsonmodel.writer)
    for _ in range(2):  # what is remembered, too
        for one in document.parse(ID, DOCUMENTS[name]).instances.values():
            assert in_pieces(pieces, one) == whole(one)


def outcome(write, *arguments):
    try:
        return write(*arguments)
    except UpstreamInvalid as error:
        return str(error)


def series(upper, instances):
    """The instances of a document, each given by its attributes and its recorded VRs."""
    inner = {
        f"1.2.{number}": {"DICOM": own, "DICOMVRs": vrs}
        for number, (own, vrs) in enumerate(instances)
    }
    study = {"DICOM": {}, "Series": {"1.2": {"DICOM": upper, "Instances": inner}}}
    tree = {"Patient": {"DICOM": {}}, "Study": study}
    try:
        return list(document.parse(ID, orjson.dumps(tree)).instances.values())
    except UpstreamInvalid:  # items that are none, above the instances
        return []


any_series = st.builds(
    series, ATTRIBUTES, st.lists(st.tuples(ATTRIBUTES, RECORDED), max_size=4).map(lambda n: n * 2)
)


@settings(max_examples=200, deadline=None)
@given(any_series)
def test_every_instance_of_any_document_is_written_as_a_whole_is(instances):
    pieces = Pieces(shared, prepared=jsonmodel.writer)
    for one in instances:
        assert outcome(in_pieces, pieces, one) == outcome(whole, one)


def test_only_what_is_kept_is_written_and_defaults_stand_for_what_is_not_there():
    pieces = Pieces(shared, lambda tag: tag != 0x00100020, [(0x00100020, "LO", []), ROWS])
    [one] = series({"PatientID": "1", "StudyID": "2"}, [({"Rows": 3, "Columns": 4}, {})])
    found = orjson.loads(in_pieces(pieces, one))
    assert list(found) == ["00100020", "00200010", "00280010", "00280011"]
    assert found["00100020"] == {"vr": "LO"}
    assert found["00280010"]["Value"] == [3]


def test_what_is_added_stands_in_its_place_instead_of_what_is_stored():
    pieces = Pieces(shared, prepared=jsonmodel.writer)
    for rows in (7, 8):
        [one] = series({"StudyID": "2"}, [({"Rows": 3, "Columns": 4}, {})])
        found = orjson.loads(in_pieces(pieces, one, ((0x00280010, "US", [rows]),)))
        assert list(found) == ["00200010", "00280010", "00280011"]
        assert found["00280010"]["Value"] == [rows]


def test_numbers_that_are_equal_but_not_the_same_are_written_as_they_are():
    pieces = Pieces(shared, prepared=jsonmodel.writer)
    values = [0.0, -0.0, 0, 1, 1.0, True]
    for one, value in zip(
        series({}, [({"SelectorFDValue": [value]}, {}) for value in values]), values, strict=True
    ):
        assert in_pieces(pieces, one) == whole(one)
        assert repr(orjson.loads(whole(one))["00720074"]["Value"]) == repr([value])


def test_links_are_of_the_instance_that_they_stand_in():
    content = "A" * 4 * LIMIT
    nested = [{"WaveformData": content}]
    own = {"ICCProfile": content, "WaveformSequence": nested}
    pieces = Pieces(shared, prepared=jsonmodel.writer)
    for one in series({}, [(own, {})] * 2):
        found = orjson.loads(in_pieces(pieces, one))
        assert found["00282000"]["BulkDataURI"] == f"{one.sop}/00282000"
        [item] = found["54000100"]["Value"]
        assert item["54001010"]["BulkDataURI"] == f"{one.sop}/54000100/1/54001010"


@pytest.mark.parametrize(
    "key",
    ["ImageComments", "SliceLocation", "ImageType", "PatientComments", "AcquisitionDate",
     "OperatorsName", "StationAETitle", "FrameIncrementPointer"],
)  # fmt: skip
@pytest.mark.parametrize(
    "value",
    ["1", "1\\2", "1\\", "\\", " 1 \\ 2 ", "", " ", "\0", "1 ", [], ["1"], ["1", "2"],
     ["1\\2", "3"], ["", "1"], [None, "1"], ["1", 2], [" "], "a^b=c", "ä\"\n", "nan", "1e999",
     None, 5, True],
)  # fmt: skip
def test_what_is_prepared_for_an_attribute_writes_what_is_written_otherwise(key, value):
    for one in series({}, [({key: value}, {})]):
        pieces = Pieces(shared, prepared=jsonmodel.writer)
        assert outcome(in_pieces, pieces, one) == outcome(whole, one)
