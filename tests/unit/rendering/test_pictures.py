"""Pictures as files: what Pillow and imagecodecs read back."""

from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from gateway.codecs.codestream import jpeg
from gateway.dicomweb.renditions import ANIMATIONS, STILLS, WITH_PROFILE
from gateway.errors import CodecError
from gateway.rendering import colour_spaces, pictures

Y, X = np.mgrid[0:48, 0:64]
GREY = (128 + 100 * np.sin(X / 9) * np.cos(Y / 7)).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], np.roll(GREY, 16, 1)], 2)
PROFILE = colour_spaces.profile("adobergb")
LOSSLESS = {"image/png", "image/jp2"}
SIGNATURES = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "image/jp2": b"\x00\x00\x00\x0cjP",
}


def opened(content):
    image = Image.open(BytesIO(content))
    image.load()
    return image


def pixels(content, like):
    return np.asarray(opened(content).convert("RGB" if like.ndim == 3 else "L"))


@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("media_type", STILLS)
def test_a_picture_is_what_it_says_and_looks_like_its_pixels(media_type, picture):
    content = pictures.encode(picture, media_type)
    assert content.startswith(SIGNATURES[media_type])
    found = pixels(content, picture)
    assert found.shape == picture.shape
    difference = np.abs(found.astype(int) - picture)
    assert difference.mean() <= (0 if media_type in LOSSLESS else 5)


def test_grey_stays_grey():
    for media_type in ("image/jpeg", "image/png", "image/jp2"):
        assert opened(pictures.encode(GREY, media_type)).mode == "L"
    assert jpeg(pictures.encode(GREY, "image/jpeg")).components == 1
    assert np.array_equal(pixels(pictures.encode(GREY, "image/gif"), GREY), GREY)


def test_a_jpeg_is_baseline_and_its_quality_tells():
    """PS3.18 8.7.4: the baseline process, nothing progressive."""
    for picture in (GREY, COLOUR):
        content = pictures.encode(picture, "image/jpeg")
        assert b"\xff\xc0" in content
        assert b"\xff\xc2" not in content
        assert np.abs(imagecodecs.jpeg8_decode(content).astype(int) - picture).mean() < 3
    for media_type in ("image/jpeg", "image/webp", "image/jp2"):
        sizes = [len(pictures.encode(COLOUR, media_type, q)) for q in (1, 20, 60, 95)]
        assert sizes == sorted(sizes)
        assert sizes[0] * 2 < sizes[-1]
    sizes = {len(pictures.encode(COLOUR, "image/png", quality)) for quality in (None, 1, 100)}
    assert len(sizes) == 1


@pytest.mark.parametrize("picture", [GREY, COLOUR, GREY[:, :3], COLOUR[:1, :1]])
@pytest.mark.parametrize("quality", [1, 60, 84, 85, 100])
def test_a_jpeg_without_a_profile_is_that_with_one(picture, quality):
    """Two writers, one picture: the same tables, components and sampling of colours."""
    plain = pictures.encode(picture, "image/jpeg", quality)
    other = pictures.encode(picture, "image/jpeg", quality, PROFILE)
    assert np.array_equal(np.asarray(opened(plain)), np.asarray(opened(other)))
    assert opened(plain).mode == opened(other).mode
    assert opened(plain).quantization == opened(other).quantization
    if picture.ndim == 3:
        assert opened(plain).layer == opened(other).layer


def test_a_gif_of_few_colours_is_exact():
    palette = np.random.default_rng(3).integers(0, 256, (200, 3), np.uint8)
    picture = palette[(X * 3 + Y * 5) % 200]
    assert np.array_equal(pixels(pictures.encode(picture, "image/gif"), picture), picture)


@pytest.mark.parametrize("media_type", STILLS)
def test_a_profile_is_embedded_where_it_can_be(media_type):
    found = opened(pictures.encode(COLOUR, media_type, profile=PROFILE)).info.get("icc_profile")
    assert (found == PROFILE) == (media_type in WITH_PROFILE)
    assert "icc_profile" not in opened(pictures.encode(COLOUR, media_type)).info


@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("media_type", ANIMATIONS)
def test_an_animation_shows_its_frames_for_their_time_and_for_ever(media_type, picture):
    frames = [np.roll(picture, 5 * number, 1) for number in range(4)]
    content = pictures.animate(frames, [40, 100, 33.3, 250], media_type)
    with Image.open(BytesIO(content)) as image:
        assert (image.n_frames, image.info["loop"]) == (4, 0)
        times = []
        for number, frame in enumerate(frames):
            image.seek(number)
            found = np.asarray(image.convert("RGB" if picture.ndim == 3 else "L"))
            assert np.abs(found.astype(int) - frame).mean() <= 5
            times.append(image.info["duration"])
    assert times == ([40, 100, 30, 250] if media_type == "image/gif" else [40, 100, 33, 250])


@pytest.mark.parametrize(("media_type", "shortest"), [("image/gif", 20), ("image/webp", 11)])
def test_no_frame_is_so_short_that_browsers_slow_it_down(media_type, shortest):
    content = pictures.animate([GREY, GREY[::-1]], [1, 0.001], media_type)
    with Image.open(BytesIO(content)) as image:
        for number in range(2):
            image.seek(number)
            image.load()
            assert image.info["duration"] == shortest


def test_an_animation_carries_a_profile_where_it_can():
    content = pictures.animate([COLOUR, COLOUR[::-1]], [50, 50], "image/webp", None, PROFILE)
    assert opened(content).info["icc_profile"] == PROFILE


def test_what_is_too_large_for_a_media_type_is_an_error():
    with pytest.raises(CodecError, match="16384x1"):
        pictures.encode(np.zeros((1, 16384), np.uint8), "image/webp")
    for side in (65_501, 70_000):
        with pytest.raises(CodecError, match=f"{side}x1"):
            pictures.encode(np.zeros((1, side), np.uint8), "image/jpeg")
    assert opened(pictures.encode(np.zeros((1, 65_500), np.uint8), "image/jpeg")).width == 65_500


def test_pixels_need_not_lie_in_their_order():
    for picture in (GREY[::-1, ::-1], COLOUR[::-1, ::-1], COLOUR[..., ::-1]):
        found = pixels(pictures.encode(picture, "image/png"), picture)
        assert np.array_equal(found, picture)
