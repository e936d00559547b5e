"""Tags and dictionary entries, against pydicom's dictionary."""

import pytest
from pydicom.datadict import DicomDictionary
from pydicom.tag import Tag

from gateway.dicom import tags
from gateway.dicom.tags import Attribute

PATIENT_ID = 0x00100020


def test_every_tag_of_the_dictionary():
    for tag, (vr, vm, _, _, keyword) in DicomDictionary.items():
        assert tags.by_tag(tag) == Attribute(tag, vr, vm == "1", keyword)


def test_every_keyword_of_the_dictionary():
    for tag, entry in DicomDictionary.items():
        if entry[4]:
            assert tags.by_keyword(entry[4]).tag == tag == tags.parse_tag(entry[4])


@pytest.mark.parametrize(
    ("tag", "vr", "single", "keyword"),
    [
        (PATIENT_ID, "LO", True, "PatientID"),
        (0x00080008, "CS", False, "ImageType"),
        (0x00280106, "US or SS", True, "SmallestImagePixelValue"),
        (0x7FE00010, "OB or OW", True, "PixelData"),
        (0x00200032, "DS", False, "ImagePositionPatient"),
        (0x60000010, "US", True, "OverlayRows"),
        (0x601E0010, "US", True, "OverlayRows"),
        (0x60023000, "OB or OW", True, "OverlayData"),
        (0x50043000, "OB or OW", True, "CurveData"),
    ],
)
def test_entry(tag, vr, single, keyword):
    assert tags.by_tag(tag) == Attribute(tag, vr, single, keyword)


@pytest.mark.parametrize("tag", [0x00110010, 0x60010010, 0x00100000, 0x00101234, 0xFFFFFFFF])
def test_tags_without_an_entry(tag):
    assert tags.by_tag(tag) is None


def test_the_keyword_of_a_repeating_group_names_the_first_group():
    assert tags.by_keyword("OverlayRows").tag == 0x60000010
    assert tags.by_keyword("OverlayData").tag == 0x60003000
    assert tags.by_keyword("CurveData").tag == 0x50003000
    assert tags.by_keyword("SourceImageIDs").tag == 0x00203100
    assert tags.by_keyword("VariablePixelData").tag == 0x7F000010


@pytest.mark.parametrize(
    "keyword", ["", "NoSuchKeyword", "patientid", "Patient ID", "PatientID ", "60000010"]
)
def test_unknown_keywords(keyword):
    assert tags.by_keyword(keyword) is None


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("00100020", PATIENT_ID),
        ("7FE00010", 0x7FE00010),
        ("7fe00010", 0x7FE00010),
        ("00111001", 0x00111001),
        ("PatientID", PATIENT_ID),
        ("OverlayRows", 0x60000010),
        ("0010002", None),
        ("001000200", None),
        ("0x100020", None),
        ("0010,0020", None),
        ("(0010,0020)", None),
        ("0010 020", None),
        ("+0100020", None),
        ("0010_020", None),
        ("00100020\n", None),
        (" 00100020", None),
        ("\uff100100020", None),
        ("0010002G", None),
        ("", None),
        ("Nothing", None),
    ],
)
def test_parse_tag(name, tag):
    assert tags.parse_tag(name) == tag


@pytest.mark.parametrize(
    ("tag", "private", "creator"),
    [
        (PATIENT_ID, False, False),
        (0x00080010, False, False),
        (0x0011000F, True, False),
        (0x00110010, True, True),
        (0x001100FF, True, True),
        (0x00110100, True, False),
        (0x00111001, True, False),
        (0x7FE10010, True, True),
        (0x60010010, True, True),
    ],
)
def test_private_tags(tag, private, creator):
    assert tags.is_private(tag) is private is Tag(tag).is_private
    assert tags.is_private_creator(tag) is creator is Tag(tag).is_private_creator


@pytest.mark.parametrize(
    ("test", "yes", "no"),
    [
        (tags.is_group_length, [0x00080000, 0x00110000], [PATIENT_ID, 0x00000001]),
        (tags.is_padding, [0xFFFCFFFC], [0xFFFCFFFB, 0xFFFAFFFA]),
        (tags.is_pixel_data, [0x7FE00008, 0x7FE00009, 0x7FE00010], [0x7FE00001, 0x7FE10010]),
        (
            tags.is_repeater,
            [0x50000005, 0x501E3000, 0x60000010, 0x601E3000],
            [0x51000010, 0x50010010, 0x60010010, PATIENT_ID, 0x00600010, 0x7FE00010],
        ),
    ],
)
def test_kinds_of_tags(test, yes, no):
    assert all(map(test, yes))
    assert not any(map(test, no))


@pytest.mark.parametrize("look_up", [tags.by_keyword, tags.by_tag])
def test_clients_cannot_fill_the_memory_with_names(look_up):
    assert look_up.cache_info().maxsize < 100_000


def test_how_tags_are_written():
    assert tags.hex8(0x0008103E) == "0008103E"
    assert tags.hex8(0x7FE00010) == "7FE00010"
    assert tags.pretty(0x0008103E) == "(0008,103E)"
    assert tags.named(PATIENT_ID) == "PatientID (0010,0020)"
    assert tags.named(0x00111001) == "(0011,1001)"
    assert tags.named(0x60020010) == "OverlayRows (6002,0010)"
