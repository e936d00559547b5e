"""What each level returns, against the tables of PS3.18 10.6.3.3."""

import pytest

from gateway.dicom import tags
from gateway.dicomweb import attributes

STUDY = {
    "StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability", "ModalitiesInStudy",
    "ReferringPhysicianName", "TimezoneOffsetFromUTC", "RetrieveURL", "PatientName", "PatientID",
    "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
}  # fmt: skip
SERIES = {
    "Modality", "TimezoneOffsetFromUTC", "SeriesDescription", "RetrieveURL", "SeriesInstanceUID",
    "SeriesNumber", "NumberOfSeriesRelatedInstances", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime", "RequestAttributesSequence",
}  # fmt: skip
INSTANCE = {
    "SOPClassUID", "SOPInstanceUID", "InstanceAvailability", "TimezoneOffsetFromUTC", "RetrieveURL",
    "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames",
}  # fmt: skip
REQUIRED_KEYS = {
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName",
    "PatientID", "StudyInstanceUID", "StudyID",
}  # fmt: skip


def keywords(found):
    return {tags.by_tag(tag).keyword for tag in found}


@pytest.mark.parametrize(
    ("table", "stored"),
    [(STUDY, attributes.STUDY), (SERIES, attributes.SERIES), (INSTANCE, attributes.INSTANCE)],
    ids=["study", "series", "instance"],
)
def test_each_attribute_of_the_table_is_stored_or_computed(table, stored):
    assert table <= keywords(stored) | keywords(attributes.COMPUTED)
    assert not stored & attributes.COMPUTED


def test_beyond_the_tables_are_only_the_character_set_and_the_upper_uids():
    assert keywords(attributes.STUDY) - STUDY == {"SpecificCharacterSet"}
    assert keywords(attributes.SERIES) - SERIES == {"SpecificCharacterSet", "StudyInstanceUID"}
    assert keywords(attributes.INSTANCE) - INSTANCE == {
        "SpecificCharacterSet",
        "StudyInstanceUID",
        "SeriesInstanceUID",
    }


def test_computed_attributes_are_the_counts_and_places():
    assert keywords(attributes.COMPUTED) == {
        "AvailableTransferSyntaxUID",
        "InstanceAvailability",
        "ModalitiesInStudy",
        "RetrieveURL",
        "SOPClassesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
        "NumberOfSeriesRelatedInstances",
    }


def test_what_a_level_returns_may_stand_in_its_results():
    assert attributes.STUDY <= attributes.STUDY_LEVEL
    assert attributes.SERIES <= attributes.SERIES_LEVEL
    assert attributes.STUDY_LEVEL < attributes.SERIES_LEVEL


def test_lower_levels_do_not_stand_in_upper_results():
    lower = {"Modality", "SeriesInstanceUID", "SOPInstanceUID", "Rows", "PixelSpacing"}
    assert not lower & keywords(attributes.STUDY_LEVEL)
    assert not {"SOPInstanceUID", "Rows", "PixelSpacing"} & keywords(attributes.SERIES_LEVEL)
    assert keywords(attributes.STUDY_LEVEL) >= REQUIRED_KEYS
    assert {"StudyDescription", "PatientAge", "BodyPartExamined"} <= keywords(
        attributes.SERIES_LEVEL
    )


def test_each_computed_attribute_has_its_level():
    levels = (
        attributes.COMPUTED_OF_STUDY,
        attributes.COMPUTED_OF_SERIES,
        attributes.COMPUTED_OF_INSTANCE,
        attributes.COMPUTED_OF_ALL,
    )
    assert sum(map(len, levels)) == len(attributes.COMPUTED)
    assert keywords(attributes.COMPUTED_OF_ALL) == {"InstanceAvailability", "RetrieveURL"}
    assert attributes.ON_REQUEST < attributes.COMPUTED


def test_required_attributes_stand_in_the_tables():
    assert keywords(attributes.REQUIRED_OF_STUDY) >= REQUIRED_KEYS
    assert attributes.REQUIRED_OF_STUDY <= attributes.STUDY
    assert attributes.REQUIRED_OF_SERIES <= attributes.SERIES


def test_what_is_not_computed_is_named_rightly():
    for tag, keyword in attributes.NOT_COMPUTED.items():
        assert tags.by_tag(tag).keyword == keyword
    assert not attributes.NOT_COMPUTED.keys() & attributes.COMPUTED
