"""JPEG 2000 codestreams made smaller without decoding, where their resolutions stand apart.

The packets of a resolution need nothing of those above it. A codestream whose tile-parts end where
resolutions end can therefore do without its upper ones: what is left, under a header that declares
the smaller size, is the codestream of the picture halved so many times (ISO 15444-1 A.4, B.5).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.codecs.codestream import unboxed
from gateway.errors import CodecError

_SOC: Final = b"\xff\x4f"
_EOC: Final = b"\xff\xd9"
_SIZ: Final = 0xFF51
_COD: Final = 0xFF52
_COC: Final = 0xFF53
_TLM: Final = 0xFF55
_PLM: Final = 0xFF57
_QCD: Final = 0xFF5C
_QCC: Final = 0xFF5D
_POC: Final = 0xFF5F
_PPM: Final = 0xFF60
_PPT: Final = 0xFF61
_SOT: Final = 0xFF90
_SOD: Final = 0xFF93

_SHORTEST: Final = {_SIZ: 39, _COD: 10, _QCD: 2, _COC: 7, _QCC: 3, _TLM: 2}
_ELSEWHERE: Final = frozenset({_POC, _PPM})
_OF_A_TILE: Final = frozenset({_COD, _COC, _QCD, _QCC, _POC, _PPT})
_LRCP: Final = 0
_BY_RESOLUTION: Final = frozenset({1, 2})  # RLCP and RPCL (ISO 15444-1 table A.16)
_MOST_LEVELS: Final = 32
_SOT_BYTES: Final = 12
_MOST_TILES: Final = 65_535
_MOST_TLM_ENTRIES: Final = 10_000


class Undivided(CodecError):
    """The resolutions of a codestream do not stand apart, so that it cannot be cut at one."""


@dataclass(frozen=True, slots=True)
class TilePart:
    """One tile-part and its place; ``count`` is how many its tile has, 0 where that is not said."""

    tile: int
    index: int
    count: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class MainHeader:
    """The marker segments before the first tile-part, which begins at ``end``."""

    segments: tuple[tuple[int, bytes], ...]
    end: int

    def all(self, marker: int) -> list[bytes]:
        """The contents of all segments with ``marker``."""
        return [content for found, content in self.segments if found == marker]

    @property
    def grid(self) -> tuple[int, ...]:
        """Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz, XTOsiz, YTOsiz (ISO 15444-1 A.5.1)."""
        return struct.unpack_from(">8I", self.all(_SIZ)[0], 2)

    @property
    def depths(self) -> frozenset[int]:
        """Ssiz of the components, bits less one and the sign above them; one where all agree."""
        return frozenset(self.all(_SIZ)[0][36::3])

    @property
    def index_bytes(self) -> int:
        """How wide the index of a component is in COC and QCC (ISO 15444-1 A.6.2)."""
        return 1 if int.from_bytes(self.all(_SIZ)[0][34:36], "big") < 257 else 2

    @property
    def at_origin(self) -> bool:
        """Whether picture and tiles begin at zero, so that their sides alone tell a halved size."""
        return not any(self.grid[2:4] + self.grid[6:])

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        columns, rows, _, _, width, height, _, _ = self.grid
        return -(-columns // width) * -(-rows // height)

    def announced(self, tile: int) -> int:
        """How many tile-parts of ``tile`` the TLM segments list (ISO 15444-1 A.7.1)."""
        found = 0
        for content in self.all(_TLM):
            index, length = content[1] >> 4 & 3, 4 if content[1] & 0x40 else 2
            width = index + length
            tiles = (content[at : at + index] for at in range(2, len(content), width))
            found += sum(int.from_bytes(one, "big") == tile for one in tiles) if index else 0
        return found

    @property
    def levels(self) -> int:
        """How often each side is halved, in the component where that is fewest."""
        found = self._levels()
        return min(found) if max(found) <= _MOST_LEVELS else 0  # beyond are kernels of Part 2

    def _levels(self) -> list[int]:
        of_components = (content[self.index_bytes + 1] for content in self.all(_COC))
        return [self.all(_COD)[0][5], *of_components]

    @property
    def halvings(self) -> int:
        """How often the picture can be halved with nothing changed but the main header.

        The packets of lower resolutions come first (ISO 15444-1 B.12), and tiles can be halved too.
        """
        _, progression, layers = struct.unpack_from(">BBH", self.all(_COD)[0])
        ascending = progression in _BY_RESOLUTION or (progression == _LRCP and layers == 1)
        moved = any(marker in _ELSEWHERE for marker, _ in self.segments)
        if moved or not ascending or len(set(self._levels())) > 1:
            return 0
        return next(times for times in range(self.levels, -1, -1) if self._halves(times))

    def _halves(self, times: int) -> bool:
        columns, rows, _, _, width, height, _, _ = self.grid
        whole = width >= columns and height >= rows
        odd = (width | height) & ((1 << times) - 1)
        return not times or (self.at_origin and (whole or not odd))


def main_header(data: bytes) -> MainHeader:
    """The main header of a bare codestream (ISO 15444-1 A.3).

    Raises:
        CodecError: it is not one, or is cut short.
    """
    if data[:2] != _SOC:
        raise CodecError("the frame is not a JPEG 2000 codestream")
    segments = tuple(_segments(data, 2, _SOT))
    end = 2 + sum(4 + len(content) for _, content in segments)
    header = MainHeader(segments, end)
    complete = all(header.all(marker) for marker in (_SIZ, _COD, _QCD))
    short = any(len(content) < _SHORTEST.get(marker, 0) for marker, content in segments)
    if not complete or short or 0 in header.grid[:2] + header.grid[4:6]:
        raise CodecError("the JPEG 2000 codestream has a broken main header")
    if header.tiles > _MOST_TILES:
        raise CodecError("the JPEG 2000 codestream has a broken main header")
    return header


def _segments(data: bytes, at: int, last: int) -> Iterator[tuple[int, bytes]]:
    """Marker and content of the segments from ``at`` on, up to the marker ``last``."""
    while len(data) >= at + 2:
        marker = int.from_bytes(data[at : at + 2], "big")
        if marker == last:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        content = data[at + 4 : at + 2 + length]
        if marker < 0xFF00 or length < 2 or len(content) != length - 2:
            break
        yield marker, content
        at += 2 + length
    raise CodecError("the JPEG 2000 codestream has a broken header, or ends in it")


def _tile_parts(data: bytes, at: int) -> Iterator[TilePart]:
    """The tile-parts from ``at`` on, as far as ``data`` has their beginnings."""
    while data[at : at + 2] == b"\xff\x90" and len(data) >= at + _SOT_BYTES:
        tile, length, index, count = struct.unpack_from(">HIBB", data, at + 4)
        if 0 < length < _SOT_BYTES + 2:
            raise CodecError("the JPEG 2000 codestream has a broken tile-part")
        end = at + length if length else len(data)  # 0: up to the end (ISO 15444-1 A.4.2)
        yield TilePart(tile, index, count, at, end)
        at = end


def cut(frame: bytes, reduce: int) -> bytes:
    """``frame``, boxed or bare, as the bare codestream of its picture at a lower resolution.

    Each side is divided by 2 to the power of ``reduce`` and rounded up, and the main header says so
    of size, levels and tile-parts. Nothing is decoded, and nothing behind that resolution is
    touched: the first bytes of a frame suffice.

    Raises:
        Undivided: the tile-parts are not those of its resolutions, or there are fewer.
        CodecError: the codestream is broken, or ends before that resolution does.
    """
    data = unboxed(frame)
    if not reduce:
        return data
    header, kept = _plan(data, reduce)
    count = header.levels + 1 - reduce
    pieces = [_SOC, *_restated(header, reduce)]
    if header.all(_TLM) and len(kept) <= _MOST_TLM_ENTRIES:
        pieces.append(_lengths(kept))
    for part in kept:
        length = part.end - part.start
        pieces.append(struct.pack(">HHHIBB", _SOT, 10, part.tile, length, part.index, count))
        pieces.append(data[part.start + _SOT_BYTES : part.end])
    return b"".join((*pieces, _EOC))


def divided(frame: bytes, reduce: int) -> bool:
    """Whether ``frame`` can be ``cut`` there.

    Raises:
        CodecError: the codestream is broken, or ends before that resolution does.
    """
    try:
        _plan(unboxed(frame), reduce)
    except Undivided:
        return False
    return True


def _plan(data: bytes, reduce: int) -> tuple[MainHeader, list[TilePart]]:
    """The main header, and the tile-parts that stay."""
    header = main_header(data)
    _check(header, reduce)
    return header, _kept(data, header, reduce)


def restated(frame: bytes, reduce: int) -> bytes:
    """``frame`` under the main header of its picture at a lower resolution; all packets stay.

    A decoder reads those of the smaller picture, which come first, and leaves the others.

    Raises:
        Undivided: the packets are in another order, or there are fewer resolutions.
        CodecError: the codestream is broken.
    """
    data = unboxed(frame)
    header = main_header(data)
    _check(header, reduce)
    return b"".join((_SOC, *_restated(header, reduce), data[header.end :]))


def _check(header: MainHeader, reduce: int) -> None:
    if reduce > header.halvings:
        raise Undivided(f"the frame can be cut {header.halvings} resolutions lower, not {reduce}")


def _kept(data: bytes, header: MainHeader, reduce: int) -> list[TilePart]:
    """The tile-parts of the lower resolutions; behind the last of them nothing is read."""
    resolutions = header.levels + 1
    wanted = header.tiles * (resolutions - reduce)
    kept = {}
    for part in _tile_parts(data, header.end):
        if (part.count or header.announced(part.tile)) != resolutions:
            raise Undivided(f"the frame has not {resolutions} tile-parts for as many resolutions")
        if part.index < resolutions - reduce and part.tile < header.tiles:
            _check_part(data, part)
            kept[part.tile, part.index] = part
        if len(kept) == wanted:
            return list(kept.values())
    raise CodecError("the JPEG 2000 codestream ends before the resolution that is wanted")


def _check_part(data: bytes, part: TilePart) -> None:
    if part.end > len(data):
        raise CodecError("the JPEG 2000 codestream ends before the resolution that is wanted")
    for marker, _ in _segments(data, part.start + _SOT_BYTES, _SOD):
        if marker in _OF_A_TILE:
            raise Undivided("a tile of the frame is coded in a way of its own")


def _restated(header: MainHeader, reduce: int) -> Iterator[bytes]:
    """The segments of the main header for a picture that is halved ``reduce`` times.

    TLM and PLM, lengths of what may be gone, are left out.
    """
    resolutions = header.levels + 1 - reduce
    skip = header.index_bytes
    for marker, content in header.segments:
        if marker == _SIZ:
            yield _segment(marker, _smaller(content, reduce))
        elif marker in (_COD, _COC):
            style = 5 if marker == _COD else skip + 1
            yield _segment(marker, _style(content, style, resolutions))
        elif marker in (_QCD, _QCC):
            style = 0 if marker == _QCD else skip
            yield _segment(marker, _quantization(content, style, resolutions))
        elif marker not in (_TLM, _PLM):
            yield _segment(marker, content)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, len(content) + 2) + content


def _smaller(content: bytes, reduce: int) -> bytes:
    """SIZ with picture and tiles halved; origins are zero."""
    columns, rows, *origin, width, height = struct.unpack_from(">6I", content, 2)
    sides = (-(-side // (1 << reduce)) for side in (columns, rows, *origin, width, height))
    return content[:2] + struct.pack(">6I", *sides) + content[26:]


def _style(content: bytes, at: int, resolutions: int) -> bytes:
    """COD or COC with fewer levels, whose number stands at ``at`` (ISO 15444-1 A.6.1).

    Precincts, where they are listed, are so from the lowest resolution up.
    """
    return content[:at] + bytes([resolutions - 1]) + content[at + 1 : at + 5 + resolutions]


def _quantization(content: bytes, at: int, resolutions: int) -> bytes:
    """QCD or QCC with fewer sub-bands, which are listed from the lowest up (ISO 15444-1 A.6.4)."""
    width = {0: 1, 2: 2}.get(content[at] & 0x1F)
    return content if width is None else content[: at + 1 + width * (3 * resolutions - 2)]


def _lengths(parts: list[TilePart]) -> bytes:
    """A TLM segment: two bytes for each tile, four for each length (ISO 15444-1 A.7.1)."""
    entries = (struct.pack(">HI", part.tile, part.end - part.start) for part in parts)
    return _segment(_TLM, b"\x00\x60" + b"".join(entries))
