"""Palettes for data sets: red, green and blue."""

import numpy as np

from tests.unit.rendering.images import words

COLOURS = ("Red", "Green", "Blue")


def palette(descriptor, red, green, blue, *, segmented=False):
    """The attributes of a palette; tables are bytes as they are, or words."""
    prefix = "Segmented" if segmented else ""
    found = {}
    for colour, table in zip(COLOURS, (red, green, blue), strict=True):
        found[f"{colour}PaletteColorLookupTableDescriptor"] = list(descriptor)
        data = table if isinstance(table, bytes) else words(table)
        found[f"{prefix}{colour}PaletteColorLookupTableData"] = data
    return found


def ramps(count, bits=16, seed=3):
    """Three tables of noise."""
    noise = np.random.default_rng(seed).integers(0, 1 << bits, (3, count))
    return [table.astype("u1").tobytes() if bits == 8 else table for table in noise]
