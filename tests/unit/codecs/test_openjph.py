"""HTJ2K as it is written, decoded by OpenJPEG too, and as it is read."""

import struct
import sys
from contextlib import suppress
from itertools import accumulate

import imagecodecs
import numpy as np
import openjpeg
import openjpeg.utils
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs import openjph
from gateway.codecs.samples import low_pass
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests.unit.codecs.images import described, limits, noise, of_file, smooth

DEPTHS = [
    ("<u1", 8),
    ("<i1", 8),
    ("<u1", 5),
    ("<u2", 16),
    ("<i2", 16),
    ("<u2", 12),
    ("<i2", 12),
    ("<u2", 9),
    ("<i2", 9),
    ("<u2", 15),
    ("<u2", 8),
    ("<i2", 8),
]


def roundtrip(samples, image):
    frame = openjph.encode(samples, image)
    ours, other = openjph.decode(frame, image), openjpeg.decode(frame)
    assert ours.dtype == samples.dtype
    assert np.array_equal(ours, samples)
    assert np.array_equal(other, samples)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize(("dtype", "bits"), DEPTHS)
def test_any_frame_comes_back_from_two_decoders(dtype, bits, colours):
    @settings(max_examples=10, deadline=None)
    @given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([noise, smooth]))
    def check(rows, columns, pattern):
        shape = (rows, columns, colours) if colours > 1 else (rows, columns)
        samples = pattern(shape, dtype, bits)
        roundtrip(samples, described(samples, bits))

    check()


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT"])
@pytest.mark.parametrize("dtype", ["<u1", "<u2"])
def test_colours_of_any_kind(photometric, dtype):
    samples = noise((20, 30, 3), dtype, 8 * int(dtype[2]))
    roundtrip(samples, described(samples, photometric=photometric))


@pytest.mark.parametrize(("dtype", "bits"), [("<u1", 8), ("<u2", 12), ("<i2", 12), ("<i2", 16)])
def test_extremes_come_back(dtype, bits):
    samples = np.array(limits(dtype, bits) * 32, dtype).reshape(8, 8)
    roundtrip(samples, described(samples, bits))


@pytest.mark.parametrize("value", [0, 1, 4095, 65535])
def test_a_frame_of_one_value(value):
    samples = np.full((33, 65), value, "<u2")
    roundtrip(samples, described(samples, 12))


def test_samples_in_any_memory_order():
    samples = noise((20, 30, 3), "<u1", 8)
    frame = openjph.encode(np.asfortranarray(samples), described(samples))
    assert np.array_equal(openjpeg.decode(frame), samples)


# What the codestream says of itself


@pytest.mark.parametrize(
    ("dtype", "bits", "beyond", "declared"),
    [
        ("<u2", 12, 0, (12, False)),
        ("<i2", 12, 0, (12, True)),
        ("<u2", 9, 0, (9, False)),
        ("<u2", 15, 0, (15, False)),
        ("<u2", 16, 0, (16, False)),
        ("<i2", 16, 0, (16, True)),
        ("<u1", 8, 0, (8, False)),
        ("<i1", 8, 0, (8, True)),
        ("<u1", 6, 0, (8, False)),
        ("<u2", 8, 0, (16, False)),
        ("<u2", 12, 4096, (16, False)),
        ("<u2", 12, 0x8000, (16, False)),
        ("<i2", 12, 2048, (16, True)),
        ("<i2", 12, -2049, (16, True)),
    ],
)
def test_bits_stored_are_declared_where_every_sample_fits(dtype, bits, beyond, declared):
    samples = noise((20, 30), dtype, bits)
    if beyond:
        samples[7, 7] = beyond
    frame = openjph.encode(samples, described(samples, bits))
    known = openjpeg.utils.get_parameters(frame)
    assert (known["precision"], known["is_signed"]) == declared
    assert np.array_equal(openjpeg.decode(frame), samples)


def segments(frame):
    """Marker, content and place of every segment of the main header, then of every tile-part."""
    at = 2
    while struct.unpack_from(">H", frame, at)[0] != 0xFFD9:
        marker, length = struct.unpack_from(">HH", frame, at)
        content = frame[at + 4 : at + 2 + length]
        yield marker, content, at
        # A tile-part is as long as its SOT segment says (ISO 15444-1 A.4.2).
        at += 2 + length if marker != 0xFF90 else struct.unpack_from(">I", content, 2)[0]
    assert frame[at:] == b"\xff\xd9"


def parts(frame):
    """The ends of all tile-parts."""
    starts = [
        (at, struct.unpack_from(">I", content, 2)[0])
        for marker, content, at in segments(frame)
        if marker == 0xFF90
    ]
    return [at + length for at, length in starts]


