"""Frames from each stored transfer syntax to each other one, and what is said of them."""

from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from pydicom.pixels import convert_color_space

from gateway.codecs import native, registry
from gateway.codecs.codestream import jpeg_2000
from gateway.codecs.encoders import ENCODERS
from gateway.codecs.transcoding import Targets, Transcoder, targets
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests.unit.codecs.decoders import OTHER, by_pillow
from tests.unit.codecs.images import described, native as native_samples, of_file, smooth

GREY = smooth((45, 70), "<i2", 12)
RGB = smooth((45, 70, 3), "<u1", 8)
GREY_IMAGE, RGB_IMAGE = described(GREY, 12), described(RGB)
LOSSLESS = [uid for uid, encoder in ENCODERS.items() if not encoder.compress]
EITHER = [uid for uid, encoder in ENCODERS.items() if encoder.compress and encoder.encode]
STORED = [
    ts.EXPLICIT_LE,
    ts.HTJ2K_LOSSLESS_RPCL,
    ts.HTJ2K_LOSSLESS,
    ts.HTJ2K,
    ts.JPEG_2000_LOSSLESS,
    ts.JPEG_2000,
    ts.JPEG_LS,
    ts.JPEG_LS_NEAR,
    ts.JPEG_LOSSLESS,
    ts.JPEG_LOSSLESS_SV1,
    ts.RLE,
]
JPEG_2000 = [uid for uid in ENCODERS if "2.4.9" in uid or "2.4.20" in uid]


def stored_frame(syntax, samples, image):
    if syntax == ts.EXPLICIT_LE:
        return native.encode(samples, image)
    return ENCODERS[syntax].encode(samples, image)


def sent(stored, target, samples, image, quality=None, **more):
    """The frame that goes out, and the image that it is said to be."""
    first = stored_frame(stored, samples, image)
    coder = Transcoder(stored, target, image, ts.EXPLICIT_LE, quality, **more)
    frame = coder.frame(first)
    return frame, coder.described(first, frame)


# What frames can be brought to


def test_targets_of_a_ct_slice():
    assert targets(ts.HTJ2K_LOSSLESS_RPCL, GREY_IMAGE, ts.EXPLICIT_LE) == Targets(
        (ts.EXPLICIT_LE, *(uid for uid in LOSSLESS if uid != ts.HTJ2K_LOSSLESS_RPCL)),
        tuple(EITHER),
    )


def test_targets_of_a_photograph():
    found = targets(ts.EXPLICIT_LE, RGB_IMAGE, ts.EXPLICIT_LE)
    assert found == Targets(tuple(LOSSLESS), (*EITHER, ts.JPEG_BASELINE))


@pytest.mark.parametrize("stored", STORED)
def test_the_stored_syntax_is_not_among_them_and_decoded_frames_come_first(stored):
    found = targets(stored, GREY_IMAGE, ts.EXPLICIT_LE)
    assert stored not in (*found.lossless, *found.lossy)
    assert (found.lossless[0] == ts.EXPLICIT_LE) == (stored != ts.EXPLICIT_LE)


@pytest.mark.parametrize(
    ("stored", "image", "expected"),
    [
        (ts.EXPLICIT_LE, ImagePixel(7, 9, 1, 1, 1), Targets()),
        (ts.EXPLICIT_LE, ImagePixel(7, 9, 1, 32, 32), Targets((ts.RLE,))),
        (ts.EXPLICIT_LE, ImagePixel(7, 9, 1, 32, 32, floating=True), Targets()),
        (ts.EXPLICIT_LE, ImagePixel(7, 9, 1, 64, 64, floating=True), Targets()),
        ("1.2.840.10008.1.2.4.100", ImagePixel(7, 9, 3, 8, 8), Targets()),
        (
            ts.EXPLICIT_LE,
            ImagePixel(7, 9, 1, 8, 8, photometric="PALETTE COLOR"),
            Targets(tuple(LOSSLESS)),
        ),
        (ts.RLE, ImagePixel(7, 9, 4, 8, 8, photometric="ARGB"), Targets((ts.EXPLICIT_LE,))),
    ],
    ids=str,
)
def test_targets_of_what_few_syntaxes_carry(stored, image, expected):
    assert targets(stored, image, ts.EXPLICIT_LE) == expected


