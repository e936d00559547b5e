"""UpdateImageSetMetadata: a payload of any form is applied or refused, and never anything else."""

import copy

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.emulator import documents, updates
from gateway.emulator.failures import ChangeFailed
from tests.unit.emulator.archives import instance, tree


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"1", b'"{}"', b"{", b"\xff", b'{"a":}'])
def test_a_payload_is_a_json_object(content):
    with pytest.raises(ValueError, match=r"JSON|object|expected|unexpected|empty|UTF-8"):
        updates.parse(content)


@pytest.mark.parametrize("depth", [240, 254, 300, 1000, 2000, 100_000])
def test_a_payload_is_parsed_only_where_it_can_be_written_again(depth):
    content = b'{"Patient":' * 2 + b"[" * depth + b"]" * depth + b"}" * 2
    if depth > 250:
        with pytest.raises(ValueError, match=r"deep|depth|recursion"):
            updates.parse(content)
    else:
        assert orjson.dumps({"request": {"u": updates.parse(content)}})


NAMES = [
    *["Patient", "Study", "Series", "Instances", "DICOM", "DICOMVRs", "SchemaVersion", "1.2.3"],
    *["1.2.3.1", "1.2.3.2", "PatientName", "StudyInstanceUID", "SOPInstanceUID", "00100010"],
    *["PixelData", "ImageType", "Rows", "00191001", "0019100a", "SourceImageSequence", "x", ""],
]
scalars = st.none() | st.booleans() | st.integers(-5, 70_000) | st.floats(allow_nan=False)
scalars |= st.text(max_size=3) | st.sampled_from(["1.2.9", "LO", "DS", "SQ", "1.2.3.2"])
json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def mostly(strategy):
    """What ``strategy`` gives, and now and then any JSON value in its place."""
    return st.integers(0, 7).flatmap(lambda number: strategy if number else json)


def parts(**members):
    return mostly(st.fixed_dictionaries({}, optional=members))


def keyed(keys, values):
    return mostly(st.dictionaries(st.sampled_from(keys), values, max_size=2))


KEYS = ["PatientName", "00100010", "StudyDescription", "Rows", "SeriesTime", "StudyInstanceUID"]
KEYS += ["SOPInstanceUID", "SeriesInstanceUID", "00191001", "0019100a", "PixelData", "ImageType"]
KEYS += ["SourceImageSequence", "ReferencedStudySequence", "SeriesNumber", "unknown"]
attributes = keyed(KEYS, scalars | json)
instances = parts(DICOM=attributes, DICOMVRs=keyed(KEYS, st.sampled_from(["LO", "SQ"]) | json))
series = parts(DICOM=attributes, Instances=keyed(["1.2.3.1", "1.2.3.2", "1.2.3.1"], instances))
study = parts(DICOM=attributes, Series=keyed(["1.2.3", "1.2.3", "1.2.9"], series))
payloads = parts(SchemaVersion=json, Patient=parts(DICOM=attributes), Study=study)


@settings(max_examples=800)
@given(payloads, st.none() | payloads, st.booleans(), st.booleans())
def test_any_payload_is_applied_or_refused(updatable, removable, force, primary):
    document = tree(instance("1.2.3.1", Rows=1), instance("1.2.3.2", StudyDescription="own"))
    before = copy.deepcopy(document)
    try:
        given = [
            None if one is None else updates.parse(orjson.dumps(one))
            for one in (updatable, removable)
        ]
        for part in given:
            updates.of_study(part or {})
        changed = updates.apply(document, *given, force=force, primary=primary)
    except (ChangeFailed, ValueError):
        pass
    else:
        for series_uid, sop_uid, one in documents.instances(changed):
            assert one["DICOM"]["SOPInstanceUID"] == sop_uid
            assert (
                changed["Study"]["Series"][series_uid]["DICOM"]["SeriesInstanceUID"] == series_uid
            )
            assert one["DICOMVRs"].keys() <= one["DICOM"].keys()
        assert any(True for _ in documents.instances(changed))
        orjson.dumps(changed)
    assert document == before
