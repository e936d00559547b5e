"""JPEG 2000 through OpenJPEG (imagecodecs); decodes without the GIL."""

import imagecodecs

from gateway.codecs.codestream import jpeg_2000
from gateway.codecs.samples import Samples, conform
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One JPEG 2000 frame, boxed or bare; the component transform is undone."""
    header = jpeg_2000(frame)
    try:
        decoded = imagecodecs.jpeg2k_decode(frame)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"OpenJPEG cannot decode the frame: {error}") from error
    return conform(decoded, image, header.precision)
