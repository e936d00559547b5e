"""JPEG 2000 through OpenJPEG (imagecodecs); encodes and decodes without the GIL."""

import imagecodecs
import numpy as np

from gateway.codecs.codestream import jpeg_2000
from gateway.codecs.samples import Samples, conform, narrow
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError


def encode(samples: Samples, image: ImagePixel) -> bytes:
    """One frame as lossless JPEG 2000 (1.2.840.10008.1.2.4.90), a bare codestream.

    Three components go through the reversible component transform, whatever their colour space, as
    HTJ2K frames do; Bits Stored is declared where every sample fits it (PS3.5 8.2.4).
    """
    try:
        frame = imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(samples),
            codecformat="j2k",
            reversible=True,
            mct=image.samples == 3,
            bitspersample=image.bits_stored if narrow(samples, image) else None,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"OpenJPEG cannot encode the frame: {error}") from error
    return bytes(frame)


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One JPEG 2000 frame, boxed or bare; the component transform is undone."""
    header = jpeg_2000(frame)
    try:
        decoded = imagecodecs.jpeg2k_decode(frame)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"OpenJPEG cannot decode the frame: {error}") from error
    return conform(decoded, image, header.precision)
