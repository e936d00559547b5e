"""Codestreams cut at a resolution, as two decoders read them, and those that cannot be."""

import struct
from contextlib import suppress
from itertools import product

import imagecodecs
import numpy as np
import openjpeg
import openjpeg.utils
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs import openjph
from gateway.codecs.tile_parts import Undivided, cut, main_header, restated
from gateway.errors import CodecError
from tests.unit.codecs.codestreams import (
    COC,
    COD,
    EOC,
    QCC,
    QCD,
    SIZ,
    TLM,
    boxed,
    changed,
    ends,
    htj2k,
    jpeg2k,
    main_segments,
    tile_parts,
    with_counts,
    with_style,
)
from tests.unit.codecs.images import described, of_file, smooth

FORMS = [("<u1", 8), ("<i1", 8), ("<u2", 16), ("<i2", 16), ("<u2", 12), ("<i2", 12), ("<u2", 9)]
GREY = smooth((300, 420), "<u2", 12)
FRAME = htj2k(GREY)


def skipping(frame, times):
    return imagecodecs.htj2k_decode(frame, skipres=times, planar=False)


def clipped(frame, times):
    """What ``skipping`` gives, with values beyond the range at its ends and not wrapped."""
    depth = frame[42]
    bits, signed = (depth & 0x7F) + 1, depth > 0x7F

    def change(marker, content):
        wide = content[:36] + b"".join(
            b"\x97" + content[at : at + 2] for at in range(37, len(content), 3)
        )
        return wide if marker == SIZ else content

    wide = skipping(changed(frame, change), times).astype(int)  # 24 bits, signed
    low = -(1 << (bits - 1)) if signed else 0
    return np.clip(wide + (0 if signed else 1 << (bits - 1)), low, low + (1 << bits) - 1)


def halved(shape, times):
    return tuple(-(-side >> times) for side in shape[:2]) + shape[2:]


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize(("dtype", "bits"), FORMS)
def test_two_decoders_show_the_picture_at_the_lower_resolution(dtype, bits, colours):
    @settings(max_examples=10, deadline=None)
    @given(st.integers(1, 140), st.integers(1, 140), st.integers(1, 5))
    def check(rows, columns, times):
        shape = (rows, columns, colours) if colours > 1 else (rows, columns)
        samples = smooth(shape, dtype, bits)
        frame = openjph.encode(samples, described(samples, bits))
        small = cut(frame, times)
        expected = skipping(frame, times)
        assert expected.shape == halved(shape, times)
        assert np.array_equal(imagecodecs.htj2k_decode(small, planar=False), expected)
        assert np.array_equal(openjpeg.decode(small), clipped(frame, times))

    check()


@pytest.mark.parametrize("times", range(1, 6))
def test_the_header_says_what_is_left(times):
    small = cut(FRAME, times)
    known = openjpeg.utils.get_parameters(small)
    assert (known["rows"], known["columns"]) == halved(GREY.shape, times)
    assert (known["precision"], known["is_signed"]) == (16, False)
    found = dict(main_segments(small)[0])
    before = dict(main_segments(FRAME)[0])
    assert list(found) == [marker for marker in before if marker != TLM] + [TLM]
    assert found[COD][5] == 5 - times
    assert len(found[QCD]) == 1 + 3 * (5 - times) + 1
    assert {m: found[m] for m in found if m not in (SIZ, COD, QCD, TLM)} == {
        m: before[m] for m in before if m not in (SIZ, COD, QCD, TLM)
    }
    left, whole = list(tile_parts(small)), list(tile_parts(FRAME))
    assert [part[:3] for part in left] == [(0, at, 6 - times) for at in range(6 - times)]
    assert [part[3][12:] for part in left] == [part[3][12:] for part in whole][: 6 - times]
    lengths = [struct.unpack_from(">HI", found[TLM], at) for at in range(2, len(found[TLM]), 6)]
    assert found[TLM][:2] == b"\x00\x60"
    assert lengths == [(0, len(part[3])) for part in left]


def test_cut_once_more():
    assert cut(cut(FRAME, 1), 2) == cut(FRAME, 3)
    assert cut(FRAME, 0) is FRAME


@pytest.mark.parametrize("tlm", [True, False])
def test_a_table_of_lengths_is_only_where_there_was_one(tlm):
    found = dict(main_segments(cut(htj2k(GREY, tlm=tlm), 2))[0])
    assert (TLM in found) == tlm


