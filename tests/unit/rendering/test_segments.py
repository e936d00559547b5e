"""Segmented palettes: by hand, and beside pydicom."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydicom.pixels.processing import _expand_segmented_lut

from gateway.errors import CodecError
from gateway.rendering import segments
from tests.unit.rendering.images import column, image, shown, words
from tests.unit.rendering.palettes import palette


def raw(units, *, wide):
    return words(units) if wide else bytes(units) + bytes(len(units) % 2)


def expand(units, *, wide=True, count=65536):
    return segments.expand(raw(units, wide=wide), wide=wide, count=count).tolist()


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([0, 3, 9, 8, 7], [9, 8, 7]),
        ([0, 1, 0, 1, 4, 100], [0, 25, 50, 75, 100]),
        ([0, 1, 100, 1, 4, 0], [100, 75, 50, 25, 0]),
        ([0, 1, 5, 1, 3, 5], [5, 5, 5, 5]),
        ([0, 1, 0, 1, 3, 10, 1, 2, 0], [0, 3, 7, 10, 5, 0]),
    ],
)
def test_runs_and_lines(units, expected, wide):
    assert expand(units, wide=wide) == expected


def test_references():
    # A run and a line of four and three words; the reference names both, from byte 0 on.
    assert expand([0, 2, 1, 3, 1, 2, 9, 2, 2, 0, 0]) == [1, 3, 6, 9, 1, 3, 6, 9]
    # The line alone, eight bytes on: it goes on from the last entry.
    assert expand([0, 2, 1, 3, 1, 2, 9, 2, 1, 8, 0]) == [1, 3, 6, 9, 9, 9]
    # With bytes the offset has four of them.
    units = [0, 2, 1, 3, 1, 2, 9, 2, 1, 4, 0, 0, 0]
    assert expand(units, wide=False) == [1, 3, 6, 9, 9, 9]


def test_an_offset_beyond_64_kib():
    units = [0, 33000, *[7] * 33000, 0, 1, 3, 2, 1, 33002 * 2 & 0xFFFF, 33002 * 2 >> 16]
    assert expand(units)[-3:] == [7, 3, 3]


def test_no_more_entries_than_are_described():
    assert expand([0, 4, 1, 2, 3, 4], count=2) == [1, 2]
    assert expand([0, 1, 3, 0, 1, 5, 2, 2, 0, 0], count=3) == [3, 5, 3]


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize(
    "units",
    [[1, 3, 9], [0, 0], [0, 9, 7, 1], [0, 1, 7, 1, 0, 9], [3, 1, 1], [0, 1, 7, 2, 1]],
    ids=str,
)
def test_broken_segments_are_refused(units, wide):
    with pytest.raises(CodecError, match="palette"):
        expand(units, wide=wide)


@pytest.mark.parametrize(
    ("offset", "count"),
    [((6, 0), 1), ((0xFFFE, 0), 1), ((0, 0xFFFF), 1), ((0, 0), 2)],
    ids=["to itself", "beyond", "far beyond", "to itself in the end"],
)
def test_references_to_what_they_must_not_name_are_refused(offset, count):
    with pytest.raises(CodecError, match="palette"):
        expand([0, 1, 7, 2, count, *offset])


RUNS = st.lists(st.integers(0, 65535), min_size=1, max_size=20).map(
    lambda values: [0, len(values), *values]
)
LINES = st.tuples(st.integers(1, 40), st.integers(0, 65535)).map(lambda line: [1, *line])


@given(RUNS, st.lists(RUNS | LINES, max_size=8))
def test_segments_as_pydicom_expands_them(first, others):
    units = [*first, *(unit for segment in others for unit in segment)]
    found = np.array(expand(units))
    # Where a point of a line is half way between two entries, pydicom takes either.
    assert np.abs(found - _expand_segmented_lut(tuple(units), "<H")).max() <= 1


def test_a_segmented_palette():
    red = [0, 1, 0, 1, 255, 65535]
    made = image(
        column([0, 128, 255], "u1"),
        "PALETTE COLOR",
        **palette([256, 0, 16], red, [0, 256, *[0xFF00] * 256], red, segmented=True),
    )
    assert shown(made)[:, 0].tolist() == [[0, 255, 0], [128, 255, 128], [255, 255, 255]]


def test_a_segmented_palette_of_bytes():
    line, run = bytes([0, 1, 0, 1, 255, 255]), bytes([0, 2, 9, 7, 1, 254, 7, 0])
    made = image(
        column([0, 128, 255], "u1"),
        "PALETTE COLOR",
        **palette([256, 0, 8], line, run, line, segmented=True),
    )
    assert shown(made)[:, 0].tolist() == [[0, 9, 0], [128, 7, 128], [255, 7, 255]]


def test_a_segmented_palette_that_is_broken_is_refused():
    made = image(
        column([0], "u1"),
        "PALETTE COLOR",
        **palette([4, 0, 16], [1, 4, 9], [0], [0], segmented=True),
    )
    with pytest.raises(CodecError, match="begins with a linear segment"):
        shown(made)


def test_fewer_entries_than_are_described_go_on_with_the_last():
    red = [0, 2, 0x1000, 0x2000]
    made = image(
        column([0, 1, 2, 9], "u1"),
        "PALETTE COLOR",
        **palette([10, 0, 16], red, red, red, segmented=True),
    )
    assert shown(made)[:, 0, 0].tolist() == [0x10, 0x20, 0x20, 0x20]
    assert np.ptp(shown(made)[2:]) == 0
