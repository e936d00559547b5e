"""Frames at a lower resolution: no more is read and decoded than that resolution takes.

HTJ2K and JPEG 2000 keep a picture as a small one and what each doubling adds to it (ISO 15444-1
Annex F). What is halved once more, or kept in another form, is halved here with the same filter.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from gateway.codecs import openjpeg, openjph, registry, tile_parts
from gateway.codecs.codestream import Codestream, jpeg_2000, unboxed
from gateway.codecs.samples import Samples, conform, fits, limits, low_pass
from gateway.codecs.tile_parts import Undivided, cut
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError

__all__ = ["Undivided", "cut", "decode", "is_divided", "most", "reduced"]

_HTJ2K: Final = frozenset({ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K})
_JPEG_2000: Final = _HTJ2K | {ts.JPEG_2000_LOSSLESS, ts.JPEG_2000}
_PALETTE: Final = "PALETTE COLOR"
_WIDEST: Final = 16  # bits that leave room for what the wavelet adds


def reduced(image: ImagePixel, reduce: int) -> ImagePixel:
    """What ``image`` is with its sides divided by 2 to the power of ``reduce`` and rounded up."""
    rows, columns = (-(-side >> reduce) for side in (image.rows, image.columns))
    return replace(image, rows=rows, columns=columns)


def most(syntax: str, frame: bytes, image: ImagePixel | None = None) -> int:
    """How many times the sides of ``frame`` can be halved by decoding less; its head suffices.

    Never, if it is one of ``image`` and its samples have to be seen before they can be averaged.

    Raises:
        CodecError: it is not a frame in ``syntax``.
    """
    if syntax not in _JPEG_2000:
        return 0
    if image is not None and not _agrees(frame, jpeg_2000(frame), image):
        return 0
    header = tile_parts.main_header(unboxed(frame))
    if syntax in _HTJ2K and jpeg_2000(frame).reversible:
        # OpenJPH leaves resolutions out, in whatever order they come.
        return header.levels if header.at_origin else 0
    return header.halvings


def is_divided(syntax: str, frame: bytes, image: ImagePixel, reduce: int) -> bool:
    """Whether a decoder shows of ``cut(frame, reduce)`` what ``decode`` gives.

    Raises:
        CodecError: the frame is broken.
    """
    if syntax not in _JPEG_2000 or not _agrees(frame, jpeg_2000(frame), image):
        return False
    return tile_parts.divided(frame, reduce)


def decode(syntax: str, frame: bytes, image: ImagePixel, reduce: int) -> Samples:
    """The samples of ``frame`` as ``reduced(image, reduce)`` describes them, the type of ``image``.

    What the wavelet leaves beyond the range of the samples is clipped to it. Colours of a palette,
    floats, samples of 32 bits and such that carry more than Bits Stored are not averaged but left
    out, each but the first of a square. Of a frame whose resolutions stand apart the first bytes
    suffice.

    Raises:
        CodecError: there is no decoder, or the frame is broken or does not fit ``image``.
    """
    if not reduce or syntax not in _JPEG_2000:
        return _halved(registry.decode(syntax, frame, image), image, reduce)
    registry.check_size(image)
    header = jpeg_2000(frame)
    _check(header, image)
    times = min(reduce, most(syntax, frame, image))
    if not times:
        return _halved(registry.decode(syntax, frame, image), image, reduce)
    samples = _decode(syntax, frame, header, reduced(image, times), times)
    return _halved(samples, image, reduce - times)


def _check(header: Codestream, image: ImagePixel) -> None:
    found = (header.rows, header.columns, header.components)
    expected = (image.rows, image.columns, image.samples)
    if found != expected:
        is_text, declared_text = ("x".join(map(str, sizes)) for sizes in (found, expected))
        raise CodecError(f"the frame is {is_text}, the data set declares {declared_text}")


def _agrees(frame: bytes, header: Codestream, image: ImagePixel) -> bool:
    """Whether the codestream's numbers are those of the pixels, so that their means are, too.

    They are not in a palette's colours, where the codestream declares another sign, or bits beyond
    Bits Stored, which may mean anything (overlays, a sign lower down).
    """
    if image.photometric == _PALETTE or header.precision > min(image.bits_stored, _WIDEST):
        return False
    uniform = len(tile_parts.main_header(unboxed(frame)).depths) == 1
    return uniform and header.signed == image.signed


def _decode(
    syntax: str, frame: bytes, header: Codestream, image: ImagePixel, times: int
) -> Samples:
    """``frame`` without its ``times`` upper resolutions; ``image`` describes what is left."""
    if syntax not in _HTJ2K or not header.reversible:
        return openjpeg.decode(_smaller(frame, times), image)
    try:
        samples = openjph.decode_wide(cut(frame, times), 0)
    except Undivided:
        samples = openjph.decode_wide(unboxed(frame), times)
    clipped = _within(samples, header.precision, signed=header.signed)
    return conform(clipped.astype(image.dtype), image, header.precision)


def _smaller(frame: bytes, times: int) -> bytes:
    try:
        return cut(frame, times)
    except Undivided:
        return tile_parts.restated(frame, times)


def _within(samples: Samples, bits: int, *, signed: bool) -> Samples:
    found: Samples = np.clip(samples, *limits(bits, signed=signed))
    return found


def _halved(samples: Samples, image: ImagePixel, times: int) -> Samples:
    """``samples`` halved ``times`` more, without decoding; ``image`` says what they mean."""
    if not times:
        return samples
    if not _blends(samples, image):
        step = 1 << times
        return np.ascontiguousarray(samples[::step, ::step])
    band = samples.astype(np.int32)
    for _ in range(times):
        band = low_pass(band)
    return _within(band, image.bits_stored, signed=image.signed).astype(samples.dtype)


def _blends(samples: Samples, image: ImagePixel) -> bool:
    """Whether a mean of samples means something."""
    if image.photometric == _PALETTE or image.floating or image.bits_allocated > _WIDEST:
        return False
    return fits(samples, image.bits_stored, signed=image.signed)
