"""Frames of one bit per pixel as they stand in Pixel Data: without gaps (PS3.5 8.1.1)."""

import numpy as np

from gateway.dicom.image import ImagePixel


def is_unaligned(pixel: ImagePixel) -> bool:
    """Whether frames do not end with a byte, so that they have to be put together."""
    return pixel.packed and pixel.frame_bits % 8 != 0


class Bits:
    """Frames of ``frame_bits`` pixels put together without gaps between them."""

    def __init__(self, frame_bits: int) -> None:
        self._frame_bits = frame_bits
        self._held = np.empty(0, np.uint8)  # fewer than eight bits, one in a byte

    def add(self, frame: bytes) -> bytes:
        """The whole bytes that are there once the frame has been put behind those before."""
        bits = np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[: self._frame_bits]
        held = np.concatenate([self._held, bits])
        whole = len(held) - len(held) % 8
        self._held = held[whole:]
        return np.packbits(held[:whole], bitorder="little").tobytes()

    def rest(self) -> bytes:
        """The last byte, if it is not a whole one."""
        return np.packbits(self._held, bitorder="little").tobytes()
