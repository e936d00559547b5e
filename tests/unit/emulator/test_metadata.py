"""Attributes as HealthImaging writes them: against its own documents, and form by form."""

import base64
import json
import struct
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import DicomDictionary, dictionary_VR, tag_for_keyword

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import metadata, part10
from gateway.emulator.failures import FileRejected
from tests import files
from tests.unit.emulator import raw

DOCUMENTS = sorted((Path(files.__file__).parent / "data" / "ahi").glob("*.json"))
BOTH = pytest.mark.parametrize("syntax", [ts.EXPLICIT_LE, ts.EXPLICIT_BE])
CODES = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom tells of what is odd
        yield


def convert(elements, syntax=ts.EXPLICIT_LE, tail=b""):
    content = raw.file(elements, syntax, tail)
    return metadata.convert(part10.read(memoryview(content)).dataset)


def value(tag, vr, content, syntax=ts.EXPLICIT_LE, **more):
    """The JSON value of one element in a file."""
    others = {int(key, 16): element for key, element in more.items()}
    return convert(others | {tag: (vr, content)}, syntax).value(tag)


def packed(vr, *numbers, syntax=ts.EXPLICIT_LE):
    order = ">" if syntax == ts.EXPLICIT_BE else "<"
    return struct.pack(f"{order}{len(numbers)}{CODES[vr]}", *numbers)


def instances():
    for path in DOCUMENTS:
        document = json.loads(path.read_text())
        for series in document["Study"]["Series"].values():
            for number, instance in enumerate(series["Instances"].values()):
                upper = (document["Patient"], document["Study"], series)
                merged = {}
                for level in (*upper, instance):
                    merged |= level["DICOM"]
                merged.pop("PixelData", None)  # null until 2023, not there since
                yield pytest.param(merged, instance["DICOMVRs"], id=f"{path.stem}-{number}")


def encoded(attributes, vrs, syntax):
    """The attributes of a real document as a data set, in order of the tags."""
    found = {}
    for key, one in attributes.items():
        tag = tag_for_keyword(key) or int(key, 16)
        vr = vrs[key] if key in vrs else dictionary_VR(tag)
        found[tag] = raw.element(tag, vr, content(vr, one, vrs, syntax), syntax=syntax)
    return b"".join(found[tag] for tag in sorted(found))


def content(vr, one, vrs, syntax):
    if one is None or one == "":
        return b""
    several = one if isinstance(one, list) else [one]
    if vr == "SQ":
        return b"".join(raw.item(encoded(item, vrs, syntax)) for item in several)
    if vr in CODES:
        return packed(vr, *several)
    if vr == "AT":
        numbers = (int(half, 16) for tag in several for half in (tag[:4], tag[4:]))
        return packed("US", *numbers)
    return base64.b64decode(one) if vr in ("OB", "UN") else "\\".join(several).encode()


def stripped(one):
    """Without the padding of DS and IS, which documents have since 2025 only."""
    if isinstance(one, dict):
        return {key: stripped(item) for key, item in one.items()}
    if isinstance(one, list):
        return [stripped(item) for item in one]
    return one.rstrip() if isinstance(one, str) else one


@pytest.mark.parametrize(("attributes", "vrs"), list(instances()))
def test_a_real_document_is_written_again(attributes, vrs):
    uid = attributes["TransferSyntaxUID"]
    syntax = uid if uid == ts.IMPLICIT_LE else ts.EXPLICIT_LE
    meta = {k: v for k, v in attributes.items() if tag_for_keyword(k) in range(0x20000, 0x30000)}
    rest = {key: one for key, one in attributes.items() if key not in meta}
    file = part10.read(
        memoryview(
            bytes(128) + b"DICM" + encoded(meta, vrs, ts.EXPLICIT_LE) + encoded(rest, vrs, syntax)
        )
    )
    converted = metadata.convert(file.dataset)
    found = dict(converted.attributes.values()) | dict(
        metadata.convert(file.meta).attributes.values()
    )
    assert stripped(found) == stripped(attributes)
    assert forms(found) == forms(attributes)
    assert converted.vrs == vrs


def forms(one):
    """The JSON types alone: 1 and 1.0 are equal, but not the same."""
    if isinstance(one, dict):
        return {key: forms(item) for key, item in one.items()}
    if isinstance(one, list):
        return [forms(item) for item in one]
    return type(one)


