"""Frames at a lower resolution, against the filter of the standard and another decoder."""

from dataclasses import replace

import imagecodecs
import numpy as np
import openjpeg
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs import registry
from gateway.codecs.resolutions import cut, decode, most, reduced
from gateway.codecs.samples import low_pass
from gateway.dicom import transfer_syntaxes as ts
from gateway.errors import CodecError
from tests import files
from tests.unit.codecs.codestreams import SIZ, boxed, changed, ends, htj2k, jpeg2k, with_style
from tests.unit.codecs.images import described, limits, noise, of_file, smooth

RPCL, PLAIN, LOSSY = ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K_LOSSLESS, ts.HTJ2K
FORMS = [("<u1", 8), ("<i1", 8), ("<u2", 16), ("<i2", 16), ("<u2", 12), ("<i2", 12), ("<u2", 9)]
GREY = smooth((300, 420), "<u2", 16)
IMAGE = described(GREY)
FRAME = htj2k(GREY)


def expected(samples, times, bits):
    """Halved by the filter, without wrapping; clipped to the range."""
    band = samples.astype(np.int32)
    for _ in range(times):
        band = low_pass(band)
    return np.clip(band, *limits(samples.dtype, bits)).astype(samples.dtype)


def declaring(frame, bits, signed=False):
    """``frame`` with another depth in its header."""
    depth = bytes([bits - 1 | (0x80 if signed else 0)])

    def change(marker, content):
        parts = (depth + content[at : at + 2] for at in range(37, len(content), 3))
        return content[:36] + b"".join(parts) if marker == SIZ else content

    return changed(frame, change)


@pytest.mark.parametrize("pattern", [noise, smooth])
@pytest.mark.parametrize(("dtype", "bits"), FORMS)
def test_grey_frames_are_halved_by_the_filter_and_never_wrap(dtype, bits, pattern):
    @settings(max_examples=12, deadline=None)
    @given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 8), st.booleans())
    def check(rows, columns, times, divided):
        samples = pattern((rows, columns), dtype, bits)
        image = described(samples, bits)
        low = (
            samples
            if image.signed or bits in (8, 16)
            else samples.astype(np.int32) - (1 << bits - 1)
        )
        frame = htj2k(low.astype(dtype if low is samples else "<i2"), tilepart=divided, tlm=divided)
        frame = declaring(frame, bits, image.signed)
        found = decode(RPCL if divided else PLAIN, frame, image, times)
        assert found.dtype == samples.dtype
        at = expected(samples, min(times, 5), bits)  # as low as the frame's own resolutions go
        assert np.array_equal(found, expected(at, max(times - 5, 0), bits))

    check()


@pytest.mark.parametrize(("dtype", "bits"), FORMS)
def test_the_sharpest_edges_stay_black_and_white(dtype, bits):
    low, high = limits(dtype, bits)
    samples = np.full((64, 64), low, dtype)
    samples[:, ::7] = samples[20:40, 30:] = high
    image = described(samples, bits)
    for times in (1, 2, 3):
        found = decode(RPCL, htj2k(samples), replace(image, bits_stored=8 * int(dtype[2])), times)
        assert np.array_equal(found, expected(samples, times, 8 * int(dtype[2])))
        inside = found[14 >> times : 18 >> times or 1, 1:2]
        assert np.abs(inside.astype(int) - low).max() < (high - low) * 0.7


@pytest.mark.parametrize("dtype", ["<u1", "<u2", "<i2"])
@pytest.mark.parametrize("pattern", [noise, smooth])
def test_colours_are_those_of_another_decoder(dtype, pattern):
    samples = pattern((131, 190, 3), dtype, 8 * int(dtype[2]))
    frame, image = htj2k(samples), described(samples)
    for times in range(1, 6):
        found = decode(RPCL, frame, image, times)
        assert np.array_equal(found, openjpeg.decode(cut(frame, times)))
        assert np.array_equal(decode(PLAIN, htj2k(samples, tilepart=False), image, times), found)
    assert np.array_equal(decode(RPCL, frame, image, 6), expected(found, 1, 8 * int(dtype[2])))


@pytest.mark.parametrize("tile", [(64, 128), (60, 100), (33, 47)])
@pytest.mark.parametrize("divided", [True, False])
def test_tiles(tile, divided):
    samples = smooth((150, 211), "<u1", 8)
    frame = htj2k(samples, tile=tile, tilepart=divided, resolutions=3)
    for times in range(1, 5):
        found = decode(RPCL, frame, described(samples), times)
        assert found.shape == (-(-150 >> times), -(-211 >> times))
        # Each tile is filtered on its own.
        inner = np.abs(found.astype(int) - expected(samples, times, 8))
        assert np.median(inner) <= 2
        if times <= 3:
            wrapped = imagecodecs.htj2k_decode(frame, skipres=times).astype(int)
            assert np.count_nonzero(found != wrapped) < found.size // 20


