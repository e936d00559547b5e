"""DICOM files byte by byte, for contents that no library writes."""

import struct
import zlib

from gateway.dicom import transfer_syntaxes as ts

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF


def element(tag, vr, value=b"", *, syntax=ts.EXPLICIT_LE, length=None):
    """One data element; an odd value is padded, ``length`` overrules its length."""
    order = ">" if syntax == ts.EXPLICIT_BE else "<"
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    length = len(value) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if syntax == ts.IMPLICIT_LE:
        return head + struct.pack("<I", length) + value
    if vr in LONG:
        return head + vr.encode() + struct.pack(f"{order}HI", 0, length) + value
    return head + vr.encode() + struct.pack(f"{order}H", length) + value


def item(content, *, order="<", undefined=False):
    """An item of a sequence, or a fragment of encapsulated pixel data."""
    if undefined:
        head = struct.pack(f"{order}HHI", 0xFFFE, 0xE000, UNDEFINED)
        return head + content + struct.pack(f"{order}HHI", 0xFFFE, 0xE00D, 0)
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(content)) + content


def sequence_end(order="<"):
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE0DD, 0)


def fragments(*contents, vr="OB", tag=0x7FE00010):
    """Encapsulated pixel data; the first content is the Basic Offset Table."""
    items = b"".join(item(content) for content in contents)
    return element(tag, vr, items + sequence_end(), length=UNDEFINED)


def header(syntax):
    """Preamble, prefix and File Meta Information."""
    content = element(0x00020001, "OB", b"\0\1") + element(0x00020010, "UI", syntax.encode())
    return (
        bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(content))) + content
    )


def part10(content, syntax=ts.EXPLICIT_LE):
    """A file with the encoded data set ``content``."""
    if syntax == ts.DEFLATED_LE:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = deflater.compress(content) + deflater.flush()
    return header(syntax) + content


IDENTITY = {
    0x00080016: ("UI", b"1.2.840.10008.5.1.4.1.1.7"),
    0x00080018: ("UI", b"1.2.3.4"),
    0x0020000D: ("UI", b"1.2"),
    0x0020000E: ("UI", b"1.2.3"),
}


def dataset(elements, syntax=ts.EXPLICIT_LE):
    """A data set of ``{tag: (VR, value)}``, with who it is where that is not said."""
    merged = IDENTITY | elements
    return b"".join(
        element(tag, *merged[tag], syntax=syntax) for tag in sorted(merged) if merged[tag]
    )


def file(elements, syntax=ts.EXPLICIT_LE, tail=b""):
    """A file of ``{tag: (VR, value)}``; None leaves an attribute out."""
    return part10(dataset(elements, syntax) + tail, syntax)
