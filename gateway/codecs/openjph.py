"""HTJ2K through OpenJPH (imagecodecs); encodes and decodes without the GIL."""

import sys
import threading
from typing import Any, Final

import imagecodecs
import numpy as np

from gateway.codecs import openjpeg
from gateway.codecs.codestream import jpeg_2000, unboxed, with_depth
from gateway.codecs.quality import tolerance
from gateway.codecs.samples import Samples, check_stored, conform, contiguous, narrow, narrowable
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError

_LOWEST: Final = 64
_LEVELS: Final = 5
_WIDE: Final = 24  # bits: more than 16, so that 32 come back
_PER_DEVIATION: Final = 2.2  # a quantization step, and the error that it makes
_MODULE: Final = "imagecodecs._htj2k."


class _Unraised:
    """What imagecodecs does not raise: an OpenJPH error inside a frame, whose rest is then zero.

    It stands in as ``sys.unraisablehook``, which the thread that decodes calls.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._next: Any = sys.__unraisablehook__

    def watch(self) -> None:
        """Forget this thread's error, and see the next."""
        with self._lock:
            if sys.unraisablehook is not self:
                self._next, sys.unraisablehook = sys.unraisablehook, self
        self._thread.error = None

    @property
    def error(self) -> BaseException | None:
        """What was not raised in this thread since it began to watch."""
        found: BaseException | None = self._thread.error
        return found

    def __call__(self, unraisable: Any) -> None:
        """Keep an error of OpenJPH, pass on any other."""
        if str(unraisable.object).startswith(_MODULE):
            self._thread.error = unraisable.exc_value
        else:
            self._next(unraisable)


_unraised: Final = _Unraised()


def encode(samples: Samples, image: ImagePixel) -> bytes:
    """One frame as lossless HTJ2K with RPCL progression (1.2.840.10008.1.2.4.202).

    One tile-part per resolution, TLM markers, a lowest resolution of 64 pixels or fewer. Where Bits
    Stored fills more than a byte and every sample fits it, the codestream declares Bits Stored
    (PS3.5 8.2.4).

    Three components go through the reversible component transform, whatever their colour space: the
    OpenJPH of browsers gives samples by pixel only where there is one.
    """
    bits = image.bits_stored
    narrowed = narrow(samples, image)
    shifted = samples
    if narrowed and not image.signed:
        shifted = (samples.astype(np.int32) - (1 << (bits - 1))).astype(np.int16)
    frame = _encode(shifted, image, reversible=True)
    return with_depth(frame, bits, signed=image.signed) if narrowed else frame


def compress(samples: Samples, image: ImagePixel, quality: int) -> bytes:
    """One frame as irreversible HTJ2K (1.2.840.10008.1.2.4.203), reversible at quality 100.

    Otherwise as ``encode`` writes it. Bits Stored is declared, so that decoders let nothing out
    beyond its range.

    Raises:
        NotAcceptable: a sample has more than Bits Stored.
    """
    error = tolerance(quality, samples)
    if not error or not narrowable(image):
        return encode(samples, image)
    check_stored(samples, image)
    bits = image.bits_stored
    # Steps are fractions of the declared range (ISO 15444-1 E.1): samples that fill their container
    # are coded as those that fill Bits Stored are.
    filling = samples << (image.bits_allocated - bits)
    frame = _encode(filling, image, reversible=False, level=error * _PER_DEVIATION / (1 << bits))
    return with_depth(frame, bits, signed=image.signed)


def _encode(samples: Samples, image: ImagePixel, **options: Any) -> bytes:
    halvings = (max(samples.shape[:2]) - 1).bit_length()  # until one pixel is left
    # Not more: a resolution that adds nothing is an empty one, which OHIF's OpenJPH cannot read.
    # One at the least, though a single pixel has none: imagecodecs takes 0 for its default of 5.
    levels = min(max(_LEVELS, halvings - _LOWEST.bit_length() + 1), max(halvings, 1))
    try:
        frame = imagecodecs.htj2k_encode(
            contiguous(samples),
            tlm=True,
            tilepart=True,
            resolutions=levels,
            rgb=image.samples == 3,
            **options,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"OpenJPH cannot encode the frame: {error}") from error
    return bytes(frame)


def decode(frame: bytes, image: ImagePixel) -> Samples:
    """One HTJ2K frame, boxed or bare; the component transform is undone.

    An irreversible one goes to OpenJPEG: a value beyond the range, which lossy coding makes, comes
    back wrapped from OpenJPH here, white for black, and clipped from OpenJPEG.
    """
    header = jpeg_2000(frame)
    if not header.reversible:
        return openjpeg.decode(frame, image)
    return conform(_decode(unboxed(frame)), image, header.precision)


def decode_wide(frame: bytes, skipped: int) -> Samples:
    """One reversible frame, a bare codestream, without its ``skipped`` upper resolutions.

    The samples are as the wavelet leaves them, in 32 bits: those of a lower resolution lie beyond
    the declared range at sharp edges, and would come back wrapped in fewer bits. All components
    have the same depth and sign.

    Raises:
        CodecError: the frame is broken.
    """
    header = jpeg_2000(frame)
    # Declared signed, samples come without the level shift that makes them unsigned (G.1).
    samples = _decode(with_depth(frame, _WIDE, signed=True), skipped)
    shift = 0 if header.signed else 1 << (header.precision - 1)
    return samples.astype(np.int32, copy=False) + np.int32(shift)


def _decode(frame: bytes, skipped: int = 0) -> Samples:
    _unraised.watch()
    try:
        decoded: Samples = imagecodecs.htj2k_decode(frame, planar=False, skipres=skipped)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CodecError(f"OpenJPH cannot decode the frame: {error}") from error
    if _unraised.error is not None:
        raise CodecError(f"OpenJPH cannot decode the frame: {_unraised.error}")
    return decoded
