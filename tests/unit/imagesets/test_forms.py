"""The transfer syntaxes that one instance, or all of a study, can be had in."""

import pytest

from gateway.codecs import transcoding
from gateway.codecs.transcoding import Targets
from gateway.dicom import transfer_syntaxes as ts
from gateway.imagesets.forms import Forms, form_of, targets
from tests.unit.imagesets.test_files import stored

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
BINARY = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "SOPClassUID": SEGMENTATION}
EIGHT = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}


def image(syntax=ts.HTJ2K_LOSSLESS_RPCL, **attributes):
    return stored([b""], syntax, Rows=6, Columns=10, **attributes)


def document():
    return stored([], ts.EXPLICIT_LE)


def gathered(*instances):
    forms = Forms()
    for one in instances:
        forms.add([one])
    return forms


def test_an_image_can_be_had_as_its_pixels_can():
    one = image()
    expected = transcoding.targets(one.stored_syntax, one.pixel(), one.source_syntax)
    assert targets(one) == expected
    assert ts.JPEG_2000 in expected.lossy


def test_what_has_no_frames_can_be_deflated():
    assert targets(document()) == Targets((ts.DEFLATED_LE,))


@pytest.mark.parametrize(
    "sop_class",
    [
        SEGMENTATION,
        "1.2.840.10008.5.1.4.1.1.66.7",
        "1.2.840.10008.5.1.4.1.1.30",
        "1.2.840.10008.5.1.4.1.1.481.2",
    ],
)
def test_what_is_measured_is_never_compressed_lossily(sop_class):
    found, picture = targets(image(SOPClassUID=sop_class, **EIGHT)), targets(image(**EIGHT))
    assert (found.lossless, found.lossy) == (picture.lossless, ())
    assert picture.lossy


def test_frames_alone_of_subsampled_pixels():
    one = image(SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", **EIGHT)
    assert targets(one, alone=True) == Targets((ts.EXPLICIT_LE,), (ts.JPEG_BASELINE,))
    assert ts.RLE in targets(one).lossless


# All of a study


def test_one_image():
    one = image()
    forms = gathered(one)
    assert forms.stored == {ts.HTJ2K_LOSSLESS_RPCL}
    assert forms.targets == [*targets(one).lossless, *targets(one).lossy]


def test_what_all_images_have_in_common():
    forms = gathered(image(), image(**EIGHT), image(ts.EXPLICIT_LE, BitsAllocated=32))
    assert forms.stored == {ts.HTJ2K_LOSSLESS_RPCL, ts.EXPLICIT_LE}
    assert forms.targets == [ts.EXPLICIT_LE, ts.RLE]


def test_a_binary_segmentation_can_only_be_had_as_it_is():
    forms = gathered(image(ts.EXPLICIT_LE, **BINARY))
    assert (forms.stored, forms.targets) == ({ts.EXPLICIT_LE}, [])
    both = gathered(image(), image(ts.EXPLICIT_LE, **BINARY))
    assert both.targets == [ts.EXPLICIT_LE]


def test_frames_that_nobody_can_decode_have_nothing_in_common_with_others():
    forms = gathered(image(), image("1.2.840.10008.1.2.4.100"))
    assert forms.targets == []


def test_documents_among_images_do_not_count():
    one = image()
    assert gathered(document(), one, document()).targets == gathered(one).targets


def test_documents_alone():
    forms = gathered(document(), document())
    assert (forms.stored, forms.targets) == ({ts.EXPLICIT_LE}, [ts.DEFLATED_LE])


def test_nothing_at_all():
    assert (Forms().stored, Forms().targets) == ({ts.EXPLICIT_LE}, [])


@pytest.mark.parametrize(
    ("one", "chosen", "expected"),
    [
        (image(), "*", ts.HTJ2K_LOSSLESS_RPCL),
        (image(), ts.JPEG_LS, ts.JPEG_LS),
        (document(), "*", ts.EXPLICIT_LE),
        (document(), ts.JPEG_LS, ts.EXPLICIT_LE),
        (document(), ts.DEFLATED_LE, ts.DEFLATED_LE),
    ],
)
def test_what_each_goes_out_in(one, chosen, expected):
    assert form_of(one, chosen) == expected