def test_subsampled_frames_alone_stay_as_the_metadata_say():
    image = ImagePixel(4, 6, 3, 8, 8, photometric="YBR_FULL_422")
    alone = targets(ts.HTJ2K_LOSSLESS_RPCL, image, ts.IMPLICIT_LE, alone=True)
    assert alone == Targets((ts.EXPLICIT_LE,), (ts.JPEG_BASELINE,))
    assert ts.JPEG_LS in targets(ts.HTJ2K_LOSSLESS_RPCL, image, ts.IMPLICIT_LE).lossless
    once_jpeg = targets(ts.HTJ2K_LOSSLESS_RPCL, image, ts.JPEG_LOSSLESS, alone=True)
    assert ts.JPEG_LS in once_jpeg.lossless


# Every pair


@pytest.mark.parametrize("stored", STORED)
def test_nothing_is_lost_between_lossless_syntaxes(stored):
    for samples, image in [(GREY, GREY_IMAGE), (RGB, RGB_IMAGE)]:
        able = targets(stored, image, ts.EXPLICIT_LE)
        for target in (*able.lossless, *able.lossy):
            frame, out = sent(stored, target, samples, image)
            if target == ts.EXPLICIT_LE:
                assert (frame, out) == (samples.tobytes(), image)
            elif target in OTHER:
                assert np.array_equal(OTHER[target](frame, out), samples), target
            else:
                shown = by_pillow(frame, out).astype(int)
                assert np.abs(shown - samples).mean() < 4


@pytest.mark.parametrize("target", [*LOSSLESS, *EITHER])
def test_colours_by_plane_become_colours_by_pixel(target):
    image = replace(RGB_IMAGE, planar=1)
    frame, out = sent(ts.EXPLICIT_LE, target, RGB, image)
    assert out.planar == 0
    assert np.array_equal(OTHER[target](frame, out), RGB)


@pytest.mark.parametrize("target", [*LOSSLESS, *EITHER])
def test_chroma_that_was_subsampled_goes_out_at_full_size(target):
    image = ImagePixel(4, 6, 3, 8, 8, photometric="YBR_FULL_422")
    samples = native.decode(bytes(range(48)), image)
    frame, out = sent(ts.EXPLICIT_LE, target, samples, image)
    assert (out.photometric, out.planar) == ("YBR_FULL", 0)
    assert np.array_equal(OTHER[target](frame, out), samples)


def test_and_comes_back_subsampled():
    image = ImagePixel(4, 6, 3, 8, 8, photometric="YBR_FULL_422")
    samples = native.decode(bytes(range(48)), image)
    frame, out = sent(ts.HTJ2K_LOSSLESS_RPCL, ts.EXPLICIT_LE, samples, image)
    assert (frame, out) == (bytes(range(48)), image)


@pytest.mark.parametrize("quality", [None, 90])
@pytest.mark.parametrize("stored", STORED)
def test_a_frame_as_stored_is_not_touched(stored, quality):
    coder = Transcoder(stored, stored, GREY_IMAGE, "", quality)
    frame = b"whatever"
    assert coder.frame(frame) is frame
    assert not coder.works
    assert not coder.lossy


@pytest.mark.parametrize(
    ("stored", "target"),
    [
        (ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K_LOSSLESS),
        (ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL),
        (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000_PART_2),
        (ts.JPEG_LS, ts.JPEG_LS_NEAR),
    ],
)
def test_a_frame_that_is_legal_as_it_is_is_only_relabelled(stored, target):
    first = stored_frame(stored, GREY, GREY_IMAGE)
    assert Transcoder(stored, target, GREY_IMAGE, "").frame(first) is first