@pytest.mark.parametrize("divided", [True, False])
def test_lossy_frames(divided):
    samples = smooth((150, 211), "<u2", 16) // 2 + 9000
    frame = htj2k(samples, reversible=False, level=0.0005, tilepart=divided)
    for times in range(1, 6):
        found = decode(LOSSY, frame, described(samples), times)
        skipped = imagecodecs.htj2k_decode(frame, skipres=times).astype(int)
        assert np.abs(found - skipped).max() <= 1


def test_lossy_frames_keep_black_black():
    samples = np.zeros((64, 64), "<u1")
    samples[:, ::8] = samples[20:40] = 255
    for syntax, frame in [
        (LOSSY, htj2k(samples, reversible=False, level=0.01)),
        (ts.JPEG_2000, jpeg2k(samples, reversible=False, level=40)),
    ]:
        found = decode(syntax, frame, described(samples), 1)
        assert np.abs(found.astype(int) - expected(samples, 1, 8)).max() < 60


def test_jpeg_2000():
    samples = smooth((150, 211), "<u2", 12)
    frame = jpeg2k(samples, reversible=True, bitspersample=12)
    for times in range(9):
        found = decode(ts.JPEG_2000_LOSSLESS, frame, described(samples, 12), times)
        at = expected(samples, min(times, most(ts.JPEG_2000, frame)), 12)
        assert np.array_equal(found, expected(at, max(times - most(ts.JPEG_2000, frame), 0), 12))


NOT_HERE = {"attributes_explicit", "attributes_implicit", "pdf", "fragments", "float_pixels"}
NAMES = sorted(
    path.stem
    for path in files.GENERATED.glob("*.dcm")
    if path.stem not in NOT_HERE and "big_endian" not in path.stem and "segment" not in path.stem
)
PICKED = {"grey32", "bits_above_stored", "high_bit_15"}


@pytest.mark.parametrize("name", NAMES)
def test_files_of_every_syntax(name):
    image, [frame, *_] = of_file(name)
    source = files.read(files.GENERATED / f"{name}.dcm").file_meta.TransferSyntaxUID
    syntax = source if source.is_encapsulated else ts.EXPLICIT_LE
    whole = registry.decode(syntax, frame, image)
    assert np.array_equal(decode(syntax, frame, image, 0), whole)
    for times in range(1, 7):
        found = decode(syntax, frame, image, times)
        assert found.shape == reduced(image, times).shape
        assert found.dtype == np.dtype(image.dtype)
        if name in PICKED:
            assert np.array_equal(found, whole[:: 1 << times, :: 1 << times])
        elif image.photometric not in {"YBR_RCT", "YBR_ICT"}:
            assert np.array_equal(found, expected(whole, times, image.bits_stored))


# What may not be averaged


def test_colours_of_a_palette_are_picked():
    samples = noise((50, 70), "<u1", 8)
    image = described(samples, photometric="PALETTE COLOR")
    assert np.array_equal(decode(RPCL, htj2k(samples), image, 2), samples[::4, ::4])


def test_samples_with_more_than_their_bits_are_picked():
    samples = smooth((50, 70), "<u2", 12)
    image = described(samples, 12)
    assert np.array_equal(decode(RPCL, htj2k(samples), image, 2), expected(samples, 2, 12))
    samples[10, 10] |= 0x8000  # an overlay
    assert np.array_equal(decode(RPCL, htj2k(samples), image, 2), samples[::4, ::4])


def test_signed_samples_without_an_extended_sign_are_picked():
    samples = (smooth((50, 70), "<i2", 12) & 0xFFF).astype("<i2")
    assert np.array_equal(
        decode(RPCL, htj2k(samples), described(samples, 12), 1), samples[::2, ::2]
    )


def test_another_sign_in_the_codestream_is_put_right_before_samples_are_averaged():
    samples = smooth((50, 70), "<i2", 16)
    found = decode(RPCL, htj2k(samples.view("<u2")), described(samples), 2)
    assert np.array_equal(found, expected(samples, 2, 16))


def test_components_of_different_depths_are_not_taken_for_alike():
    samples = smooth((50, 70, 3), "<u1", 8)
    frame = bytearray(htj2k(samples, rgb=False))
    assert frame[45] == 7
    frame[45] = 6  # the second component of 7 bits: its level shift is another
    with pytest.raises(CodecError, match="bit_depth"):
        decode(RPCL, bytes(frame), described(samples), 1)


