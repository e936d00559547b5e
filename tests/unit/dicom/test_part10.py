"""Part 10 files, read back by pydicom."""

import base64
import io
import struct

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings, strategies as st
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from gateway.dicom import part10
from tests.unit.dicom import datasets
from tests.unit.dicom.datasets import CHARACTER_SET, VRS, from_pydicom, padded

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"
PIXEL_DATA = 0x7FE00010


def written(dataset, syntax=ExplicitVRLittleEndian):
    return part10.file_header(SOP_CLASS, "1.2.3", syntax) + part10.encode(dataset)


def read(content):
    return pydicom.dcmread(io.BytesIO(content))


def is_ascii(value):
    if isinstance(value, (list, tuple)):
        return all(map(is_ascii, value))
    return not isinstance(value, str) or value.isascii()


def with_character_set(dataset):
    if is_ascii(dataset):
        return dataset
    return sorted([*dataset, (CHARACTER_SET, "CS", ["ISO_IR 192"])])


@settings(max_examples=150, deadline=None)
@given(datasets.nested())
def test_any_data_set_comes_back(dataset):
    assert from_pydicom(read(written(dataset))) == with_character_set(padded(dataset))


@pytest.mark.parametrize("vr", VRS)
def test_each_vr_comes_back(vr):
    @settings(max_examples=15, deadline=None)
    @given(datasets.elements(vr))
    def check(element):
        assert from_pydicom(read(written([element]))) == with_character_set(padded([element]))

    check()


@pytest.mark.parametrize("vr", VRS)
def test_an_element_without_a_value_has_length_0(vr):
    tag = 0x00111001
    empty = "" if vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN") else []
    content = part10.encode([(tag, vr, empty)])
    assert content[:6] == b"\x11\x00\x01\x10" + vr.encode()
    assert content[6:] in (b"\0\0", b"\0\0\0\0\0\0")
    assert from_pydicom(read(written([(tag, vr, empty)]))) == [(tag, vr, empty)]


@pytest.mark.parametrize(
    ("element", "content"),
    [
        ((0x00100020, "LO", ["abc"]), b"\x10\x00\x20\x00LO\x04\x00abc "),
        ((0x00080018, "UI", ["1.2.3"]), b"\x08\x00\x18\x00UI\x06\x001.2.3\0"),
        ((0x00080008, "CS", ["A", "", "C"]), b"\x08\x00\x08\x00CS\x04\x00A\\\\C"),
        ((0x00280010, "US", [258]), b"\x28\x00\x10\x00US\x02\x00\x02\x01"),
        ((0x00280009, "AT", ["00181063"]), b"\x28\x00\x09\x00AT\x04\x00\x18\x00\x63\x10"),
        ((0x00111001, "OB", "AQID"), b"\x11\x00\x01\x10OB\0\0\x04\0\0\0\x01\x02\x03\0"),
        ((0x00111001, "UN", "AQ=="), b"\x11\x00\x01\x10UN\0\0\x02\0\0\0\x01\0"),
        ((0x00111001, "UC", ["a"]), b"\x11\x00\x01\x10UC\0\0\x02\0\0\0a "),
        ((0x00111001, "UV", [1]), b"\x11\x00\x01\x10UV\0\0\x08\0\0\0\x01\0\0\0\0\0\0\0"),
        ((0x00081140, "SQ", [[]]), b"\x08\x00\x40\x11SQ\0\0\x08\0\0\0\xfe\xff\x00\xe0\0\0\0\0"),
    ],
)
def test_bytes_of_an_element(element, content):
    assert part10.encode([element]) == content


@pytest.mark.parametrize(
    ("vr", "value"), [("FL", float("inf")), ("FD", float("-inf")), ("FL", 1.5), ("FD", 1e300)]
)
def test_special_numbers(vr, value):
    assert read(written([(0x00111001, vr, [value])]))[0x00111001].value == value


