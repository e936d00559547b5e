"""JPEG-LS through CharLS (imagecodecs); encodes and decodes without the GIL."""

from typing import Final

import imagecodecs
import numpy as np

from gateway.codecs.codestream import jpeg
from gateway.codecs.jpegmarkers import APP8, without
from gateway.codecs.quality import tolerance
from gateway.codecs.samples import Samples, as_unsigned, check_stored, conform, contiguous, limits
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError

_HEADER: Final = 1024
_LONGEST: Final = 4  # bytes for one: room for a code of LIMIT bits each (ISO 14495-1 A.2.1)
_MOST: Final = 255  # NEAR is a byte (ISO 14495-1 C.2.3)
_PER_DEVIATION: Final = 1.5  # errors are spread evenly from -NEAR to NEAR


def encode(samples: Samples, image: ImagePixel) -> bytes:
    """One frame as lossless JPEG-LS (1.2.840.10008.1.2.4.80), components interleaved by sample.

    JPEG-LS knows no sign (PS3.5 8.2.3): signed samples are coded as the bits of their two's
    complement. All allocated bits are, so that any decoder's container is that of the data set.
    """
    return _encode(samples, 0)


def compress(samples: Samples, image: ImagePixel, quality: int) -> bytes:
    """One frame as near-lossless JPEG-LS (1.2.840.10008.1.2.4.81).

    No sample is off by more than NEAR, or twice that near the ends of the range of Bits Stored:
    there samples are drawn inwards first, so that none comes out beyond it, where it would be shown
    black for white.

    Raises:
        NotAcceptable: a sample has more than Bits Stored.
    """
    error = tolerance(quality, samples)
    if not error:
        return _encode(samples, 0)
    check_stored(samples, image)
    low, high = limits(image.bits_stored, signed=image.signed)
    near = min(max(1, round(error * _PER_DEVIATION)), _MOST, (high - low) // 2)
    return _encode(np.clip(samples, low + near, high - near), near)


def _encode(samples: Samples, near: int) -> bytes:
    bits = contiguous(as_unsigned(samples))
    try:
        frame = imagecodecs.jpegls_encode(bits, level=near, out=_HEADER + bits.nbytes * _LONGEST)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"CharLS cannot encode the frame: {error}") from error
    # A SPIFF header speaks of colour, of which the data set alone has to.
    return without(APP8, bytes(frame))


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One JPEG-LS frame of any interleave mode; JPEG-LS knows no sign (PS3.5 8.2.3)."""
    header = jpeg(frame)
    try:
        decoded = imagecodecs.jpegls_decode(frame)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"CharLS cannot decode the frame: {error}") from error
    if decoded.ndim == 3 and decoded.shape[0] == image.samples != decoded.shape[2]:
        decoded = np.moveaxis(decoded, 0, 2)
    return conform(decoded, image, header.precision)
