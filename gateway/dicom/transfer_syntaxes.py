"""Transfer syntaxes: how each is encoded and what HealthImaging does with it at import.

The table is that of the developer guide's page "Supported transfer syntaxes"; media types are those
of PS3.18 tables 8.7.3-2 to 8.7.3-5.
"""

from dataclasses import dataclass
from typing import Final

IMPLICIT_LE: Final = "1.2.840.10008.1.2"
EXPLICIT_LE: Final = "1.2.840.10008.1.2.1"
DEFLATED_LE: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE: Final = "1.2.840.10008.1.2.2"
JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED: Final = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1: Final = "1.2.840.10008.1.2.4.70"
JPEG_LS: Final = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR: Final = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS: Final = "1.2.840.10008.1.2.4.90"
JPEG_2000: Final = "1.2.840.10008.1.2.4.91"
JPEG_2000_PART_2_LOSSLESS: Final = "1.2.840.10008.1.2.4.92"
JPEG_2000_PART_2: Final = "1.2.840.10008.1.2.4.93"
HTJ2K_LOSSLESS: Final = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL: Final = "1.2.840.10008.1.2.4.202"
HTJ2K: Final = "1.2.840.10008.1.2.4.203"
RLE: Final = "1.2.840.10008.1.2.5"

OCTET_STREAM: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """One transfer syntax.

    ``media_type`` is what a single frame is in DICOMweb; ``retained`` says that HealthImaging keeps
    the frames' bytes at import instead of encoding them as HTJ2K.
    """

    uid: str
    name: str
    media_type: str = OCTET_STREAM
    implicit_vr: bool = False
    big_endian: bool = False
    deflated: bool = False
    encapsulated: bool = True
    retained: bool = False


def _native(
    uid: str,
    name: str,
    *,
    implicit_vr: bool = False,
    big_endian: bool = False,
    deflated: bool = False,
) -> TransferSyntax:
    return TransferSyntax(
        uid,
        name,
        implicit_vr=implicit_vr,
        big_endian=big_endian,
        deflated=deflated,
        encapsulated=False,
    )


_TABLE: Final = (
    _native(IMPLICIT_LE, "Implicit VR Little Endian", implicit_vr=True),
    _native(EXPLICIT_LE, "Explicit VR Little Endian"),
    _native(DEFLATED_LE, "Deflated Explicit VR Little Endian", deflated=True),
    _native(EXPLICIT_BE, "Explicit VR Big Endian", big_endian=True),
    TransferSyntax(JPEG_BASELINE, "JPEG Baseline (Process 1)", "image/jpeg", retained=True),
    TransferSyntax(JPEG_EXTENDED, "JPEG Extended (Process 2 and 4)", "image/jpeg"),
    TransferSyntax(JPEG_LOSSLESS, "JPEG Lossless (Process 14)", "image/jpeg"),
    TransferSyntax(JPEG_LOSSLESS_SV1, "JPEG Lossless (Process 14, SV1)", "image/jpeg"),
    TransferSyntax(JPEG_LS, "JPEG-LS Lossless", "image/jls"),
    TransferSyntax(JPEG_LS_NEAR, "JPEG-LS Near-Lossless", "image/jls"),
    TransferSyntax(JPEG_2000_LOSSLESS, "JPEG 2000 (Lossless Only)", "image/jp2"),
    TransferSyntax(JPEG_2000, "JPEG 2000", "image/jp2", retained=True),
    TransferSyntax(HTJ2K_LOSSLESS, "HTJ2K (Lossless Only)", "image/jphc"),
    TransferSyntax(HTJ2K_LOSSLESS_RPCL, "HTJ2K with RPCL (Lossless Only)", "image/jphc"),
    TransferSyntax(HTJ2K, "HTJ2K", "image/jphc", retained=True),
    TransferSyntax(RLE, "RLE Lossless", "image/dicom-rle"),
)

BY_UID: Final = {syntax.uid: syntax for syntax in _TABLE}
"""The sixteen transfer syntaxes that HealthImaging imports, by UID."""

SENT: Final = BY_UID | {
    syntax.uid: syntax
    for syntax in (
        TransferSyntax(JPEG_2000_PART_2_LOSSLESS, "JPEG 2000 Part 2 (Lossless Only)", "image/jpx"),
        TransferSyntax(JPEG_2000_PART_2, "JPEG 2000 Part 2", "image/jpx"),
    )
}
"""These and those that HealthImaging does not import but frames can be brought to, by UID."""


def is_encapsulated(uid: str) -> bool:
    """Whether pixel data in the transfer syntax are encapsulated; of an unknown one they are."""
    known = BY_UID.get(uid)
    return known is None or known.encapsulated
