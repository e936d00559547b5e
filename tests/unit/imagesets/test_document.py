"""Image-set documents: those of HealthImaging itself, and every form of value one can hold."""

import gzip
import json
from pathlib import Path

import orjson
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from gateway.dicom import image, transfer_syntaxes as ts
from gateway.imagesets import document
from tests import files

DOCUMENTS = {
    path.stem: path.read_bytes()
    for path in sorted((Path(files.__file__).parent / "data" / "ahi").glob("*.json"))
}
ID = "e" * 32
NUMBERS = {"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"}
BYTES = {"OB", "OW", "OF", "OD", "OL", "OV", "UN"}

each_document = pytest.mark.parametrize("name", sorted(DOCUMENTS))


def parse(tree, image_set_id=ID):
    return document.parse(image_set_id, orjson.dumps(tree))


def tree(own=None, *, patient=None, study=None, series=None, **more):
    """A document with one instance."""
    instance = {"DICOM": own or {}, **more}
    inner = {"DICOM": series or {}, "Instances": {"1.2.3.4": instance}}
    return {
        "Patient": {"DICOM": patient or {}},
        "Study": {
            "DICOM": {"StudyInstanceUID": "1.2", **(study or {})},
            "Series": {"1.2.3": inner},
        },
    }


def only(*arguments, **more):
    [instance] = parse(tree(*arguments, **more)).instances.values()
    return instance


def element(key, value, **more):
    """The one element that a document with ``key`` has besides the study's UID."""
    vrs = more.pop("vrs", {})
    found = only({key: value, **more}, DICOMVRs=vrs).dataset()
    others = {tag_for_keyword(name) for name in ("StudyInstanceUID", *more)}
    [one] = [one for one in found if one[0] not in others]
    return one


def instances(name):
    """Each instance of a real document: its UIDs, its own part, and all that stands above it."""
    content = json.loads(DOCUMENTS[name])
    study = content["Study"]
    for series_uid, series in study["Series"].items():
        upper = content["Patient"]["DICOM"] | study["DICOM"] | series["DICOM"]
        for sop_uid, instance in series["Instances"].items():
            yield (study["DICOM"]["StudyInstanceUID"], series_uid, sop_uid), instance, upper


@each_document
@pytest.mark.parametrize("compressed", [False, True])
def test_a_real_document_is_read(name, compressed):
    content = gzip.compress(DOCUMENTS[name]) if compressed else DOCUMENTS[name]
    found = document.parse(ID, content)
    assert (found.id, found.size) == (ID, len(DOCUMENTS[name]))
    expected = list(instances(name))
    assert list(found.instances) == [sop for (_, _, sop), _, _ in expected]
    for (study, series, sop), own, upper in expected:
        one = found.instances[sop]
        assert (one.image_set_id, one.study, one.series, one.sop) == (ID, study, series, sop)
        assert one.frames == tuple(frame["ID"] for frame in own["ImageFrames"])
        assert len(one.frames) == int(own["DICOM"].get("NumberOfFrames", 1))
        assert one.stored_syntax == ts.HTJ2K_LOSSLESS_RPCL
        assert one.source_syntax == own["DICOM"]["TransferSyntaxUID"]
        assert one.number == int(own["DICOM"]["InstanceNumber"])
        assert one.modality == upper["Modality"]


def expected_value(vr, value, vrs):
    """What an element holds, by the words of ``gateway.dicom.elements``."""
    if vr in BYTES:
        return value or ""
    if value in (None, ""):
        return []
    several = value if isinstance(value, list) else [value]
    if vr == "SQ":
        return [expected_elements(item, vrs) for item in several]
    if vr in ("DS", "IS"):
        return [text.strip() for text in several]
    return several


def expected_elements(attributes, vrs):
    found = []
    for key, value in attributes.items():
        tag = tag_for_keyword(key) or int(key, 16)
        vr = vrs[key] if key in vrs else dictionary_VR(tag)
        if tag >> 16 > 2 and key != "PixelData":
            found.append((tag, vr, expected_value(vr, value, vrs)))
    return sorted(found, key=lambda one: one[0])


