"""The Native DICOM Model: whatever is written is read back by the book as the same data set."""

import base64
import warnings

import pytest
from hypothesis import given, settings

from gateway.dicom import bulkdata, tags, xmlmodel
from tests import files, native_model
from tests.unit.dicom import datasets
from tests.unit.dicom.datasets import VRS, from_pydicom, padded, significant, to_pydicom

TAG = 0x00111001
START = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel'
    b' xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">\n'
)


def encode(dataset, limit=1 << 30):
    return xmlmodel.encode(dataset, lambda path: f"https://gateway/{path}?a=1&b=2", limit)


def content(*dataset, limit=1 << 30):
    """What stands between the root's tags."""
    found = encode(list(dataset), limit)
    assert found.startswith(START)
    assert found.endswith(b"</NativeDicomModel>\n")
    return found[len(START) : -len(b"</NativeDicomModel>\n")].decode()


def one(vr, value, **options):
    """What stands inside the element of a single attribute."""
    inner = content((TAG, vr, value), **options)
    head, end = f'<DicomAttribute tag="00111001" vr="{vr}">\n', "</DicomAttribute>\n"
    assert inner.startswith(head)
    assert inner.endswith(end)
    return inner[len(head) : -len(end)]


def reserved(dataset):
    """The data set with a creator for every other private block that it uses, in items too."""
    blocks = {tag >> 8 for tag, _, _ in dataset if tags.is_private(tag) and tag >> 8 & 0xFF}
    creators = {
        (block >> 8 << 16) | block & 0xFF: f"CREATOR <&\"'> {block:X}"
        for block in blocks
        if block % 2
    }
    made = {tag: (tag, "LO", [name]) for tag, name in creators.items()}
    for tag, vr, value in dataset:
        made[tag] = (tag, vr, list(map(reserved, value)) if vr == "SQ" else value)
    return [made[tag] for tag in sorted(made)]


@settings(max_examples=200, deadline=None)
@given(datasets.nested())
def test_any_data_set_is_read_back(dataset):
    dataset = padded(reserved(dataset))
    assert native_model.parse(encode(dataset)) == to_pydicom(dataset)


@settings(max_examples=100, deadline=None)
@given(datasets.nested())
def test_any_data_set_is_read_back_with_its_bulk_data(dataset):
    dataset = padded(reserved(dataset))

    def fetch(uri):
        path = uri.removeprefix("https://gateway/").removesuffix("?a=1&b=2").split("/")
        keys = [int(part, 10 if at % 2 else 16) for at, part in enumerate(path)]
        return bulkdata.content(bulkdata.find(dataset, keys))

    assert native_model.parse(encode(dataset, 0), fetch) == to_pydicom(dataset)


def is_readable(path):
    """Whether pydicom reads the file, and (not of one) all its values."""
    with path.open("rb") as file:
        return file.read(132).endswith(b"DICM") and path.name != "badVR.dcm"


READABLE = [path for path in files.collection() if is_readable(path)]


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.name)
def test_a_file_is_read_back(path):
    dataset = files.read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = from_pydicom(native_model.parse(encode(from_pydicom(dataset))))
        expected = from_pydicom(dataset)
    assert significant(found) == significant(expected)


@pytest.mark.parametrize("vr", VRS)
def test_no_value_is_an_empty_element(vr):
    empty = "" if vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN") else []
    assert content((TAG, vr, empty)) == f'<DicomAttribute tag="00111001" vr="{vr}"/>\n'


