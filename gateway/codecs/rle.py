"""RLE Lossless (PS3.5 Annex G): byte planes of PackBits runs, most significant byte first."""

from itertools import accumulate
from typing import Final

import imagecodecs
import numpy as np

from gateway.codecs.samples import Samples, contiguous
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError

_HEADER: Final = 64


def segments(image: ImagePixel) -> int:
    """How many segments a frame has: one for each byte of each sample."""
    return image.samples * (image.bits_allocated // 8)


def encode(samples: Samples, image: ImagePixel) -> bytes:
    """One RLE frame; no run crosses the end of a row (PS3.5 G.3.1)."""
    width = image.bits_allocated // 8
    pixels = contiguous(samples).view(np.uint8)
    pixels = pixels.reshape(image.rows, image.columns, image.samples, width)
    runs = [
        _runs(pixels[:, :, sample, byte])
        for sample in range(image.samples)
        for byte in reversed(range(width))
    ]
    ends = list(accumulate(map(len, runs), initial=_HEADER))
    header = np.zeros(_HEADER // 4, "<u4")
    header[0] = len(runs)
    header[1 : len(runs) + 1] = ends[:-1]
    return b"".join([header.tobytes(), *runs])


def _runs(plane: Samples) -> bytes:
    try:
        coded = bytes(imagecodecs.packbits_encode(contiguous(plane), axis=-1))
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"an RLE segment cannot be encoded: {error}") from error
    return coded + b"\0" * (len(coded) % 2)


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One RLE frame; samples come back interleaved by pixel."""
    if len(frame) < _HEADER:
        raise CodecError("the RLE frame is shorter than its header")
    header = np.frombuffer(frame, "<u4", 16)
    width = image.bits_allocated // 8
    count = int(header[0])
    if count != segments(image):
        raise CodecError(f"the RLE frame has {count} segments, {segments(image)} are expected")
    offsets = [*(int(offset) for offset in header[1 : count + 1]), len(frame)]
    pixels = image.rows * image.columns
    planes = np.empty((pixels, image.samples, width), np.uint8)
    for segment in range(count):
        run = _segment(frame, offsets[segment], offsets[segment + 1], pixels)
        # Big-endian planes go to little-endian places.
        planes[:, segment // width, width - 1 - segment % width] = run
    return planes.reshape(-1).view(image.dtype).reshape(image.shape)


def _segment(frame: bytes, start: int, end: int, pixels: int) -> Samples:
    if not _HEADER <= start <= end <= len(frame):
        raise CodecError("an RLE segment lies outside the frame")
    try:
        run = imagecodecs.packbits_decode(frame[start:end])
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"an RLE segment cannot be decoded: {error}") from error
    if len(run) < pixels:
        raise CodecError(f"an RLE segment holds {len(run)} bytes, {pixels} are expected")
    return np.frombuffer(run, np.uint8, pixels)
