"""Which codec serves which transfer syntax, and what the samples it gives mean."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.codecs import charls, libjpeg, native, openjpeg, openjph, rle
from gateway.codecs.codestream import jpeg, jpeg_2000
from gateway.codecs.samples import Samples
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import MULTI_COMPONENT_TRANSFORM, SUBSAMPLED, ImagePixel
from gateway.errors import CodecError

Decoder = Callable[[bytes, ImagePixel], Samples]

_DECODERS: Final[dict[str, Decoder]] = {
    ts.EXPLICIT_LE: native.decode,
    ts.JPEG_BASELINE: libjpeg.decode,
    ts.JPEG_EXTENDED: libjpeg.decode,
    ts.JPEG_LOSSLESS: libjpeg.decode,
    ts.JPEG_LOSSLESS_SV1: libjpeg.decode,
    ts.JPEG_LS: charls.decode,
    ts.JPEG_LS_NEAR: charls.decode,
    ts.JPEG_2000_LOSSLESS: openjpeg.decode,
    ts.JPEG_2000: openjpeg.decode,
    ts.HTJ2K_LOSSLESS: openjph.decode,
    ts.HTJ2K_LOSSLESS_RPCL: openjph.decode,
    ts.HTJ2K: openjph.decode,
    ts.RLE: rle.decode,
}

_JPEG: Final = frozenset(
    {ts.JPEG_BASELINE, ts.JPEG_EXTENDED, ts.JPEG_LOSSLESS, ts.JPEG_LOSSLESS_SV1}
)
_JPEG_2000: Final = frozenset(
    {
        ts.JPEG_2000_LOSSLESS,
        ts.JPEG_2000,
        ts.JPEG_2000_PART_2_LOSSLESS,
        ts.JPEG_2000_PART_2,
        ts.HTJ2K_LOSSLESS,
        ts.HTJ2K_LOSSLESS_RPCL,
        ts.HTJ2K,
    }
)
_MAX_FRAME_BYTES: Final = 1 << 31


def decodes(syntax: str) -> bool:
    """Whether frames of the transfer syntax can be decoded."""
    return syntax in _DECODERS


def decode(syntax: str, frame: bytes, image: ImagePixel) -> Samples:
    """The samples of ``frame``: ``image.shape``, ``image.dtype``, interleaved by pixel.

    Raises:
        CodecError: there is no decoder, or the frame is broken or does not fit ``image``.
    """
    decoder = _DECODERS.get(syntax)
    if decoder is None:
        raise CodecError(f"there is no decoder for transfer syntax {syntax}")
    check_size(image)
    header = _header(syntax, frame)
    if header is not None and header != (image.rows, image.columns, image.samples):
        found = "x".join(map(str, header))
        expected = f"{image.rows}x{image.columns}x{image.samples}"
        raise CodecError(f"the frame is {found}, the data set declares {expected}")
    return decoder(frame, image)


def native_frame(syntax: str, frame: bytes, image: ImagePixel, source: str) -> bytes:
    """A stored ``frame`` as Explicit VR Little Endian has it; ``source`` as in ``uncompressed``.

    Raises:
        CodecError: it cannot be decoded.
    """
    if syntax == ts.EXPLICIT_LE:
        return frame
    samples = decode(syntax, frame, image)
    return native.encode(samples, uncompressed(syntax, frame, image, source))


def check_size(image: ImagePixel) -> None:
    """Refuse a frame that no machine should be asked to hold: 2 GiB decoded, or empty."""
    if image.frame_bytes > _MAX_FRAME_BYTES:
        raise CodecError(f"a frame of {image.frame_bytes} bytes is larger than 2 GiB")
    if not image.frame_bytes:
        raise CodecError("Rows or Columns is zero")


def _header(syntax: str, frame: bytes) -> tuple[int, int, int] | None:
    if syntax in _JPEG_2000:
        found = jpeg_2000(frame)
    elif syntax in _JPEG or syntax in (ts.JPEG_LS, ts.JPEG_LS_NEAR):
        found = jpeg(frame)
    else:
        return None
    return found.rows, found.columns, found.components


def uncompressed(syntax: str, frame: bytes, image: ImagePixel, source: str) -> ImagePixel:
    """What ``image`` is once its frames are native: the photometric interpretation stays true.

    ``syntax`` is that of the stored ``frame``, ``source`` that of the file it was made from. Codecs
    undo component transforms and give chroma at full size, so YBR_RCT becomes RGB and YBR_FULL_422
    YBR_FULL; only an image that was native and subsampled before can be made so again.
    """
    photometric = image.photometric
    if image.samples != 3:
        return image
    if photometric in MULTI_COMPONENT_TRANSFORM:
        photometric = "RGB"
    elif syntax in _JPEG:
        photometric = _jpeg_photometric(frame, photometric)
    elif photometric in SUBSAMPLED and ts.is_encapsulated(source):
        photometric = "YBR_FULL"
    return replace(image, photometric=photometric)


def _jpeg_photometric(frame: bytes, photometric: str) -> str:
    transformed = jpeg(frame).transformed
    if transformed is None:
        transformed = photometric != "RGB"
    return "YBR_FULL" if transformed else "RGB"


def is_described(syntax: str, image: ImagePixel) -> bool:
    """Whether ``image`` describes what a decoder gives for stored frames, as viewers assume.

    JPEG 2000 decoders give three samples by pixel at full size, whatever Planar Configuration and a
    subsampled photometric interpretation say.
    """
    by_pixel = not image.planar and not image.subsampled
    return by_pixel or image.samples != 3 or syntax not in _JPEG_2000


def encapsulated(syntax: str, frame: bytes, image: ImagePixel) -> ImagePixel:
    """What ``image`` is while its frames stay as stored: true to the codestream, by pixel."""
    if image.samples != 3:
        return image
    photometric = image.photometric
    if syntax in _JPEG_2000:
        photometric = _jpeg_2000_photometric(frame, photometric)
    return replace(image, photometric=photometric, planar=0)


def _jpeg_2000_photometric(frame: bytes, photometric: str) -> str:
    if photometric in SUBSAMPLED:
        return "YBR_FULL"
    if photometric not in {"RGB", *MULTI_COMPONENT_TRANSFORM}:
        return photometric  # what a decoder gives once it has undone a transform
    header = jpeg_2000(frame)
    if not header.transformed:
        return "RGB"
    return "YBR_RCT" if header.reversible else "YBR_ICT"
