"""Codestreams taken apart and put together again, for tests; nothing of the package is used."""

import struct

import imagecodecs

SOT, SIZ, COD, COC, TLM, QCD, QCC = 0xFF90, 0xFF51, 0xFF52, 0xFF53, 0xFF55, 0xFF5C, 0xFF5D
EOC = b"\xff\xd9"


def htj2k(samples, **options):
    """HTJ2K with a tile-part for each resolution, unless ``options`` say otherwise."""
    layout = {"reversible": True, "tlm": True, "tilepart": True, "resolutions": 5}
    return bytes(imagecodecs.htj2k_encode(samples, **layout | options))


def jpeg2k(samples, **options):
    return bytes(imagecodecs.jpeg2k_encode(samples, **{"codecformat": "j2k", **options}))


def segment(marker, content):
    return struct.pack(">HH", marker, len(content) + 2) + content


def main_segments(frame):
    """Marker and content of the main header's segments, and where it ends."""
    at, found = 2, []
    while frame[at : at + 2] != b"\xff\x90":
        marker, length = struct.unpack_from(">HH", frame, at)
        found.append((marker, frame[at + 4 : at + 2 + length]))
        at += 2 + length
    return found, at


def tile_parts(frame):
    """Tile, index, count and bytes of each tile-part, by the lengths they say."""
    _, at = main_segments(frame)
    while frame[at : at + 2] == b"\xff\x90":
        tile, length, index, count = struct.unpack_from(">HIBB", frame, at + 4)
        yield tile, index, count, frame[at : at + length]
        at += length
    assert frame[at:] == EOC


def ends(frame):
    """Where each tile-part ends."""
    _, at = main_segments(frame)
    for *_, content in tile_parts(frame):
        at += len(content)
        yield at


def assembled(segments, parts):
    return b"".join((b"\xff\x4f", *(segment(*one) for one in segments), *parts, EOC))


def changed(frame, change=lambda marker, content: content, added=(), part=lambda content: content):
    """``frame`` with its main segments changed, others added behind them, and its tile-parts."""
    segments, _ = main_segments(frame)
    new = [(marker, change(marker, content)) for marker, content in segments]
    return assembled([*new, *added], [part(content) for *_, content in tile_parts(frame)])


def with_style(frame, at, value):
    """``frame`` with bytes of COD replaced: 1 is the progression, 2 and 3 are layers."""

    def change(marker, content):
        return content[:at] + value + content[at + len(value) :] if marker == COD else content

    return changed(frame, change)


def with_counts(frame, count):
    """``frame`` whose tile-parts say that there are ``count`` of them."""
    return changed(frame, part=lambda content: content[:11] + bytes([count]) + content[12:])


def boxed(frame):
    """A JPH file around a codestream (ISO 15444-15 Annex D)."""
    signature = b"\0\0\0\x0cjP  \r\n\x87\n"
    file_type = struct.pack(">I4s4sI4s", 20, b"ftyp", b"jph ", 0, b"jph ")
    return signature + file_type + struct.pack(">I4s", len(frame) + 8, b"jp2c") + frame
