"""What is asked of a file at import, limit by limit."""

import pytest

from gateway.dicom import levels, tags
from gateway.emulator import metadata, part10, rules
from gateway.emulator.failures import FileRejected
from tests.unit.emulator import raw

# Developer guide, "DICOM element constraints during import".
LENGTHS = {
    "PatientName": ("PN", 256),
    "PatientID": ("LO", 256),
    "PatientBirthDate": ("DA", 18),
    "PatientSex": ("CS", 16),
    "StudyID": ("SH", 16),
    "StudyDescription": ("LO", 64),
    "AccessionNumber": ("SH", 256),
    "StudyDate": ("DA", 18),
    "StudyTime": ("TM", 28),
}
NUMBERS = {"NumberOfStudyRelatedSeries": 1_000_000, "NumberOfStudyRelatedInstances": 10_000}
REQUIRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# Release notes of June 2024.
LENIENT = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "TreatmentSessionUID",
    "DeviceUID",
    "AcquisitionUID",
)
GROUPING = {
    "StudyDate": ("DA", b"20240102"),
    "AccessionNumber": ("SH", b"A1"),
    "PatientID": ("LO", b"P1"),
    "StudyInstanceUID": ("UI", b"1.9"),
    "StudyID": ("SH", b"S1"),
    "SeriesInstanceUID": ("UI", b"1.9.1"),
    "SeriesNumber": ("IS", b"7"),
}


def convert(**elements):
    """A file's attributes; keywords with ``(VR, value)``."""
    found = {tags.by_keyword(keyword).tag: element for keyword, element in elements.items()}
    return metadata.convert(part10.read(memoryview(raw.file(found))).dataset)


def check(**elements):
    return rules.check(convert(**elements))


def refused(**elements):
    with pytest.raises(FileRejected) as rejected:
        check(**elements)
    return str(rejected.value)


def test_the_limits_are_these():
    expected = {tags.by_keyword(name).tag: limit for name, (_, limit) in LENGTHS.items()}
    assert expected | {0x0020000D: 256} == rules.MAX_LENGTHS
    assert {tags.by_keyword(n).tag: limit for n, limit in NUMBERS.items()} == rules.MAX_NUMBERS


def test_an_instance_is_who_its_attributes_say():
    assert check() == rules.Identity(
        "1.2", "1.2.3", "1.2.3.4", ("", "", "", "1.2", "", "1.2.3", "")
    )


@pytest.mark.parametrize("keyword", sorted(LENGTHS))
def test_a_value_may_be_as_long_as_its_limit_and_no_longer(keyword):
    vr, limit = LENGTHS[keyword]
    check(**{keyword: (vr, b"7" * limit)})
    check(**{keyword: (vr, b" " + b"7" * limit + b" ")})  # spaces around it do not count
    check(**{keyword: (vr, b"")})
    message = refused(**{keyword: (vr, b"7" * (limit + 1))})
    assert (
        message == f"{tags.named(tags.by_keyword(keyword).tag)} is longer than {limit} characters"
    )


def test_characters_are_counted_and_not_bytes():
    utf8 = {"SpecificCharacterSet": ("CS", b"ISO_IR 192")}
    check(StudyID=("SH", "\u65e5".encode() * 16), **utf8)
    assert "StudyID" in refused(StudyID=("SH", "\u65e5".encode() * 17), **utf8)


@pytest.mark.parametrize("keyword", sorted(NUMBERS))
def test_a_number_may_be_as_large_as_its_limit_and_no_larger(keyword):
    limit = NUMBERS[keyword]
    for value in (b"0", b" 1 ", str(limit).encode(), b""):
        check(**{keyword: ("IS", value)})
    for value in (str(limit + 1).encode(), b"-1"):
        assert f"is not between 0 and {limit}" in refused(**{keyword: ("IS", value)})
    for value in (b"many", b"1.5", b"1\\2"):
        assert f"{keyword} " in refused(**{keyword: ("IS", value)})


@pytest.mark.parametrize("keyword", REQUIRED)
@pytest.mark.parametrize(
    "element", [None, ("UI", b""), ("UI", b"  ")], ids=["no", "empty", "space"]
)
def test_a_required_attribute_is_there(keyword, element):
    assert refused(**{keyword: element}) == f"DICOM attribute {keyword} does not exist"


