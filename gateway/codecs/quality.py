"""What a quality of lossy compression means: the same error in every codec, in grey levels."""

from typing import Final

from gateway.codecs.samples import Samples

DEFAULT: Final = 90
"""The quality of a codec that can only lose, where none is asked for."""

LOSSLESS: Final = 100

_AT_HALF: Final = 8.0  # grey levels: what JPEG loses at quality 50 in a picture with some noise
_LEVELS: Final = 255
_MOST: Final = 1 / 8  # of what lies between the darkest and the brightest sample


def tolerance(quality: int, samples: Samples) -> float:
    """The standard deviation of the error that ``quality`` allows, 0 for none.

    ``quality`` is from 1 to 100 on the scale of libjpeg, whose tables mean so many grey levels
    whatever the depth: 12 bits do not lose sixteen times as much as 8. A frame that has fewer than
    256 values between its darkest and its brightest sample loses less in proportion.
    """
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    spread = int(samples.max()) - int(samples.min())
    return min(_AT_HALF * scale * min(1.0, spread / _LEVELS), spread * _MOST)
