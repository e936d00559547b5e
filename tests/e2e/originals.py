"""What a file's pictures look like by pydicom, and whether a picture on the screen is that one."""

import warnings
from typing import Any, Final

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

from conformance import decoders, pixels, values
from conformance.originals import Original

UNDECODABLE: Final = (
    AttributeError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What is raised for files that cannot be decoded here."""

_ALIKE: Final = 0.95
"""Least correlation of two pictures that are the same but for interpolation."""
_FLAT: Final = 1.0  # deviation below which a picture has nothing to correlate
_NEAR: Final = 4.0
_ROUNDING: Final = 1e-6
_SIDE: Final = 512  # pixels; larger pictures are compared at this size
_TURNS: Final = {
    "upright": lambda a: a,
    "mirrored": lambda a: a[:, ::-1],
    "upside down": lambda a: a[::-1],
    "turned by 180": lambda a: a[::-1, ::-1],
    "transposed": lambda a: a.swapaxes(0, 1),
    "turned left": lambda a: a.swapaxes(0, 1)[::-1],
    "turned right": lambda a: a.swapaxes(0, 1)[:, ::-1],
    "transposed and turned": lambda a: a.swapaxes(0, 1)[::-1, ::-1],
}
_ORDERS: Final = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def has_pictures(dataset: Dataset) -> bool:
    """Whether a viewer shows the pixels of the instance as they are."""
    return "PixelData" in dataset and dataset.get("Modality") not in ("SEG", "SM")


def size(dataset: Dataset, frame: int) -> tuple[float, float]:
    """Width and height, in millimetres where pixels are not square."""
    spacing = _grouped(dataset, frame, "PixelMeasuresSequence", "PixelSpacing")
    spacing = spacing or dataset.get("ImagerPixelSpacing") or (1, 1)
    return dataset.Columns * float(spacing[1]), dataset.Rows * float(spacing[0])


def _samples(dataset: Dataset, frame: int) -> np.ndarray:
    """By pydicom; what it has no decoder for (JPEG-LS, lossless JPEG) by the conformance suite."""
    try:
        return pixel_array(dataset, index=frame - 1)
    except UNDECODABLE:
        original = Original(None, values.of_file(dataset), dataset.file_meta.TransferSyntaxUID)
        frames = pixels.Frames(original, dataset)
        try:
            samples = decoders.stored(frames.decoded(frame), frames.shape)
        except decoders.Undecodable as error:
            raise NotImplementedError(str(error)) from error
        return pixels.rgb(samples, frames.shape) if "YBR_FULL" in frames.shape.photometric else (
            samples
        )  # fmt: skip


def picture(dataset: Dataset, frame: int) -> np.ndarray:
    """A frame, counted from 1, as it is to be seen: red, green and blue of 8 bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = _samples(dataset, frame)
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            samples = apply_color_lut(samples, dataset)
            return (samples >> 8 if samples.dtype.itemsize > 1 else samples).astype("u1")
        if dataset.SamplesPerPixel > 1:
            return (samples.astype(np.int64) >> max(dataset.BitsStored - 8, 0)).astype("u1")
        grey = _windowed(dataset, frame, samples)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    return np.stack([grey.astype("u1")] * 3, axis=2)


def _windowed(dataset: Dataset, frame: int, samples: np.ndarray) -> np.ndarray:
    slope = _grouped(dataset, frame, "PixelValueTransformationSequence", "RescaleSlope")
    if slope is not None and "RescaleSlope" not in dataset:
        offset = _grouped(dataset, frame, "PixelValueTransformationSequence", "RescaleIntercept")
        values = samples * float(slope) + float(offset)
    else:
        values = apply_modality_lut(samples, dataset).astype(float)
    center = _first(_grouped(dataset, frame, "FrameVOILUTSequence", "WindowCenter"))
    width = _first(_grouped(dataset, frame, "FrameVOILUTSequence", "WindowWidth"))
    if center is None or width is None or width < 1:
        low, high = float(values.min()), float(values.max())
    else:  # PS3.3 C.11.2.1.2.1
        low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    return np.clip((values - low) / (high - low or 1), 0, 1) * 255


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if isinstance(value, (list, pydicom.multival.MultiValue)) else value)


def _grouped(dataset: Dataset, frame: int, sequence: str, keyword: str) -> Any:
    """An attribute of a frame: its own functional group's, the shared one's, the instance's."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    own = (dataset.get("PerFrameFunctionalGroupsSequence") or [])[frame - 1 : frame]
    for group in (*own, *shared):
        for item in group.get(sequence) or []:
            if keyword in item:
                return item[keyword].value
    return dataset.get(keyword)


def difference(shown: np.ndarray, original: np.ndarray) -> str | None:
    """In what ``shown`` is another picture than ``original``, in a sentence; None if it is that.

    Both have red, green and blue; their sizes are brought together first.
    """
    largest = max(shown.shape)
    factor = min(1, _SIDE / largest)
    height, width = (max(1, round(side * factor)) for side in shown.shape[:2])
    seen = _sized(shown, width, height)
    if original.std() < _FLAT:  # how bright it is follows from no window
        return None if seen.std() < _NEAR else "it is not even, as the original is"
    found = {
        name: _correlation(seen, _sized(turn(original), width, height))
        for name, turn in _TURNS.items()
    }
    best = max(found, key=found.__getitem__)
    if found["upright"] < found[best]:
        return f"it is {best}: {found[best]:.3f} instead of {found['upright']:.3f}"
    upright = _sized(original, width, height)
    orders = {order: _correlation(seen, upright[..., order]) for order in _ORDERS}
    order = max(orders, key=orders.__getitem__)
    if orders[order] > found["upright"] + _ROUNDING:
        return f"its colours are in the order {order}"
    if found["upright"] < _ALIKE:
        return f"it correlates with the original by {found['upright']:.3f} only"
    return None


def _sized(array: np.ndarray, width: int, height: int) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(array))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)).astype(float)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    first, second = one - one.mean(), other - other.mean()
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale else 0.0