@each_document
def test_every_element_of_a_real_document_has_its_vr_and_its_values(name):
    found = document.parse(ID, DOCUMENTS[name])
    for (_, _, sop), own, upper in instances(name):
        dataset = found.instances[sop].dataset()
        assert dataset == expected_elements(upper | own["DICOM"], own["DICOMVRs"])
        for _, vr, value in dataset:
            check_form(vr, value)


def check_form(vr, value):
    if vr in BYTES:
        assert isinstance(value, str)
        return
    assert isinstance(value, list)
    for item in value:
        if vr == "SQ":
            for _, inner_vr, inner in item:
                check_form(inner_vr, inner)
        elif vr in NUMBERS:
            assert isinstance(item, (int, float))
        else:
            assert isinstance(item, str)


def test_an_instance_has_the_attributes_of_all_levels_and_its_own_win():
    instance = only(
        {"PatientID": "own", "Rows": 4, "SeriesNumber": "9"},
        patient={"PatientID": "P1", "PatientName": "A^B"},
        study={"StudyDate": "20240102"},
        series={"Modality": "CT", "SeriesNumber": "1"},
    )
    assert instance.dataset() == [
        (0x00080020, "DA", ["20240102"]),
        (0x00080060, "CS", ["CT"]),
        (0x00100010, "PN", ["A^B"]),
        (0x00100020, "LO", ["own"]),
        (0x0020000D, "UI", ["1.2"]),
        (0x00200011, "IS", ["9"]),
        (0x00280010, "US", [4]),
    ]


def test_instances_do_not_share_what_is_their_own():
    content = tree({"Rows": 1})
    second = {"DICOM": {"Columns": 2}, "ImageFrames": [{"ID": "f"}]}
    [series] = content["Study"]["Series"].values()
    series["Instances"]["1.2.3.5"] = second
    content["Study"]["Series"]["1.2.9"] = {
        "DICOM": {"Modality": "SR"},
        "Instances": {"1.2.9.1": {"DICOM": {}}},
    }
    found = parse(content).instances
    own = {sop: [tag for tag, _, _ in one.dataset()] for sop, one in found.items()}
    assert own == {
        "1.2.3.4": [0x0020000D, 0x00280010],
        "1.2.3.5": [0x0020000D, 0x00280011],
        "1.2.9.1": [0x00080060, 0x0020000D],
    }
    assert {sop: one.series for sop, one in found.items()} == {
        "1.2.3.4": "1.2.3",
        "1.2.3.5": "1.2.3",
        "1.2.9.1": "1.2.9",
    }
    assert [one.frames for one in found.values()] == [(), ("f",), ()]


@pytest.mark.parametrize(
    ("frames", "stored", "expected"),
    [
        ([{"ID": "f"}], None, ts.HTJ2K_LOSSLESS_RPCL),
        ([{"ID": "f"}], ts.JPEG_BASELINE, ts.JPEG_BASELINE),
        ([{"ID": "f"}], ts.EXPLICIT_LE, ts.EXPLICIT_LE),
        ([], ts.HTJ2K_LOSSLESS_RPCL, ts.EXPLICIT_LE),
        (None, None, ts.EXPLICIT_LE),
    ],
)
def test_the_stored_transfer_syntax_is_that_of_the_frames(frames, stored, expected):
    instance = only(ImageFrames=frames, StoredTransferSyntaxUID=stored)
    assert instance.stored_syntax == expected


def test_what_is_not_there_is_empty():
    content = tree()
    del content["Study"]["DICOM"]["StudyInstanceUID"]
    [instance] = parse(content).instances.values()
    assert (instance.study, instance.source_syntax, instance.frames) == ("", "", ())
    assert (instance.number, instance.modality) == (0, "")
    assert instance.dataset() == []


@pytest.mark.parametrize(
    ("value", "number"),
    [("7", 7), (" 12 ", 12), ("-3", -3), (5, 5), (None, 0), ("", 0), ("one", 0), ("1.5", 0)],
)
def test_an_instance_number_is_for_sorting(value, number):
    assert only({"InstanceNumber": value}).number == number


def test_the_modality_of_an_instance_is_its_own_or_the_series():
    assert only(series={"Modality": "CT "}).modality == "CT"
    assert only({"Modality": "MR"}, series={"Modality": "CT"}).modality == "MR"
    assert only({"Modality": None}, series={"Modality": None}).modality == ""


