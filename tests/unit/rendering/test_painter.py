"""The pictures of an instance: all parts of rendering together, on frames as they are stored."""

import base64
import gzip
import json

import numpy as np
import pytest
from PIL import Image

from gateway.codecs import openjph, resolutions
from gateway.dicom.image import ImagePixel
from gateway.dicomweb.rendered import Parameters, Viewport, Windowing
from gateway.errors import CodecError, InvalidRequest
from gateway.imagesets import document
from gateway.rendering import colour_spaces, pictures, sitters
from gateway.rendering.lettering import Lettering
from gateway.rendering.painter import Painter
from tests.unit.services.memory import EXPLICIT_LE, HTJ2K_RPCL, PIXELS, image_set, instance

LETTERING = Lettering()
SIZE = 256
Y, X = np.mgrid[0:SIZE, 0:SIZE]
BYTES = ((X + Y) // 2).astype(np.uint8)
IDENTITY = Windowing(128.0, 256.0, "LINEAR")  # of bytes
GREY = {**PIXELS, "Rows": SIZE, "Columns": SIZE, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
COLOUR = {**GREY, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
NOISE = (BYTES // 2 + np.random.default_rng(6).integers(0, 32, BYTES.shape)).astype(np.uint8)
COLOURS = np.stack([BYTES, BYTES[::-1], BYTES[:, ::-1]], 2)


def parsed(stored=EXPLICIT_LE, count=1, **attributes):
    frames = [{"ID": str(number)} for number in range(count)]
    made = instance("1.2.3", frames=frames, stored=stored, **attributes)
    content = gzip.compress(json.dumps(image_set("1", "1.2", made)).encode())
    return document.parse("x", content).instances["1.2.3"]


def painted(one, frame, number=1, enlarge=True, **parameters):
    painter = Painter(sitters.of(one), Parameters(**parameters), LETTERING, enlarge=enlarge)
    return painter.paint(number, frame)


def picture(one, frame, **parameters):
    return painted(one, frame, **parameters)[0]


def test_a_frame_shown_as_it_is():
    found, profile = painted(parsed(**GREY), BYTES.tobytes(), window=IDENTITY)
    assert np.array_equal(found, BYTES)
    assert profile is None
    assert np.array_equal(picture(parsed(**COLOUR), COLOURS.tobytes()), COLOURS)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Windowing(100.0, 21.0, "LINEAR"), lambda x: np.clip((x - 99.5) / 20 + 0.5, 0, 1)),
        (Windowing(100.0, 20.0, "LINEAR_EXACT"), lambda x: np.clip((x - 100) / 20 + 0.5, 0, 1)),
        (Windowing(100.0, 20.0, "SIGMOID"), lambda x: 1 / (1 + np.exp(-4 * (x - 100.0) / 20))),
    ],
)
def test_the_window_is_that_of_the_parameters(window, expected):
    found = picture(parsed(**GREY), BYTES.tobytes(), window=window)
    assert np.abs(found - expected(BYTES.astype(float)) * 255).max() <= 1


def test_only_what_has_to_be_decoded_is_kept():
    def kept(one, frame, **parameters):
        keys = []
        keep = lambda key, decode: keys.append(key) or decode()  # noqa: E731
        given = Parameters(window=IDENTITY, **parameters)
        painter = Painter(sitters.of(one), given, LETTERING, keep=keep)
        return painter.paint(1, frame)[0], keys

    stored, box = parsed(HTJ2K_RPCL, **GREY), Viewport(64, 64)
    frame = openjph.encode(BYTES, ImagePixel(SIZE, SIZE, 1, 8, 8))
    whole, keys = kept(stored, frame)
    assert np.array_equal(whole, BYTES)
    assert kept(stored, frame)[1] == keys != kept(stored, frame, viewport=box)[1]
    assert kept(parsed(HTJ2K_RPCL, **{**GREY, "PixelRepresentation": 1}), frame)[1] != keys
    assert kept(parsed(**GREY), BYTES.tobytes())[1] == []


def test_the_viewport_is_cut_from_what_is_shown():
    box = Viewport(32, 16, 10, 20, 32, 16, mirrored=True)
    found = picture(parsed(**GREY), BYTES.tobytes(), window=IDENTITY, viewport=box)
    assert np.array_equal(found, BYTES[20:36, 10:42][:, ::-1])


def test_pixels_that_are_not_square_are_shown_so():
    one = parsed(**GREY, PixelSpacing=["2", "1"])
    assert picture(one, BYTES.tobytes(), viewport=Viewport(100, 100)).shape == (100, 50)
    assert picture(one, BYTES.tobytes()).shape == (SIZE, SIZE)


def test_a_thumbnail_is_no_larger_than_the_image():
    one = parsed(**GREY)
    box = {"viewport": Viewport(1000, 1000), "enlarge": False}
    assert picture(one, BYTES.tobytes(), **box).shape == (SIZE, SIZE)


def htj2k(samples, **layout):
    return openjph.encode(
        samples, ImagePixel(SIZE, SIZE, bits_allocated=8, bits_stored=8, **layout)
    )


def beginning(whole, halvings):
    """So much of a frame as its lower resolutions take, and a little of the next."""
    return whole[: len(resolutions.cut(whole, halvings)) + 40]


def test_no_more_of_a_frame_is_decoded_than_is_shown():
    """The beginning of a frame does not decode as a whole, but it can be halved."""
    whole = htj2k(NOISE)
    small = beginning(whole, 2)
    assert len(small) < len(whole) / 4
    one = parsed(HTJ2K_RPCL, **GREY)
    box = {"viewport": Viewport(64, 64), "window": IDENTITY}
    found = picture(one, small, **box)
    assert np.array_equal(found, picture(one, whole, **box))
    expected = np.asarray(Image.fromarray(NOISE).resize((64, 64), Image.Resampling.BOX))
    assert np.abs(found.astype(int) - expected).mean() < 3
    with pytest.raises(CodecError):
        picture(one, small, window=IDENTITY, viewport=Viewport(65, 65))
    with pytest.raises(CodecError):
        picture(one, small, overlays=True, **box)


def test_a_region_is_decoded_at_its_own_resolution():
    one = parsed(HTJ2K_RPCL, **GREY)
    box = Viewport(32, 32, 64, 128, 128, 128)
    found = picture(one, beginning(htj2k(NOISE), 2), viewport=box, window=IDENTITY)
    cut = Image.fromarray(NOISE[128:256, 64:192])
    expected = np.asarray(cut.resize((32, 32), Image.Resampling.BOX))
    assert np.abs(found.astype(int) - expected).mean() < 3


def test_the_colours_of_a_palette_are_never_averaged_as_numbers():
    """Between the neighbours 0 and 255 of this palette, red both, lie 254 colours of blue."""
    red, blue = np.zeros((2, 256), "<u2")
    blue[1:255], red[[0, 255]] = 0xFFFF, 0xFFFF
    tables = {"Red": red, "Green": np.zeros(256, "<u2"), "Blue": blue}
    data = {
        f"{name}PaletteColorLookupTable{part}": value
        for name, table in tables.items()
        for part, value in (
            ("Descriptor", [256, 0, 16]),
            ("Data", base64.b64encode(table).decode()),
        )
    }
    colours = {**GREY, "PhotometricInterpretation": "PALETTE COLOR", **data}
    frame = htj2k((X % 2 * 255).astype(np.uint8))
    found = picture(parsed(HTJ2K_RPCL, **colours), frame, viewport=Viewport(64, 64))
    assert (found == (255, 0, 0)).all()


def test_one_bit_per_pixel():
    bits = (X * Y % 7 == 0)[:15, :21]
    segmentation = {**GREY, "Rows": 15, "Columns": 21, "BitsAllocated": 1, "BitsStored": 1}
    one = parsed(**{**segmentation, "HighBit": 0, "SegmentationType": "BINARY"})
    frame = np.packbits(bits, bitorder="little").tobytes()
    found = picture(one, frame)
    assert found.shape[:2] == bits.shape
    shown = found if found.ndim == 2 else found.max(2)
    assert len(np.unique(shown[bits])) == 1
    assert len(np.unique(shown[~bits])) == 1
    assert shown[bits][0] > shown[~bits][0]
    with pytest.raises(CodecError, match="40 are expected"):
        picture(one, frame[:-1])


def test_colours_are_converted_and_described():
    adobe = colour_spaces.profile("adobergb")
    own = {**COLOUR, "ICCProfile": base64.b64encode(adobe).decode()}
    found, profile = painted(parsed(**own), COLOURS.tobytes(), profile="yes")
    assert profile == adobe
    assert np.array_equal(found, COLOURS)
    found, profile = painted(parsed(**own), COLOURS.tobytes(), profile="srgb")
    assert profile == colour_spaces.profile("srgb")
    assert not np.array_equal(found, COLOURS)
    plain, profile = painted(parsed(**COLOUR), COLOURS.tobytes(), profile="srgb")
    assert np.array_equal(plain, COLOURS)
    assert profile == colour_spaces.profile("srgb")


def test_the_profile_inside_a_stored_jpeg():
    profile = colour_spaces.profile("displayp3")
    frame = pictures.encode(COLOURS, "image/jpeg", 100, profile)
    one = parsed("1.2.840.10008.1.2.4.50", **{**COLOUR, "PhotometricInterpretation": "YBR_FULL"})
    found, embedded = painted(one, frame, profile="yes")
    assert embedded == profile
    assert np.abs(found.astype(int) - COLOURS).mean() < 3


def test_annotations_are_written_after_all_the_rest():
    one = parsed(**GREY)
    blank = bytes(SIZE * SIZE)
    box = Viewport(200, 100, 0, 0, 200, 100, mirrored=True)
    found = picture(one, blank, window=IDENTITY, viewport=box, annotations=("patient",))
    assert found.shape == (100, 200)
    assert np.nonzero(found.any(0))[0].min() < 20  # at the left, although the image is mirrored


def test_each_frame_of_an_animation_has_its_time():
    one = parsed(count=3, **GREY, FrameTime="40")
    assert Painter(sitters.of(one), Parameters(), LETTERING).durations([1, 3]) == [40, 40]


def test_what_does_not_fit_the_image_is_refused():
    one = parsed(**GREY)
    with pytest.raises(InvalidRequest, match="outside"):
        Painter(sitters.of(one), Parameters(Viewport(10, 10, SIZE)), LETTERING)
    with pytest.raises(CodecError, match="expected"):
        picture(one, BYTES.tobytes()[:-1])
    with pytest.raises(CodecError, match="zero"):
        Painter(sitters.of(parsed(**{**GREY, "Rows": 0})), Parameters(), LETTERING)
