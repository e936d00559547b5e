"""Frames as arrays, decoded without converting colours.

The same way for what a server sends and for the originals, so that both are comparable sample by
sample.
"""

from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import numpy as np

from conformance import codestreams
from conformance.values import Tree

Array = np.ndarray[Any, Any]
_UNCHANGED: Final[dict[str, Any]] = {"colorspace": "YCBCR", "outcolorspace": "YCBCR"}


class Undecodable(Exception):
    """A frame cannot be decoded as what it is called."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the attributes say of a frame."""

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    planar: bool
    photometric: str
    floating: bool = False

    @property
    def size(self) -> int:
        """How many bytes an uncompressed frame has; bits are packed."""
        return (self.rows * self.columns * self.width * self.allocated + 7) // 8

    @property
    def width(self) -> int:
        """Stored samples of a pixel: two in what is subsampled by half."""
        return 2 if self.photometric == "YBR_FULL_422" and self.samples == 3 else self.samples


def shape(tree: Tree) -> Shape:
    """The Image Pixel attributes of a data set."""

    def number(tag: int, default: int = 0) -> int:
        value = tree.get(tag, ("", ()))[1]
        return int(value[0]) if value and isinstance(value[0], float) else default

    photometric = tree.get(0x00280004, ("", ()))[1]
    allocated = number(0x00280100, 16)
    stored = number(0x00280101, allocated)
    return Shape(
        rows=number(0x00280010),
        columns=number(0x00280011),
        samples=number(0x00280002, 1),
        allocated=allocated,
        stored=stored,
        high=number(0x00280102, stored - 1),
        signed=number(0x00280103) == 1,
        planar=number(0x00280006) == 1,
        photometric=str(photometric[0]) if photometric else "",
        floating=0x7FE00008 in tree or 0x7FE00009 in tree,
    )


def decode(frame: bytes, syntax: str, image: Shape) -> Array:
    """The samples of a frame: rows, columns and, of several, samples.

    Raises:
        Undecodable: the frame is not what it is called, or has another size.
    """
    try:
        array = (
            _native(frame, image) if syntax in codestreams.NATIVE else _coded(frame, syntax, image)
        )
    except Undecodable:
        raise
    except Exception as error:
        raise Undecodable(f"it cannot be decoded ({type(error).__name__})") from error
    wanted = (image.rows, image.columns)
    if array.shape[:2] != wanted:
        raise Undecodable(f"it has {array.shape[:2]} rows and columns, not {wanted}")
    return array


def _native(frame: bytes, image: Shape) -> Array:
    if image.allocated == 1:
        bits = np.unpackbits(np.frombuffer(frame, "u1"), bitorder="little")
        if len(bits) < image.rows * image.columns:
            raise Undecodable(f"it has {len(frame)} bytes, not {image.size}")
        return bits[: image.rows * image.columns].reshape(image.rows, image.columns)
    if len(frame) not in (image.size, image.size + image.size % 2):
        raise Undecodable(f"it has {len(frame)} bytes, not {image.size}")
    kind = "f" if image.floating else "u"
    flat = np.frombuffer(frame[: image.size], f"<{kind}{image.allocated // 8}")
    if image.width != image.samples:
        return _full(flat, image)
    if image.samples == 1:
        return flat.reshape(image.rows, image.columns)
    if image.planar:
        planes = flat.reshape(image.samples, image.rows, image.columns)
        return np.moveaxis(planes, 0, -1)
    return flat.reshape(image.rows, image.columns, image.samples)


def _full(flat: Array, image: Shape) -> Array:
    """YBR_FULL_422 (PS3.3 C.7.6.3.1.2): Y Y Cb Cr for each two pixels."""
    quads = flat.reshape(-1, 4)
    full = np.empty((len(quads), 2, 3), flat.dtype)
    full[:, 0, 0], full[:, 1, 0] = quads[:, 0], quads[:, 1]
    full[:, :, 1], full[:, :, 2] = quads[:, 2:3], quads[:, 3:4]
    return full.reshape(image.rows, image.columns, 3)


def _coded(frame: bytes, syntax: str, image: Shape) -> Array:
    ending = syntax.rpartition(".")[2]
    if syntax == codestreams.RLE:
        return _rle(frame, image)
    if ending in ("50", "51", "57", "70"):
        several = image.samples == 3
        array = imagecodecs.jpeg8_decode(frame, **(_UNCHANGED if several else {}))
    elif ending in ("80", "81"):
        array = imagecodecs.jpegls_decode(frame)
        if array.ndim == 3 and array.shape[0] == image.samples != array.shape[2]:
            array = np.moveaxis(array, 0, -1)
    elif ending in ("90", "91", "92", "93", "201", "202", "203"):
        array = _jpeg2000(frame)
    else:
        raise Undecodable(f"no decoder for {syntax} is here")
    return array


def _jpeg2000(frame: bytes) -> Array:
    """OpenJPEG, high throughput too; it undoes RCT and ICT, which are no colour spaces."""
    array: Array = imagecodecs.jpeg2k_decode(frame)
    return array


def _rle(frame: bytes, image: Shape) -> Array:
    words = np.frombuffer(frame[:64], "<u4")
    ends = [*words[2 : 1 + words[0]], len(frame)]
    width, pixels = image.allocated // 8, image.rows * image.columns
    planes = []
    for start, end in zip(words[1 : 1 + words[0]], ends, strict=True):
        plane = np.frombuffer(imagecodecs.packbits_decode(frame[int(start) : int(end)]), "u1")
        if len(plane) < pixels:
            raise Undecodable("a segment is too short")
        planes.append(plane[:pixels])
    if len(planes) != width * image.samples:
        raise Undecodable(f"it has {len(planes)} segments, not {width * image.samples}")
    stacked = np.stack(planes, -1).reshape(pixels, image.samples, width)[:, :, ::-1]
    joined = np.ascontiguousarray(stacked).view(f"<u{width}")[:, :, 0]
    shaped = joined.reshape(image.rows, image.columns, image.samples)
    return shaped[:, :, 0] if image.samples == 1 else shaped


def stored(array: Array, image: Shape) -> Array:
    """The values within Bits Stored, with their sign: what two encodings of an image share."""
    if image.floating or image.allocated == 1:
        return array
    bits = array.astype(np.int64) & ((1 << image.allocated) - 1)
    bits >>= max(0, image.high + 1 - image.stored)
    bits &= (1 << image.stored) - 1
    if image.signed:
        bits -= (bits >> (image.stored - 1)) << image.stored
    return bits
