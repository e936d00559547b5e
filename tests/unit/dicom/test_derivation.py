"""What a data set says of lossy compression, as pydicom reads it."""

import io

import pydicom
import pytest
from pydicom.sr.codedict import codes

from gateway.dicom import part10, uids
from gateway.dicom.derivation import LossyStep, lossily_compressed

SOP_CLASS, SOP = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
STEP = LossyStep("ISO_10918_1", 12.3456, "1.2.840.10008.1.2.4.50/90")
IMAGE = [
    (0x00080008, "CS", ["ORIGINAL", "PRIMARY", "AXIAL"]),
    (0x00080016, "UI", [SOP_CLASS]),
    (0x00080018, "UI", [SOP]),
    (0x00100010, "PN", ["Doe^Jane"]),
    (0x00280010, "US", [5]),
    (0x00280106, "US", [3]),
    (0x00280107, "US", [250]),
    (0x00282110, "CS", ["00"]),
]


def read(dataset):
    header = part10.file_header(SOP_CLASS, "1.2.3", "1.2.840.10008.1.2.1")
    return pydicom.dcmread(io.BytesIO(header + part10.encode(dataset)))


def compressed(*more, step=STEP, without=()):
    known = {one[0]: one for one in (*IMAGE, *more) if one[0] not in without}
    return lossily_compressed([known[tag] for tag in sorted(known)], step)


def test_what_a_compressed_image_says():
    dataset = compressed()
    assert [one[0] for one in dataset] == sorted({one[0] for one in dataset})
    found = read(dataset)
    assert list(found.ImageType) == ["DERIVED", "PRIMARY", "AXIAL"]
    assert found.LossyImageCompression == "01"
    assert found.LossyImageCompressionRatio == 12.35
    assert found.LossyImageCompressionMethod == "ISO_10918_1"
    assert found.DerivationDescription == "Lossy compression, ISO_10918_1, ratio 12.3:1"
    [derivation] = found.DerivationCodeSequence
    assert derivation.CodeValue == codes.DCM.LossyCompression.value == "113040"
    assert derivation.CodingSchemeDesignator == "DCM"
    assert derivation.CodeMeaning == codes.DCM.LossyCompression.meaning
    assert (found.PatientName, found.Rows) == ("Doe^Jane", 5)
    assert "SmallestImagePixelValue" not in found
    assert "LargestImagePixelValue" not in found


def test_it_is_an_instance_of_its_own_that_names_its_source():
    found = read(compressed())
    [source] = found.SourceImageSequence
    assert (source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID) == (SOP_CLASS, SOP)
    [purpose] = source.PurposeOfReferenceCodeSequence
    assert purpose.CodeValue == codes.DCM.UncompressedPredecessor.value == "121320"
    assert purpose.CodeMeaning == codes.DCM.UncompressedPredecessor.meaning
    assert found.SOPInstanceUID == uids.derived(SOP, STEP.name) != SOP
    assert uids.is_valid(found.SOPInstanceUID)


def test_the_same_step_gives_the_same_instance():
    again, other = compressed(), compressed(step=LossyStep("ISO_10918_1", 9.9, "50/80"))
    assert read(again).SOPInstanceUID == read(compressed()).SOPInstanceUID
    assert read(other).SOPInstanceUID != read(again).SOPInstanceUID


def test_steps_taken_before_stay():
    found = read(
        compressed(
            (0x00082111, "ST", ["Averaged"]),
            (0x00082112, "SQ", [[(0x00081155, "UI", ["1.2.9"])]]),
            (0x00089215, "SQ", [[(0x00080100, "SH", ["113062"])]]),
            (0x00282110, "CS", ["01"]),
            (0x00282112, "DS", ["2.5"]),
            (0x00282114, "CS", ["ISO_14495_1"]),
        )
    )
    assert found.DerivationDescription.startswith("Averaged; Lossy compression")
    assert [one.ReferencedSOPInstanceUID for one in found.SourceImageSequence] == ["1.2.9", SOP]
    assert [one.CodeValue for one in found.DerivationCodeSequence] == ["113062", "113040"]
    assert list(found.LossyImageCompressionRatio) == [2.5, 12.35]
    assert list(found.LossyImageCompressionMethod) == ["ISO_14495_1", "ISO_10918_1"]


@pytest.mark.parametrize(
    ("ratios", "methods", "expected"),
    [
        (["3"], [], (["3", "12.35"], ["", "ISO_10918_1"])),
        ([], ["ISO_15444_1"], (["", "12.35"], ["ISO_15444_1", "ISO_10918_1"])),
        (["3", "4"], ["A"], (["3", "4", "12.35"], ["A", "", "ISO_10918_1"])),
        ([], [], (["12.35"], ["ISO_10918_1"])),
    ],
)
def test_each_ratio_has_its_method(ratios, methods, expected):
    found = compressed((0x00282112, "DS", ratios), (0x00282114, "CS", methods))
    values = {one[0]: one[2] for one in found}
    assert (values[0x00282112], values[0x00282114]) == expected


@pytest.mark.parametrize(
    ("image_type", "expected"), [(["ORIGINAL"], ["DERIVED"]), (["DERIVED"], ["DERIVED"]), ([], [])]
)
def test_image_type(image_type, expected):
    found = {one[0]: one[2] for one in compressed((0x00080008, "CS", image_type))}
    assert found[0x00080008] == expected


def test_an_image_without_a_type_gets_none():
    assert 0x00080008 not in {one[0] for one in compressed(without={0x00080008})}


@pytest.mark.parametrize("group", [0x52009229, 0x52009230])
def test_frames_are_derived_as_well(group):
    frame_type = [(0x00089007, "CS", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])]
    other = [(0x00289110, "SQ", [[(0x00280030, "DS", ["1", "1"])]])]
    given = (group, "SQ", [[*other, (0x00189226, "SQ", [frame_type])], other])
    [found] = [one for one in compressed(given) if one[0] == group]
    kind = [(0x00089007, "CS", ["DERIVED", "PRIMARY", "VOLUME", "NONE"])]
    assert found == (group, "SQ", [[*other, (0x00189226, "SQ", [kind])], other])


def test_a_description_that_would_be_too_long_is_said_anew():
    found = read(compressed((0x00082111, "ST", ["x" * 1000])))
    assert found.DerivationDescription == "Lossy compression, ISO_10918_1, ratio 12.3:1"


def test_the_data_set_given_is_not_changed():
    before = [tuple(one) for one in IMAGE]
    compressed()
    assert before == IMAGE
