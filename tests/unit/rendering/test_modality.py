"""Modality LUTs, linear and by table, beside pydicom's."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

from gateway.rendering import modality
from gateway.rendering.luts import Lut
from gateway.rendering.modality import Rescale
from gateway.rendering.voi import Window
from tests.unit.rendering.images import column, image, lut, shown, stored, words

XA = "1.2.840.10008.5.1.4.1.1.12.1"
XRF = "1.2.840.10008.5.1.4.1.1.12.2"
CR = "1.2.840.10008.5.1.4.1.1.1"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"RescaleSlope": "2.5", "RescaleIntercept": "-1024"}, Rescale(2.5, -1024)),
        ({"RescaleIntercept": "-1024"}, Rescale(1, -1024)),
        ({"RescaleSlope": "0.5"}, Rescale(0.5, 0)),
        ({"RescaleSlope": "", "RescaleIntercept": ""}, None),
        ({"ModalityLUTSequence": []}, None),
        ({}, None),
    ],
    ids=str,
)
def test_rescales_of_data_sets(attributes, expected):
    assert modality.of(stored(image(column([0]), **attributes)).dataset) == expected


@given(st.floats(-1e3, 1e3), st.floats(-1e5, 1e5))
def test_rescaled_values_as_pydicom_has_them(slope, intercept):
    dataset = Dataset()
    dataset.add_new("RescaleSlope", "FD", slope)
    dataset.add_new("RescaleIntercept", "FD", intercept)
    values = np.arange(-500, 500)
    found = modality.apply(Rescale(slope, intercept), values)
    assert np.allclose(found, apply_modality_lut(values, dataset), rtol=1e-12, atol=1e-9)


@given(
    st.sampled_from(["<u2", "<i2"]),
    st.integers(-600, 600),
    st.lists(st.integers(0, 65535), min_size=1, max_size=300),
)
def test_tables_as_pydicom_has_them(dtype, first, entries):
    first = abs(first) if dtype == "<u2" else first
    dataset = Dataset()
    dataset.ModalityLUTSequence = [lut([len(entries), first, 16], entries)]
    dataset.set_original_encoding(False, True)
    values = np.arange(0 if dtype == "<u2" else -1000, 1000).astype(dtype)
    found = modality.apply(Lut(first, 16, words(entries)), values)
    assert np.array_equal(found, apply_modality_lut(values.astype("<i4"), dataset))


def test_the_table_comes_before_the_rescale_and_before_the_window():
    table = lut([3, 1, 16], [500, 700, 900], ModalityLUTType="OD")
    made = image(
        column([0, 1, 2, 3, 9]), ModalityLUTSequence=[table], RescaleSlope=9, RescaleIntercept=9
    )
    found = shown(made, window=Window(700, 400, "LINEAR_EXACT"))
    assert found.ravel().tolist() == [0, 0, 128, 255, 255]


def test_without_a_window_the_range_is_that_of_the_table_s_output():
    table = lut([4, 0, 16], [900, 100, 500, 65535], ModalityLUTType="OD")
    found = shown(image(column([0, 1, 2]), ModalityLUTSequence=[table]))
    assert found.ravel().tolist() == [255, 0, 128]


def test_a_falling_rescale_turns_black_and_white_around():
    found = shown(image(column([0, 100, 200]), RescaleSlope=-1, RescaleIntercept=0))
    assert found.ravel().tolist() == [255, 128, 0]


@pytest.mark.parametrize(
    ("sop_class", "intensity", "expected"),
    [
        (XA, "LOG", [0, 128, 255]),
        (XRF, "DISP", [0, 128, 255]),
        (XA, "LIN", [255, 128, 0]),
        (CR, "LOG", [255, 128, 0]),
    ],
)
def test_a_table_that_leads_back_to_intensity_is_not_for_display(sop_class, intensity, expected):
    table = lut([3, 0, 16], [2, 1, 0], ModalityLUTType="US")
    made = image(
        column([0, 1, 2]),
        ModalityLUTSequence=[table],
        SOPClassUID=sop_class,
        PixelIntensityRelationship=intensity,
    )
    assert shown(made).ravel().tolist() == expected


def test_floating_point_values_stay_in_single_precision():
    values = np.array([[0.5, 1.5]], "f4")
    assert modality.apply(Rescale(2, 1), values).dtype == np.float32
    assert modality.apply(Rescale(2, 1), values).tolist() == [[2, 4]]
