"""JPEG 2000 through OpenJPEG (imagecodecs); encodes and decodes without the GIL."""

import math
from typing import Any

import imagecodecs

from gateway.codecs.codestream import jpeg_2000
from gateway.codecs.quality import tolerance
from gateway.codecs.samples import Samples, check_stored, conform, contiguous, narrow, narrowable
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError


def encode(samples: Samples, image: ImagePixel) -> bytes:
    """One frame as lossless JPEG 2000 (1.2.840.10008.1.2.4.90), a bare codestream.

    Three components go through the reversible component transform, whatever their colour space, as
    HTJ2K frames do; Bits Stored is declared where every sample fits it (PS3.5 8.2.4).
    """
    bits = image.bits_stored if narrow(samples, image) else None
    return _encode(samples, image, {"reversible": True, "bitspersample": bits})


def compress(samples: Samples, image: ImagePixel, quality: int) -> bytes:
    """One frame as irreversible JPEG 2000 (1.2.840.10008.1.2.4.91), reversible at quality 100.

    Bits Stored is declared, so that decoders let nothing out beyond its range.

    Raises:
        NotAcceptable: a sample has more than Bits Stored.
    """
    error = tolerance(quality, samples)
    if not error or not narrowable(image):
        return encode(samples, image)
    check_stored(samples, image)
    bits = image.bits_stored
    ratio = 20 * math.log10(((1 << bits) - 1) / error)  # peak signal to noise in dB
    return _encode(samples, image, {"level": ratio, "reversible": False, "bitspersample": bits})


def _encode(samples: Samples, image: ImagePixel, options: dict[str, Any]) -> bytes:
    try:
        frame = imagecodecs.jpeg2k_encode(
            contiguous(samples), codecformat="j2k", mct=image.samples == 3, **options
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
