"""Stored frames that are pictures already, and go out as they are (PS3.18 8.3.5.1.2, note 1).

To decode and encode them again would take from their quality and change nothing else.
"""

from dataclasses import replace
from typing import Final

from gateway.codecs import jpegmarkers, registry
from gateway.codecs.codestream import jpeg
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb.rendered import Parameters
from gateway.dicomweb.renditions import JPEG
from gateway.errors import CodecError
from gateway.imagesets.document import Instance
from gateway.rendering.icc import embedded

_END: Final = b"\xff\xd9"
_EXIF: Final = b"Exif\0"
_BASELINE: Final = 0xC0
_APP1: Final = 0xE1


def stands(instance: Instance, frame: bytes, media_type: str, parameters: Parameters) -> bool:
    """Whether ``frame`` as it is stored is what ``parameters`` make of it as ``media_type``.

    It is where it is a whole colour image in JPEG Baseline whose headers say its colours, and
    nothing is to be changed: a window, which changes greyscale only, does not count.
    """
    plain = replace(parameters, window=None, unsupported=()) == Parameters()
    if not plain or media_type != JPEG or instance.stored_syntax != ts.JPEG_BASELINE:
        return False
    image = instance.pixel()
    if image.samples != 3 or image.bits_allocated != 8:
        return False
    try:
        header = jpeg(frame)
        shown = registry.uncompressed(ts.JPEG_BASELINE, frame, image, instance.source_syntax)
        return (
            (header.rows, header.columns, header.components) == (*image.shape[:2], 3)
            and header.transformed is True
            and shown.photometric == "YBR_FULL"
            and _is_plain(frame)
        )
    except CodecError:
        return False  # decoding says what is wrong


def _is_plain(frame: bytes) -> bool:
    """Whether it is a whole baseline JPEG, not to be turned and without a profile of its own."""
    segments = jpegmarkers.segments(frame)
    turned = any(marker == _APP1 and content.startswith(_EXIF) for marker, content in segments)
    whole = frame.rstrip(b"\0").endswith(_END)
    return whole and not turned and _BASELINE in dict(segments) and embedded(frame) is None
