"""What stands for an instance without pixels: a tile with the name of its modality."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gateway.rendering.lettering import Lettering

_MODALITY: Final = re.compile(r"[A-Z0-9_ ]{1,16}")
_PAPER, _EDGE, _INK = 40, 96, 200


def draw(modality: str, width: int, height: int, lettering: Lettering) -> NDArray[np.uint8]:
    """A grey tile of ``width`` and ``height`` pixels, with ``modality`` on it if it is one."""
    image = Image.new("L", (width, height), _PAPER)
    canvas = ImageDraw.Draw(image)
    side = min(width, height)
    canvas.rectangle((0, 0, width - 1, height - 1), outline=_EDGE, width=max(side // 64, 1))
    text = modality if _MODALITY.fullmatch(modality) else ""
    size = side // 4
    while size > 5 and lettering.font(size).getlength(text) > width * 0.8:
        size -= 1
    if text and size > 5:
        canvas.text((width / 2, height / 2), text, _INK, lettering.font(size), "mm")
    return np.asarray(image)
