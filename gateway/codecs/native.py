"""Uncompressed frames (PS3.5 8.1.1): bytes to samples and back, bit for bit."""

import numpy as np

from gateway.codecs.samples import Samples
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """A little-endian native frame as samples interleaved by pixel.

    Subsampled chroma (YBR_FULL_422) is repeated for both pixels of a pair, so that ``encode`` gives
    the same bytes back.
    """
    if len(frame) < image.frame_bytes:
        raise CodecError(f"the frame holds {len(frame)} bytes, {image.frame_bytes} are expected")
    count = image.frame_bytes // np.dtype(image.dtype).itemsize
    flat = np.frombuffer(frame, image.dtype, count)
    if image.subsampled:
        return _upsampled(flat, image)
    if image.samples > 1 and image.planar:
        planes = flat.reshape(image.samples, image.rows, image.columns)
        return np.moveaxis(planes, 0, 2)
    return flat.reshape(image.shape)


def _upsampled(flat: Samples, image: ImagePixel) -> Samples:
    if image.columns % 2:
        raise CodecError("an image with subsampled chroma has an odd number of columns")
    pairs = flat.reshape(image.rows, image.columns // 2, 4)  # Y1 Y2 Cb Cr
    full = np.empty((image.rows, image.columns // 2, 2, 3), flat.dtype)
    full[..., 0] = pairs[..., :2]
    full[..., 1] = pairs[..., 2:3]
    full[..., 2] = pairs[..., 3:4]
    return full.reshape(image.shape)


def encode(samples: Samples, image: ImagePixel) -> bytes:
    """Samples interleaved by pixel as the native frame that ``image`` describes."""
    if image.subsampled:
        pairs = samples.reshape(image.rows, image.columns // 2, 2, 3)
        flat = np.concatenate([pairs[..., 0], pairs[:, :, 0, 1:]], axis=-1)
        return flat.tobytes()
    if image.samples > 1 and image.planar:
        return np.ascontiguousarray(np.moveaxis(samples, 2, 0)).tobytes()
    return samples.tobytes()
