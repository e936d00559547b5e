"""What stands around pixel data in a file: byte for byte what a data set written as a whole is."""

import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import image, part10
from gateway.dicom.image import ImagePixel
from gateway.errors import UpstreamInvalid
from gateway.imagesets import document
from gateway.imagesets.heads import Heads
from tests.unit.imagesets.test_document import DOCUMENTS, ID
from tests.unit.imagesets.test_pieces import any_series, series

PIXEL = ImagePixel(2, 2, photometric="RGB", planar=1)
IMPLICIT = pytest.mark.parametrize("implicit", [False, True])


def whole(one, implicit):
    offsets = (0x7FE00001, 0x7FE00002)
    stored = part10.in_one_character_set([e for e in one.dataset() if e[0] not in offsets])
    said = image.restated(stored, PIXEL)
    before = [element for element in said if element[0] < 0x7FE00008]
    behind = [element for element in stored if element[0] > 0x7FE00010]
    return tuple(part10.encode_part(part, implicit=implicit) for part in (before, behind))


@IMPLICIT
@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_around_the_pixels_of_a_real_document(name, implicit):
    heads = Heads()
    for _ in range(2):
        for one in document.parse(ID, DOCUMENTS[name]).instances.values():
            assert heads.around(one, PIXEL, implicit=implicit) == whole(one, implicit)


@settings(max_examples=200, deadline=None)
@given(any_series, st.booleans())
def test_around_the_pixels_of_any_document(instances, implicit):
    heads = Heads()
    for one in instances:
        try:
            expected = whole(one, implicit)
        except UpstreamInvalid as error:
            with pytest.raises(UpstreamInvalid, match=str(error)):
                heads.around(one, PIXEL, implicit=implicit)
        else:
            assert heads.around(one, PIXEL, implicit=implicit) == expected


@IMPLICIT
@pytest.mark.parametrize("upper", [{"PatientName": "Müller"}, {"PatientID": "1"}, {}])
def test_the_character_set_is_that_of_each_file(upper, implicit):
    items = [{"SpecificCharacterSet": ["ISO_IR 100"], "CodeMeaning": "Größe"}]
    instances = series(
        upper,
        [
            ({"SpecificCharacterSet": ["ISO_IR 100"], "ImageComments": "plain", "Rows": 2}, {}),
            ({"SpecificCharacterSet": ["ISO_IR 100"], "ImageComments": "schön", "Rows": 2}, {}),
            ({"PhotometricInterpretation": "MONOCHROME2", "ConceptNameCodeSequence": items}, {}),
            ({"PlanarConfiguration": 0, "DigitalSignaturesSequence": items}, {}),
            ({"Rows": 2, "ExtendedOffsetTable": "AAAAAAAAAAA="}, {}),
        ],
    )
    heads = Heads()
    for one in instances + instances:
        assert heads.around(one, PIXEL, implicit=implicit) == whole(one, implicit)