LONGEST = ("1." * 128)[:255]
GOOD_UIDS = ["1", "0", "01.002", "1.2.840.00", "0" * 256, LONGEST + "1"]
BAD_UIDS = ["1..2", ".1", "1.", "1.a", "1.2 3", "1-2", "1,2", "\u00b9.2"]


@pytest.mark.parametrize("keyword", LENIENT)
def test_some_uids_may_have_leading_zeros_and_256_characters(keyword):
    for uid in GOOD_UIDS:
        assert len(uid) <= 256
        check(**{keyword: ("UI", uid.encode())})
    for uid in BAD_UIDS:
        message = refused(**{keyword: ("UI", uid.encode("latin-1"))})
        assert message == f"{tags.named(tags.by_keyword(keyword).tag)} is not a valid UID"
    assert keyword in refused(**{keyword: ("UI", b"1" * 257)})


@pytest.mark.parametrize("keyword", sorted(set(LENIENT) - set(REQUIRED)))
def test_a_uid_that_is_not_required_may_be_empty(keyword):
    check(**{keyword: ("UI", b"")})


def test_the_uid_of_an_instance_is_strict():
    for uid in ("1", "0", "1.0.2", "1.2." + "3" * 60):
        assert check(SOPInstanceUID=("UI", uid.encode())).sop == uid
    for uid in [*BAD_UIDS, "01.2", "1.02", "00", "1.2." + "3" * 61]:
        message = refused(SOPInstanceUID=("UI", uid.encode("latin-1")))
        assert message == "SOPInstanceUID (0008,0018) is not a valid UID"


def test_a_reason_quotes_no_value():
    secret = b"CONFIDENTIAL" * 30
    for keyword, (vr, _) in LENGTHS.items():
        assert "CONF" not in refused(**{keyword: (vr, secret)})
    for keyword in NUMBERS:
        assert "CONF" not in refused(**{keyword: ("IS", secret)})
    for keyword in LENIENT:
        assert "CONF" not in refused(**{keyword: ("UI", secret)})


@pytest.mark.parametrize("keyword", sorted(GROUPING))
def test_seven_attributes_group_instances(keyword):
    plain = check()
    other = check(**{keyword: GROUPING[keyword]})
    assert plain.group != other.group
    vr, value = GROUPING[keyword]
    assert check(**{keyword: (vr, b" " + value + b" ")}).group == other.group


def test_other_attributes_do_not_group_instances():
    others = {
        "PatientName": ("PN", b"Another"),
        "StudyTime": ("TM", b"101112"),
        "StudyDescription": ("LO", b"other"),
        "Modality": ("CS", b"MR"),
        "SOPInstanceUID": ("UI", b"1.5"),
        "InstanceNumber": ("IS", b"9"),
        "FrameOfReferenceUID": ("UI", b"1.7"),
    }
    assert check(**others).group == check().group


def test_each_attribute_stands_at_one_level():
    by_level = {"patient": levels.PATIENT, "study": levels.STUDY, "series": levels.SERIES}
    elements = {}
    for level in by_level.values():
        for tag in level:
            vr = tags.by_tag(tag).vr.partition(" or ")[0]
            elements[tag] = (vr, b"" if vr in ("SQ", "UI") else b"1 ")
    kept = {0x00090010: ("LO", b"CREATOR"), 0x00091001: ("LO", b"x"), 0x00280010: ("US", b"\1\0")}
    content = raw.file(elements | kept | {t: raw.IDENTITY[t] for t in (0x0020000D, 0x0020000E)})
    converted = metadata.convert(part10.read(memoryview(content)).dataset)
    found = rules.split(converted)
    for name, level in by_level.items():
        assert found[name].keys() == {tags.by_tag(tag).keyword for tag in level}
    assert found["instance"].keys() == {
        "SOPClassUID", "SOPInstanceUID", "Rows", "00090010", "00091001",
    }  # fmt: skip
    merged = {}
    for part in found.values():
        merged |= part
    assert merged == dict(converted.attributes.values())
