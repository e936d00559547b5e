"""Spot checks of the lists that the developer guide's page "Metadata normalization" prints."""

import pytest

from gateway.dicom import levels, tags

NAMED = {
    "PATIENT": [
        (0x00100010, "PatientName"),
        (0x00100020, "PatientID"),
        (0x00100030, "PatientBirthDate"),
        (0x00100040, "PatientSex"),
        (0x00081120, "ReferencedPatientSequence"),
        (0x00104000, "PatientComments"),
        (0x00102299, "ResponsibleOrganization"),
        (0x00120062, "PatientIdentityRemoved"),
        (0x00120064, "DeidentificationMethodCodeSequence"),
        (0x00100026, "SourcePatientGroupIdentificationSequence"),
        (0x00120010, "ClinicalTrialSponsorName"),
        (0x00120082, "ClinicalTrialProtocolEthicsCommitteeApprovalNumber"),
    ],
    "STUDY": [
        (0x0020000D, "StudyInstanceUID"),
        (0x00080020, "StudyDate"),
        (0x00080050, "AccessionNumber"),
        (0x00200010, "StudyID"),
        (0x00081030, "StudyDescription"),
        (0x00401012, "ReasonForPerformedProcedureCodeSequence"),
        (0x00101010, "PatientAge"),
        (0x00101030, "PatientWeight"),
        (0x001021D0, "LastMenstrualDate"),
        (0x00102203, "PatientSexNeutered"),
        (0x00380500, "PatientState"),
        (0x00120083, "ConsentForClinicalTrialUseSequence"),
    ],
    "SERIES": [
        (0x0020000E, "SeriesInstanceUID"),
        (0x00080060, "Modality"),
        (0x00200011, "SeriesNumber"),
        (0x0008103E, "SeriesDescription"),
        (0x00280108, "SmallestPixelValueInSeries"),
        (0x00280120, "PixelPaddingValue"),
        (0x00400275, "RequestAttributesSequence"),
        (0x300A0700, "TreatmentSessionUID"),
        (0x00120072, "ClinicalTrialSeriesDescription"),
        (0x00080070, "Manufacturer"),
        (0x0018100A, "UDISequence"),
        (0x00181201, "TimeOfLastCalibration"),
        (0x00200052, "FrameOfReferenceUID"),
        (0x00201040, "PositionReferenceIndicator"),
    ],
}
WITH_THE_INSTANCE = [
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "InstanceNumber",
    "AcquisitionDate",
    "ContentDate",
    "TimezoneOffsetFromUTC",
    "ImageType",
    "Rows",
    "PixelSpacing",
    "WindowCenter",
    "PixelPaddingRangeLimit",
    "NumberOfFrames",
    "KVP",
    "PerformedProcedureStepStartDate",
    "StudyComments",
    "PixelData",
]


@pytest.mark.parametrize(
    ("level", "tag", "keyword"),
    [(level, *entry) for level, entries in NAMED.items() for entry in entries],
)
def test_an_attribute_is_at_its_level(level, tag, keyword):
    assert tags.by_keyword(keyword).tag == tag
    assert [name for name in NAMED if tag in getattr(levels, name)] == [level]


@pytest.mark.parametrize("keyword", WITH_THE_INSTANCE)
def test_an_attribute_stays_with_the_instance(keyword):
    tag = tags.by_keyword(keyword).tag
    assert tag not in levels.PATIENT | levels.STUDY | levels.SERIES


def test_the_lists_are_as_long_as_the_guides():
    assert (len(levels.PATIENT), len(levels.STUDY), len(levels.SERIES)) == (46, 50, 44)


def test_no_attribute_is_at_two_levels():
    assert len(levels.PATIENT | levels.STUDY | levels.SERIES) == 46 + 50 + 44


def test_every_attribute_is_in_the_dictionary():
    assert all(map(tags.by_tag, levels.PATIENT | levels.STUDY | levels.SERIES))
