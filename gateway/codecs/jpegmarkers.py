"""Marker segments of a JPEG or JPEG-LS image found and changed, the coded data left alone."""

from collections.abc import Iterator
from typing import Final

from gateway.errors import CodecError

APP8: Final = 0xE8
_SOI: Final = b"\xff\xd8"
_SOF0: Final = 0xC0
_SOF1: Final = 0xC1
_SOS: Final = 0xDA


def _segments(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to that of the first scan (ISO 10918-1 B.1.1)."""
    if not frame.startswith(_SOI):
        raise CodecError("the frame is not a JPEG image")
    at = 2
    while at + 4 <= len(frame) and frame[at] == 0xFF:
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        yield marker, at, at + 2 + length
        if marker == _SOS:
            return
        at += 2 + length
    raise CodecError("the JPEG image has no scan")


def segments(frame: bytes) -> list[tuple[int, bytes]]:
    """Marker and content of each segment up to that of the first scan.

    Raises:
        CodecError: it is no JPEG image, or one without a scan.
    """
    return [(marker, frame[begin + 4 : end]) for marker, begin, end in _segments(frame)]


def without(marker: int, frame: bytes) -> bytes:
    """``frame`` without the segments that begin with ``marker``."""
    kept, start = [], 0
    for found, begin, end in _segments(frame):
        if found == marker:
            kept.append(frame[start:begin])
            start = end
    return b"".join([*kept, frame[start:]])


def selection_value(frame: bytes) -> int:
    """The predictor of a lossless JPEG image, Ss of its first scan (ISO 10918-1 H.1.1)."""
    _, end = _scan(frame)
    return frame[end - 3]


def as_extended(frame: bytes) -> bytes:
    """A baseline image as one of the extended sequential process, of which baseline is a case.

    Only the frame header's marker tells them apart (ISO 10918-1 table B.1).
    """
    for marker, begin, _ in _segments(frame):
        if marker == _SOF0:
            return frame[: begin + 1] + bytes([_SOF1]) + frame[begin + 2 :]
    return frame


def with_tables(frame: bytes, tables: tuple[int, ...]) -> bytes:
    """``frame`` whose first scan names these DC tables for its components (ISO 10918-1 B.2.3)."""
    begin, _ = _scan(frame)
    changed = bytearray(frame)
    for component, table in enumerate(tables):
        changed[begin + 6 + 2 * component] = table << 4
    return bytes(changed)


def _scan(frame: bytes) -> tuple[int, int]:
    """Start and end of the first scan's header (ISO 10918-1 B.2.3)."""
    *_, (_, begin, end) = _segments(frame)
    if end > len(frame) or end < begin + 8 + 2 * frame[begin + 4]:
        raise CodecError("the JPEG scan header is cut short")
    return begin, end
