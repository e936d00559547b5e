"""Documents that are none, or too large: refused, never half read."""

import copy
import gzip
import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies as st

from gateway.errors import UpstreamInvalid
from gateway.imagesets import document
from tests.unit.imagesets.test_document import DOCUMENTS, ID, only, parse

# Whatever is missing or of another type above the attributes.
BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"5",
    b"{}",
    b'{"Patient":{"DICOM":{}}}',
    b'{"Patient":{},"Study":{"DICOM":{}}}',
    b'{"Patient":null,"Study":{"DICOM":{}}}',
    b'{"Patient":{"DICOM":{}},"Study":{}}',
    b'{"Patient":{"DICOM":{}},"Study":{"DICOM":[]}}',
    b'{"Patient":{"DICOM":{}},"Study":{"DICOM":{},"Series":[]}}',
    b'{"Patient":{"DICOM":{}},"Study":{"DICOM":{},"Series":{"1":{}}}}',
    b'{"Patient":{"DICOM":{}},"Study":{"DICOM":{},"Series":{"1":{"DICOM":{},"Instances":{"2":{}}}}}}',
    b"\x1f\x8b",
    b"\x1f\x8bnot gzip at all",
    gzip.compress(b"", mtime=0),
    gzip.compress(b"text", mtime=0),
    gzip.compress(b'{"a":"\xff"}', mtime=0),
    b'{"a":' + b"[" * 5000,
]


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_document_is_refused(content):
    with pytest.raises(UpstreamInvalid) as refused:
        document.parse(ID, content)
    assert str(refused.value) == f"The metadata of image set {ID} cannot be read"


@pytest.mark.parametrize("frames", [5, "text", [5], [None], [{}], {"ID": "f"}, [["ID"]]])
def test_frames_that_are_none_are_refused(frames):
    with pytest.raises(UpstreamInvalid):
        only(ImageFrames=frames)


def test_a_document_cut_anywhere_is_refused():
    text = DOCUMENTS["ct_2025"].rstrip()
    for content, step in ((gzip.compress(text), 1), (text, 7)):
        for cut in range(0, len(content), step):
            with pytest.raises(UpstreamInvalid):
                document.parse(ID, content[:cut])


def test_a_damaged_document_is_refused_or_read():
    content = gzip.compress(DOCUMENTS["ct_2025"], mtime=0)
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 0x55
        with suppress(UpstreamInvalid):
            assert document.parse(ID, bytes(damaged)).instances


def test_a_document_that_inflates_without_end_is_refused(monkeypatch):
    content = gzip.compress(b" " * 100_000 + DOCUMENTS["ct_2025"])
    assert document.parse(ID, content).instances
    monkeypatch.setattr(document, "_MAX_DOCUMENT", 10_000)
    with pytest.raises(UpstreamInvalid):
        document.parse(ID, content)


WRONG = st.sampled_from([None, 5, -1.5, True, "text", "", [], {}, [1], ["a"], {"a": 1}])
PLACES = [
    ("Patient",),
    ("Patient", "DICOM"),
    ("Study",),
    ("Study", "DICOM"),
    ("Study", "DICOM", "StudyInstanceUID"),
    ("Study", "Series"),
    ("Study", "Series", 0),
    ("Study", "Series", 0, "DICOM"),
    ("Study", "Series", 0, "Instances"),
    ("Study", "Series", 0, "Instances", 0),
    ("Study", "Series", 0, "Instances", 0, "DICOM"),
    ("Study", "Series", 0, "Instances", 0, "DICOMVRs"),
    ("Study", "Series", 0, "Instances", 0, "ImageFrames"),
    ("Study", "Series", 0, "Instances", 0, "ImageFrames", 0),
    ("Study", "Series", 0, "Instances", 0, "ImageFrames", 0, "ID"),
]


@settings(deadline=None, max_examples=300)
@given(place=st.sampled_from(PLACES), wrong=WRONG | st.just(...))
def test_another_structure_is_refused_or_read(place, wrong):
    content = copy.deepcopy(ORIGINAL)
    at = content
    for step in place[:-1]:
        at = at[_key(at, step)]
    key = _key(at, place[-1])
    if wrong is ...:
        del at[key]
    else:
        at[key] = wrong
    with suppress(UpstreamInvalid):
        for instance in parse(content).instances.values():
            assert isinstance(instance.frames, tuple)


ORIGINAL = json.loads(DOCUMENTS["ct_2025"])


def _key(at, step):
    return list(at)[step] if isinstance(step, int) and isinstance(at, dict) else step


@pytest.mark.parametrize("parts", [1, 2])
def test_a_document_that_unpacks_without_end_is_refused(monkeypatch, parts):
    monkeypatch.setattr(document, "_MAX_DOCUMENT", 1 << 20)
    bomb = b"".join(gzip.compress(b" " * (64 << 20)) for _ in range(parts))
    assert len(bomb) < 1 << 18
    tracemalloc.start()
    try:
        with pytest.raises(UpstreamInvalid):
            document.parse(ID, bomb)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
