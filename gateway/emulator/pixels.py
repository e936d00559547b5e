"""The frames of a file at import: found, checked, encoded as the service stores them, verified."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from uuid import uuid4

import numpy as np

from gateway.codecs import native, openjpeg, openjph, registry
from gateway.codecs.samples import Samples, crc32, low_pass
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.emulator.failures import FileRejected, missing
from gateway.emulator.metadata import Converted
from gateway.emulator.part10 import Part10, PixelRegion
from gateway.errors import CodecError

_PIXEL_DATA: Final = 0x7FE00010
_EXTENDED_OFFSETS: Final = 0x7FE00001
_SMALLEST_SIDE: Final = 100
_ENCODERS: Final = {ts.HTJ2K_LOSSLESS_RPCL: openjph, ts.JPEG_2000_LOSSLESS: openjpeg}
LOSSLESS: Final = {"HTJ2K": ts.HTJ2K_LOSSLESS_RPCL, "JPEG_2000_LOSSLESS": ts.JPEG_2000_LOSSLESS}
"""The form of frames that are stored anew, by the data store's losslessStorageFormat."""
_ALLOCATED: Final = frozenset({1, 8, 16, 32, 64})


class VerificationFailed(Exception):
    """An encoded frame does not decode to the samples it was made from."""


@dataclass(frozen=True, slots=True)
class Image:
    """How a file's frames are stored: ``syntax`` of the stored frames, ``pixel`` of the source."""

    pixel: ImagePixel
    syntax: str
    checksum_type: str | None


def describe(file: Part10, converted: Converted, lossless: str = ts.HTJ2K_LOSSLESS_RPCL) -> Image:
    """What the data set says of its frames, and the form HealthImaging keeps them in.

    ``lossless`` is the transfer syntax of frames that are not kept as they are.

    Raises:
        FileRejected: an attribute of the Image Pixel module is missing or makes no sense.
    """
    region = file.pixels
    assert region is not None  # noqa: S101  callers ask only where there are pixels
    pixel = _image_pixel(converted, floating=region.tag != _PIXEL_DATA)
    try:
        registry.check_size(pixel)
    except CodecError as error:
        raise FileRejected(str(error)) from error
    if file.syntax.retained:
        return Image(pixel, file.syntax.uid, None)
    if pixel.floating or pixel.bits_allocated not in (8, 16):
        # Binary segmentations by the guide; 32 bits because OpenJPEG and the viewers' decoders stop
        # at 16 bits for HTJ2K.
        return Image(pixel, ts.EXPLICIT_LE, None)
    return Image(pixel, lossless, "DECOMPRESSED")


def _image_pixel(converted: Converted, *, floating: bool) -> ImagePixel:
    allocated = _integer(converted, 0x00280100, "BitsAllocated")
    if allocated not in _ALLOCATED:
        raise FileRejected(f"BitsAllocated (0028,0100) of {allocated} is not supported")
    stored = allocated if floating else _integer(converted, 0x00280101, "BitsStored")
    if not 1 <= stored <= allocated:
        raise FileRejected("BitsStored (0028,0101) is larger than BitsAllocated (0028,0100)")
    return ImagePixel(
        rows=_integer(converted, 0x00280010, "Rows"),
        columns=_integer(converted, 0x00280011, "Columns"),
        samples=_integer(converted, 0x00280002, "SamplesPerPixel", default=1),
        bits_allocated=allocated,
        bits_stored=stored,
        signed=not floating and bool(_integer(converted, 0x00280103, "PixelRepresentation", 0)),
        photometric=str(converted.value(0x00280004) or "MONOCHROME2").strip(),
        planar=_integer(converted, 0x00280006, "PlanarConfiguration", default=0),
        frames=_integer(converted, 0x00280008, "NumberOfFrames", default=1) or 1,
        floating=floating,
    )