@pytest.mark.parametrize(
    ("rows", "columns", "levels"),
    [
        (64, 64, 5),
        (512, 512, 5),
        (2048, 16, 5),
        (2049, 16, 6),
        (16, 4096, 6),
        (16, 4097, 7),
        (16, 17, 5),
        (16, 16, 4),  # with a fifth, a resolution would be empty: OHIF cannot read that
        (8, 5, 3),
        (1, 2, 1),
        (1, 1, 1),  # none would do, but imagecodecs takes 0 for its own 5, four of them empty
    ],
)
def test_structure(rows, columns, levels):
    samples = smooth((rows, columns), "<u2", 16)
    frame = openjph.encode(samples, described(samples))
    found = list(segments(frame))
    [style] = [content for marker, content, _ in found if marker == 0xFF52]
    progression, decompositions, wavelet = style[1], style[5], style[9]
    assert (progression, decompositions, wavelet) == (2, levels, 1)  # RPCL, reversible 5/3
    assert style[8] & 0x40  # HT code-blocks (ISO 15444-15 A.4)
    assert -(-max(rows, columns) >> levels) <= 64
    tile_parts = [content for marker, content, _ in found if marker == 0xFF90]
    assert [part[6] for part in tile_parts] == list(range(levels + 1))
    assert {part[:2] for part in tile_parts} == {b"\0\0"}


def test_lengths_of_all_tile_parts_are_in_the_main_header():
    samples = smooth((200, 300), "<u2", 12)
    frame = openjph.encode(samples, described(samples, 12))
    found = list(segments(frame))
    markers = [marker for marker, _, _ in found]
    assert markers.index(0xFF55) < markers.index(0xFF90)
    [table] = [content for marker, content, _ in found if marker == 0xFF55]
    # ISO 15444-1 A.7.1: Stlm tells the widths of the two columns, tile and length.
    tile = (table[1] >> 4) & 3
    assert table[1] & 0x40
    lengths = [
        struct.unpack_from(">I", table, at + tile)[0] for at in range(2, len(table), tile + 4)
    ]
    first = next(at for marker, _, at in found if marker == 0xFF90)
    assert [first + total for total in accumulate(lengths)] == parts(frame)
    assert len(lengths) == 6


def prefix(frame, skipped):
    """The frame without its uppermost resolutions."""
    return frame[: parts(frame)[-1 - skipped]] + b"\xff\xd9"


def reduced(frame, skipped):
    return imagecodecs.htj2k_decode(frame, skipres=skipped, planar=False)


@pytest.mark.parametrize("shape", [(130, 190), (129, 191)])
def test_a_prefix_is_the_image_at_a_lower_resolution(shape):
    samples = smooth(shape, "<u2", 16)
    frame = openjph.encode(samples, described(samples))
    for skipped in range(1, 4):
        samples = low_pass(samples)
        assert np.array_equal(reduced(prefix(frame, skipped), skipped), samples)


def test_a_prefix_of_a_frame_in_colour():
    samples = smooth((130, 190, 3), "<u1", 8)
    frame = openjph.encode(samples, described(samples))
    for skipped in range(1, 4):
        found = reduced(prefix(frame, skipped), skipped)
        assert found.shape == (-(-130 >> skipped), -(-190 >> skipped), 3)
        assert np.array_equal(found, reduced(frame, skipped))


@pytest.mark.parametrize("photometric", ["RGB", "YBR_RCT", "YBR_FULL", "YBR_FULL_422"])
def test_three_components_go_through_the_component_transform(photometric):
    samples = smooth((20, 30, 3), "<u1", 8)
    assert multiple_component_transform(samples, photometric) == 1


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 4)])
def test_others_do_not(shape):
    assert multiple_component_transform(smooth(shape, "<u1", 8), "MONOCHROME2") == 0


def multiple_component_transform(samples, photometric):
    frame = openjph.encode(samples, described(samples, photometric=photometric))
    [style] = [content for marker, content, _ in segments(frame) if marker == 0xFF52]
    return style[4]


# Decoding what others have encoded


@pytest.mark.parametrize("name", ["htj2k_201", "htj2k_202"])
def test_files(name):
    image, frames = of_file(name)
    for frame in frames:
        found = openjph.decode(frame, image)
        assert found.dtype == np.dtype(image.dtype)
        assert np.array_equal(found, openjpeg.decode(frame))


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("dtype", ["<u1", "<i2", "<u2"])
def test_other_settings(tile, dtype):
    samples = noise((40, 50), dtype, 8 * int(dtype[2]))
    frame = bytes(imagecodecs.htj2k_encode(samples, reversible=True, tile=tile, resolutions=2))
    assert np.array_equal(openjph.decode(frame, described(samples)), samples)


