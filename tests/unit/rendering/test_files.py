"""Whole files, imported and shown, beside what pydicom makes of them."""

from functools import cache

import numpy as np
import pytest
from pydicom.pixels import get_decoder, pixel_array
from pydicom.pixels.processing import (
    apply_color_lut,
    apply_modality_lut,
    apply_voi_lut,
    convert_color_space,
)

from gateway.rendering.voi import Window
from tests import files
from tests.unit.rendering.images import generated, image, shipped, shown, stored

UNREADABLE = {"JPEG2000-embedded-sequence-delimiter", "MR_truncated", "badVR"}
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@cache
def images(*photometrics):
    """The files of the collection that hold such images and can be imported."""
    found = []
    for path in files.collection():
        if path.read_bytes()[128:132] == b"DICM" and path.stem not in UNREADABLE:
            dataset = files.read(path)
            if "PixelData" in dataset and dataset.get("PhotometricInterpretation") in photometrics:
                found.append(pytest.param(path, id=path.stem))
    return found


def samples(path, dataset):
    """The first frame as pydicom decodes it, if it can without loss; colours in RGB."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated or (syntax not in LOSSY and get_decoder(syntax).is_available):
        return pixel_array(dataset, index=0)
    decoded, image = stored(path).decoded()
    return convert_color_space(decoded, image.photometric, "RGB") if image.samples == 3 else decoded


def ends(dataset):
    """What the ends of a window become, by pydicom."""
    low, high = 0, (1 << dataset.BitsStored) - 1
    if dataset.PixelRepresentation:
        low, high = low - (high + 1) // 2, high // 2
    slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
    return low * slope + intercept, high * slope + intercept


def greys(dataset, values):
    """What pydicom makes of stored values, from 0 to 255."""
    units = apply_modality_lut(values, dataset).astype(float)
    if "WindowCenter" in dataset:
        low, high = ends(dataset)
        units = apply_voi_lut(units, dataset)
    else:
        kept = units[values != dataset.get("PixelPaddingValue", None)]
        low, high = kept.min(), kept.max()
        units = np.clip(units, low, high)
    return (units - low) / ((high - low) or 1) * 255


@pytest.mark.parametrize("path", images("MONOCHROME1", "MONOCHROME2"))
def test_greyscale_as_pydicom_shows_it(path):
    dataset = files.read(path)
    values = samples(path, dataset)
    if dataset.HighBit != dataset.BitsStored - 1:
        words = np.frombuffer(dataset.PixelData, "<u2").reshape(values.shape)
        values = words >> (dataset.HighBit + 1 - dataset.BitsStored)  # pydicom takes no notice
    found = shown(path)
    assert found.dtype == np.uint8
    if values.min() < values.max():
        assert np.abs(found - greys(dataset, values)).max() <= 0.5001


@pytest.mark.parametrize("path", images(*COLOURS))
def test_colours_as_pydicom_shows_them(path):
    dataset = files.read(path)
    expected = samples(path, dataset).astype(float) / ((1 << dataset.BitsStored) - 1) * 255
    found = shown(path)
    assert found.shape == (dataset.Rows, dataset.Columns, 3)
    # In single precision, pydicom takes a half for less.
    subsampled = dataset.PhotometricInterpretation.startswith("YBR_FULL")
    assert np.abs(found - expected).max() <= (1 if subsampled else 0.5001)


def test_a_palette_as_pydicom_shows_it():
    path = shipped("examples_palette.dcm")
    dataset = files.read(path)
    assert np.array_equal(shown(path), apply_color_lut(samples(path, dataset), dataset) >> 8)


def test_overlays_as_pydicom_reads_them():
    path = shipped("examples_overlay.dcm")
    overlay = files.read(path).overlay_array(0x6000).astype(bool)
    plain, drawn = shown(path), shown(path, overlays=True)
    assert (drawn[overlay] == 255).all()
    assert (plain[overlay] < 255).any()
    assert np.array_equal(drawn[~overlay], plain[~overlay])


def test_a_segmentation_of_one_bit():
    path = shipped("liver_1frame.dcm")
    assert np.array_equal(shown(path), samples(path, files.read(path)) * 255)


@pytest.mark.parametrize("number", [1, 7, 15])
def test_every_frame_of_a_dose_has_its_own_range(number):
    path = shipped("rtdose.dcm")
    values = pixel_array(files.read(path), index=number - 1).astype(float)
    expected = (values - values.min()) / np.ptp(values) * 255
    assert np.abs(shown(path, number) - expected).max() <= 0.5001


def test_floating_point_pixels():
    path = generated("float_pixels")
    values = files.read(path).pixel_array[0].astype(float)
    expected = (values - values.min()) / np.ptp(values) * 255
    assert np.abs(shown(path) - expected).max() <= 0.51


def test_a_window_that_is_asked_for_stands_for_the_file_s_own():
    path = shipped("CT_small.dcm")
    values = apply_modality_lut(files.read(path).pixel_array, files.read(path))
    found = shown(path, window=Window(50, 400))
    assert np.abs(found - np.clip((values - 49.5) / 399 + 0.5, 0, 1) * 255).max() <= 0.5001


def test_a_window_of_width_one_is_no_step_in_floating_point_pixels():
    values = np.array([[-0.5, 0, 0.25, 0.5, 1, 2]], "<f4")
    window = {"WindowCenter": 0.5, "WindowWidth": 1}
    assert shown(image(values, **window)).tolist() == [[0, 0, 64, 128, 255, 255]]
    whole = image(np.array([[0, 1, 2]], np.uint8), **window)
    assert shown(whole).tolist() == [[0, 255, 255]]
