"""Frames of an instance at a lower resolution: cut from what is stored, or decoded."""

from gateway.codecs import native, registry, resolutions
from gateway.codecs.transcoding import as_shown
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.imagesets.document import Instance


def syntaxes(instance: Instance, pixel: ImagePixel, frame: bytes, reduce: int) -> tuple[str, ...]:
    """The transfer syntaxes that ``encode`` can make of ``frame``, the stored one first.

    Raises:
        CodecError: the frame is broken.
    """
    stored = instance.stored_syntax
    cut = resolutions.is_divided(stored, frame, pixel, reduce)
    found = (stored,) if cut else ()
    return (*found, ts.EXPLICIT_LE) if _decodes(instance, pixel, frame, reduce) else found


def _decodes(instance: Instance, pixel: ImagePixel, frame: bytes, reduce: int) -> bool:
    if pixel.packed or not registry.decodes(instance.stored_syntax):
        return False
    out = resolutions.reduced(_uncompressed(instance, pixel, frame), reduce)
    return not (out.subsampled and out.columns % 2)


def _uncompressed(instance: Instance, pixel: ImagePixel, frame: bytes) -> ImagePixel:
    return registry.uncompressed(instance.stored_syntax, frame, pixel, instance.source_syntax)


def encode(instance: Instance, pixel: ImagePixel, reduce: int, syntax: str, frame: bytes) -> bytes:
    """A stored ``frame`` with its sides halved ``reduce`` times, in one of its ``syntaxes``.

    Raises:
        CodecError: the frame is broken, or other than the one that those were asked of.
    """
    stored = instance.stored_syntax
    if syntax == stored != ts.EXPLICIT_LE:
        return resolutions.cut(frame, reduce)
    samples = resolutions.decode(stored, frame, pixel, reduce)
    out = resolutions.reduced(_uncompressed(instance, pixel, frame), reduce)
    return native.encode(*as_shown(samples, out, pixel))
