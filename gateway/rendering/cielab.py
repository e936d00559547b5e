"""Colours of presentation states (PS3.3 C.10.7.1.1): CIELab and P-values as sRGB."""

from collections.abc import Sequence
from typing import Final, TypeAlias

Ink: TypeAlias = tuple[int, int, int]
"""Red, green and blue of 8 bits each, sRGB; all the same for a grey."""

WHITE: Final[Ink] = (255, 255, 255)
BLACK: Final[Ink] = (0, 0, 0)

_TOP: Final = 0xFFFF
_D50: Final = (0.9642, 1.0, 0.8249)
_CUBE: Final = 6 / 29  # where CIELab goes on linearly
_LINEAR: Final = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)
"""From XYZ of D50 to linear sRGB, whose white is D65, by the Bradford transform."""


def grey(p_value: int) -> Ink:
    """The grey of a P-value from 0 to 65535."""
    level = round(min(max(p_value, 0), _TOP) * 255 / _TOP)
    return level, level, level


def colour(values: Sequence[int]) -> Ink:
    """The colour of a CIELab triplet as elements have it: 16 bits each, a* and b* 0 at 8080H."""
    lightness = values[0] * 100 / _TOP
    a, b = (value * 255 / _TOP - 128 for value in values[1:3])
    middle = (lightness + 16) / 116
    white = zip(_D50, (middle + a / 500, middle, middle - b / 200), strict=True)
    xyz = [level * _uncubed(part) for level, part in white]
    linear = (sum(w * v for w, v in zip(row, xyz, strict=True)) for row in _LINEAR)
    red, green, blue = (round(255 * _encoded(min(max(one, 0.0), 1.0))) for one in linear)
    return red, green, blue


def _uncubed(part: float) -> float:
    return part**3 if part > _CUBE else 3 * _CUBE**2 * (part - 4 / 29)


def _encoded(linear: float) -> float:
    """The transfer function of sRGB."""
    return 12.92 * linear if linear <= 0.0031308 else float(1.055 * linear ** (1 / 2.4) - 0.055)
