"""Frames at a lower resolution, in the colours that a viewer takes them for."""

import numpy as np
import pytest
from pydicom.pixels import convert_color_space

from gateway.codecs import libjpeg
from gateway.dicom import transfer_syntaxes as ts
from gateway.imagesets import reduced
from tests.unit.codecs.images import described, smooth
from tests.unit.imagesets.test_files import stored

COLOUR = {
    "Rows": 40,
    "Columns": 64,
    "SamplesPerPixel": 3,
    "PlanarConfiguration": 0,
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "TransferSyntaxUID": ts.JPEG_BASELINE,
}


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "RGB", "YBR_FULL"])
def test_jpeg_is_rgb_but_where_the_metadata_say_that_viewers_convert(photometric):
    samples = smooth((40, 64, 3), "<u1", 8)
    frame = libjpeg.compress(samples, described(samples), 95)
    one = stored([frame], ts.JPEG_BASELINE, PhotometricInterpretation=photometric, **COLOUR)
    pixel = one.pixel()
    assert reduced.syntaxes(one, pixel, frame, 1) == (ts.EXPLICIT_LE,)
    content = reduced.encode(one, pixel, 1, ts.EXPLICIT_LE, frame)
    found = np.frombuffer(content, "u1").reshape(20, 32, 3)
    if photometric == "YBR_FULL":
        found = convert_color_space(found, "YBR_FULL", "RGB")
    expected = samples.reshape(20, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(found.astype(int) - expected).mean() < 8