def test_floats_are_picked():
    samples = np.linspace(0, 1, 1200, dtype="<f4").reshape(30, 40)
    samples[8, 8] = np.nan
    found = decode(ts.EXPLICIT_LE, samples.tobytes(), described(samples), 2)
    assert np.array_equal(found, samples[::4, ::4], equal_nan=True)


# Prefixes


@pytest.mark.parametrize("times", range(1, 6))
def test_nothing_behind_the_resolution_is_touched(times):
    end = list(ends(FRAME))[5 - times]
    spoilt = FRAME[:end] + b"\x55" * 1000
    assert np.array_equal(decode(RPCL, spoilt, IMAGE, times), expected(GREY, times, 16))
    assert most(RPCL, FRAME[:200]) == 5
    with pytest.raises(CodecError):
        decode(RPCL, FRAME[: end // 2], IMAGE, times)


def test_boxed_frames():
    assert np.array_equal(decode(RPCL, boxed(FRAME), IMAGE, 3), expected(GREY, 3, 16))


# How often


def test_most():
    for syntax, frame, times in [
        (RPCL, FRAME, 5),
        (PLAIN, htj2k(GREY, tilepart=False, resolutions=3), 3),
        (PLAIN, with_style(FRAME, 1, b"\4"), 5),
        (LOSSY, htj2k(GREY, reversible=False, level=0.01), 5),
        (LOSSY, with_style(htj2k(GREY, reversible=False, level=0.01), 1, b"\4"), 0),
        (ts.JPEG_2000_LOSSLESS, jpeg2k(GREY, reversible=True), 5),
        (ts.JPEG_2000, with_style(jpeg2k(GREY, reversible=False, level=40), 1, b"\0\0\2"), 0),
        (RPCL, boxed(FRAME), 5),
        (ts.JPEG_BASELINE, b"", 0),
        (ts.EXPLICIT_LE, b"", 0),
        ("1.2.3", b"", 0),
    ]:
        assert most(syntax, frame) == times


def test_most_of_what_has_to_be_seen_before_it_is_averaged():
    assert most(RPCL, FRAME, IMAGE) == 5
    for other in ({"photometric": "PALETTE COLOR"}, {"bits_stored": 12}, {"signed": True}):
        assert most(RPCL, FRAME, replace(IMAGE, **other)) == 0


def test_a_picture_off_the_origin_has_no_resolutions():
    def change(marker, content):
        sides = [int.from_bytes(content[at : at + 4], "big") for at in range(2, 34, 4)]
        moved = [sides[0] + 1, sides[1], 1, 0, sides[4] + 1, *sides[5:]]
        new = b"".join(side.to_bytes(4, "big") for side in moved)
        return content[:2] + new + content[34:] if marker == SIZ else content

    frame = changed(FRAME, change)
    assert most(RPCL, frame) == 0


def test_reduced():
    image = reduced(described(np.zeros((301, 420, 3), "u1")), 2)
    assert (image.shape, image.dtype) == ((76, 105, 3), "<u1")
    assert reduced(image, 0) == image
    assert reduced(image, 16).shape == (1, 1, 3)


# Errors


@pytest.mark.parametrize("syntax", [RPCL, PLAIN, LOSSY])
def test_a_frame_that_does_not_fit_its_data_set(syntax):
    for wrong in (replace(IMAGE, rows=301), replace(IMAGE, samples=3)):
        with pytest.raises(CodecError, match="the frame is 300x420x1, the data set declares"):
            decode(syntax, FRAME, wrong, 2)
    with pytest.raises(CodecError, match="16 bits"):
        decode(syntax, FRAME, replace(IMAGE, bits_allocated=8, bits_stored=8), 2)
    with pytest.raises(CodecError, match="zero"):
        decode(syntax, FRAME, replace(IMAGE, rows=0), 2)
    with pytest.raises(CodecError):
        decode(syntax, b"", IMAGE, 2)


def test_an_unknown_syntax():
    with pytest.raises(CodecError, match="no decoder"):
        decode("1.2.3", FRAME, IMAGE, 2)


def test_damage_is_an_error_or_a_picture():
    generator = np.random.default_rng(11)
    for _ in range(300):
        damaged = bytearray(FRAME[:3000])
        for at in generator.integers(0, 3000, 3):
            damaged[at] ^= 1 << int(generator.integers(0, 8))
        for times in (3, 5):
            try:
                found = decode(RPCL, bytes(damaged), IMAGE, times)
            except CodecError:
                continue
            assert found.shape == reduced(IMAGE, times).shape
