"""JPEG, DCT and lossless, through libjpeg-turbo (imagecodecs); decodes without the GIL."""

import imagecodecs

from gateway.codecs.codestream import jpeg
from gateway.codecs.samples import Samples, conform
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One JPEG frame of 8, 12 or 16 bits, its components as coded: no colour is converted.

    Subsampled chroma comes back at full size.
    """
    header = jpeg(frame)
    try:
        if header.components == 3:
            # The same colour space on both sides: libjpeg then converts nothing.
            decoded = imagecodecs.jpeg8_decode(frame, colorspace="YCBCR", outcolorspace="YCBCR")
        else:
            decoded = imagecodecs.jpeg8_decode(frame)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"libjpeg-turbo cannot decode the frame: {error}") from error
    return conform(decoded, image, header.precision)
