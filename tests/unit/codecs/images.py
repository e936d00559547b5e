"""Samples to encode, and frames of files."""

import numpy as np
from pydicom.encaps import generate_frames

from gateway.dicom.image import ImagePixel
from tests import files


def described(samples, bits=None, photometric=None, **more):
    """The Image Pixel module of samples that stand as a decoder gives them."""
    colours = samples.shape[2] if samples.ndim == 3 else 1
    return ImagePixel(
        *samples.shape[:2],
        samples=colours,
        bits_allocated=samples.dtype.itemsize * 8,
        bits_stored=bits or samples.dtype.itemsize * 8,
        signed=samples.dtype.kind == "i",
        photometric=photometric or ("RGB" if colours == 3 else "MONOCHROME2"),
        floating=samples.dtype.kind == "f",
        **more,
    )


def limits(dtype, bits):
    """The smallest and the greatest value of so many bits."""
    if np.dtype(dtype).kind == "i":
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def noise(shape, dtype, bits, seed=1):
    """Samples that use all of their range."""
    low, high = limits(dtype, bits)
    return np.random.default_rng(seed).integers(low, high, shape, dtype, endpoint=True)


def smooth(shape, dtype, bits):
    """Samples like those of a picture: waves over the middle of the range."""
    low, high = limits(dtype, bits)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    wave = 0.5 + 0.25 * np.sin(x / 7) + 0.2 * np.cos(y / 5 + x / 31)
    if len(shape) == 3:
        wave = np.stack([np.roll(wave, 5 * plane, 1) for plane in range(shape[2])], -1)
    return (low + wave * (high - low)).astype(dtype)


def of_file(name):
    """The Image Pixel module and the frames of a generated file."""
    dataset = files.read(files.GENERATED / f"{name}.dcm")
    count = int(dataset.get("NumberOfFrames", 1))
    image = ImagePixel(
        dataset.Rows,
        dataset.Columns,
        dataset.SamplesPerPixel,
        dataset.BitsAllocated,
        dataset.BitsStored,
        dataset.PixelRepresentation == 1,
        dataset.PhotometricInterpretation,
        dataset.get("PlanarConfiguration", 0),
        count,
    )
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return image, list(generate_frames(dataset.PixelData, number_of_frames=count))
    size = image.frame_bytes
    return image, [dataset.PixelData[at * size : (at + 1) * size] for at in range(count)]


def native(name):
    """The samples of a generated file that is not compressed, read by NumPy alone."""
    image, frames = of_file(name)
    return [np.frombuffer(frame, image.dtype).reshape(image.shape) for frame in frames]