@pytest.mark.parametrize("times", range(1, 6))
def test_the_first_bytes_suffice(times):
    end = list(ends(FRAME))[5 - times]
    expected = cut(FRAME, times)
    assert cut(FRAME[:end], times) == expected
    assert cut(FRAME[:end] + b"\xff\x90 anything", times) == expected
    assert len(expected) <= end + 2
    for short in (end - 1, end // 2, 100, 60, 2, 0):
        with pytest.raises(CodecError):
            cut(FRAME[:short], times)


def test_a_boxed_frame_comes_out_bare():
    assert cut(boxed(FRAME), 2) == cut(FRAME, 2)
    assert cut(boxed(FRAME), 0) == FRAME


@pytest.mark.parametrize("shape", [(300, 420), (257, 129), (128, 128), (300, 420, 3)])
def test_tiles(shape):
    samples = smooth(shape, "<u1", 8)
    frame = htj2k(samples, tile=(64, 128), resolutions=4)
    for times in range(1, 5):
        small = cut(frame, times)
        assert np.array_equal(openjpeg.decode(small), clipped(frame, times))
        assert len(list(tile_parts(small))) == len(list(tile_parts(frame))) // 5 * (5 - times)


def test_tiles_that_cannot_be_halved():
    frame = htj2k(GREY, tile=(96, 100), resolutions=4)
    assert main_header(frame).halvings == 2
    assert cut(frame, 2)
    with pytest.raises(Undivided, match="2 resolutions"):
        cut(frame, 3)


# Headers that the encoders here do not write


def precincts(marker, content):
    """COD that lists the precincts which it would have anyway (ISO 15444-1 A.6.1)."""
    return bytes([content[0] | 1]) + content[1:] + b"\xff" * 6 if marker == COD else content


def test_listed_precincts_become_fewer():
    frame = changed(FRAME, precincts)
    small = cut(frame, 2)
    assert dict(main_segments(small)[0])[COD][10:] == b"\xff" * 4
    assert np.array_equal(openjpeg.decode(small), skipping(FRAME, 2))


def test_components_with_segments_of_their_own():
    samples = smooth((90, 110, 3), "<u1", 8)
    frame = htj2k(samples, rgb=False)
    found = dict(main_segments(frame)[0])
    style = (COC, b"\x01\x00" + found[COD][5:])
    quantization = (QCC, b"\x02" + found[QCD])
    small = cut(changed(frame, added=[style, quantization]), 2)
    left = dict(main_segments(small)[0])
    assert left[COC] == b"\x01\x00" + left[COD][5:]
    assert left[QCC] == b"\x02" + left[QCD]
    assert np.array_equal(openjpeg.decode(small), skipping(frame, 2))


@pytest.mark.parametrize("tilepart", [True, False])
def test_irreversible_frames(tilepart):
    frame = htj2k(GREY // 2 + 1000, reversible=False, level=0.001, tilepart=tilepart)
    for times in range(1, 5):
        small = cut(frame, times) if tilepart else restated(frame, times)
        difference = openjpeg.decode(small).astype(int) - skipping(frame, times)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("name", ["htj2k_201", "htj2k_202", "jpeg2000_rgb"])
def test_the_packets_of_files_come_by_resolution(name):
    image, [frame, *_] = of_file(name)
    for times in range(1, main_header(frame).halvings + 1):
        assert openjpeg.decode(restated(frame, times)).shape == halved(image.shape, times)


def test_a_derived_quantization_stays_as_it_is():
    def change(marker, content):
        return b"\x41\x48\x00" if marker == QCD else content

    frame = changed(htj2k(GREY, reversible=False, level=0.001), change)
    assert dict(main_segments(cut(frame, 2))[0])[QCD] == b"\x41\x48\x00"


def test_tile_parts_that_do_not_say_how_many_they_are():
    assert cut(with_counts(FRAME, 0), 2) == cut(FRAME, 2)
    with pytest.raises(Undivided):
        cut(with_counts(htj2k(GREY, tlm=False), 0), 2)
    for form in ("1", "2"):
        table = {"1": (b"\x00\x10", ">BH"), "2": (b"\x00\x20", ">HH")}[form]
        entries = b"".join(struct.pack(table[1], 0, 9) for _ in range(6))

        def change(marker, content, table=table, entries=entries):
            return table[0] + entries if marker == TLM else content

        assert cut(with_counts(changed(FRAME, change), 0), 2) == cut(FRAME, 2)


POC = (0xFF5F, b"\0\0\0\1\6\1\2")
PPM = (0xFF60, b"\0")


@pytest.mark.parametrize(
    "frame",
    [
        htj2k(GREY, tilepart=False),
        jpeg2k(GREY, reversible=True),
        with_counts(FRAME, 5),
        with_counts(FRAME, 7),
        with_style(FRAME, 1, b"\3"),
        with_style(FRAME, 1, b"\4"),
        with_style(FRAME, 1, b"\0\0\2"),
        with_style(FRAME, 5, b"\x86"),
        changed(FRAME, added=[POC]),
        changed(FRAME, added=[PPM]),
        changed(FRAME, added=[(COC, b"\0\0\4\4\4\x40\1")]),
        changed(FRAME, lambda m, c: c[:10] + b"\0\0\0\1" + c[14:] if m == SIZ else c),
    ],
    ids=["one", "jpeg2k", "fewer", "more", "PCRL", "CPRL", "layers", "part 2", "POC", "PPM", "COC",
         "offset"],
)  # fmt: skip
def test_codestreams_whose_resolutions_do_not_stand_apart(frame):
    with pytest.raises(Undivided):
        cut(frame, 1)
    assert cut(frame, 0) == frame


def test_one_layer_by_layer_is_by_resolution():
    assert cut(with_style(FRAME, 1, b"\0"), 2)
    assert cut(with_style(FRAME, 1, b"\1"), 2)


@pytest.mark.parametrize("marker", [COD, COC, QCD, QCC, 0xFF5F, 0xFF61])
def test_a_tile_coded_in_a_way_of_its_own(marker):
    def part(content):
        own = struct.pack(">HHB", marker, 3, 0)
        return (
            content[:6] + struct.pack(">I", len(content) + 5) + content[10:12] + own + content[12:]
        )

    with pytest.raises(Undivided, match="of its own"):
        cut(changed(FRAME, part=part), 1)


def test_more_resolutions_than_there_are():
    with pytest.raises(Undivided, match="5 resolutions lower, not 6"):
        cut(FRAME, 6)


def test_a_last_tile_part_without_a_length():
    frame = htj2k(GREY, resolutions=1)
    [first, second] = [content for *_, content in tile_parts(frame)]
    last = second[:6] + bytes(4) + second[10:]
    head = frame[: main_segments(frame)[1]]
    assert cut(head + first + last + EOC, 1) == cut(frame, 1)


# Broken ones


@pytest.mark.parametrize(
    "change",
    [
        lambda m, c: c[:2] + bytes(8) + c[10:] if m == SIZ else c,
        lambda m, c: c[:18] + bytes(8) + c[26:] if m == SIZ else c,
        lambda m, c: c[:2] + b"\xff" * 8 + c[10:18] + b"\0\0\0\1" * 2 + c[26:] if m == SIZ else c,
        lambda m, c: c[:30] if m == SIZ else c,
        lambda m, c: c[:8] if m == COD else c,
        lambda m, c: c[:1] if m == QCD else c,
        lambda m, c: c[:1] if m == TLM else c,
    ],
    ids=["empty", "tiles of nothing", "tiles of a pixel", "SIZ", "COD", "QCD", "TLM"],
)
def test_broken_main_headers(change):
    with pytest.raises(CodecError, match="broken main header") as caught:
        cut(changed(FRAME, change), 1)
    assert not isinstance(caught.value, Undivided)


@pytest.mark.parametrize("missing", [SIZ, COD, QCD])
def test_a_main_header_without_a_segment(missing):
    segments, end = main_segments(FRAME)
    kept = [struct.pack(">HH", m, len(c) + 2) + c for m, c in segments if m != missing]
    with pytest.raises(CodecError, match="broken main header"):
        cut(b"\xff\x4f" + b"".join(kept) + FRAME[end:], 1)


def test_what_is_no_codestream():
    for frame in (b"", b"\xff\xd8\xff\xe0", b"\xff\x4f", b"\xff\x4f\xff", bytes(200)):
        with pytest.raises(CodecError):
            cut(frame, 1)


def test_damage_is_an_error_or_goes_through():
    generator = np.random.default_rng(3)
    head = main_segments(FRAME)[1] + 40
    for _ in range(2000):
        damaged = bytearray(FRAME)
        for at in generator.integers(0, head, 2):
            damaged[at] = generator.integers(0, 256)
        for times, work in product((1, 3), (cut, restated)):
            with suppress(CodecError):
                assert work(bytes(damaged), times)
