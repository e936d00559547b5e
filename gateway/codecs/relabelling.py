"""Frames that are legal in another transfer syntax as they are, so that nothing is decoded."""

from collections.abc import Callable
from typing import Final

from gateway.codecs import jpegmarkers
from gateway.codecs.codestream import is_rpcl
from gateway.dicom import transfer_syntaxes as ts

Relabel = Callable[[bytes], bytes | None]


def _same(frame: bytes) -> bytes:
    return frame


def _if_rpcl(frame: bytes) -> bytes | None:
    return frame if is_rpcl(frame) else None


def _if_first_order(frame: bytes) -> bytes | None:
    return frame if jpegmarkers.selection_value(frame) == 1 else None


_TABLE: Final[dict[tuple[str, str], Relabel]] = {
    (ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K_LOSSLESS): _same,
    (ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K): _same,
    (ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL): _if_rpcl,
    (ts.HTJ2K_LOSSLESS, ts.HTJ2K): _same,
    (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000): _same,
    (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000_PART_2_LOSSLESS): _same,
    (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000_PART_2): _same,
    (ts.JPEG_2000, ts.JPEG_2000_PART_2): _same,
    (ts.JPEG_LS, ts.JPEG_LS_NEAR): _same,
    (ts.JPEG_LOSSLESS_SV1, ts.JPEG_LOSSLESS): _same,
    (ts.JPEG_LOSSLESS, ts.JPEG_LOSSLESS_SV1): _if_first_order,
    (ts.JPEG_BASELINE, ts.JPEG_EXTENDED): jpegmarkers.as_extended,
}
"""What a transfer syntax leaves free and another fixes, or the other way about (PS3.5 A.4)."""


def relabelled(stored: str, target: str, frame: bytes) -> bytes | None:
    """The stored ``frame`` as one in ``target`` without being decoded; None if that cannot be.

    Raises:
        CodecError: it is not a frame in ``stored``.
    """
    relabel = _TABLE.get((stored, target))
    return relabel(frame) if relabel else None


def is_subset(stored: str, target: str) -> bool:
    """Whether every frame in ``stored`` is legal in ``target``."""
    return _TABLE.get((stored, target)) in (_same, jpegmarkers.as_extended)
