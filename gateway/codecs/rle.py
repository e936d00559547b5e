"""RLE Lossless (PS3.5 Annex G): byte planes of PackBits runs, most significant byte first."""

import imagecodecs
import numpy as np

from gateway.codecs.samples import Samples
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError

_HEADER = 64


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One RLE frame; samples come back interleaved by pixel."""
    if len(frame) < _HEADER:
        raise CodecError("the RLE frame is shorter than its header")
    header = np.frombuffer(frame, "<u4", 16)
    width = image.bits_allocated // 8
    count = int(header[0])
    if count != image.samples * width:
        raise CodecError(
            f"the RLE frame has {count} segments, {image.samples * width} are expected"
        )
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
