"""Which codec makes which transfer syntax, and what images each can carry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.codecs import charls, libjpeg, openjpeg, openjph, rle
from gateway.codecs.samples import Samples
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import MULTI_COMPONENT_TRANSFORM, ImagePixel

Lossless = Callable[[Samples, ImagePixel], bytes]
Lossy = Callable[[Samples, ImagePixel, int], bytes]

_GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
_PALETTE: Final = "PALETTE COLOR"
_COLOURS: Final = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", *MULTI_COMPONENT_TRANSFORM})


@dataclass(frozen=True, slots=True)
class Encoder:
    """How samples become frames of one transfer syntax.

    ``encode`` keeps every bit, ``compress`` loses what a quality allows; a transfer syntax has one
    of them or both. ``carries`` says of which images, their samples decoded, it can hold all that
    the tables of PS3.5 8.2 allow. ``method`` is the term for Lossy Image Compression Method.
    """

    carries: Callable[[ImagePixel], bool]
    encode: Lossless | None = None
    compress: Lossy | None = None
    method: str = ""


def _image(image: ImagePixel) -> bool:
    """Grey, palette or colour of 8 or 16 bits, the colours without a sign."""
    if image.floating or image.bits_allocated not in (8, 16):
        return False
    if image.samples == 1:
        return image.photometric in _GREY or image.photometric == _PALETTE
    return image.samples == 3 and not image.signed and image.photometric in _COLOURS


def _picture(image: ImagePixel) -> bool:
    """As ``_image``, where samples near one another also mean nearly the same."""
    return _image(image) and image.photometric != _PALETTE


def _baseline(image: ImagePixel) -> bool:
    return _picture(image) and _bits(image) == (8, 8) and not image.signed


def _extended(image: ImagePixel) -> bool:
    grey = image.samples == 1 and not image.signed
    return _picture(image) and grey and _bits(image) in ((8, 8), (16, 12))


def _bits(image: ImagePixel) -> tuple[int, int]:
    return image.bits_allocated, image.bits_stored


def _bytes(image: ImagePixel) -> bool:
    """What RLE, which knows bytes only, holds: integers of 32 bits, too."""
    whole = image.bits_allocated == 32 and image.samples == 1 and not image.floating
    return (whole and image.photometric in _GREY) or _image(image)


_JPEG: Final = "ISO_10918_1"
_JPEG_LS: Final = "ISO_14495_1"
_JPEG_2000: Final = "ISO_15444_1"
_HTJ2K: Final = "ISO_15444_15"

ENCODERS: Final[dict[str, Encoder]] = {
    ts.HTJ2K_LOSSLESS_RPCL: Encoder(_image, openjph.encode),
    ts.HTJ2K_LOSSLESS: Encoder(_image, openjph.encode),
    ts.JPEG_2000_LOSSLESS: Encoder(_image, openjpeg.encode),
    ts.JPEG_LS: Encoder(_image, charls.encode),
    ts.JPEG_LOSSLESS_SV1: Encoder(_image, libjpeg.encode),
    ts.JPEG_LOSSLESS: Encoder(_image, libjpeg.encode),
    ts.RLE: Encoder(_bytes, rle.encode),
    # A codestream of Part 1 is one of Part 2 that uses none of its extensions (ISO 15444-2 A.1).
    ts.JPEG_2000_PART_2_LOSSLESS: Encoder(_image, openjpeg.encode),
    ts.HTJ2K: Encoder(_picture, openjph.encode, openjph.compress, _HTJ2K),
    ts.JPEG_2000: Encoder(_picture, openjpeg.encode, openjpeg.compress, _JPEG_2000),
    ts.JPEG_LS_NEAR: Encoder(_picture, charls.encode, charls.compress, _JPEG_LS),
    ts.JPEG_2000_PART_2: Encoder(_picture, openjpeg.encode, openjpeg.compress, _JPEG_2000),
    ts.JPEG_BASELINE: Encoder(_baseline, compress=libjpeg.compress, method=_JPEG),
    ts.JPEG_EXTENDED: Encoder(_extended, compress=libjpeg.compress_extended, method=_JPEG),
}
"""All transfer syntaxes that frames can be encoded in, those preferred first."""
