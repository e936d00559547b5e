"""JPEG-LS through CharLS (imagecodecs); decodes without the GIL."""

import imagecodecs
import numpy as np

from gateway.codecs.codestream import jpeg
from gateway.codecs.samples import Samples, conform
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError


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