@pytest.mark.parametrize("target", [ts.IMPLICIT_LE, ts.EXPLICIT_BE, ts.DEFLATED_LE, "1.2.3", ""])
def test_what_no_encoder_makes(target):
    with pytest.raises(CodecError, match="no encoder"):
        Transcoder(ts.EXPLICIT_LE, target, GREY_IMAGE, "")


def test_a_broken_frame_is_an_error():
    for target in targets(ts.HTJ2K_LOSSLESS_RPCL, GREY_IMAGE, "").lossless:
        if target != ts.HTJ2K_LOSSLESS:  # which is never looked at
            with pytest.raises(CodecError):
                Transcoder(ts.HTJ2K_LOSSLESS_RPCL, target, GREY_IMAGE, "").frame(b"broken")


# Lossily


@pytest.mark.parametrize("target", EITHER)
@pytest.mark.parametrize(
    ("quality", "lossy"), [(None, False), (100, False), (99, True), (50, True), (1, True)]
)
@pytest.mark.parametrize("stored", [ts.EXPLICIT_LE, ts.HTJ2K_LOSSLESS_RPCL, ts.JPEG_2000_LOSSLESS])
def test_what_can_keep_every_sample_does_unless_a_quality_is_asked_for(
    stored, target, quality, lossy
):
    coder = Transcoder(stored, target, GREY_IMAGE, "", quality)
    assert coder.lossy == (lossy and stored != target)
    frame, out = sent(stored, target, GREY, GREY_IMAGE, quality)
    found = OTHER[target](frame, out)
    assert np.array_equal(found, GREY) != coder.lossy


@pytest.mark.parametrize(("quality", "used"), [(None, 90), (100, 100), (30, 30)])
def test_dct_always_loses(quality, used):
    coder = Transcoder(ts.EXPLICIT_LE, ts.JPEG_BASELINE, RGB_IMAGE, "", quality)
    assert (coder.lossy, coder.quality, coder.method) == (True, used, "ISO_10918_1")
    frame, _ = sent(ts.EXPLICIT_LE, ts.JPEG_BASELINE, RGB, RGB_IMAGE, quality)
    assert frame == ENCODERS[ts.JPEG_BASELINE].compress(RGB, RGB_IMAGE, used)


def test_a_lower_quality_is_a_smaller_frame():
    for target in (*EITHER, ts.JPEG_BASELINE):
        frames = [sent(ts.EXPLICIT_LE, target, RGB, RGB_IMAGE, q)[0] for q in (95, 75, 40)]
        assert sorted(map(len, frames), reverse=True) == list(map(len, frames))


@pytest.mark.parametrize("quality", [None, 100])
def test_what_was_lossy_before_is_not_compressed_again(quality):
    samples = smooth((40, 50), "<u1", 8)
    image = described(samples)
    first = ENCODERS[ts.JPEG_BASELINE].compress(samples, image, 60)
    coder = Transcoder(ts.JPEG_BASELINE, ts.JPEG_EXTENDED, image, "", quality)
    assert (coder.lossy, coder.method) == (False, "")
    found = coder.frame(first)
    assert np.array_equal(imagecodecs.jpeg8_decode(found), imagecodecs.jpeg8_decode(first))


# What is said of frames in a file


@pytest.mark.parametrize(
    ("target", "quality", "expected"),
    [
        *[(uid, None, "YBR_RCT") for uid in JPEG_2000],
        *[(uid, 80, "YBR_ICT") for uid in JPEG_2000 if uid in EITHER],
        (ts.JPEG_BASELINE, None, "YBR_FULL_422"),
        (ts.JPEG_LOSSLESS, None, "RGB"),
        (ts.JPEG_LOSSLESS_SV1, None, "RGB"),
        (ts.JPEG_LS, None, "RGB"),
        (ts.JPEG_LS_NEAR, 80, "RGB"),
        (ts.RLE, None, "RGB"),
        (ts.EXPLICIT_LE, None, "RGB"),
    ],
)
@pytest.mark.parametrize("stored", [ts.HTJ2K_LOSSLESS_RPCL, ts.JPEG_LS])
def test_photometric_interpretation_of_rgb(stored, target, quality, expected):
    if stored != target:
        frame, out = sent(stored, target, RGB, replace(RGB_IMAGE, planar=1), quality)
        assert out == replace(RGB_IMAGE, photometric=expected, planar=target == ts.EXPLICIT_LE)
        if target in JPEG_2000:
            header = jpeg_2000(frame)
            assert header.transformed
            assert header.reversible == (expected == "YBR_RCT")