@pytest.mark.parametrize("vr", ["LO", "CS", "DS", "PN", "UT"])
@pytest.mark.parametrize("value", ["", " "])
def test_one_value_of_no_length_is_no_value(vr, value):
    assert one(vr, [value]) == ""


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("AE", [" TITLE "], ["TITLE"]),
        ("AS", ["030Y"], ["030Y"]),
        ("AT", ["00181063", "7fe00010"], ["00181063", "7FE00010"]),
        ("CS", ["ORIGINAL ", "", "AXIAL"], ["ORIGINAL", "", "AXIAL"]),
        ("DA", ["20240102"], ["20240102"]),
        ("DS", ["1.50", " -2.6250000 ", "1e999", "x"], ["1.50", "-2.6250000", "1e999", "x"]),
        ("IS", [" 007"], ["007"]),
        ("TM", ["", "1011"], ["", "1011"]),
        ("UI", ["1.2.3\0"], ["1.2.3"]),
        ("LO", [" a ", "", "b "], [" a", "", "b"]),
        ("LO", ["a<b>&\"'"], ["a&lt;b&gt;&amp;\"'"]),
        ("LT", ["  one\r\ntwo\\\tthree  "], ["  one&#13;\ntwo\\\tthree"]),
        ("UC", ["ä", "日本", "🩻"], ["ä", "日本", "🩻"]),
        ("UR", ["http://h/?q=1&r=2"], ["http://h/?q=1&amp;r=2"]),
        ("FD", [0.1, 2, 1e300], ["0.1", "2", "1e+300"]),
        ("FL", [float("nan"), float("inf"), float("-inf")], ["NaN", "INF", "-INF"]),
        ("SV", [-(2**63)], ["-9223372036854775808"]),
        ("UV", [2**64 - 1], ["18446744073709551615"]),
        ("US", [0], ["0"]),
    ],
)
def test_values(vr, value, expected):
    assert one(vr, value) == "".join(
        f'<Value number="{at}">{text}</Value>\n' for at, text in enumerate(expected, 1)
    )


FAMILY, GIVEN = "<FamilyName>A</FamilyName>", "<GivenName>B</GivenName>"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A^B ", f"<Alphabetic>{FAMILY}{GIVEN}</Alphabetic>\n"),
        (
            "A^B^C^D^E",
            f"<Alphabetic>{FAMILY}{GIVEN}<MiddleName>C</MiddleName><NamePrefix>D</NamePrefix>"
            "<NameSuffix>E</NameSuffix></Alphabetic>\n",
        ),
        ("A^^^^E^F", f"<Alphabetic>{FAMILY}<NameSuffix>E^F</NameSuffix></Alphabetic>\n"),
        ("^B", f"<Alphabetic>{GIVEN}</Alphabetic>\n"),
        ("A=^B", f"<Alphabetic>{FAMILY}</Alphabetic>\n<Ideographic>{GIVEN}</Ideographic>\n"),
        ("==A", f"<Phonetic>{FAMILY}</Phonetic>\n"),
        ("A=", f"<Alphabetic>{FAMILY}</Alphabetic>\n"),
        ("<&>", "<Alphabetic><FamilyName>&lt;&amp;&gt;</FamilyName></Alphabetic>\n"),
        ("=A=A=A", f"<Ideographic>{FAMILY}</Ideographic>\n"
         "<Phonetic><FamilyName>A=A</FamilyName></Phonetic>\n"),
        ("", ""),
        ("==", ""),
    ],
)  # fmt: skip
def test_person_names(name, expected):
    other = f'<PersonName number="1">\n<Alphabetic>{FAMILY}</Alphabetic>\n</PersonName>\n'
    found = one("PN", ["A", name])
    assert found == f'{other}<PersonName number="2">\n{expected}</PersonName>\n'


def test_sequences():
    item = [(0x00080100, "SH", ["A"]), (0x00081140, "SQ", [[]])]
    assert one("SQ", [item, []]) == (
        '<Item number="1">\n'
        '<DicomAttribute tag="00080100" vr="SH" keyword="CodeValue">\n'
        '<Value number="1">A</Value>\n</DicomAttribute>\n'
        '<DicomAttribute tag="00081140" vr="SQ" keyword="ReferencedImageSequence">\n'
        '<Item number="1">\n</Item>\n</DicomAttribute>\n'
        "</Item>\n"
        '<Item number="2">\n</Item>\n'
    )


def names(dataset):
    """The start tags of attributes, without VR."""
    lines = content(*dataset).splitlines()
    found = [line.strip("<>/") for line in lines if line.startswith("<DicomAttribute")]
    return [line.removeprefix("DicomAttribute ").replace(' vr="LO"', "") for line in found]


