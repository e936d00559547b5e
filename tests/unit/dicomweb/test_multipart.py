"""Bodies of several parts, read back by the parser of the standard library."""

import httpx
import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import multipart as written
from tests import multipart

TYPES = st.sampled_from(
    [
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
        "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202",
        "application/octet-stream",
    ]
)


def body(mark, parts, *, sized):
    pieces = []
    for part_type, content in parts:
        length = len(content) if sized else None
        pieces += [written.part_head(mark, part_type, length), content, written.PART_TAIL]
    return b"".join([*pieces, written.end(mark)])


@given(st.lists(st.tuples(TYPES, st.binary(max_size=200)), min_size=1, max_size=5), st.booleans())
def test_parts_come_back_as_they_went(parts, sized):
    mark = written.boundary()
    kind = written.content_type(mark, "image/jphc")
    content = body(mark, parts, sized=sized)
    found = multipart.parse(httpx.Response(200, headers={"content-type": kind}, content=content))
    assert [(one.type, one.content) for one in found] == [
        (part_type.partition(";")[0], content) for part_type, content in parts
    ]
    assert [one.parameters.get("transfer-syntax") for one in found] == [
        part_type.partition("transfer-syntax=")[2] or None for part_type, _ in parts
    ]


def test_the_header_of_a_part_to_the_letter():
    head = written.part_head("mark", "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80", 12)
    assert head == (
        b"--mark\r\nContent-Type: image/jls; transfer-syntax=1.2.840.10008.1.2.4.80\r\n"
        b"Content-Length: 12\r\n\r\n"
    )
    assert written.part_head("mark", "a/b") == b"--mark\r\nContent-Type: a/b\r\n\r\n"
    assert written.part_head("mark", "a/b", 0).endswith(b"\r\nContent-Length: 0\r\n\r\n")


def test_the_content_type_of_the_answer_quotes_the_type_of_its_parts():
    kind = written.content_type("mark", "application/dicom")
    assert kind == 'multipart/related; type="application/dicom"; boundary=mark'


def test_the_end_is_the_boundary_with_two_dashes_more():
    assert written.PART_TAIL + written.end("mark") == b"\r\n--mark--\r\n"


def test_no_two_answers_share_a_boundary():
    marks = {written.boundary() for _ in range(100)}
    assert len(marks) == 100
    assert all(len(mark) == 32 and mark.isalnum() for mark in marks)


@pytest.mark.parametrize("content", [b"", b"\r\n", b"--\r\n", b"\r\n--"])
def test_contents_that_look_like_boundaries(content):
    mark = written.boundary()
    kind = written.content_type(mark, "a/b")
    whole = body(mark, [("a/b", content), ("a/b", b"next")], sized=True)
    found = multipart.parse(httpx.Response(200, headers={"content-type": kind}, content=whole))
    assert [one.content for one in found] == [content, b"next"]