@pytest.mark.parametrize("target", [*LOSSLESS, *EITHER, ts.JPEG_BASELINE])
def test_photometric_interpretation_of_ycbcr(target):
    image = replace(RGB_IMAGE, photometric="YBR_FULL")
    _, out = sent(ts.EXPLICIT_LE, target, RGB, image)
    expected = "YBR_FULL_422" if target == ts.JPEG_BASELINE else "YBR_FULL"
    assert out == replace(image, photometric=expected)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"])
@pytest.mark.parametrize("target", LOSSLESS)
def test_one_sample_a_pixel_stays_what_it_is(target, photometric):
    samples = smooth((45, 70), "<u1", 8)
    image = described(samples, photometric=photometric)
    frame, out = sent(ts.EXPLICIT_LE, target, samples, image)
    assert out == image
    assert np.array_equal(OTHER[target](frame, out), samples)


# Frames alone, which are decoded by the metadata of the stored instance

JPEG_FILES = ["rgb_jpeg50", "fragments"]


@pytest.mark.parametrize("name", JPEG_FILES)
@pytest.mark.parametrize("target", [ts.EXPLICIT_LE, *LOSSLESS])
@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "RGB", "YBR_FULL"])
def test_frames_of_jpeg_are_as_viewers_take_them(name, target, photometric):
    """RGB but where the metadata say YBR_FULL: then viewers convert."""
    image, [frame, *_] = of_file(name)
    image = replace(image, photometric=photometric)
    ybr = registry.decode(ts.JPEG_BASELINE, frame, image)
    expected = ybr if photometric == "YBR_FULL" else convert_color_space(ybr, "YBR_FULL", "RGB")
    coder = Transcoder(ts.JPEG_BASELINE, target, image, ts.JPEG_BASELINE, alone=True)
    found = coder.frame(frame)
    decode = OTHER.get(target, lambda content, out: native.decode(content, out))
    out = replace(image, photometric="RGB")
    assert np.abs(decode(found, out).astype(int) - expected).max() <= 1


def test_a_frame_that_would_be_taken_for_rgb_is_not_relabelled():
    samples = smooth((40, 50, 3), "<u1", 8)
    image = described(samples, photometric="YBR_FULL_422")
    first = ENCODERS[ts.HTJ2K_LOSSLESS_RPCL].encode(samples, image)
    coder = Transcoder(
        ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K_LOSSLESS, image, ts.JPEG_LOSSLESS, alone=True
    )
    found = OTHER[ts.HTJ2K](coder.frame(first), image)
    assert np.abs(found.astype(int) - convert_color_space(samples, "YBR_FULL", "RGB")).max() <= 1
    in_a_file = Transcoder(ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K_LOSSLESS, image, ts.JPEG_LOSSLESS)
    assert in_a_file.frame(first) is first
    assert in_a_file.described(first, first).photometric == "YBR_FULL"


@pytest.mark.parametrize("name", ["native_rgb", "ybr_full", "native_grey12", "signed8"])
def test_other_frames_alone_are_those_of_files(name):
    image, [frame] = of_file(name)
    [samples] = native_samples(name)
    for target in targets(ts.EXPLICIT_LE, image, ts.EXPLICIT_LE, alone=True).lossless:
        alone = Transcoder(ts.EXPLICIT_LE, target, image, ts.EXPLICIT_LE, alone=True)
        assert np.array_equal(OTHER[target](alone.frame(frame), image), samples)
