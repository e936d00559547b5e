"""The well-known colour spaces of ``iccprofile`` (PS3.18 8.3.5.1.5) as ICC profiles, made here.

A profile is one of matrix and tone curve, version 4.3 (ISO 15076-1): primaries brought to the D50
of the profile connection space by the Bradford transform, and a parametric curve for all three.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_Matrix = NDArray[np.float64]
_Point = tuple[float, float]

_D65: Final[_Point] = (0.3127, 0.3290)
_D50: Final[_Point] = (0.34567, 0.35850)
_PCS_WHITE: Final = np.array([0.9642, 1.0, 0.8249])  # D50 as profiles have it, ISO 15076-1 7.2.16
_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@dataclass(frozen=True, slots=True)
class ColourSpace:
    """Red, green, blue and white as chromaticities x and y; ``curve`` decodes a sample.

    The curve is a gamma, or gamma, a, b, c and d of ``(a*x + b) ** gamma`` from d on and ``c*x``
    below (ISO 15076-1 table 68).
    """

    name: str
    primaries: tuple[_Point, _Point, _Point]
    white: _Point
    curve: Sequence[float]


SPACES: Final = {
    "srgb": ColourSpace(
        "sRGB IEC61966-2.1", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), _D65, _SRGB_CURVE
    ),
    "adobergb": ColourSpace(
        "Adobe RGB (1998)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, (563 / 256,)
    ),
    "rommrgb": ColourSpace(
        "ROMM RGB",
        ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)),
        _D50,
        (1.8, 1.0, 0.0, 1 / 16, 1 / 32),
    ),
    "displayp3": ColourSpace(
        "Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65, _SRGB_CURVE
    ),
}
"""The colour spaces by the keyword that asks for them."""


@cache
def profile(name: str) -> bytes:
    """The ICC profile of the colour space that ``iccprofile=name`` asks for."""
    space = SPACES[name]
    white = _xyz(space.white)
    adapted = _adaptation(white)
    matrix = adapted @ _to_xyz(space.primaries, white)
    tags = {
        b"desc": _text(space.name),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _values(b"XYZ ", _PCS_WHITE),
        b"chad": _values(b"sf32", adapted.ravel()),
        b"rXYZ": _values(b"XYZ ", matrix[:, 0]),
        b"gXYZ": _values(b"XYZ ", matrix[:, 1]),
        b"bXYZ": _values(b"XYZ ", matrix[:, 2]),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(space.curve)),
    }
    return _file(tags)


def _xyz(point: _Point) -> _Matrix:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _to_xyz(primaries: Sequence[_Point], white: _Matrix) -> _Matrix:
    columns = np.stack([_xyz(point) for point in primaries], axis=1)
    scaled: _Matrix = columns * np.linalg.solve(columns, white)
    return scaled


def _adaptation(white: _Matrix) -> _Matrix:
    gains = (_BRADFORD @ _PCS_WHITE) / (_BRADFORD @ white)
    adapted: _Matrix = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD
    return adapted


def _fixed(values: Any) -> bytes:
    numbers = [round(float(value) * 65536) for value in values]
    return struct.pack(f">{len(numbers)}i", *numbers)


def _values(kind: bytes, values: Any) -> bytes:
    return kind + bytes(4) + _fixed(values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    head = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(encoded), 28)
    return head + encoded


def _curve(parameters: Sequence[float]) -> bytes:
    function = {1: 0, 5: 3}[len(parameters)]
    return struct.pack(">4s4xH2x", b"para", function) + _fixed(parameters)


def _file(tags: dict[bytes, bytes]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    table, content, places = b"", b"", dict[bytes, tuple[int, int]]()
    for name, data in tags.items():
        if data not in places:  # curves are shared
            places[data] = (at + len(content), len(data))
            content += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, *places[data])
    head = struct.pack(
        ">I4xI4s4s4s6H4s24xI",
        at + len(content),
        0x04300000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        *(2024, 1, 1, 0, 0, 0),
        b"acsp",
        0,
    )
    body = struct.pack(">I", len(tags)) + table + content
    return head + _fixed(_PCS_WHITE) + bytes(128 - len(head) - 12) + body
