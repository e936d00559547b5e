"""Text burnt into pictures where ``annotation`` asks for it (PS3.18 8.3.5.1.1)."""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import wording
from gateway.rendering.functional_groups import FunctionalGroups
from gateway.rendering.lettering import Lettering

_NAME: Final = 0x00100010
_PLANE_POSITION: Final = 0x00209113
_POSITION: Final = 0x00200032
_LARGEST, _SMALLEST = 28, 7
_LINES: Final = 40  # of text of the usual size above each other in a picture


def burn(
    picture: NDArray[np.uint8],
    keywords: Collection[str],
    dataset: DataSet,
    frame: tuple[int, int],
    lettering: Lettering,
) -> NDArray[np.uint8]:
    """``picture`` with patient information at its top and that of the procedure at its bottom.

    ``keywords`` say which of the two; ``frame`` is a frame's number and how many there are.
    """
    image = Image.fromarray(np.ascontiguousarray(picture))
    used = 0
    if "patient" in keywords:
        lines = patient(dataset, lettering)
        used = _Block(image, lines, lettering, image.height).write(0.0)
    if "technique" in keywords:
        lines = technique(dataset, *frame)
        _Block(image, lines, lettering, image.height - used).write(1.0)
    return np.asarray(image)


def patient(dataset: DataSet, lettering: Lettering) -> list[str]:
    """The lines that say whose image it is: name, ID, birth date and sex."""
    born, sex = elements.text(dataset, 0x00100030), elements.text(dataset, 0x00100040)
    lines = (
        _person(elements.text(dataset, _NAME), lettering),
        wording.line(elements.text(dataset, 0x00100020)),
        _joined(wording.date(born), wording.line(sex)),
    )
    return list(filter(None, lines))


def technique(dataset: DataSet, number: int, frames: int) -> list[str]:
    """The lines that say what it is an image of, of the frame with ``number`` out of ``frames``."""
    day, clock = elements.text(dataset, 0x00080020), elements.text(dataset, 0x00080030)
    lines = (
        wording.line(elements.text(dataset, 0x0008103E)),  # Series Description
        _joined(
            wording.line(elements.text(dataset, 0x00080060)),
            _labelled("Series", elements.text(dataset, 0x00200011)),
            _labelled("Image", elements.text(dataset, 0x00200013)),
            f"Frame {number}/{frames}" if frames > 1 else "",
        ),
        _labelled("Position", _position(dataset, number)),
        _joined(wording.date(day), wording.time(clock)),
    )
    return list(filter(None, lines))


def _person(name: str, lettering: Lettering) -> str:
    """A writing of a PN (PS3.5 6.2.1.1) that can be drawn, the first where none can."""
    writings = [found for group in name.split("=") if (found := wording.name(group))]
    return next(filter(lettering.draws, writings), next(iter(writings), ""))


def _position(dataset: DataSet, number: int) -> str:
    """Image Position (Patient) of the image, or of the frame with ``number``."""
    plane = FunctionalGroups(dataset).macro(number, _PLANE_POSITION)
    found = elements.find(plane or dataset, _POSITION)
    return " \\ ".join(map(str, found[2])) if found else ""


def _labelled(label: str, value: str) -> str:
    return f"{label} {wording.line(value)}" if value else ""


def _joined(*parts: str) -> str:
    return "  ".join(filter(None, parts))


class _Block:
    """Lines of text in the largest letters that fit the width of ``image``, up to a usual size.

    What is higher than ``height`` has no place and is left out at the end.
    """

    def __init__(
        self, image: Image.Image, lines: Sequence[str], lettering: Lettering, height: int
    ) -> None:
        size = min(max(min(image.size) // _LINES, _SMALLEST + 3), _LARGEST)
        self._image = image
        self._draw = ImageDraw.Draw(image)
        self._margin = max(size // 3, 1)
        room = image.width - 2 * self._margin
        self._font = lettering.font(size)
        while size > _SMALLEST and any(self._font.getlength(line) > room for line in lines):
            size -= 1
            self._font = lettering.font(size)
        self._stroke = max(size // 10, 1)
        self._pieces = [part for line in lines for part in _wrapped(line, self._font, room)]
        while self._pieces and self._box()[1] > height:
            self._pieces.pop()

    def _box(self) -> tuple[float, float]:
        """Where the letters begin below their origin, and the height of all with its margins."""
        _, top, _, bottom = self._draw.multiline_textbbox(
            (0, 0), "\n".join(self._pieces), self._font, stroke_width=self._stroke
        )
        return top, bottom - top + 2 * self._margin

    def write(self, place: float) -> int:
        """Write at the top of the image (0), at its bottom (1) or between; the height it takes."""
        if not self._pieces:
            return 0
        top, height = self._box()
        at = (self._margin, self._margin - top + (self._image.height - height) * place)
        white, black = (255, 0) if self._image.mode == "L" else ("#fff", "#000")
        self._draw.multiline_text(
            at,
            "\n".join(self._pieces),
            white,
            self._font,
            stroke_width=self._stroke,
            stroke_fill=black,
        )
        return math.ceil(height)


def _wrapped(line: str, font: ImageFont.FreeTypeFont, room: float) -> Iterator[str]:
    """``line`` in pieces that fit, cut where they are full: no letter of a name is lost."""
    piece = ""
    for letter in line:
        if piece and font.getlength(piece + letter) > room:
            yield piece
            piece = ""
        piece += letter
    yield piece
