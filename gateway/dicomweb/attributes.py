"""What QIDO-RS returns at each level (PS3.18 tables 10.6.3-3, 10.6.3-4 and 10.6.3-5)."""

from typing import Final

from gateway.dicom import levels

SPECIFIC_CHARACTER_SET: Final = 0x00080005
TIMEZONE_OFFSET: Final = 0x00080201

STUDY: Final = frozenset(
    {
        SPECIFIC_CHARACTER_SET,
        0x00080020,  # StudyDate
        0x00080030,  # StudyTime
        0x00080050,  # AccessionNumber
        0x00080090,  # ReferringPhysicianName
        TIMEZONE_OFFSET,
        0x00100010,  # PatientName
        0x00100020,  # PatientID
        0x00100030,  # PatientBirthDate
        0x00100040,  # PatientSex
        0x0020000D,  # StudyInstanceUID
        0x00200010,  # StudyID
    }
)
"""Attributes of a study that are not computed."""

SERIES: Final = frozenset(
    {
        SPECIFIC_CHARACTER_SET,
        0x00080060,  # Modality
        TIMEZONE_OFFSET,
        0x0008103E,  # SeriesDescription
        0x0020000D,  # StudyInstanceUID
        0x0020000E,  # SeriesInstanceUID
        0x00200011,  # SeriesNumber
        0x00400244,  # PerformedProcedureStepStartDate
        0x00400245,  # PerformedProcedureStepStartTime
        0x00400275,  # RequestAttributesSequence
    }
)
"""Attributes of a series that are not computed; the study's UID is what viewers rely on."""

INSTANCE: Final = frozenset(
    {
        SPECIFIC_CHARACTER_SET,
        0x00080016,  # SOPClassUID
        0x00080018,  # SOPInstanceUID
        TIMEZONE_OFFSET,
        0x0020000D,  # StudyInstanceUID
        0x0020000E,  # SeriesInstanceUID
        0x00200013,  # InstanceNumber
        0x00280008,  # NumberOfFrames
        0x00280010,  # Rows
        0x00280011,  # Columns
        0x00280100,  # BitsAllocated
    }
)
"""Attributes of an instance that are not computed."""

REQUIRED_OF_STUDY: Final = STUDY - {SPECIFIC_CHARACTER_SET, TIMEZONE_OFFSET}
REQUIRED_OF_SERIES: Final = frozenset({0x00080060, 0x00200011})
"""Attributes of type R, which stand in a result without a value where none is stored (PS3.4
C.2.2.1.2); an instance's are there if it has them."""

AVAILABLE_TRANSFER_SYNTAX: Final = 0x00083002
INSTANCE_AVAILABILITY: Final = 0x00080056
MODALITIES_IN_STUDY: Final = 0x00080061
RETRIEVE_URL: Final = 0x00081190
SOP_CLASSES_IN_STUDY: Final = 0x00080062
STUDY_RELATED_SERIES: Final = 0x00201206
STUDY_RELATED_INSTANCES: Final = 0x00201208
SERIES_RELATED_INSTANCES: Final = 0x00201209

COMPUTED_OF_STUDY: Final = frozenset(
    {MODALITIES_IN_STUDY, SOP_CLASSES_IN_STUDY, STUDY_RELATED_SERIES, STUDY_RELATED_INSTANCES}
)
COMPUTED_OF_SERIES: Final = frozenset({SERIES_RELATED_INSTANCES})
COMPUTED_OF_INSTANCE: Final = frozenset({AVAILABLE_TRANSFER_SYNTAX})
COMPUTED_OF_ALL: Final = frozenset({INSTANCE_AVAILABILITY, RETRIEVE_URL})

COMPUTED: Final = COMPUTED_OF_STUDY | COMPUTED_OF_SERIES | COMPUTED_OF_INSTANCE | COMPUTED_OF_ALL
"""Attributes whose values follow from what is stored and are never taken from it."""

ON_REQUEST: Final = frozenset({SOP_CLASSES_IN_STUDY, AVAILABLE_TRANSFER_SYNTAX})
"""Computed attributes that only those get who ask for them."""

NOT_COMPUTED: Final = {
    0x00201200: "NumberOfPatientRelatedStudies",
    0x00201202: "NumberOfPatientRelatedSeries",
    0x00201204: "NumberOfPatientRelatedInstances",
}
"""Attributes that would be a search of their own for every patient of an answer."""

STUDY_LEVEL: Final = levels.PATIENT | levels.STUDY | {SPECIFIC_CHARACTER_SET, TIMEZONE_OFFSET}
"""All that may stand in a result at study level."""

SERIES_LEVEL: Final = STUDY_LEVEL | levels.SERIES | {0x00400244, 0x00400245}
"""All that may stand in a result at series level."""