SAMPLES = {
    "AE": b"TITLE", "AS": b"030Y", "AT": bytes(4), "CS": b"CODE", "DA": b"20240102", "DS": b"1.5",
    "DT": b"2024", "FD": bytes(8), "FL": bytes(4), "IS": b"1", "LO": b"text", "LT": b"text",
    "PN": b"A^B", "SH": b"text", "SL": bytes(4), "SS": bytes(2), "ST": b"text", "SV": bytes(8),
    "TM": b"10", "UC": b"text", "UI": b"1.2", "UL": bytes(4), "UR": b"urn:x", "US": bytes(2),
    "UT": b"text", "UV": bytes(8),
}  # fmt: skip


def test_a_value_stands_alone_exactly_where_the_dictionary_says_one():
    elements = {
        tag: (vr, SAMPLES[vr])
        for tag, (vr, *_) in DicomDictionary.items()
        if vr in SAMPLES and tag >> 16 > 8 and tag & 0xFFFF
    }
    converted = convert(elements)
    several = {tag for tag in elements if isinstance(converted.value(tag), list)}
    assert len(elements) > 3000
    assert several == {tag for tag in elements if DicomDictionary[tag][1] != "1"}
    names = {tag: converted.attributes[tag][0] for tag in elements}
    assert names == {tag: DicomDictionary[tag][4] or f"{tag:08X}" for tag in elements}
    assert converted.vrs == {}


@BOTH
@pytest.mark.parametrize(
    ("tag", "vr", "numbers", "expected"),
    [
        (0x00280010, "US", [512], 512),
        (0x00209221, "UL", [1 << 31], 1 << 31),
        (0x00186020, "SL", [-7], -7),
        (0x00181320, "FL", [0.5], 0.5),
        (0x00189073, "FD", [70.25], 70.25),
        (0x00189073, "FD", [70.0], 70),
        (0x00189073, "FD", [-0.0], 0),
        (0x00189073, "FD", [1e300], 1e300),
        (0x00189073, "FD", [float("nan")], "NaN"),
        (0x00189073, "FD", [float("inf")], "Infinity"),
        (0x00189073, "FD", [float("-inf")], "-Infinity"),
        (0x00720082, "SV", [-(1 << 62)], [-(1 << 62)]),
        (0x0008040C, "UV", [1 << 63], 1 << 63),
        (0x00281101, "US", [256, 0, 16], [256, 0, 16]),
        (0x00281101, "US", [256], [256]),
    ],
)
def test_binary_numbers_are_numbers(syntax, tag, vr, numbers, expected):
    found = value(tag, vr, packed(vr, *numbers, syntax=syntax), syntax)
    assert forms(found) == forms(expected)
    assert found == expected


@BOTH
def test_attribute_tags_are_eight_digits(syntax):
    order = ">" if syntax == ts.EXPLICIT_BE else "<"
    content = struct.pack(f"{order}4H", 0x0018, 0x1065, 0x7FE0, 0x00AB)
    assert value(0x00280009, "AT", content, syntax) == ["00181065", "7FE000AB"]
    assert value(0x00209165, "AT", content[:4], syntax) == "00181065"


@BOTH
@pytest.mark.parametrize(
    ("tag", "vr", "word"),
    [
        (0x00420011, "OB", 1),
        (0x00281201, "OW", 2),
        (0x00660016, "OF", 4),
        (0x00660040, "OL", 4),
        (0x00720073, "OD", 8),
        (0x00720081, "OV", 8),
        (0x00091001, "UN", 1),
    ],
)
def test_bytes_are_base64_of_little_endian_words(syntax, tag, vr, word):
    content = bytes(range(16))
    expected = content
    if syntax == ts.EXPLICIT_BE:
        words = [content[at : at + word][::-1] for at in range(0, 16, word)]
        expected = b"".join(words)
    assert base64.b64decode(value(tag, vr, content, syntax)) == expected


@pytest.mark.parametrize(
    ("vr", "content"), [("UL", b"abcdef"), ("FD", bytes(12)), ("SL", bytes(6)), ("AT", bytes(6))]
)
def test_bytes_that_are_no_whole_number_are_kept(vr, content):
    assert base64.b64decode(value(0x00091001, vr, content)) == content


