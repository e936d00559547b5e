"""Colour spaces and profiles, against LittleCMS's own sRGB and published values."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from gateway.errors import CodecError
from gateway.rendering import colour_spaces, icc, pictures

RANDOM = np.random.default_rng(5)
PICTURE = RANDOM.integers(0, 256, (16, 16, 3), np.uint8)
SRGB = colour_spaces.profile("srgb")
ADOBE = colour_spaces.profile("adobergb")
P3 = colour_spaces.profile("displayp3")


def attribute(profile, tag=0x00282000):
    return (tag, "OB", base64.b64encode(profile + bytes(len(profile) % 2)).decode())


def opened(profile):
    return ImageCms.ImageCmsProfile(BytesIO(profile))


def test_the_srgb_made_here_is_that_of_littlecms():
    image = Image.fromarray(PICTURE)
    converted = ImageCms.profileToProfile(image, opened(SRGB), ImageCms.createProfile("sRGB"))
    assert np.abs(np.asarray(converted).astype(int) - PICTURE).max() <= 1


@pytest.mark.parametrize("name", colour_spaces.SPACES)
def test_a_profile_is_whole_and_the_same_each_time(name):
    profile = colour_spaces.profile(name)
    assert int.from_bytes(profile[:4], "big") == len(profile)
    assert len(profile) % 4 == 0
    colour_spaces.profile.cache_clear()
    assert colour_spaces.profile(name) == profile
    assert ImageCms.getProfileDescription(opened(profile)).strip()


@pytest.mark.parametrize(
    ("name", "colour", "expected"),
    [
        # Published conversions of sRGB's red, green and mid grey.
        ("adobergb", (255, 0, 0), (219, 0, 0)),
        ("adobergb", (0, 255, 0), (144, 255, 60)),
        ("displayp3", (255, 0, 0), (234, 51, 35)),
        ("displayp3", (0, 255, 0), (117, 251, 76)),
        ("rommrgb", (255, 0, 0), (179, 70, 26)),
        ("rommrgb", (255, 255, 255), (255, 255, 255)),
        ("displayp3", (128, 128, 128), (128, 128, 128)),
        ("srgb", (1, 2, 3), (1, 2, 3)),
    ],
)
def test_colours_are_converted(name, colour, expected):
    made = icc.colours(name, SRGB)
    [[found]] = made.apply(np.array([[colour]], np.uint8))
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert made.profile == colour_spaces.profile(name)


def test_colours_come_back():
    there = icc.colours("rommrgb", SRGB).apply(PICTURE)
    back = icc.colours("srgb", colour_spaces.profile("rommrgb")).apply(there)
    assert np.abs(back.astype(int) - PICTURE).mean() < 2


def test_no_profile_and_the_images_own():
    grey = PICTURE[..., 0]
    none = icc.colours("no", b"")
    assert none.profile is None
    assert none.apply(grey) is grey
    own = icc.colours("yes", ADOBE)
    assert own.profile == ADOBE
    assert np.array_equal(own.apply(PICTURE), PICTURE)


def test_grey_becomes_rgb_where_a_profile_goes_with_it():
    grey = PICTURE[..., 0]
    for wanted in ("yes", "srgb"):
        assert np.array_equal(icc.colours(wanted, SRGB).apply(grey), np.stack([grey] * 3, 2))


def test_a_profile_that_cannot_be_used_is_an_error():
    for broken in (SRGB[:200], SRGB[:128] + bytes(100)):
        with pytest.raises(CodecError, match="ICC profile"):
            icc.colours("srgb", broken)


def test_the_profile_of_the_data_set_comes_first():
    stored = pictures.encode(PICTURE, "image/jpeg", profile=P3)
    assert icc.Profiles([attribute(ADOBE)], 1).of(1, stored) == ADOBE
    assert icc.Profiles([], 1).of(1, stored) == P3
    assert icc.Profiles([], 1).of(1, b"") == SRGB
    assert icc.Profiles([(0x00282002, "CS", ["ADOBERGB"])], 1).of(1, b"") == ADOBE
    assert icc.Profiles([(0x00282002, "CS", ["XEROX"])], 1).of(1, b"") == SRGB


@pytest.mark.parametrize(
    "broken", [b"", b"ICC", SRGB[:20], SRGB.replace(b"RGB ", b"GRAY", 1), bytes(len(SRGB))]
)
def test_what_is_no_profile_for_rgb_counts_for_none(broken):
    assert icc.Profiles([attribute(broken)], 1).of(1, b"") == SRGB
    stored = pictures.encode(PICTURE, "image/jpeg", profile=broken or None)
    assert icc.embedded(stored) is None


@pytest.mark.parametrize("frame", [b"", b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\xd8" * 40])
def test_frames_without_a_profile(frame):
    assert icc.embedded(frame) is None


def path(identifier, profile):
    return [attribute(profile), (0x00480106, "SH", [identifier])]


def group(identifier):
    return [(0x00480207, "SQ", [[(0x00480106, "SH", [identifier])]])]


def test_each_optical_path_has_its_profile():
    """PS3.3 C.8.12.5; frames name their path, or lie path by path in TILED_FULL."""
    paths = (0x00480105, "SQ", [path("A", ADOBE), path("B", P3)])
    assert icc.Profiles([(0x00480105, "SQ", [path("A", P3)])], 9).of(7, b"") == P3
    tiled = icc.Profiles([paths], 6)
    assert [tiled.of(number, b"") for number in (1, 3, 4, 6)] == [ADOBE, ADOBE, P3, P3]
    named = icc.Profiles([paths, (0x52009230, "SQ", [group("B"), group("A"), group("C")])], 3)
    assert [named.of(number, b"") for number in (1, 2)] == [P3, ADOBE]
    shared = icc.Profiles([paths, (0x52009229, "SQ", [group("B")])], 2)
    assert [shared.of(number, b"") for number in (1, 2)] == [P3, P3]


def test_a_stored_jpeg_may_be_larger_than_a_picture_from_the_web():
    """Pillow takes what says so in its header for an attack; a slide is that large."""
    stored = pictures.encode(PICTURE, "image/jpeg", profile=P3)
    at = stored.index(b"\xff\xc0") + 5
    large = stored[:at] + b"\xff\x00\xff\x00" + stored[at + 4 :]
    assert icc.embedded(large) == P3


def test_a_profile_in_several_segments_of_a_jpeg():
    stored = pictures.encode(PICTURE, "image/jpeg")
    pieces = [(2, ADOBE[300:]), (1, ADOBE[:300])]  # in any order
    chunks = [b"ICC_PROFILE\0" + bytes([number, 2]) + piece for number, piece in pieces]
    segments = [b"\xff\xe2" + (len(one) + 2).to_bytes(2, "big") + one for one in chunks]
    assert icc.embedded(stored[:2] + b"".join(segments) + stored[2:]) == ADOBE
