"""Stored frames that go out as they are, and all that keeps others from it."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gateway.codecs import registry
from gateway.dicomweb.rendered import Parameters, Viewport, Windowing
from gateway.rendering import colour_spaces, originals, pictures, sitters
from gateway.rendering.lettering import Lettering
from gateway.rendering.painter import Painter
from tests.unit.rendering.test_painter import BYTES, COLOUR, COLOURS, GREY, parsed

JPEG = "1.2.840.10008.1.2.4.50"
YBR = {**COLOUR, "PhotometricInterpretation": "YBR_FULL_422"}
FRAME = pictures.encode(COLOURS, "image/jpeg", 75)


def stands(frame=FRAME, stored=JPEG, media_type="image/jpeg", attributes=YBR, **parameters):
    one = parsed(stored, **attributes)
    return originals.stands(one, frame, media_type, Parameters(**parameters))


def saved(**options):
    out = BytesIO()
    Image.fromarray(COLOURS).save(out, "JPEG", **options)
    return out.getvalue()


def test_a_frame_that_a_browser_shows_as_it_would_be_rendered():
    assert stands()
    assert stands(FRAME + b"\0")
    assert stands(window=Windowing(40.0, 400.0, "LINEAR"), unsupported=("dose",))
    picture, _ = Painter(sitters.of(parsed(JPEG, **YBR)), Parameters(), Lettering()).paint(1, FRAME)
    shown = np.asarray(Image.open(BytesIO(FRAME))).astype(int)
    assert np.abs(shown - picture).max() <= 3  # two decoders round


@pytest.mark.parametrize(
    "parameters",
    [
        {"viewport": Viewport(256, 256)},
        {"quality": 75},
        {"annotations": ("patient",)},
        {"profile": "yes"},
        {"overlays": True},
    ],
)
def test_what_is_to_be_changed_is_painted(parameters):
    assert not stands(**parameters)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        FRAME[:-2],
        FRAME[: len(FRAME) // 2],
        saved(progressive=True),
        saved(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        saved(icc_profile=colour_spaces.profile("srgb")),
        saved(keep_rgb=True),
        pictures.encode(BYTES, "image/jpeg"),
        pictures.encode(COLOURS[:128], "image/jpeg"),
        FRAME.replace(b"JFIF", b"none", 1),  # nothing says that its colours are YCbCr
    ],
)
def test_a_frame_that_browsers_would_show_otherwise_or_not_at_all(frame):
    assert not stands(frame)


def test_other_images_and_media_types():
    assert not stands(media_type="image/png")
    assert not stands(stored="1.2.840.10008.1.2.4.51")
    grey = pictures.encode(BYTES, "image/jpeg")
    assert not stands(grey, attributes=GREY)  # its window is still to be applied
    assert not stands(attributes={**YBR, "BitsAllocated": 16})
    assert registry.decodes(JPEG)