@each_document
def test_the_layout_of_the_pixels_is_that_of_the_whole_data_set(name):
    for instance in document.parse(ID, DOCUMENTS[name]).instances.values():
        expected = image.from_dataset(instance.dataset(), len(instance.frames))
        assert instance.pixel() == expected
        assert expected.rows > 0


def test_pixels_and_file_meta_information_are_not_attributes():
    own = {
        "PixelData": "AAAA",
        "FloatPixelData": "AAAA",
        "TransferSyntaxUID": ts.RLE,
        "FileMetaInformationVersion": "AAE=",
        "Rows": 1,
    }
    assert [tag for tag, _, _ in only(own).dataset()] == [0x0020000D, 0x00280010]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("PatientID", "P1", (0x00100020, "LO", ["P1"])),
        ("PatientID", None, (0x00100020, "LO", [])),
        ("PatientID", "", (0x00100020, "LO", [])),
        ("PatientName", "A^B=C", (0x00100010, "PN", ["A^B=C"])),
        ("ImageType", ["A", "", "B"], (0x00080008, "CS", ["A", "", "B"])),
        ("ImageType", [], (0x00080008, "CS", [])),
        ("PatientOrientation", None, (0x00200020, "CS", [])),
        ("SeriesDescription", "a\\b", (0x0008103E, "LO", ["a", "b"])),
        ("PatientComments", "a\\b ", (0x00104000, "LT", ["a\\b "])),
        ("WindowCenter", ["40 ", " 80"], (0x00281050, "DS", ["40", "80"])),
        ("SliceThickness", "1.5 ", (0x00180050, "DS", ["1.5"])),
        ("SeriesNumber", "1 ", (0x00200011, "IS", ["1"])),
        ("Rows", 512, (0x00280010, "US", [512])),
        ("Rows", None, (0x00280010, "US", [])),
        ("ReferencePixelX0", -3, (0x00186020, "SL", [-3])),
        ("PhysicalDeltaX", 1, (0x0018602C, "FD", [1])),
        ("PhysicalDeltaX", -0.079, (0x0018602C, "FD", [-0.079])),
        ("PhysicalDeltaX", "Infinity", (0x0018602C, "FD", [float("inf")])),
        ("PhysicalDeltaX", "-Infinity", (0x0018602C, "FD", [float("-inf")])),
        ("FrameIncrementPointer", ["00181065"], (0x00280009, "AT", ["00181065"])),
        ("DimensionIndexPointer", "00209056", (0x00209165, "AT", ["00209056"])),
        ("EncapsulatedDocument", "JVBERi0=", (0x00420011, "OB", "JVBERi0=")),
        ("EncapsulatedDocument", None, (0x00420011, "OB", "")),
        ("RedPaletteColorLookupTableData", "AAE=", (0x00281201, "OW", "AAE=")),
        ("ReferencedImageSequence", None, (0x00081140, "SQ", [])),
        ("ReferencedImageSequence", [], (0x00081140, "SQ", [])),
        ("ReferencedImageSequence", [{}], (0x00081140, "SQ", [[]])),
        (
            "ReferencedImageSequence",
            {"Rows": 1},  # one item may stand for itself
            (0x00081140, "SQ", [[(0x00280010, "US", [1])]]),
        ),
        ("00100020", "P1", (0x00100020, "LO", ["P1"])),
        ("60000010", 4, (0x60000010, "US", [4])),
        ("60023000", "AAE=", (0x60023000, "OW", "AAE=")),
        ("OverlayRows", 4, (0x60000010, "US", [4])),
        ("StudyComments", "text", (0x00324000, "LT", ["text"])),
    ],
)
def test_the_form_of_a_value(key, value, expected):
    assert element(key, value) == expected


def test_not_a_number_is_a_number():
    _, vr, [value] = element("PhysicalDeltaX", "NaN")
    assert vr == "FD"
    assert value != value


