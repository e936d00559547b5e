"""Headers of codestreams, against the encoders' settings and another library's reading."""

import struct

import imagecodecs
import numpy as np
import openjpeg.utils
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs import codestream
from gateway.codecs.codestream import Codestream, jpeg, jpeg_2000, unboxed, with_depth
from gateway.errors import CodecError
from tests.unit.codecs.images import noise, of_file, smooth

GREY = smooth((9, 13), "<u1", 8)
WIDE = smooth((9, 13), "<u2", 16)
RGB = smooth((9, 13, 3), "<u1", 8)


def jpeg2k(samples, **options):
    return bytes(imagecodecs.jpeg2k_encode(samples, **{"codecformat": "j2k", **options}))


def htj2k(samples, **options):
    return bytes(imagecodecs.htj2k_encode(samples, **options))


# JPEG 2000 and HTJ2K


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (jpeg2k(GREY, reversible=True), Codestream(9, 13, 1, 8, False, False, True)),
        (jpeg2k(WIDE, reversible=True), Codestream(9, 13, 1, 16, False, False, True)),
        (
            jpeg2k(WIDE.view("<i2"), reversible=True),
            Codestream(9, 13, 1, 16, True, False, True),
        ),
        (
            jpeg2k(WIDE >> 4, reversible=True, bitspersample=12),
            Codestream(9, 13, 1, 12, False, False, True),
        ),
        (jpeg2k(GREY, reversible=False, level=40), Codestream(9, 13, 1, 8, False, False, False)),
        (jpeg2k(RGB, reversible=True, mct=True), Codestream(9, 13, 3, 8, False, True, True)),
        (jpeg2k(RGB, reversible=True, mct=False), Codestream(9, 13, 3, 8, False, False, True)),
        (
            jpeg2k(RGB, reversible=False, level=40, mct=True),
            Codestream(9, 13, 3, 8, False, True, False),
        ),
        (htj2k(GREY, reversible=True), Codestream(9, 13, 1, 8, False, False, True)),
        (htj2k(RGB, reversible=True, rgb=True), Codestream(9, 13, 3, 8, False, True, True)),
        (htj2k(RGB, reversible=True, rgb=False), Codestream(9, 13, 3, 8, False, False, True)),
        (
            htj2k(RGB, reversible=False, level=0.01, rgb=True),
            Codestream(9, 13, 3, 8, False, True, False),
        ),
    ],
)
def test_jpeg_2000_headers(frame, expected):
    assert jpeg_2000(frame) == expected
    known = openjpeg.utils.get_parameters(frame)
    found = jpeg_2000(frame)
    assert (found.rows, found.columns) == (known["rows"], known["columns"])
    assert (found.components, found.precision) == (known["samples_per_pixel"], known["precision"])
    assert found.signed == known["is_signed"]


@pytest.mark.parametrize("name", ["htj2k_201", "htj2k_202", "htj2k_203", "jpeg2000_rgb"])
def test_jpeg_2000_headers_of_files(name):
    image, frames = of_file(name)
    for frame in frames:
        known = openjpeg.utils.get_parameters(frame)
        found = jpeg_2000(frame)
        assert (found.rows, found.columns, found.components) == (*image.shape, 1)[:3]
        assert (found.precision, found.signed) == (known["precision"], known["is_signed"])
        assert found.transformed == image.photometric.startswith("YBR_")
        assert found.reversible == (image.photometric != "YBR_ICT")


def test_an_image_that_begins_off_the_origin():
    frame = bytearray(jpeg2k(GREY, reversible=True))
    struct.pack_into(">IIII", frame, 8, 113, 59, 100, 50)  # ISO 15444-1 A.5.1: Xsiz ... YOsiz
    assert (jpeg_2000(bytes(frame)).rows, jpeg_2000(bytes(frame)).columns) == (9, 13)


@pytest.mark.parametrize("samples", [GREY, RGB], ids=["grey", "rgb"])
def test_the_codestream_in_a_jp2_file(samples):
    boxed = bytes(imagecodecs.jpeg2k_encode(samples, reversible=True, codecformat="jp2"))
    assert boxed[4:8] == b"jP  "
    assert unboxed(boxed)[:4] == b"\xff\x4f\xff\x51"
    assert unboxed(boxed)[-2:] == b"\xff\xd9"
    assert jpeg_2000(boxed) == jpeg_2000(unboxed(boxed))
    assert (jpeg_2000(boxed).rows, jpeg_2000(boxed).columns) == samples.shape[:2]


