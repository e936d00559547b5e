"""Palettes, whole and supplemental, beside pydicom's."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydicom.pixels.processing import apply_color_lut

from gateway.errors import CodecError
from gateway.rendering.voi import Window
from tests.unit.rendering.images import column, image, item, shown, words, written
from tests.unit.rendering.palettes import palette, ramps

PALETTE = "PALETTE COLOR"
THREE = [0, 0x8000, 0xFFFF], [0xFF00, 0x7F7F, 0], [1, 0x1234, 0xFEFF]
SHOWN = [[0, 255, 0], [128, 127, 0x12], [255, 0, 254]]


def colours(made, **options):
    return shown(made, **options)[:, 0].tolist()


def indexed(values, dtype="u1", **attributes):
    return image(column(values, dtype), PALETTE, **attributes)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["u1", "<u2", "i1", "<i2"]),
    st.integers(-300, 300),
    st.integers(1, 400),
    st.sampled_from([8, 16]),
)
def test_palettes_as_pydicom_has_them(dtype, first, count, bits):
    limits = np.iinfo(dtype)
    first = max(limits.min, min(first, limits.max))
    samples = np.arange(max(limits.min, -700), min(limits.max, 700)).astype(dtype).reshape(1, -1)
    tables = ramps(count, bits)
    made = image(samples, PALETTE, **palette([count, first, bits], *tables))
    made.set_original_encoding(False, True)
    if bits == 8 and count % 2:
        tables = [table + b"\0" for table in tables]
        found = shown(image(samples, PALETTE, **palette([count, first, bits], *tables)))
    else:
        found = shown(made)
    wide = samples.astype("<i4")
    wide_enough = (
        apply_color_lut(wide, made) if bits == 16 else expected(wide, first, count, tables)
    )
    assert np.array_equal(found, wide_enough >> (bits - 8))


def expected(samples, first, count, tables):
    """As pydicom does it, whose index of a table of bytes is a byte."""
    places = np.clip(samples - first, 0, count - 1)
    return np.stack([np.frombuffer(table, "u1")[places] for table in tables], -1)


def test_values_beyond_either_end():
    made = indexed([0, 4, 5, 6, 7, 255], **palette([3, 5, 16], *THREE))
    assert colours(made) == [SHOWN[0], SHOWN[0], SHOWN[0], SHOWN[1], SHOWN[2], SHOWN[2]]


@pytest.mark.parametrize("vr", ["US", "SS"])
def test_signed_values(vr):
    made = indexed([-3, -2, -1, 5], "<i2", **palette([3, 0, 16], *THREE))
    first = -2 if vr == "SS" else 65534
    for colour in ("Red", "Green", "Blue"):
        made.add_new(f"{colour}PaletteColorLookupTableDescriptor", vr, [3, first, 16])
    found = colours(written(made, implicit=False))
    assert found == [SHOWN[0], SHOWN[0], SHOWN[1], SHOWN[2]]


EIGHT = [[0, 127, 255], [255, 128, 0], [7, 8, 9]]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("form", [lambda table: bytes([*table, 0]), words])
def test_entries_of_eight_bits(bits, form):
    made = indexed([0, 1, 2], **palette([3, 0, bits], *map(form, EIGHT)))
    assert colours(made) == [list(colour) for colour in zip(*EIGHT, strict=True)]


def test_65536_entries():
    table = np.arange(65536)
    made = indexed([0, 0x8000, 0xFFFF], "<u2", **palette([0, 0, 16], table, table[::-1], table))
    assert colours(made) == [[0, 255, 0], [128, 127, 128], [255, 0, 255]]


def test_a_palette_that_is_cut_short():
    tables = [table[:2] for table in THREE]
    made = indexed([0, 1, 2, 3], **palette([9, 0, 16], *tables))
    assert colours(made) == [SHOWN[0], SHOWN[1], SHOWN[1], SHOWN[1]]


@pytest.mark.parametrize("missing", ["RedPaletteColorLookupTableDescriptor", "Blue"])
def test_an_image_without_its_palette_is_refused(missing):
    attributes = palette([3, 0, 16], *THREE)
    kept = {key: value for key, value in attributes.items() if not key.startswith(missing)}
    with pytest.raises(CodecError, match="palette"):
        shown(indexed([0], **kept))


def test_a_state_s_palette_stands_for_the_image_s():
    made = indexed([0, 1, 2], **palette([3, 0, 16], *THREE[::-1]))
    assert colours(made, state=item(**palette([3, 0, 16], *THREE))) == SHOWN


def test_a_window_does_nothing_to_a_palette():
    made = indexed([0, 1, 2], **palette([3, 0, 16], *THREE), WindowCenter=1, WindowWidth=1)
    assert colours(made, window=Window(1, 1)) == SHOWN


# Supplemental palettes (PS3.3 C.7.6.19)

GREY = {"WindowCenter": 100.5, "WindowWidth": 201}


def supplemental(values, presentation="COLOR", first=1000, **more):
    attributes = {**palette([3, first, 16], *THREE), "PixelPresentation": presentation, **more}
    return image(column(values), **attributes)


def test_values_from_the_first_on_are_coloured():
    made = supplemental([0, 100, 200, 999, 1000, 1001, 1002, 5000], **GREY)
    greys = [[level] * 3 for level in (0, 128, 255, 255)]
    assert colours(made) == [*greys, *SHOWN, SHOWN[2]]


@pytest.mark.parametrize("presentation", ["MONOCHROME", "TRUE_COLOR", "MIXED", ""])
def test_an_image_that_is_not_to_be_coloured(presentation):
    found = shown(supplemental([0, 100, 1000], presentation, **GREY))
    assert found.ravel().tolist() == [0, 128, 255]


def test_coloured_values_do_not_count_in_the_range():
    assert colours(supplemental([0, 50, 100, 1001])) == [[0] * 3, [128] * 3, [255] * 3, SHOWN[1]]


def test_nothing_but_colours():
    assert colours(supplemental([1000, 1001, 1002])) == SHOWN


def test_polarity_is_that_of_the_greys_alone():
    made = supplemental([0, 200, 1000], **GREY)
    made.PhotometricInterpretation = "MONOCHROME1"
    assert colours(made) == [[255] * 3, [0] * 3, SHOWN[0]]


@pytest.mark.parametrize("sequence", ["MRImageFrameType", "CTImageFrameType", "PETFrameType"])
def test_mixed_frames_say_for_themselves(sequence):
    made = image(
        np.stack([column([0, 1001])] * 2),
        frames=2,
        **palette([3, 1000, 16], *THREE),
        PixelPresentation="MIXED",
        **GREY,
    )
    made.PerFrameFunctionalGroupsSequence = [
        item(**{f"{sequence}Sequence": [item(PixelPresentation=kind)]})
        for kind in ("MONOCHROME", "COLOR")
    ]
    assert shown(made, 1).ravel().tolist() == [0, 255]
    assert shown(made, 2)[:, 0].tolist() == [[0] * 3, SHOWN[1]]


def test_a_state_shows_an_image_without_its_supplemental_palette():
    state = item(PresentationLUTShape="IDENTITY", **GREY)
    assert shown(supplemental([0, 100, 1001]), state=state).ravel().tolist() == [0, 128, 255]
