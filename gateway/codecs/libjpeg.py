"""JPEG, DCT and lossless, through libjpeg-turbo (imagecodecs); works without the GIL."""

from typing import Any, Final

import imagecodecs

from gateway.codecs.codestream import jpeg
from gateway.codecs.jpegmarkers import as_extended, with_tables
from gateway.codecs.samples import Samples, as_unsigned, check_stored, conform, contiguous, narrow
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError

_FIRST_ORDER: Final = 1
_UNCHANGED: Final[dict[str, Any]] = {"colorspace": "YCBCR", "outcolorspace": "YCBCR"}
"""The same colour space on both sides: libjpeg then converts nothing."""


def encode(samples: Samples, image: ImagePixel) -> bytes:
    """One frame as lossless JPEG, process 14 with selection value 1 (1.2.840.10008.1.2.4.70).

    Any decoder of process 14 (1.2.840.10008.1.2.4.57) takes it as well. JPEG knows no sign: signed
    samples are coded as all bits of their two's complement, unsigned ones with Bits Stored where
    that fills more than a byte and every sample fits it. Colours are not converted.
    """
    declared = narrow(samples, image) and not image.signed
    bits = image.bits_stored if declared else image.bits_allocated
    options: dict[str, Any] = {"lossless": True, "predictor": _FIRST_ORDER, "bitspersample": bits}
    if not _is_ybr(image):
        return _encode(as_unsigned(samples), options)
    frame = _encode(as_unsigned(samples), options | _UNCHANGED)
    # libjpeg-turbo codes chroma by a table of its own but names the first one in the scan header.
    return with_tables(frame, (0, 1, 1))


def compress(samples: Samples, image: ImagePixel, quality: int) -> bytes:
    """One frame of 8 bits as baseline JPEG, process 1 (1.2.840.10008.1.2.4.50).

    Three components become YCbCr, if they are not, with chroma at half the horizontal resolution:
    YBR_FULL_422, as PS3.5 table 8.2.1-1 has it.
    """
    colours = _UNCHANGED if _is_ybr(image) else {}
    options = {"level": quality, "subsampling": "422", **colours}
    return _encode(samples, options)


def compress_extended(samples: Samples, image: ImagePixel, quality: int) -> bytes:
    """One grey frame of 8 or 12 bits as extended JPEG, processes 2 and 4 (1.2.840.10008.1.2.4.51).

    Raises:
        NotAcceptable: a sample has more than Bits Stored.
    """
    if image.bits_allocated == 8:
        return as_extended(compress(samples, image, quality))
    check_stored(samples, image)
    return _encode(samples, {"level": quality, "bitspersample": image.bits_stored})


def _is_ybr(image: ImagePixel) -> bool:
    return image.samples == 3 and image.photometric != "RGB"


def _encode(samples: Samples, options: dict[str, Any]) -> bytes:
    try:
        return bytes(imagecodecs.jpeg8_encode(contiguous(samples), **options))
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"libjpeg-turbo cannot encode the frame: {error}") from error


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One JPEG frame of 8, 12 or 16 bits, its components as coded: no colour is converted.

    Subsampled chroma comes back at full size.
    """
    header = jpeg(frame)
    try:
        if header.components == 3:
            decoded = imagecodecs.jpeg8_decode(frame, **_UNCHANGED)
        else:
            decoded = imagecodecs.jpeg8_decode(frame)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"libjpeg-turbo cannot decode the frame: {error}") from error
    return conform(decoded, image, header.precision)