def test_a_bare_codestream_is_left_as_it_is():
    frame = jpeg2k(GREY)
    assert unboxed(frame) is frame


@pytest.mark.parametrize("tail", [b"", b"\0\0\0\x08jp2h", b"\0\0\0\0jp2c", b"\0\0\0\0jp2cxx"])
def test_a_jp2_file_without_a_codestream(tail):
    with pytest.raises(CodecError, match="holds no codestream"):
        unboxed(b"\0\0\0\x0cjP  \r\n\x87\n" + tail)


def test_coding_style_behind_other_segments():
    frame = jpeg2k(RGB, reversible=True, mct=True)
    comment = b"\xff\x64\x00\x06\x00\x01hi"
    longer = frame[:51] + comment + frame[51:]  # behind SIZ of three components
    assert frame[51:53] == b"\xff\x52"
    assert jpeg_2000(longer) == jpeg_2000(frame)


@pytest.mark.parametrize("frame", [jpeg2k(RGB, reversible=True), htj2k(GREY, reversible=True)])
def test_jpeg_2000_headers_cut_short(frame):
    whole = jpeg_2000(frame)
    at = frame.index(b"\xff\x52") + 14
    assert jpeg_2000(frame[:at]) == whole
    for end in range(at):
        with pytest.raises(CodecError):
            jpeg_2000(frame[:end])


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\x4f",
        b"\xff\xd8\xff\xe0" + bytes(100),
        b"\xff\x4f\xff\x52" + bytes(100),
        b"\0" + jpeg2k(GREY),
        jpeg2k(GREY).replace(b"\xff\x52", b"\xff\x64", 1),
    ],
)
def test_what_is_no_jpeg_2000(frame):
    with pytest.raises(CodecError):
        jpeg_2000(frame)


# JPEG, JPEG Lossless, JPEG-LS


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (imagecodecs.jpeg8_encode(GREY), Codestream(9, 13, 1, 8, transformed=True)),
        (imagecodecs.jpeg8_encode(RGB), Codestream(9, 13, 3, 8, transformed=True)),
        (imagecodecs.ljpeg_encode(WIDE), Codestream(9, 13, 1, 16)),
        (imagecodecs.ljpeg_encode(WIDE >> 4, bitspersample=12), Codestream(9, 13, 1, 12)),
        (imagecodecs.jpegls_encode(GREY), Codestream(9, 13, 1, 8)),
        (imagecodecs.jpegls_encode(WIDE), Codestream(9, 13, 1, 16)),
        (imagecodecs.jpegls_encode(RGB), Codestream(9, 13, 3, 8)),
    ],
)
def test_jpeg_headers(frame, expected):
    assert jpeg(bytes(frame)) == expected


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("grey12_jpeg51", 12),
        ("grey12_jpeg70", 16),
        ("grey16_jpeg57_sv1", 16),
        ("grey16_jpeg57_sv7", 16),
        ("grey16_jls80", 16),
        ("grey12_jls81", 12),
        ("rgb_jls80_none", 8),
        ("rgb_jls80_line", 8),
        ("rgb_jls80_sample", 8),
        ("rgb_jpeg50", 8),
        ("rgb_jpeg57", 8),
        ("rgb_jpeg70", 8),
        ("fragments", 8),
    ],
)
def test_jpeg_headers_of_files(name, precision):
    image, frames = of_file(name)
    for frame in frames:
        found = jpeg(frame)
        assert (found.rows, found.columns, found.components) == (*image.shape, 1)[:3]
        assert found.precision == precision


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame_header(marker=0xC0, ids=b"\1\2\3", rows=9, columns=13, precision=8):
    start = struct.pack(">BHHB", precision, rows, columns, len(ids))
    return segment(marker, start + b"".join(bytes([one, 0x11, 0]) for one in ids))


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


