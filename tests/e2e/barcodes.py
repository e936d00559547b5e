"""Pictures that tell which they are: a grid of black and white squares that encodes two numbers."""

from typing import Final, NamedTuple

import numpy as np

ROWS: Final = 8
COLUMNS: Final = 10
_BITS: Final = 16
_WHITE_ROW: Final = 0
_SEED: Final = 20


class Barcode(NamedTuple):
    """What a picture says: the study it is of, and its place in the series."""

    study: int
    place: int

    def squares(self) -> np.ndarray:
        """The grid, true where white: a white row, the numbers, their complement, noise."""
        bits = f"{self.study:08b}{self.place:08b}"
        inverse = "".join("10"[int(one)] for one in bits)
        noise = np.random.default_rng(_SEED).integers(0, 2, COLUMNS * ROWS)
        grid = noise.astype(bool)
        grid[:COLUMNS] = True
        coded = np.array([one == "1" for one in bits + inverse])
        grid[COLUMNS : COLUMNS + 2 * _BITS] = coded
        return grid.reshape(ROWS, COLUMNS)

    def pixels(self, side: int, black: int, white: int) -> np.ndarray:
        """The picture: each square ``side`` pixels wide."""
        grid = np.where(self.squares(), white, black)
        return np.kron(grid, np.ones((side, side), int))


def read(picture: np.ndarray) -> Barcode:
    """What a picture of 8-bit samples, of any size, says; turned or mirrored it says nothing.

    Raises:
        ValueError: it is no barcode: grey squares, or a number and its complement disagree.
    """
    height, width = picture.shape
    rows = ((np.arange(ROWS) + 0.5) * height / ROWS).astype(int)
    columns = ((np.arange(COLUMNS) + 0.5) * width / COLUMNS).astype(int)
    reach = max(1, int(min(height / ROWS, width / COLUMNS) * 0.2))
    middles = np.array(
        [
            [picture[y - reach : y + reach, x - reach : x + reach].mean() for x in columns]
            for y in rows
        ]
    )
    if ((middles > 64) & (middles < 192)).any():
        raise ValueError(f"there are grey squares: {middles.astype(int).tolist()}")
    grid = middles > 128
    flat = grid.reshape(-1)
    coded = flat[COLUMNS : COLUMNS + 2 * _BITS]
    number = int("".join("01"[int(one)] for one in coded[:_BITS]), 2)
    found = Barcode(number >> 8, number & 255)
    if not np.array_equal(found.squares(), grid):
        raise ValueError(f"no barcode: {grid.astype(int).tolist()}")
    return found