def test_not_a_number():
    assert np.isnan(read(written([(0x00111001, "FD", [float("nan")])]))[0x00111001].value)


def test_group_lengths_and_trailing_padding_are_left_out():
    item = [(0x00080000, "UL", [4]), (0x00080100, "SH", ["X"])]
    kept = [(0x00081140, "SQ", [item[1:]]), (0x00100020, "LO", ["ID"])]
    dataset = [
        (0x00080000, "UL", [10]),
        (0x00081140, "SQ", [item]),
        (0x00100000, "UL", [10]),
        (0x00100020, "LO", ["ID"]),
        (0xFFFCFFFC, "OB", "AAAA"),
    ]
    assert from_pydicom(read(written(dataset))) == kept


def test_ascii_leaves_the_character_set_alone():
    dataset = [(CHARACTER_SET, "CS", ["ISO_IR 100"]), (0x00100010, "PN", ["A^B"])]
    assert from_pydicom(read(written(dataset))) == dataset


def test_unicode_is_utf_8_with_one_character_set_at_the_top():
    item = [(CHARACTER_SET, "CS", ["ISO_IR 144"]), (0x00080104, "LO", ["Ж"])]
    dataset = [
        (CHARACTER_SET, "CS", ["ISO_IR 13", "ISO 2022 IR 87"]),
        (0x00081140, "SQ", [item]),
        (0x00100010, "PN", ["Yamada^Tarou=山田^太郎=やまだ^たろう"]),
    ]
    content = written(dataset)
    assert content.count(b"\x08\x00\x05\x00CS") == 1
    assert "山田^太郎".encode() in content
    found = read(content)
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert found.PatientName.ideographic == "山田^太郎"
    assert found[0x00081140][0].CodeMeaning == "Ж"


def test_unicode_only_in_a_nested_item():
    item = [(0x00080104, "LO", ["größe"])]
    inner = [(0x00081140, "SQ", [item])]
    found = read(written([(0x00081140, "SQ", [[], inner]), (0x00100020, "LO", ["ID"])]))
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert found[0x00081140][1][0x00081140][0].CodeMeaning == "größe"


def test_unicode_beyond_latin_is_not_cut_by_the_pad():
    for text in ("é", "éé", "aé", "日", "日本"):
        assert read(written([(0x00100020, "LO", [text])])).PatientID == text


@pytest.mark.parametrize("length", [0xFFFD, 0xFFFE])
def test_the_longest_short_value(length):
    content = part10.encode([(0x00104000, "LT", ["x" * length])])
    assert content[4:8] == b"LT\xfe\xff"
    assert len(content) == 8 + 0xFFFE


def test_a_value_too_long_for_its_vr_becomes_un():
    text = "x" * 0xFFFF
    content = part10.encode([(0x00104000, "LT", [text]), (0x00104001, "LO", ["next"])])
    assert content[4:12] == b"UN\0\0" + struct.pack("<I", 0x10000)
    assert content[12:].startswith(text.encode() + b" \x10\x00\x01\x40LO")
    assert read(written([(0x00104000, "LT", [text])])).PatientComments == text.encode() + b" "


@pytest.mark.parametrize("sop", ["1.2.3", "1.2.34", "2.25." + "9" * 38, ""])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.202"])
def test_file_meta_information(sop, syntax):
    content = part10.file_header(SOP_CLASS, sop, syntax)
    assert content[:132] == bytes(128) + b"DICM"
    found = read(content).file_meta
    assert found.MediaStorageSOPClassUID == SOP_CLASS
    assert (found.MediaStorageSOPInstanceUID or "") == sop
    assert found.TransferSyntaxUID == syntax
    assert found.FileMetaInformationVersion == b"\0\x01"
    assert found.ImplementationClassUID.is_valid
    assert 0 < len(found.ImplementationVersionName) <= 16
    # PS3.10 7.1: the length counts from behind itself to the end of group 2.
    assert found.FileMetaInformationGroupLength == len(content) - 132 - 12
    assert [element.tag.element for element in found] == [0, 1, 2, 3, 0x10, 0x12, 0x13]