def test_a_private_tag_is_written_without_its_block_which_the_creator_stands_for():
    inner = [(0x00090010, "LO", ["INNER"]), (0x00091001, "LO", []), (0x00091101, "LO", [])]
    dataset = [
        (0x00090010, "LO", ['ACME "1" ']),
        (0x00090011, "LO", ["OTHER\t<\0"]),
        (0x00091001, "LO", []),
        (0x00091110, "LO", []),
        (0x00091201, "LO", []),
        (0x000B1001, "LO", []),
        (0x000B2001, "SQ", [inner]),
        (0x000D0001, "LO", []),
    ]
    assert names(dataset) == [
        'tag="00090010"',
        'tag="00090011"',
        'tag="00090001" privateCreator="ACME &quot;1&quot;"',
        'tag="00090010" privateCreator="OTHER&#9;&lt;"',
        'tag="00091201"',
        'tag="000B1001"',
        'tag="000B2001" vr="SQ"',
        'tag="00090010"',
        'tag="00090001" privateCreator="INNER"',
        'tag="00091101"',
        'tag="000D0001"',
    ]


@pytest.mark.parametrize("creator", [("LO", []), ("LO", [" "]), ("UN", "QUNNRQ=="), ("SQ", [[]])])
def test_what_names_nobody_is_no_creator(creator):
    found = names([(0x00090010, *creator), (0x00091001, "LO", [])])
    assert found[-1] == 'tag="00091001"'


def test_group_lengths_and_trailing_padding_are_left_out():
    dataset = [(0x00080000, "UL", [8]), (0x0008103E, "LO", []), (0xFFFCFFFC, "OB", "AAA=")]
    assert names(dataset) == ['tag="0008103E" keyword="SeriesDescription"']


def test_the_keyword_of_a_repeating_group_and_of_what_is_unknown():
    dataset = [(0x00080002, "LO", []), (0x60020022, "LO", [])]
    assert names(dataset) == ['tag="00080002"', 'tag="60020022" keyword="OverlayDescription"']


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
@pytest.mark.parametrize(("size", "linked"), [(1, False), (30, False), (31, True), (33, True)])
def test_large_values_become_references(vr, size, linked):
    text = base64.b64encode(bytes(size)).decode()
    uri = '<BulkData uri="https://gateway/00111001?a=1&amp;b=2"/>\n'
    inline = f"<InlineBinary>{text}</InlineBinary>\n"
    assert one(vr, text, limit=30) == (uri if linked else inline)


def test_references_say_where_the_value_stands_with_its_block():
    wave = (0x54001010, "OW", "AAAA")
    inner = [(0x00090010, "LO", ["A"]), (0x00091001, "OB", "AAAA"), wave]
    found = one("SQ", [[], [(0x00081140, "SQ", [inner])]], limit=2)
    assert '"https://gateway/00111001/2/00081140/1/00091001?' in found
    assert '"https://gateway/00111001/2/00081140/1/54001010?' in found


def test_what_the_data_set_does_not_hold_is_a_reference():
    found = content((0x7FE00010, "OW", bulkdata.ELSEWHERE))
    assert '<BulkData uri="https://gateway/7FE00010?a=1&amp;b=2"/>' in found


@pytest.mark.parametrize("vr", ["LT", "ST", "UC", "UT"])
@pytest.mark.parametrize("character", ["\f", "\x1b", "\0", "\x0b", "\ufffe", "\uffff", "\ud800"])
def test_a_text_that_xml_cannot_hold_becomes_a_reference(vr, character):
    found = one(vr, [f"one{character}two"])
    assert found == '<BulkData uri="https://gateway/00111001?a=1&amp;b=2"/>\n'


@pytest.mark.parametrize("character", ["\f", "\x1b", "\0", "\x0b", "\ufffe", "\uffff", "\ud800"])
def test_a_character_that_a_string_must_not_have_is_seen_to_be_missing(character):
    text = f"one{character}two"
    assert one("LO", [text]) == '<Value number="1">one\ufffdtwo</Value>\n'
    assert "<FamilyName>one\ufffdtwo</FamilyName>" in one("PN", [text])


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\x7f", "\x85", "\u2028", "\ufffd", "😀"])
def test_characters_that_xml_has_come_back(character):
    dataset = [(TAG, "UT", [f"one{character}two"])]
    assert native_model.parse(encode(dataset))[TAG].value == f"one{character}two"
