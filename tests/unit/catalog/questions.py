"""Random queries, of every kind of key that QIDO-RS has."""

from gateway.dicomweb.query import Level

NAMES = (
    "DOE^JOHN", "doe^john", "DOE*", "*DOE*", "*OE^J*", "D?E*", "DOE^*", "muller*", "MÜLLER^JÜRGEN",
    "山田*", "=山田*", "*太*", "Yamada^Tarou=山田^太郎", "*=*花*", "A", "*", "L?", "*^^*",
    "SMITH^ANNA*", "O'NEILL*", "oneill", "MEYER", "SMITH JON", "DOE JOHN", "JOHN DOE", "JUAN CRUZ",
    "M*", "山田太郎", "doejohn", "D*J*N", "asa angstrom", "=", "DOE\\LI^X", "^JOHN", "-", "x" * 70,
)  # fmt: skip
IDS = ("P1", "p1", "P*", "P1*", "*1", "P?1", "P%1", "P_1", "ID 7", "P1\\P2", "*", "?", "P1\\P9")
DATES = (
    "20240101", "20240101-20240131", "-20240101", "20240102-", "2024.01.02", "20230101-20231231",
    "20240229\\20240131", "20240102-20240102",
)  # fmt: skip
TIMES = ("1011", "10", "100000-110000", "-101112", "1011-", "235959.5", "101112.2-101113")
KEYS = {
    "PatientName": NAMES,
    "ReferringPhysicianName": NAMES,
    "PatientID": IDS,
    "AccessionNumber": ("A1", "A*", "A1\\A2", "*1", "A_1", "?1", "A1,A2"),
    "StudyDate": DATES,
    "StudyTime": TIMES,
    "PatientBirthDate": DATES,
    "PatientSex": ("F", "M,O", "?", "f"),
    "StudyID": ("1", "2", "3"),
    "StudyDescription": ("Knee*", "*e*", "Knee left", "50%", "*/*", "Sch?del"),
    "ModalitiesInStudy": ("CT", "MR,PT", "C*", "S?", "*R", "XX", "CT\\MR"),
    "SOPClassesInStudy": ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4,1.2"),
    "NumberOfStudyRelatedSeries": ("1", "2", "01", "x"),
    "NumberOfStudyRelatedInstances": ("1", "3"),
    "NumberOfSeriesRelatedInstances": ("1", "2"),
    "StudyInstanceUID": ("1.2.1.1", "1.2.1.1,1.2.2.2,1.2.3.3", "1.2.5.4,1.2.5.5,1.2.5.6"),
    "SeriesInstanceUID": ("1.2.1.1.0.0", "1.2.1.2.0.0,1.2.2.2.0.0,1.2.3.3.0.0"),
    "SOPInstanceUID": ("1.2.1.1.0.0.1", "1.2.1.2.0.0.1,1.2.2.2.0.0.1,1.2.4.4.0.0.1"),
    "Modality": ("CT", "MR,PT", "C*", "CT\\MR"),
    "SeriesNumber": ("1", "2", "10", "3"),
    "SeriesDescription": ("Knee*", "Head", "*a*"),
    "BodyPartExamined": ("KNEE", "K*"),
    "PerformedProcedureStepStartDate": DATES,
    "PerformedProcedureStepStartTime": TIMES,
    "SOPClassUID": ("1.2.840.10008.5.1.4.1.1.2",),
    "InstanceNumber": ("1", "7", "07"),
    "Rows": ("512", "256"),
    "ContentDate": DATES,
    "KVP": ("120", "80.0"),
    "ImageType": ("DERIVED", "ORIGINAL\\PRIMARY", "PRIM*"),
    "PatientAge": ("030Y",),
    "OtherPatientIDsSequence.PatientID": ("X1", "X*", "Y"),
    "InstanceAvailability": ("ONLINE", "OFFLINE"),
}
FIELDS = ("all", "StudyDescription", "SOPClassesInStudy", "KVP", "OtherPatientIDsSequence", "Rows")


def question(random):
    """A level, the parameters of a query, and a page: its offset and its limit."""
    level = random.choice((*Level, Level.STUDY))
    names = random.sample(sorted(KEYS), random.choice((0, 1, 1, 1, 2, 2, 3)))
    pairs = [(name, random.choice(KEYS[name])) for name in names]
    for mode, chance in (
        ("fuzzymatching", 0.3),
        ("emptyvaluematching", 0.2),
        ("multiplevaluematching", 0.2),
    ):
        if random.random() < chance:
            pairs.append((mode, "true"))
    if ("emptyvaluematching", "true") in pairs and names:
        asked = random.choice(names)
        pairs = [(name, '""' if name == asked else value) for name, value in pairs]
    if random.random() < 0.1:
        pairs.append(("TimezoneOffsetFromUTC", random.choice(("+0100", "-0500", "+0000"))))
    if random.random() < 0.3:
        pairs.append(("includefield", random.choice(FIELDS)))
    return level, pairs, random.choice((0, 0, 1, 3, 40)), random.choice((1, 5, 25, 200))