@pytest.mark.parametrize(
    ("recorded", "value", "expected"),
    [
        ("LO", "text", ("LO", ["text"])),
        ("LO", ["one", "two"], ("LO", ["one", "two"])),
        ("DS", "97 ", ("DS", ["97"])),
        ("UN", "AQA=", ("UN", "AQA=")),
        ("UN", "", ("UN", "")),
        ("FD", 1.5, ("FD", [1.5])),
        ("FD", "AAAA", ("UN", "AAAA")),  # bytes that are no whole number
        ("US", [1, 2], ("US", [1, 2])),
        ("AT", "00181065", ("AT", ["00181065"])),
        ("SQ", [{"Rows": 1}], ("SQ", [[(0x00280010, "US", [1])]])),
        ("SQ", None, ("SQ", [])),
        (None, "text", ("LO", ["text"])),
        (None, 5, ("SL", [5])),
        (None, 1.5, ("FD", [1.5])),
        (None, [1.5, 2.5], ("FD", [1.5, 2.5])),
        (None, [{"Rows": 1}], ("SQ", [[(0x00280010, "US", [1])]])),
        ("??", "text", ("LO", ["text"])),
        (None, None, ("LO", [])),
    ],
)
def test_the_vr_of_a_private_element_is_recorded_or_guessed(recorded, value, expected):
    vrs = {"00091001": recorded} if recorded else {}
    assert element("00091001", value, vrs=vrs) == (0x00091001, *expected)


def test_a_private_element_in_an_item_has_its_vr_from_the_same_list():
    items = [{"00091001": "AQA=", "00090010": "C"}]
    found = element("ReferencedImageSequence", items, vrs={"00091001": "UN", "00090010": "LO"})
    assert found[2] == [[(0x00090010, "LO", ["C"]), (0x00091001, "UN", "AQA=")]]


def test_a_key_that_is_nothing_is_left_out():
    assert only({"NoSuchKeyword": 1, "0010002": "x"}).dataset() == [(0x0020000D, "UI", ["1.2"])]


def test_the_items_of_a_sequence_are_in_the_order_of_their_tags():
    items = [{"Rows": 1, "CodeValue": "x", "00091001": "y"}]
    _, _, [item] = element("ReferencedImageSequence", items)
    assert [tag for tag, _, _ in item] == [0x00080100, 0x00091001, 0x00280010]


SIGNED = {"PixelRepresentation": 1}


@pytest.mark.parametrize(
    ("key", "value", "around", "vr"),
    [
        ("SmallestImagePixelValue", 5, {}, "US"),
        ("SmallestImagePixelValue", 5, SIGNED, "SS"),
        ("SmallestImagePixelValue", -5, {}, "SS"),  # only a signed number can be below zero
        ("LargestImagePixelValue", 65535, SIGNED, "US"),  # nor can it be as large
        ("SmallestImagePixelValue", None, SIGNED, "SS"),
        ("SmallestImagePixelValue", None, {}, "US"),
        ("RedPaletteColorLookupTableDescriptor", [256, 0, 16], SIGNED, "SS"),
        ("RedPaletteColorLookupTableDescriptor", [256, -9, 16], {}, "SS"),
        ("RedPaletteColorLookupTableDescriptor", [256, 0, 16], {}, "US"),
    ],
)
def test_us_or_ss_follows_the_sign_of_the_pixels(key, value, around, vr):
    assert element(key, value, **around)[1] == vr


@pytest.mark.parametrize(
    ("value", "expected"), [("AAE=", ("OW", "AAE=")), ([258], ("US", [258])), (258, ("US", [258]))]
)
def test_lut_data_are_words_or_numbers(value, expected):
    assert element("LUTData", value)[1:] == expected


@pytest.mark.parametrize("key", ["50003000", "60003000", "AudioSampleData", "WaveformData"])
def test_ob_or_ow_are_words(key):
    assert element(key, "AAE=")[1] == "OW"


@pytest.mark.parametrize(("own", "vr"), [({}, "US"), (SIGNED, "SS")])
def test_an_attribute_of_the_series_has_the_sign_of_the_instance(own, vr):
    found = only(own, series={"PixelPaddingValue": 7}).dataset()
    assert (0x00280120, vr, [7]) in found


def test_an_item_has_its_own_sign_or_that_of_the_instance():
    lut = {"LUTDescriptor": [256, 7, 16]}
    items = [lut, lut | {"PixelRepresentation": 0}]
    _, _, found = element("ModalityLUTSequence", items, **SIGNED)
    vrs = [{tag: vr for tag, vr, _ in item}[0x00283002] for item in found]
    assert vrs == ["SS", "US"]