def _integer(converted: Converted, tag: int, keyword: str, default: int | None = None) -> int:
    value = converted.value(tag)
    if value is None:
        if default is None:
            raise missing(keyword)
        return default
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise FileRejected(f"{keyword} is not a whole number") from error
    if number < 0:
        raise FileRejected(f"{keyword} is negative")
    return number


def store(
    file: Part10, image: Image, converted: Converted, write: Callable[[bytes], None]
) -> list[dict[str, Any]]:
    """Encode, verify and ``write`` every frame; the ``ImageFrames`` entries in frame order.

    Raises:
        FileRejected: the pixel data do not fit the data set or cannot be decoded.
        VerificationFailed: a frame would not come back as it went in.
    """
    assert file.pixels is not None  # noqa: S101
    entries = []
    try:
        for number, frame in enumerate(_frames(file, file.pixels, image.pixel, converted), 1):
            try:
                entries.append(_store(file, image, frame, write))
            except CodecError as error:
                raise FileRejected(f"frame {number} of {image.pixel.frames}: {error}") from error
            except VerificationFailed as error:
                raise VerificationFailed(
                    f"pixel data verification failed at frame {number}"
                ) from error
    except CodecError as error:
        raise FileRejected(str(error)) from error
    return entries


def _store(
    file: Part10, image: Image, frame: bytes, write: Callable[[bytes], None]
) -> dict[str, Any]:
    pixel = image.pixel
    if image.syntax in _ENCODERS:
        samples = _decode(file.syntax, frame, pixel)
        write(_encoded(samples, image))
        return _entry(_checksums(samples), samples, pixel.frame_bytes)
    if image.syntax == ts.EXPLICIT_LE and file.syntax.encapsulated:
        frame = native.encode(_decode(file.syntax, frame, pixel), pixel)
    elif image.syntax == file.syntax.uid and file.syntax.encapsulated:
        _decode(file.syntax, frame, pixel)  # kept as it is, but only if it can be shown
    write(frame)
    size = (pixel.columns, pixel.rows, zlib.crc32(frame))
    return _entry([_checksum(*size)], None, len(frame))


def _decode(syntax: ts.TransferSyntax, frame: bytes, pixel: ImagePixel) -> Samples:
    return registry.decode(syntax.uid if syntax.encapsulated else ts.EXPLICIT_LE, frame, pixel)


def _encoded(samples: Samples, image: Image) -> bytes:
    encoded: bytes = _ENCODERS[image.syntax].encode(samples, image.pixel)
    if crc32(registry.decode(image.syntax, encoded, image.pixel)) != crc32(samples):
        raise VerificationFailed
    return encoded


def _entry(checksums: list[dict[str, int]], samples: Samples | None, size: int) -> dict[str, Any]:
    return {
        "ID": uuid4().hex,
        "PixelDataChecksumFromBaseToFullResolution": checksums,
        "MinPixelValue": None if samples is None else int(samples.min()),
        "MaxPixelValue": None if samples is None else int(samples.max()),
        "FrameSizeInBytes": size,
    }


def _checksums(samples: Samples) -> list[dict[str, int]]:
    # Real documents list every halving down to a smaller side of 120, and none of 94 or less.
    levels = [_checksum(samples.shape[1], samples.shape[0], crc32(samples))]
    while (min(samples.shape[:2]) + 1) // 2 >= _SMALLEST_SIDE:
        samples = low_pass(samples)
        levels.insert(0, _checksum(samples.shape[1], samples.shape[0], crc32(samples)))
    return levels


def _checksum(width: int, height: int, checksum: int) -> dict[str, int]:
    return {"Width": width, "Height": height, "Checksum": checksum}


def _frames(
    file: Part10, region: PixelRegion, pixel: ImagePixel, converted: Converted
) -> Iterator[bytes]:
    if region.fragments is not None:
        extended = converted.value(_EXTENDED_OFFSETS) is not None
        return _encapsulated(file, region, pixel.frames, extended)
    if region.end - region.start < pixel.pixel_data_bytes:
        raise FileRejected(
            f"the pixel data hold {region.end - region.start} bytes, "
            f"{pixel.pixel_data_bytes} are expected"
        )
    if pixel.packed:
        return _packed(file, region, pixel)
    return _native(file, region, pixel)


