"""Decoded samples brought into the type that the data set declares, and measured."""

import zlib
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError, NotAcceptable

Samples: TypeAlias = NDArray[Any]
"""One frame: ``(rows, columns)`` or ``(rows, columns, samples)``, little-endian."""


def narrow(samples: Samples, image: ImagePixel) -> bool:
    """Whether a codestream of ``samples`` declares Bits Stored, not Bits Allocated (PS3.5 8.2.4).

    It does where Bits Stored fills more than a byte and every sample fits it.
    """
    bits = image.bits_stored
    return 8 < bits < image.bits_allocated and fits(samples, bits, signed=image.signed)


def narrowable(image: ImagePixel) -> bool:
    """Whether Bits Stored can be declared: not so few that decoders give bytes for words."""
    return image.bits_allocated == 8 or image.bits_stored > 8


def fits(samples: Samples, bits: int, *, signed: bool) -> bool:
    """Whether every sample is within the range of ``bits`` bits."""
    low, high = limits(bits, signed=signed)
    return bool(samples.min() >= low and samples.max() <= high)


def check_stored(samples: Samples, image: ImagePixel) -> None:
    """Refuse lossy compression to samples with more than Bits Stored, which it would garble.

    What stands above, an overlay or a mark of padding, is no part of the picture's range.

    Raises:
        NotAcceptable: there are such samples.
    """
    if not fits(samples, image.bits_stored, signed=image.signed):
        raise NotAcceptable("Samples with more than Bits Stored are not compressed lossily")


def limits(bits: int, *, signed: bool) -> tuple[int, int]:
    """The smallest and the greatest value of ``bits`` bits."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def contiguous(samples: Samples) -> Samples:
    """``samples`` row by row in memory, with the strides that say so even of one row or column."""
    return np.ascontiguousarray(samples).reshape(-1).reshape(samples.shape)


def as_unsigned(samples: Samples) -> Samples:
    """The same bits without a sign."""
    return samples.view(f"<u{samples.dtype.itemsize}")


def conform(decoded: Samples, image: ImagePixel, precision: int) -> Samples:
    """``decoded`` as ``image`` declares it: same bits, the container and sign of the data set.

    A codestream may say another sign than Pixel Representation, and JPEG-LS has none: the bits
    decide, two's complement at ``precision`` bits.

    Raises:
        CodecError: the shape differs from Rows, Columns and Samples per Pixel, or the samples have
            more bits than are allocated.
    """
    if decoded.shape != image.shape:
        raise CodecError(
            f"the frame decodes to {_shape(decoded.shape)} samples, "
            f"the data set declares {_shape(image.shape)}"
        )
    allocated = image.bits_allocated
    if precision > allocated:
        raise CodecError(f"the frame has {precision} bits per sample, {allocated} are allocated")
    if image.signed == (decoded.dtype.kind == "i"):
        return decoded.astype(image.dtype, copy=False)
    bits = decoded.astype(f"<u{allocated // 8}")
    if image.signed:
        signed = bits.view(image.dtype)
        shift = allocated - precision
        return (signed << shift) >> shift if shift else signed
    masked: Samples = bits & np.array((1 << precision) - 1, bits.dtype)
    return masked


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def crc32(samples: Samples) -> int:
    """CRC-32 (zlib) over the samples' little-endian bytes: HealthImaging's pixel checksum."""
    return zlib.crc32(np.ascontiguousarray(samples).data)


def low_pass(samples: Samples) -> Samples:
    """The low-low band after one reversible 5/3 step (ISO 15444-1 F.4.8), columns then rows.

    Sizes are halved and rounded up. The type stays: a value below zero wraps as an unsigned decoder
    would show it.
    """
    band = _low(_low(samples.astype(np.int32), 0), 1)
    return band.astype(samples.dtype)


def _low(signal: Samples, axis: int) -> Samples:
    data = np.moveaxis(signal, axis, 0)
    length = data.shape[0]
    if length == 1:
        return signal
    even, odd = data[0::2], data[1::2]
    after = even[1:] if length % 2 else np.concatenate([even[1:], even[-1:]])
    detail = odd - ((even[: len(odd)] + after) >> 1)
    before = np.concatenate([detail[:1], detail])[: len(even)]
    following = detail if length % 2 == 0 else np.concatenate([detail, detail[-1:]])
    return np.moveaxis(even + ((before + following + 2) >> 2), 0, axis)