@pytest.mark.parametrize(
    ("coded", "declared", "expected"),
    [
        ([0, 100, 200, 255], "i1", [0, 100, -56, -1]),
        ([0, 100, 200, 255], "u2", [0, 100, 200, 255]),
        ([0, 100, 200, 255], "i2", [0, 100, -56, -1]),
    ],
)
def test_the_data_set_decides_of_sign_and_container(coded, declared, expected):
    frame = bytes(imagecodecs.htj2k_encode(np.array([coded], "u1"), reversible=True))
    found = openjph.decode(frame, described(np.zeros((1, 4), declared)))
    assert found.tolist() == [expected]
    assert found.dtype == np.dtype(declared)


def jph(frame):
    """A JPH file around a codestream (ISO 15444-15 Annex D, boxes of ISO 15444-1 Annex I)."""
    signature = b"\0\0\0\x0cjP  \r\n\x87\n"
    file_type = struct.pack(">I4s4sI4s", 20, b"ftyp", b"jph ", 0, b"jph ")
    return signature + file_type + struct.pack(">I4s", len(frame) + 8, b"jp2c") + frame


def test_a_boxed_frame():
    samples = noise((20, 30), "<u2", 12)
    image = described(samples, 12)
    assert np.array_equal(openjph.decode(jph(openjph.encode(samples, image)), image), samples)


@pytest.mark.parametrize("level", [0.001, 0.01, 0.05])
def test_lossy_frames_keep_white_white_and_black_black(level):
    samples = np.zeros((64, 64), "u1")
    samples[:, ::2] = samples[20:40] = 255
    frame = bytes(imagecodecs.htj2k_encode(samples, reversible=False, level=level))
    found = openjph.decode(frame, described(samples))
    assert np.abs(found.astype(int) - samples).max() < 60
    assert np.array_equal(found, openjpeg.decode(frame))


def test_a_lossy_file_in_colour():
    image, [frame] = of_file("htj2k_203")
    found = openjph.decode(frame, image)
    assert found.shape == (30, 40, 3)
    assert np.array_equal(found, openjpeg.decode(frame))


@pytest.mark.parametrize("end", [0, 2, 40, 60, 120, 180])
def test_a_frame_cut_in_its_headers_is_refused(end):
    samples = smooth((40, 50), "<u2", 12)
    frame = openjph.encode(samples, described(samples, 12))
    with pytest.raises(CodecError):
        openjph.decode(frame[:end], described(samples, 12))


def test_an_error_that_imagecodecs_cannot_raise_is_an_error():
    samples = np.cumsum(np.ones((200, 150), "<u2"), 0, dtype="<u2")
    frame = openjph.encode(samples, described(samples))
    generator = np.random.default_rng(7)
    seen = []
    for _ in range(400):
        damaged = bytearray(frame)
        for at in generator.integers(60, len(frame), 3):
            damaged[at] ^= 0x55
        with suppress(CodecError):
            seen.append(openjph.decode(bytes(damaged), described(samples)).any())
    assert all(seen)
    assert len(seen) < 400


def test_other_errors_that_are_not_raised_are_passed_on(monkeypatch):
    class Loud:
        def __del__(self):
            raise ValueError("loud")

    heard = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: heard.append(found.exc_value))
    samples = np.ones((8, 8), "<u1")
    openjph.decode(openjph.encode(samples, described(samples)), described(samples))
    assert sys.unraisablehook is not None
    Loud()
    assert [str(error) for error in heard] == ["loud"]
    openjph.decode(openjph.encode(samples, described(samples)), described(samples))


def test_a_frame_of_another_shape_is_refused():
    samples = smooth((40, 50), "<u2", 16)
    frame = openjph.encode(samples, described(samples))
    with pytest.raises(CodecError, match="40x50"):
        openjph.decode(frame, ImagePixel(50, 40))


def test_a_frame_of_more_bits_than_allocated_is_refused():
    samples = smooth((40, 50), "<u2", 16)
    frame = openjph.encode(samples, described(samples))
    with pytest.raises(CodecError, match="16 bits"):
        openjph.decode(frame, ImagePixel(40, 50, 1, 8, 8))


def test_what_cannot_be_encoded_is_an_error():
    samples = np.zeros((4, 4), "<f8")
    with pytest.raises(CodecError, match="cannot encode"):
        openjph.encode(samples, described(samples))