def _native(file: Part10, region: PixelRegion, pixel: ImagePixel) -> Iterator[bytes]:
    swap = file.syntax.big_endian
    words = swap and pixel.bits_allocated == 8 and region.vr == "OW"
    data = _swapped(region.buffer[region.start : region.end], 2) if words else None
    for number in range(pixel.frames):
        start = number * pixel.frame_bytes
        if data is not None:
            yield data[start : start + pixel.frame_bytes]
            continue
        at = region.start + start
        frame = region.buffer[at : at + pixel.frame_bytes]
        yield _swapped(frame, pixel.bits_allocated // 8) if swap else bytes(frame)


def _swapped(data: memoryview | bytes, word: int) -> bytes:
    if word == 1:
        return bytes(data)
    padded = bytes(data) + bytes(-len(data) % word)
    return np.frombuffer(padded, f">u{word}").astype(f"<u{word}").tobytes()


def _packed(file: Part10, region: PixelRegion, pixel: ImagePixel) -> Iterator[bytes]:
    """Frames of one bit per pixel, each beginning at a byte of its own."""
    data = bytes(region.buffer[region.start : region.end])
    if file.syntax.big_endian and region.vr == "OW":
        data = _swapped(data, 2)
    if pixel.frame_bits % 8 == 0:
        for number in range(pixel.frames):
            yield data[number * pixel.frame_bytes : (number + 1) * pixel.frame_bytes]
        return
    for number in range(pixel.frames):
        first = number * pixel.frame_bits
        last = first + pixel.frame_bits
        octets = np.frombuffer(data, np.uint8)[first // 8 : (last + 7) // 8]
        bits = np.unpackbits(octets, bitorder="little")[first % 8 :][: pixel.frame_bits]
        yield np.packbits(bits, bitorder="little").tobytes()


def _encapsulated(
    file: Part10, region: PixelRegion, frames: int, extended: bool
) -> Iterator[bytes]:
    assert region.fragments is not None  # noqa: S101
    if not region.fragments:
        raise FileRejected("the encapsulated pixel data have no Basic Offset Table")
    table, *fragments = region.fragments
    if not fragments:
        raise FileRejected("the encapsulated pixel data are empty")
    offsets = _offset_table(file, region, table, extended)
    for group in _grouped(fragments, offsets, frames):
        yield b"".join(bytes(region.buffer[at : at + size]) for at, size in group)


def _offset_table(
    file: Part10, region: PixelRegion, table: tuple[int, int], extended: bool
) -> list[int]:
    if extended:
        element = file.dataset.get_item(_EXTENDED_OFFSETS)
        return [int(at) for at in np.frombuffer(element.value or b"", "<u8")]
    at, size = table
    return [int(offset) for offset in np.frombuffer(region.buffer[at : at + size // 4 * 4], "<u4")]


def _grouped(
    fragments: list[tuple[int, int]], offsets: list[int], frames: int
) -> list[list[tuple[int, int]]]:
    if frames == 1:
        return [fragments]
    if len(fragments) == frames:
        return [[fragment] for fragment in fragments]
    base = fragments[0][0] - 8
    starts = {at - 8 - base: index for index, (at, _) in enumerate(fragments)}
    if len(offsets) != frames or any(offset not in starts for offset in offsets):
        raise FileRejected(
            f"{len(fragments)} fragments cannot be assigned to {frames} frames: "
            "there is no valid offset table"
        )
    bounds = [*(starts[offset] for offset in offsets), len(fragments)]
    if any(first >= last for first, last in pairwise(bounds)):
        raise FileRejected("the offset table is not in ascending order")
    return [fragments[first:last] for first, last in pairwise(bounds)]