@pytest.mark.parametrize(
    ("tag", "vr", "content", "expected"),
    [
        (0x00080060, "CS", b"CT ", "CT"),
        (0x00080060, "CS", b"CT\0", "CT"),
        (0x00080060, "CS", b" CT ", " CT"),
        (0x00200013, "IS", b"1 ", "1 "),
        (0x00200013, "IS", b"12", "12"),
        (0x00281053, "DS", b"-2.50 ", "-2.50 "),
        (0x00281053, "DS", b"1\0", "1"),
        (0x00281050, "DS", b"40 \\80", ["40 ", "80"]),
        (0x00281050, "DS", b"40", ["40"]),
        (0x00080008, "CS", b"ORIGINAL\\PRIMARY\\\\0015", ["ORIGINAL", "PRIMARY", "", "0015"]),
        (0x00080008, "CS", b"\\A ", ["", "A"]),
        (0x00104000, "LT", b"a\\b\r\n ", "a\\b\r\n"),
        (0x00081190, "UR", b"http://x/\\y ", "http://x/\\y"),
        (0x0008103E, "LO", b"a\\b ", "a\\b"),
        (0x0020000D, "UI", b"1.2\0", "1.2"),
        (0x00189004, "CS", b"", None),
        (0x00080008, "CS", b"", None),
        (0x00280010, "US", b"", None),
        (0x00420011, "OB", b"", None),
        (0x00081140, "SQ", b"", None),
        (0x00091001, "UN", b"", ""),
        (0x00091001, "LO", b"", ""),
        (0x00091001, "LO", b"one", "one"),
        (0x00091001, "LO", b"one\\two", ["one", "two"]),
        (0x00091001, "DS", b"1 ", "1 "),
        (0x00091001, "US", b"\1\0", 1),
        (0x00091001, "US", b"\1\0\2\0", [1, 2]),
    ],
)
def test_the_form_of_a_value(tag, vr, content, expected):
    assert value(tag, vr, content) == expected


def test_private_elements_have_hexadecimal_keys_and_recorded_vrs():
    inner = raw.element(0x000B0010, "LO", b"INNER") + raw.element(0x000B10AB, "US", b"\1\0")
    converted = convert(
        {
            0x00090010: ("LO", b"CREATOR"),
            0x000910F9: ("FD", packed("FD", 1.5)),
            0x000910FA: ("UN", b"ab"),
            0x000910FB: ("SQ", raw.item(inner)),
            0x00081140: ("SQ", raw.item(raw.element(0x000D1001, "SH", b"x"))),
        }
    )
    found = dict(converted.attributes.values())
    assert found["00090010"] == "CREATOR"
    assert found["000910F9"] == 1.5
    assert found["000910FA"] == "YWI="
    assert found["000910FB"] == [{"000B0010": "INNER", "000B10AB": 1}]
    assert found["ReferencedImageSequence"] == [{"000D1001": "x"}]
    assert converted.vrs == {
        "00090010": "LO",
        "000910F9": "FD",
        "000910FA": "UN",
        "000910FB": "SQ",
        "000B0010": "LO",
        "000B10AB": "US",
        "000D1001": "SH",
    }


def test_private_elements_without_a_vr_are_bytes_unless_their_creator_is_known():
    converted = convert(
        {
            0x00190010: ("LO", b"SIEMENS MR HEADER"),
            0x0019100C: ("IS", b"1000"),
            0x00090010: ("LO", b"NOBODY KNOWS"),
            0x00091001: ("LO", b"ab"),
        },
        ts.IMPLICIT_LE,
    )
    assert converted.vrs == {
        "00190010": "LO",
        "0019100C": "IS",
        "00090010": "LO",
        "00091001": "UN",
    }
    assert converted.value(0x0019100C) == "1000"
    assert converted.value(0x00091001) == "YWI="


def test_elements_of_repeating_groups_have_hexadecimal_keys():
    converted = convert({0x60000010: ("US", b"\2\0"), 0x60020010: ("US", b"\3\0")})
    found = dict(converted.attributes.values())
    assert (found["60000010"], found["60020010"]) == (2, 3)
    assert "OverlayRows" not in found


def test_group_lengths_and_padding_are_left_out():
    length = packed("UL", 8)
    converted = convert(
        {
            0x00080000: ("UL", length),
            0x00100000: ("UL", length),
            0x00090000: ("UL", length),
            0x00081140: ("SQ", raw.item(raw.element(0x00080000, "UL", length))),
            0xFFFCFFFC: ("OB", bytes(20)),
        }
    )
    keys = {key for key, _ in converted.attributes.values()}
    assert keys == {
        "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
        "ReferencedImageSequence",
    }  # fmt: skip
    assert converted.value(0x00081140) == [{}]