@pytest.mark.parametrize(
    ("segments", "transformed"),
    [
        (frame_header(), None),
        (JFIF + frame_header(), True),
        (adobe(0) + frame_header(), False),
        (adobe(1) + frame_header(), True),
        (adobe(2) + frame_header(), False),
        (frame_header(ids=b"RGB"), False),
        (frame_header(ids=b"rgb"), False),
        (frame_header(ids=b"\0\1\2"), None),
        (frame_header(ids=b"RG"), None),
        (segment(0xE0, b"JFXX\0") + frame_header(), None),
        (segment(0xE1, b"JFIF\0") + frame_header(), None),
        (segment(0xFE, b"Adobe\0\x64\0\0\0\0\1") + frame_header(), None),
    ],
)
def test_what_the_markers_say_of_colour(segments, transformed):
    assert jpeg(b"\xff\xd8" + segments).transformed is transformed


FRAME_HEADERS = [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCF, 0xF7]


@pytest.mark.parametrize("marker", FRAME_HEADERS)
def test_every_frame_header_is_read(marker):
    found = jpeg(b"\xff\xd8" + frame_header(marker, b"\1", 258, 515, 12))
    assert found == Codestream(258, 515, 1, 12)


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC, 0xDB, 0xDD, 0xE2, 0xF8, 0xFE])
def test_other_segments_are_passed_over(marker):
    decoy = segment(marker, b"\x08\xff\xff\xff\xff\x01")
    assert jpeg(b"\xff\xd8" + decoy + frame_header()) == Codestream(9, 13, 3, 8)


def test_fill_bytes_and_markers_without_a_length_are_passed_over():
    frame = b"\xff\xd8\xff\xff\xff\x01\xff\xd0" + frame_header()
    assert jpeg(frame) == Codestream(9, 13, 3, 8)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "not a JPEG image"),
        (b"\xff\x4f\xff\x51", "not a JPEG image"),
        (b"\xff\xd8", "no frame header"),
        (b"\xff\xd8\xff\xd9", "no frame header"),
        (b"\xff\xd8" + JFIF, "no frame header"),
        (b"\xff\xd8" + JFIF + b"\0\0" + frame_header(), "no frame header"),
        (b"\xff\xd8\xff\xe0\xff\xff", "no frame header"),
        (b"\xff\xd8\xff\xe0\0\0" * 3, "no frame header"),
        ((b"\xff\xd8" + frame_header())[:11], "cut short"),
        ((b"\xff\xd8" + frame_header())[:6], "cut short"),
    ],
)
def test_broken_jpeg_headers(frame, reason):
    with pytest.raises(CodecError, match=reason):
        jpeg(frame)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([b"", b"\xff\xd8", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"]),
    st.binary(max_size=80) | st.lists(st.sampled_from(b"\xff\xc0\xd8\xe0\x4f\x52\0")).map(bytes),
)
def test_any_bytes_give_a_header_or_an_error(start, content):
    for read in (jpeg, jpeg_2000):
        try:
            found = read(start + content)
        except CodecError:
            continue
        assert isinstance(found, Codestream)


def test_megabytes_of_nothing_are_refused_at_once():
    with pytest.raises(CodecError):
        jpeg(b"\xff\xd8" + bytes(20_000_000))
    with pytest.raises(CodecError):
        jpeg_2000(b"\xff\x4f\xff\x51" + bytes(20_000_000))


# Declared depth


@pytest.mark.parametrize("bits", [9, 10, 12, 13, 15])
@pytest.mark.parametrize("signed", [False, True])
def test_with_depth(bits, signed):
    coded = noise((7, 9), "<i2", bits)
    frame = with_depth(htj2k(coded, reversible=True), bits, signed=signed)
    known = openjpeg.utils.get_parameters(frame)
    assert (known["precision"], known["is_signed"]) == (bits, signed)
    shift = 0 if signed else 1 << (bits - 1)
    assert np.array_equal(openjpeg.decode(frame), coded + shift)


def test_with_depth_declares_every_component():
    frame = htj2k(noise((7, 9, 3), "<i2", 12), reversible=True, rgb=False)
    patched = with_depth(frame, 12, signed=True)
    assert [patched[42 + 3 * at] for at in range(3)] == [0x8B] * 3
    assert len(patched) == len(frame)
    changed = [at for at in range(len(frame)) if frame[at] != patched[at]]
    assert changed == [42, 45, 48]


def test_the_frame_itself_is_not_changed():
    frame = htj2k(noise((7, 9), "<i2", 12), reversible=True)
    before = bytes(bytearray(frame))
    codestream.with_depth(frame, 12, signed=True)
    assert frame == before
