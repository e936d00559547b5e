"""Frames that a server sends, beside those of the originals."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Final

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames

from conformance import codestreams, decoders, values
from conformance.decoders import Array, Shape
from conformance.multipart import Part
from conformance.originals import PIXELS, Original

_LOSSY_MEAN: Final = 0.04
_EXACT: Final = 0
_CLOSE: Final = 3
_YBR: Final = np.array(
    [[1, 0, 1.402], [1, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587], [1, 1.772, 0]]
)
"""YCbCr to RGB (PS3.3 C.7.6.3.1.2); the rows are R, G and B."""


class Frames:
    """The frames of an original, decoded when they are asked for."""

    def __init__(self, original: Original, dataset: FileDataset | None = None) -> None:
        dataset = original.read() if dataset is None else dataset
        self.syntax = original.syntax
        self.lossy = original.syntax in codestreams.LOSSY
        self.shape = decoders.shape(original.tree)
        self.count = original.frames
        self._coded = self._cut(dataset)

    @classmethod
    def of(cls, dataset: FileDataset, described: Original) -> "Frames":
        """The frames of a file that was sent."""
        return cls(described, dataset)

    def _cut(self, dataset: FileDataset) -> list[bytes]:
        content = next(bytes(dataset[tag].value) for tag in PIXELS if tag in dataset)
        if self.syntax not in codestreams.NATIVE:
            return list(generate_frames(content, number_of_frames=self.count))
        if self.syntax == codestreams.BIG_ENDIAN:
            content = self._turned(content, dataset)
        if self.shape.allocated == 1:
            return _bits(content, self.shape.rows * self.shape.columns, self.count)
        size = self.shape.size
        return [content[at * size : (at + 1) * size] for at in range(self.count)]

    def _turned(self, content: bytes, dataset: FileDataset) -> bytes:
        is_words = any(tag in dataset and dataset[tag].VR == "OW" for tag in PIXELS)
        width = self.shape.allocated // 8 if self.shape.allocated > 8 else 2 if is_words else 1
        array = np.frombuffer(content[: len(content) // width * width], f">u{width}")
        return array.astype(f"<u{width}").tobytes()

    def decoded(self, number: int) -> Array:
        """The samples of frame ``number``, which counts from 1."""
        return decoders.decode(self._coded[number - 1], self._native(), self.shape)

    def _native(self) -> str:
        native = self.syntax in codestreams.NATIVE
        return codestreams.EXPLICIT if native else self.syntax

    def coded(self, number: int) -> bytes:
        """The bytes of a frame as the file has them, in little endian."""
        return self._coded[number - 1]


def _bits(content: bytes, pixels: int, count: int) -> list[bytes]:
    """Frames of single bits, which may begin within a byte."""
    bits = np.unpackbits(np.frombuffer(content, "u1"), bitorder="little")
    cut = [bits[at * pixels : (at + 1) * pixels] for at in range(count)]
    return [np.packbits(one, bitorder="little").tobytes() for one in cut]


def label(part: Part) -> str:
    """The transfer syntax that a part says, or the default of its media type."""
    given = part.media_type.parameters.get("transfer-syntax")
    known = codestreams.MEDIA_TYPES.get(part.media_type.name, ("",))
    return given or known[0]


def mislabelled(part: Part) -> str:
    """Why a part of a compressed frame is not what its header says; empty if it is."""
    name, syntax = part.media_type.name, label(part)
    allowed = codestreams.MEDIA_TYPES.get(name)
    if allowed is None or name == "application/octet-stream":
        return ""
    if syntax not in allowed:
        return f"{name} is not the media type of {syntax}"
    found = codestreams.read(part.content)
    if found is None:
        return f"A part labelled {name} is no codestream of that kind"
    if syntax not in found.syntaxes:
        return f"A part labelled {syntax} is {found.kind}"
    return ""


def difference(part: Part, metadata: values.Tree, frames: Frames, number: int) -> str:
    """How a frame differs from the original's; empty if it is the same picture.

    Lossless on both sides has to be equal, sample by sample. Where something was lost the mean
    difference is bounded, and colours may be those before or after conversion to RGB.
    """
    sent = decoders.shape(metadata)
    syntax = label(part)
    if (
        syntax in codestreams.NATIVE
        and codestreams.read(part.content)
        and (len(part.content) != sent.size)
    ):
        return "a compressed frame is labelled as an uncompressed one"
    sent = _as_sent(sent, part, syntax)
    try:
        got = decoders.stored(decoders.decode(part.content, syntax, sent), sent)
    except decoders.Undecodable as error:
        return str(error)
    wanted = decoders.stored(frames.decoded(number), frames.shape)
    if got.shape != wanted.shape:
        return f"its samples are {got.shape}, not {wanted.shape}"
    lossy = syntax in codestreams.LOSSY or frames.lossy or frames.shape.photometric.endswith("422")
    return _apart(got, wanted, frames.shape, lossy=lossy)


def between(got: Frames, wanted: Frames, number: int) -> str:
    """How a frame of one file differs from that of another; empty if it is the same picture."""
    try:
        sent = decoders.stored(got.decoded(number), got.shape)
    except decoders.Undecodable as error:
        return str(error)
    kept = decoders.stored(wanted.decoded(number), wanted.shape)
    if sent.shape != kept.shape:
        return f"its samples are {sent.shape}, not {kept.shape}"
    subsampled = wanted.shape.photometric.endswith("422")
    return _apart(sent, kept, wanted.shape, lossy=got.lossy or wanted.lossy or subsampled)


def _as_sent(sent: Shape, part: Part, syntax: str) -> Shape:
    """Attributes of a frame that stands alone: subsampled chroma comes at full size, or not."""
    if syntax in codestreams.NATIVE and sent.photometric == "YBR_FULL_422":
        full = sent.rows * sent.columns * 3
        if len(part.content) in (full, full + full % 2):
            return _changed(sent, photometric="YBR_FULL")
    return sent


def _changed(sent: Shape, **changes: str) -> Shape:
    fields = {name: getattr(sent, name) for name in sent.__slots__}
    return Shape(**(fields | changes))


def _apart(got: Array, wanted: Array, image: Shape, *, lossy: bool) -> str:
    if np.array_equal(got, wanted):
        return ""
    candidates = [wanted]
    if image.samples == 3 and lossy:
        candidates += [rgb(wanted, image), _ybr(wanted, image)]
    span = float(1 << image.stored)
    apart = min(float(np.abs(got - one).mean()) for one in candidates)
    if image.samples == 3 and lossy:  # chroma may be subsampled by half in both directions
        apart = min(apart, *(float(np.abs(_halved(got - one)).mean()) for one in candidates))
    if lossy and apart <= max(_CLOSE, _LOSSY_MEAN * span):
        return ""
    unequal = int((got != wanted).sum())
    return f"{unequal} of {wanted.size} samples differ, by {apart:.4g} in the mean"


def _halved(array: Array) -> Array:
    """The means of each two by two pixels; as it is where there are not as many."""
    rows, columns = array.shape[0] // 2, array.shape[1] // 2
    if not rows or not columns:
        return array
    cut = array[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1)
    return np.asarray(cut.mean(axis=(1, 3)))


def rgb(array: Array, image: Shape) -> Array:
    """Samples of YCbCr as those of RGB."""
    middle = np.array([0, 1 << (image.stored - 1), 1 << (image.stored - 1)])
    return np.asarray(np.clip((array - middle) @ _YBR.T, 0, (1 << image.stored) - 1))


def _ybr(array: Array, image: Shape) -> Array:
    middle = np.array([0, 1 << (image.stored - 1), 1 << (image.stored - 1)])
    return np.asarray(array @ np.linalg.inv(_YBR).T + middle)


def kinds(files: Iterable[Original], most: int) -> list[Original]:
    """One image of every kind, then one of every other series, as far as ``most`` goes.

    A kind is transfer syntax, photometric interpretation, depth, and whether there are several
    frames. What images of a kind have in common is not all: one may have no negative values.
    """
    found: dict[tuple[object, ...], Original] = {}
    images = [one for one in files if one.frames and one.path is not None]
    for one in images:
        image = decoders.shape(one.tree)
        key = (one.syntax, image.photometric, image.samples, image.allocated, image.stored,
               image.high, image.signed, image.planar, one.frames > 1)  # fmt: skip
        found.setdefault(key, one)
    single = [one for one in found.values() if one.frames == 1]
    stacks = [one for one in found.values() if one.frames > 1]
    mixed = [one for pair in zip_longest(stacks, single) for one in pair if one is not None]
    seen = {one.uids[1] for one in mixed}
    others = {one.uids[1]: one for one in reversed(images) if one.uids[1] not in seen}
    return [*mixed, *reversed(others.values())][:most]
