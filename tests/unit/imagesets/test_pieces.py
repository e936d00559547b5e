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
    pieces = Pieces(shared)
    for _ in range(2):  # what is remembered, too
        for one in document.parse(ID, DOCUMENTS[name]).instances.values():
            assert in_pieces(pieces, one) == whole(one)


def outcome(write, *arguments):
    try:
        return write(*arguments)
    except UpstreamInvalid as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(ATTRIBUTES, st.lists(st.tuples(ATTRIBUTES, RECORDED), max_size=4))
def test_every_instance_of_any_document_is_written_as_a_whole_is(upper, instances):
    instances = instances * 2
    tree = {
        "Patient": {"DICOM": {}},
        "Study": {
            "DICOM": {},
            "Series": {
                "1.2": {
                    "DICOM": upper,
                    "Instances": {
                        f"1.2.{n}": {"DICOM": own, "DICOMVRs": vrs}
                        for n, (own, vrs) in enumerate(instances)
                    },
                }
            },
        },
    }
    try:
        found = document.parse(ID, orjson.dumps(tree)).instances.values()
    except UpstreamInvalid:  # items that are none, above the instances
        return
    pieces = Pieces(shared)
    for one in found:
        assert outcome(in_pieces, pieces, one) == outcome(whole, one)