def test_the_length_of_the_file_meta_information_is_kept():
    file = part10.read(memoryview(raw.file({})))
    found = dict(metadata.convert(file.meta).attributes.values())
    assert found == {
        "FileMetaInformationGroupLength": len(raw.header(ts.EXPLICIT_LE)) - 144,
        "FileMetaInformationVersion": "AAE=",
        "TransferSyntaxUID": ts.EXPLICIT_LE,
    }


@pytest.mark.parametrize("syntax", [ts.IMPLICIT_LE, ts.EXPLICIT_LE, ts.EXPLICIT_BE])
@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_are_lists_of_objects(syntax, undefined):
    order = ">" if syntax == ts.EXPLICIT_BE else "<"

    def sequence(tag, *items):
        parts = b"".join(raw.item(one, order=order, undefined=undefined) for one in items)
        if not undefined:
            return raw.element(tag, "SQ", parts, syntax=syntax)
        end = raw.sequence_end(order)
        return raw.element(tag, "SQ", parts + end, syntax=syntax, length=raw.UNDEFINED)

    def rows(number):
        content = packed("US", number, syntax=syntax)
        return raw.element(0x00280010, "US", content, syntax=syntax)

    inner = sequence(0x0040A168, rows(1), b"", rows(2))
    content = raw.dataset({}, syntax) + sequence(0x0040A730, rows(3) + inner, b"")
    converted = metadata.convert(part10.read(memoryview(raw.part10(content, syntax))).dataset)
    assert converted.value(0x0040A730) == [
        {"Rows": 3, "ConceptCodeSequence": [{"Rows": 1}, {}, {"Rows": 2}]},
        {},
    ]


LATIN = ("CS", b"ISO_IR 100")
GREEK = ("CS", b"ISO_IR 126")


@pytest.mark.parametrize(
    ("charset", "vr", "content", "expected"),
    [
        (b"", "LO", b"plain", "plain"),
        (b"ISO_IR 100", "LO", b"Gr\xfc\xdfe", "Gr\u00fc\u00dfe"),
        (b"ISO_IR 192", "LO", "\u65e5\u672c".encode(), "\u65e5\u672c"),
        (b"ISO_IR 144", "UT", b"\xbb\xee", "\u041b\u044e"),
        (b"GB18030", "ST", "\u738b".encode("gb18030"), "\u738b"),
        (b"\\ISO 2022 IR 87", "LO", b"a\x1b$B;3ED\x1b(Bb", "a\u5c71\u7530b"),
        (b"\\ISO 2022 IR 149", "SH", b"\x1b$)C\xb1\xe8", "\uae40"),
    ],
)
def test_text_is_decoded(charset, vr, content, expected):
    tag = {"LO": 0x00081030, "UT": 0x0040A160, "ST": 0x00080081, "SH": 0x00080050}[vr]
    assert value(tag, vr, content, **{"00080005": ("CS", charset)}) == expected


def test_names_keep_their_groups():
    content = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B"
    charset = {"00080005": ("CS", b"\\ISO 2022 IR 87")}
    assert value(0x00100010, "PN", content, **charset) == (
        "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060"
    )


def test_codes_are_not_text_of_the_character_set():
    charset = {"00080005": ("CS", b"ISO_IR 192")}
    assert value(0x00080060, "CS", b"\xc3\xa9", **charset) == "\u00c3\u00a9"


def test_an_item_has_its_own_character_set_or_that_around_it():
    name = raw.element(0x0040A123, "PN", b"\xe1")
    own = raw.item(raw.element(0x00080005, *GREEK) + name)
    empty = raw.item(raw.element(0x00080005, "CS") + name)
    plain = raw.item(name)
    deeper = raw.item(
        raw.element(0x00080005, *GREEK) + raw.element(0x0040A168, "SQ", raw.item(name))
    )
    converted = convert({0x00080005: LATIN, 0x0040A730: ("SQ", own + plain + deeper + empty)})
    greek, latin = {"PersonName": "\u03b1"}, {"PersonName": "\u00e1"}
    found = converted.value(0x0040A730)
    assert found[0].items() >= greek.items()
    assert found[1] == latin
    assert found[2]["ConceptCodeSequence"] == [greek]
    assert found[3].items() >= latin.items()  # the default repertoire has no such letter


