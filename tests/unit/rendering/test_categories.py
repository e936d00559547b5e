"""What an instance is to somebody who wants to see it."""

import gzip
import json

import pytest

from gateway.imagesets import document
from gateway.rendering.categories import (
    Category,
    category,
    is_slide,
    modality_order,
    slide_order,
    video_type,
)
from tests.unit.services.memory import EXPLICIT_LE, HTJ2K_RPCL, image_set, instance

STORAGE = "1.2.840.10008.5.1.4.1.1."
SLIDE = f"{STORAGE}77.1.6"
FRAME = [{"ID": "f"}]


def parsed(stored=EXPLICIT_LE, frames=FRAME, **attributes):
    made = instance("1.2.3", frames=frames, stored=stored, **attributes)
    content = gzip.compress(json.dumps(image_set("1", "1.2", made)).encode())
    return document.parse("x", content).instances["1.2.3"]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (EXPLICIT_LE, Category.IMAGE),
        (HTJ2K_RPCL, Category.IMAGE),
        ("1.2.840.10008.1.2.4.50", Category.IMAGE),
        ("1.2.840.10008.1.2.4.100", Category.VIDEO),
        ("1.2.840.10008.1.2.4.102.1", Category.VIDEO),
        ("1.2.840.10008.1.2.4.108", Category.VIDEO),
        ("1.2.840.10008.1.2.4.112", Category.OTHER),  # JPEG XL: there is no decoder
    ],
)
def test_frames_decide(stored, expected):
    assert category(parsed(stored)) is expected
    assert category(parsed(stored, SOPClassUID=f"{STORAGE}88.11")) is expected


@pytest.mark.parametrize(
    ("sop_class", "expected"),
    [
        ("88.11", Category.REPORT),
        ("88.59", Category.REPORT),
        ("104.1", Category.DOCUMENT),
        ("104.3", Category.DOCUMENT),
        ("11.1", Category.PRESENTATION),
        ("11.4", Category.PRESENTATION),
        ("2", Category.OTHER),
        ("481.5", Category.OTHER),
        ("9.1.1", Category.OTHER),
        ("110", Category.OTHER),
    ],
)
def test_the_sop_class_decides_without_frames(sop_class, expected):
    assert category(parsed(frames=(), SOPClassUID=STORAGE + sop_class)) is expected


def test_an_instance_that_does_not_say_what_it_is():
    assert category(parsed(frames=(), SOPClassUID=None)) is Category.OTHER


@pytest.mark.parametrize(
    ("syntax", "media_type"),
    [("100", "video/mpeg"), ("101.1", "video/mpeg"), ("103", "video/mp4"), ("107", "video/H265")],
)
def test_media_types_of_video(syntax, media_type):
    assert video_type(parsed(f"1.2.840.10008.1.2.4.{syntax}")) == media_type


def test_the_image_that_shows_a_slide_best():
    """PS3.3 C.8.12.4.1.1: the third value of Image Type; a label has the patient's name on it."""
    levels = {
        "thumbnail": (["ORIGINAL", "PRIMARY", "THUMBNAIL", "RESAMPLED"], 1),
        "overview": (["ORIGINAL", "PRIMARY", "OVERVIEW", "NONE"], 1),
        "smallest": ("DERIVED\\PRIMARY\\VOLUME\\RESAMPLED", 4),
        "unnamed": (None, 5),
        "largest": (["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], 900),
        "label": (["ORIGINAL", "PRIMARY", "LABEL", "NONE"], 1),
    }
    images = {
        name: parsed(frames=FRAME * count, SOPClassUID=SLIDE, ImageType=kind)
        for name, (kind, count) in levels.items()
    }
    assert all(map(is_slide, images.values()))
    assert not is_slide(parsed())
    assert sorted(images, key=lambda name: slide_order(images[name])) == list(levels)


def test_images_come_before_what_was_made_of_them():
    modalities = ["CT", "", "XX", "SEG", "RTDOSE", "SR", "PR", "KO", "DOC", "RTSTRUCT"]
    assert [modality_order(name) for name in modalities] == [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]