def encapsulated(frames):
    pieces = [part10.encapsulated_start(PIXEL_DATA)]
    for frame in frames:
        head, pad = part10.fragment_header(len(frame))
        pieces += [head, frame, pad]
    return b"".join([*pieces, part10.encapsulated_end()])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=4))
def test_encapsulated_frames(frames):
    content = encapsulated(frames)
    header = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
    assert content == header + encapsulate(frames, has_bot=False) + part10.encapsulated_end()
    file = part10.file_header(SOP_CLASS, "1.2.3", JPEGBaseline8Bit) + content
    found = read(file)
    assert found["PixelData"].is_undefined_length
    back = list(generate_frames(found.PixelData, number_of_frames=len(frames)))
    assert back == [frame + bytes(len(frame) % 2) for frame in frames]


def test_elements_behind_encapsulated_pixels_are_read():
    behind = part10.encode([(0x7FE10010, "LO", ["CREATOR"])])
    file = part10.file_header(SOP_CLASS, "1.2.3", JPEGBaseline8Bit)
    found = read(file + encapsulated([b"12345", b"6"]) + behind)
    assert found[0x7FE10010].value == "CREATOR"


def test_native_pixels():
    pixels = np.arange(6, dtype="<u2").reshape(2, 3)
    before = [
        (0x00280002, "US", [1]),
        (0x00280004, "CS", ["MONOCHROME2"]),
        (0x00280010, "US", [2]),
        (0x00280011, "US", [3]),
        (0x00280100, "US", [16]),
        (0x00280101, "US", [16]),
        (0x00280102, "US", [15]),
        (0x00280103, "US", [0]),
    ]
    content = written(before) + part10.header(PIXEL_DATA, "OW", pixels.nbytes) + pixels.tobytes()
    assert np.array_equal(read(content).pixel_array, pixels)


def test_a_value_of_bytes_is_not_touched():
    raw = bytes(range(256))
    dataset = [(0x00111001, "OW", base64.b64encode(raw).decode())]
    assert read(written(dataset))[0x00111001].value == raw


# Implicit VR


@pytest.mark.parametrize("vr", sorted({*VRS} - {"SQ", "UN"}))
def test_each_vr_comes_back_where_it_is_not_written(vr):
    @settings(max_examples=10, deadline=None)
    @given(datasets.elements(vr).filter(lambda element: element[0] >> 16 != 0x0011))
    def check(element):  # a public one: nothing tells the VR of a private one
        dataset = part10.in_one_character_set([element])
        file = part10.file_header(SOP_CLASS, "1.2.3", ImplicitVRLittleEndian)
        found = read(file + part10.encode_part(dataset, implicit=True))
        assert from_pydicom(found) == with_character_set(padded([element]))

    check()


def test_implicit_elements_have_no_vr_and_long_lengths():
    dataset = [(0x00100010, "PN", ["A^B"]), (0x00082112, "SQ", [[(0x00280010, "US", [5])]])]
    assert part10.encode_part(dataset, implicit=True) == bytes.fromhex(
        "10001000 04000000 415e4220 08001221 12000000 feff00e0 0a000000 28001000 02000000 0500"
    )
    assert part10.header(PIXEL_DATA, "OW", 70_000, implicit=True) == bytes.fromhex(
        "e07f1000 70110100"
    )


def test_one_character_set_for_parts_that_are_written_apart():
    whole = [(0x00080005, "CS", ["ISO_IR 100"]), (0x00100010, "PN", ["M\u00fcller"])]
    behind = [(0x7FE10010, "LO", ["gr\u00f6\u00dfer"])]
    found = part10.in_one_character_set([*whole, *behind])
    assert found == [(0x00080005, "CS", ["ISO_IR 192"]), whole[1], behind[0]]
    assert part10.encode_part(found[2:]).endswith("gr\u00f6\u00dfer".encode())