@pytest.mark.parametrize("path", [p for p in files.collection() if p.name.startswith("chr")])
def test_names_are_those_that_pydicom_reads(path):
    found = metadata.convert(part10.read(memoryview(path.read_bytes())).dataset)
    expected = pydicom.dcmread(path).get("PatientName")
    name = found.value(0x00100010)
    # pydicom leaves out empty component groups at the end.
    assert (name and name.rstrip("=")) == (None if expected is None else str(expected))


SIGNED = {0x00280103: ("US", b"\1\0")}


@BOTH
def test_us_or_ss_follows_the_sign_of_the_pixels(syntax):
    minus = packed("SS", -1, syntax=syntax)
    us = packed("US", 65535, syntax=syntax)
    unsigned = {0x00280106: ("SS", minus), 0x00280107: ("US", us)}
    converted = convert(unsigned, syntax)  # an explicit VR is what it says
    assert (converted.value(0x00280106), converted.value(0x00280107)) == (-1, 65535)


def test_us_or_ss_without_a_vr_follows_the_sign_of_the_pixels():
    padding = {0x00280120: ("US", b"\xff\xff")}
    assert convert(padding, ts.IMPLICIT_LE).value(0x00280120) == 65535
    assert convert(padding | SIGNED, ts.IMPLICIT_LE).value(0x00280120) == -1


def test_an_item_has_its_own_pixel_representation_or_that_around_it():
    def lut(**own):
        elements = {0x00283002: ("US", b"\0\1\xff\xff\x10\0")} | own.get("elements", {})
        pieces = (
            raw.element(tag, *elements[tag], syntax=ts.IMPLICIT_LE) for tag in sorted(elements)
        )
        return raw.item(b"".join(pieces))

    plain, unsigned = lut(), lut(elements={0x00280103: ("US", b"\0\0")})
    converted = convert(SIGNED | {0x00283000: ("SQ", plain + unsigned)}, ts.IMPLICIT_LE)
    first, second = converted.value(0x00283000)
    assert first["LUTDescriptor"] == [256, -1, 16]
    assert second["LUTDescriptor"] == [256, 65535, 16]


@pytest.mark.parametrize(
    ("descriptor", "expected"),
    [(b"\1\0\0\0\x10\0", [258]), (b"\2\0\0\0\x10\0", "AgE=")],
)
def test_lut_data_are_words_unless_there_is_one_entry(descriptor, expected):
    elements = (0x00283002, "US", descriptor), (0x00283006, "OW", b"\2\1")
    item = b"".join(raw.element(*one, syntax=ts.IMPLICIT_LE) for one in elements)
    converted = convert({0x00283000: ("SQ", raw.item(item))}, ts.IMPLICIT_LE)
    assert converted.value(0x00283000)[0]["LUTData"] == expected


def test_the_pixels_of_a_compressed_icon_are_not_kept():
    icon = raw.element(0x00280010, "US", b"\2\0") + raw.fragments(b"", b"data")
    converted = convert({0x00880200: ("SQ", raw.item(icon))})
    assert converted.value(0x00880200) == [{"Rows": 2, "PixelData": None}]
    native = raw.element(0x7FE00010, "OB", b"data")
    converted = convert({0x00880200: ("SQ", raw.item(native))})
    assert converted.value(0x00880200) == [{"PixelData": "ZGF0YQ=="}]


def test_an_unknown_vr_of_a_known_attribute_is_that_of_the_dictionary():
    assert value(0x00100020, "UN", b"P1 ") == "P1"


def test_a_value_that_is_cut_is_refused():
    content = raw.file({}, tail=raw.element(0x00280010, "US", b"\1\0", length=4))
    dataset = part10.read(memoryview(content)).dataset
    with pytest.raises(FileRejected, match=r"the file ends inside Rows \(0028,0010\)"):
        metadata.convert(dataset)


def test_picking_attributes():
    converted = convert({0x00100020: ("LO", b"P1"), 0x00100010: ("PN", b"A^B")})
    assert converted.pick(frozenset({0x00100020, 0x00100030})) == {"PatientID": "P1"}
    assert converted.value(0x00100030) is None
