"""Every encoder, its frames decoded by somebody else; and what each says that it carries."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydicom.pixels.encoders.base import ENCODING_PROFILES

from gateway.codecs import libjpeg, registry
from gateway.codecs.codestream import is_rpcl, jpeg, jpeg_2000
from gateway.codecs.encoders import ENCODERS
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError, NotAcceptable
from tests.unit.codecs.decoders import OTHER, by_liblj92, by_pillow
from tests.unit.codecs.images import described, limits, noise, smooth

LOSSLESS = [uid for uid, encoder in ENCODERS.items() if encoder.encode]
LOSSY = [uid for uid, encoder in ENCODERS.items() if encoder.compress]
JPEG_2000 = [ts.JPEG_2000, ts.JPEG_2000_PART_2, ts.HTJ2K]
DEPTHS = [
    ("<u1", 8),
    ("<i1", 8),
    ("<u1", 5),
    ("<u1", 1),
    ("<u2", 16),
    ("<i2", 16),
    ("<u2", 12),
    ("<i2", 12),
    ("<u2", 9),
    ("<u2", 8),
]
SIDES = st.integers(1, 40) | st.sampled_from([1, 2, 64, 65, 129])


def decoded(syntax, frame, image):
    """By the registry, in which Part 2 of JPEG 2000 has no decoder of its own."""
    part_2 = (ts.JPEG_2000_PART_2, ts.JPEG_2000_PART_2_LOSSLESS)
    return registry.decode(ts.JPEG_2000 if syntax in part_2 else syntax, frame, image)


@pytest.mark.parametrize(("dtype", "bits"), DEPTHS)
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_grey_frames_come_back(syntax, dtype, bits):
    @settings(max_examples=12, deadline=None)
    @given(SIDES, SIDES, st.sampled_from([noise, smooth]))
    def check(rows, columns, pattern):
        samples = pattern((rows, columns), dtype, bits)
        image = described(samples, bits)
        assert ENCODERS[syntax].carries(image)
        frame = ENCODERS[syntax].encode(samples, image)
        assert np.array_equal(OTHER[syntax](frame, image), samples)
        assert np.array_equal(decoded(syntax, frame, image), samples)

    check()


@pytest.mark.parametrize(("dtype", "bits"), [("<u1", 8), ("<u1", 6), ("<u2", 16), ("<u2", 12)])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_colours_come_back(syntax, photometric, dtype, bits):
    @settings(max_examples=6, deadline=None)
    @given(SIDES, SIDES, st.sampled_from([noise, smooth]))
    def check(rows, columns, pattern):
        samples = pattern((rows, columns, 3), dtype, bits)
        image = described(samples, bits, photometric)
        assert ENCODERS[syntax].carries(image)
        frame = ENCODERS[syntax].encode(samples, image)
        assert np.array_equal(OTHER[syntax](frame, image), samples)
        assert np.array_equal(decoded(syntax, frame, image), samples)

    check()


@pytest.mark.parametrize("dtype", ["<u4", "<i4"])
def test_integers_of_32_bits_are_run_lengths_only(dtype):
    samples = noise((17, 23), dtype, 32)
    image = described(samples)
    assert [uid for uid, one in ENCODERS.items() if one.carries(image)] == [ts.RLE]
    frame = ENCODERS[ts.RLE].encode(samples, image)
    assert np.array_equal(OTHER[ts.RLE](frame, image), samples)
    assert np.array_equal(registry.decode(ts.RLE, frame, image), samples)


@pytest.mark.parametrize(("dtype", "bits", "beyond"), [("<u2", 12, 0x8005), ("<i2", 12, -30000)])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_bits_beyond_bits_stored_come_back(syntax, dtype, bits, beyond):
    samples = smooth((30, 40), dtype, bits)
    samples[3:9, 5:20] = beyond
    image = described(samples, bits)
    frame = ENCODERS[syntax].encode(samples, image)
    assert np.array_equal(OTHER[syntax](frame, image), samples)


@pytest.mark.parametrize("dtype", ["<u1", "<u2", "<i2"])
def test_lossless_jpeg_by_a_third_decoder(dtype):
    samples = noise((40, 50), dtype, 8 * int(dtype[2]))
    image = described(samples)
    assert np.array_equal(by_liblj92(libjpeg.encode(samples, image), image), samples)


@pytest.mark.parametrize(
    ("dtype", "bits", "beyond", "precision"),
    [
        ("<u1", 8, 0, 8),
        ("<u1", 5, 0, 8),
        ("<u2", 12, 0, 12),
        ("<u2", 12, 4096, 16),
        ("<u2", 8, 0, 16),
        ("<u2", 16, 0, 16),
        ("<i2", 12, 0, 16),
        ("<i2", 16, 0, 16),
    ],
)
def test_the_precision_of_lossless_jpeg(dtype, bits, beyond, precision):
    samples = noise((20, 30), dtype, bits)
    samples[0, 0] = beyond
    assert jpeg(libjpeg.encode(samples, described(samples, bits))).precision == precision


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 700])
def test_htj2k_is_what_its_strictest_syntax_wants(rows):
    samples = smooth((rows, 300), "<u2", 12)
    assert is_rpcl(ENCODERS[ts.HTJ2K_LOSSLESS_RPCL].encode(samples, described(samples, 12)))
    assert is_rpcl(ENCODERS[ts.HTJ2K].compress(samples, described(samples, 12), 80))


@pytest.mark.parametrize("columns", [1, 2, 127, 128, 129, 300])
def test_runs_end_with_their_rows(columns):
    samples = np.zeros((5, columns), "u1")
    frame = ENCODERS[ts.RLE].encode(samples, described(samples))
    row = frame[64 : 64 + (len(frame) - 64) // 5]
    assert len(frame) % 2 == 0
    assert frame[64:].rstrip(b"\0") == (row * 5).rstrip(b"\0")


# Lossy


@pytest.mark.parametrize(("dtype", "bits"), [one for one in DEPTHS if one[1] > 1])
@pytest.mark.parametrize("syntax", [*JPEG_2000, ts.JPEG_LS_NEAR])
def test_no_lossy_sample_leaves_the_range_of_bits_stored(syntax, dtype, bits):
    @settings(max_examples=8, deadline=None)
    @given(SIDES, SIDES, st.integers(1, 99), st.sampled_from([noise, smooth, extremes]))
    def check(rows, columns, quality, pattern):
        samples = pattern((rows, columns), dtype, bits)
        image = described(samples, bits)
        frame = ENCODERS[syntax].compress(samples, image, quality)
        found = OTHER[syntax](frame, image)
        low, high = limits(dtype, bits)
        assert low <= found.min() <= found.max() <= high

    check()


def extremes(shape, dtype, bits):
    low, high = limits(dtype, bits)
    samples = np.full(shape, low, dtype)
    samples[::3, ::2] = high
    return samples


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("syntax", LOSSY)
def test_white_stays_white_and_black_black(syntax, bits):
    samples = extremes((64, 64), "<u1" if bits == 8 else "<u2", bits)
    image = described(samples, bits)
    if ENCODERS[syntax].carries(image):
        found = decoded(syntax, ENCODERS[syntax].compress(samples, image, 90), image)
        assert np.abs(found.astype(int) - samples).max() < (1 << bits) / 4


@pytest.mark.parametrize("syntax", [ts.JPEG_BASELINE, ts.JPEG_EXTENDED])
def test_grey_jpeg_as_pillow_shows_it(syntax):
    samples = smooth((61, 83), "<u1", 8)
    image = described(samples)
    frame = ENCODERS[syntax].compress(samples, image, 95)
    assert np.abs(by_pillow(frame, image).astype(int) - samples).max() <= 4
    assert (b"\xff\xc1" in frame[:700]) == (syntax == ts.JPEG_EXTENDED)


@pytest.mark.parametrize("columns", [1, 2, 83, 84])
def test_colours_in_jpeg_are_ybr_full_422(columns):
    samples = smooth((61, columns, 3), "<u1", 8)
    image = described(samples)
    frame = ENCODERS[ts.JPEG_BASELINE].compress(samples, image, 95)
    at = frame.index(b"\xff\xc0")
    assert [frame[at + 11 + 3 * component] for component in range(3)] == [0x21, 0x11, 0x11]
    assert jpeg(frame).transformed
    if columns > 2:
        assert np.abs(by_pillow(frame, image).astype(int) - samples).mean() < 4


def test_ycbcr_goes_into_jpeg_as_it_is():
    samples = smooth((61, 83, 3), "<u1", 8)
    image = described(samples, photometric="YBR_FULL")
    frame = ENCODERS[ts.JPEG_BASELINE].compress(samples, image, 95)
    error = np.abs(registry.decode(ts.JPEG_BASELINE, frame, image).astype(int) - samples)
    assert error[..., 0].max() < 6  # luma, at its full resolution
    assert error[..., 1:].mean() < 4


@pytest.mark.parametrize("syntax", JPEG_2000)
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_lossy_jpeg_2000_is_irreversible(syntax, photometric):
    samples = smooth((61, 83, 3), "<u1", 8)
    image = described(samples, photometric=photometric)
    frame = ENCODERS[syntax].compress(samples, image, 90)
    header = jpeg_2000(frame)
    assert (header.reversible, header.transformed, header.precision) == (False, True, 8)
    assert np.abs(OTHER[syntax](frame, image).astype(int) - samples).mean() < 2


@pytest.mark.parametrize("syntax", JPEG_2000)
@pytest.mark.parametrize("signed", [False, True])
def test_lossy_jpeg_2000_declares_bits_stored(syntax, signed):
    samples = smooth((61, 83), "<i2" if signed else "<u2", 12)
    frame = ENCODERS[syntax].compress(samples, described(samples, 12), 90)
    assert (jpeg_2000(frame).precision, jpeg_2000(frame).signed) == (12, signed)
    assert np.abs(OTHER[syntax](frame, None).astype(int) - samples).max() < 12


@pytest.mark.parametrize("syntax", JPEG_2000)
def test_bytes_in_words_are_not_compressed_lossily(syntax):
    """A codestream of 8 bits would be decoded to bytes, one of 16 would leave Bits Stored."""
    samples = smooth((61, 83), "<u2", 8)
    frame = ENCODERS[syntax].compress(samples, described(samples, 8), 50)
    assert np.array_equal(OTHER[syntax](frame, None), samples)


@pytest.mark.parametrize("syntax", [uid for uid in LOSSY if uid != ts.JPEG_BASELINE])
def test_samples_beyond_bits_stored_are_not_compressed_lossily(syntax):
    samples = smooth((30, 40), "<u2", 12)
    samples[3, 3] |= 0x8000
    with pytest.raises(NotAcceptable, match="Bits Stored"):
        ENCODERS[syntax].compress(samples, described(samples, 12), 90)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_what_cannot_be_encoded_is_an_error(syntax):
    samples = np.zeros((4, 4), "<c16")
    if syntax != ts.RLE:
        with pytest.raises((CodecError, TypeError)):
            ENCODERS[syntax].encode(samples, ImagePixel(4, 4))


# What is carried

IMAGES = [
    ImagePixel(8, 8, samples, allocated, stored, signed, photometric, floating=floating)
    for samples, photometrics in [
        (1, ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "HSV"]),
        (3, ["RGB", "YBR_FULL", "YBR_PARTIAL_422", "CMYK"]),
        (4, ["ARGB"]),
    ]
    for photometric in photometrics
    for allocated, stored in [(1, 1), (8, 8), (8, 6), (16, 16), (16, 12), (16, 10), (32, 32)]
    for signed in (False, True)
    for floating in (False, True)
    if not (floating and (signed or allocated < 32))
]


@pytest.mark.parametrize("syntax", [uid for uid in ENCODERS if uid in ENCODING_PROFILES])
def test_what_is_carried_is_what_the_tables_of_ps3_5_allow(syntax):
    for image in IMAGES:
        allowed = not image.floating and any(
            _names(photometric) == image.photometric
            and samples == image.samples
            and int(image.signed) in representation
            and image.bits_allocated in allocated
            and image.bits_stored in stored
            for photometric, samples, representation, allocated, stored in ENCODING_PROFILES[syntax]
        )
        carried = ENCODERS[syntax].carries(image)
        if carried and not allowed:
            assert _is_wider(syntax, image), image
        elif allowed and not carried:
            assert image.bits_allocated == 32, image  # at which decoders of JPEG 2000 stop


def _names(photometric):
    """What the image is before it is encoded."""
    return {"YBR_RCT": "RGB", "YBR_ICT": "RGB", "YBR_FULL_422": "YBR_FULL"}.get(
        photometric, photometric
    )


def _is_wider(syntax, image):
    """32 bits in RLE, which decoders take; YCbCr of 16 bits; a signed palette."""
    if image.photometric == "PALETTE COLOR":
        return image.signed
    return (syntax == ts.RLE and image.bits_allocated == 32) or (
        image.photometric == "YBR_FULL" and image.bits_allocated == 16
    )


@pytest.mark.parametrize("syntax", LOSSY)
def test_a_palette_is_never_compressed_lossily(syntax):
    assert not ENCODERS[syntax].carries(ImagePixel(8, 8, 1, 8, 8, photometric="PALETTE COLOR"))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (ImagePixel(8, 8, 1, 8, 8), {ts.JPEG_BASELINE, ts.JPEG_EXTENDED}),
        (ImagePixel(8, 8, 1, 16, 12), {ts.JPEG_EXTENDED}),
        (ImagePixel(8, 8, 1, 16, 10), set()),
        (ImagePixel(8, 8, 1, 16, 16), set()),
        (ImagePixel(8, 8, 1, 8, 8, signed=True), set()),
        (ImagePixel(8, 8, 1, 16, 12, signed=True), set()),
        (ImagePixel(8, 8, 3, 8, 8, photometric="RGB"), {ts.JPEG_BASELINE}),
        (ImagePixel(8, 8, 3, 8, 8, photometric="YBR_FULL_422"), {ts.JPEG_BASELINE}),
        (ImagePixel(8, 8, 3, 16, 12, photometric="RGB"), set()),
    ],
    ids=lambda given: str(given) if isinstance(given, ImagePixel) else f"{len(given)} syntaxes",
)
def test_what_dct_carries(image, expected):
    dct = (ts.JPEG_BASELINE, ts.JPEG_EXTENDED)
    assert {uid for uid in dct if ENCODERS[uid].carries(image)} == expected


@pytest.mark.parametrize(
    ("syntax", "method"),
    [
        (ts.JPEG_BASELINE, "ISO_10918_1"),
        (ts.JPEG_EXTENDED, "ISO_10918_1"),
        (ts.JPEG_LS_NEAR, "ISO_14495_1"),
        (ts.JPEG_2000, "ISO_15444_1"),
        (ts.HTJ2K, "ISO_15444_15"),
    ],
)
def test_methods(syntax, method):
    assert ENCODERS[syntax].method == method


def test_every_lossy_encoder_has_a_method_and_no_other():
    assert {uid for uid, encoder in ENCODERS.items() if encoder.method} == set(LOSSY)
