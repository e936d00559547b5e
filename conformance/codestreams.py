"""What compressed frames are, by their own markers, beside what their labels say."""

from dataclasses import dataclass
from typing import Final

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
RLE: Final = "1.2.840.10008.1.2.5"
NATIVE: Final = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
_J: Final = "1.2.840.10008.1.2.4."
BASELINE: Final = f"{_J}50"

MEDIA_TYPES: Final = {
    "image/jpeg": (f"{_J}70", f"{_J}50", f"{_J}51", f"{_J}57"),
    "image/jls": (f"{_J}80", f"{_J}81"),
    "image/jp2": (f"{_J}90", f"{_J}91"),
    "image/jpx": (f"{_J}92", f"{_J}93"),
    "image/jphc": (f"{_J}201", f"{_J}202", f"{_J}203"),
    "image/dicom-rle": (RLE,),
    "application/octet-stream": (EXPLICIT,),
}
"""Media types and their transfer syntaxes, the default first (PS3.18 tables 8.7.3-4, 8.7.3-5)."""

LOSSY: Final = frozenset({f"{_J}50", f"{_J}51", f"{_J}81", f"{_J}91", f"{_J}93", f"{_J}203"})
"""Transfer syntaxes whose frames may have lost something."""

_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class Codestream:
    """What a codestream says of itself: which transfer syntaxes can be its label, and its size."""

    kind: str
    syntaxes: frozenset[str]
    columns: int = 0
    rows: int = 0
    components: int = 0


def read(frame: bytes) -> Codestream | None:
    """What a frame is; None if it has no marker of a known compression."""
    if frame.startswith(_SIGNATURE):
        start = frame.find(b"\xff\x4f\xff\x51")
        return _jpeg2000(frame[start:]) if start > 0 else None
    if frame.startswith(b"\xff\x4f\xff\x51"):
        return _jpeg2000(frame)
    if frame.startswith(b"\xff\xd8\xff"):
        return _jpeg(frame)
    return _rle(frame)


def _labels(*endings: str) -> frozenset[str]:
    return frozenset(_J + one for one in endings)


def _word(frame: bytes, at: int, width: int = 2) -> int:
    return int.from_bytes(frame[at : at + width], "big")


def _jpeg(frame: bytes) -> Codestream | None:
    """Up to the first scan: the frame header says the process, the scan header the rest."""
    at, size, process = 2, (0, 0, 0), 0
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            process = marker
            size = _word(frame, at + 7), _word(frame, at + 5), frame[at + 9]
        if marker == 0xDA:
            return _scan(process, frame, at, size)
        at += 2 + _word(frame, at + 2)
    return None


def _scan(process: int, frame: bytes, at: int, size: tuple[int, int, int]) -> Codestream | None:
    selection = at + 5 + 2 * frame[at + 4]
    parameter = frame[selection] if selection < len(frame) else 0
    if process == 0xC0:
        return Codestream("JPEG baseline", _labels("50", "51"), *size)
    if process == 0xC1:
        return Codestream("JPEG extended", _labels("51"), *size)
    if process == 0xC3:
        found = _labels("57", "70") if parameter == 1 else _labels("57")
        return Codestream(f"lossless JPEG of selection value {parameter}", found, *size)
    if process == 0xF7:
        found = _labels("80", "81") if parameter == 0 else _labels("81")
        return Codestream(f"JPEG-LS with NEAR {parameter}", found, *size)
    return Codestream("JPEG of another process", frozenset(), *size)


def _jpeg2000(frame: bytes) -> Codestream | None:
    """The main header: SIZ for the size, CAP for high throughput, COD for what is lost."""
    at, high, reversible, progression = 2, False, None, -1
    size = (0, 0, 0)
    while at + 4 <= len(frame):
        marker, length = _word(frame, at), _word(frame, at + 2)
        if marker == 0xFF51:
            wide, tall = _word(frame, at + 6, 4), _word(frame, at + 10, 4)
            left, top = _word(frame, at + 14, 4), _word(frame, at + 18, 4)
            size = wide - left, tall - top, _word(frame, at + 38)
        elif marker == 0xFF50:
            high = bool(_word(frame, at + 4, 4) & 0x00020000)
        elif marker == 0xFF52:
            progression = frame[at + 5]
            reversible = frame[at + 13] == 1
        elif marker in (0xFF90, 0xFF93) or marker >> 8 != 0xFF:
            break
        at += 2 + length
    return _labelled(high, bool(reversible), progression, size)


def _labelled(
    high: bool, reversible: bool, progression: int, size: tuple[int, int, int]
) -> Codestream:
    words = "reversible" if reversible else "irreversible"
    if not high:
        ending = ("90", "91", "92", "93") if reversible else ("91", "93")
        return Codestream(f"{words} JPEG 2000", _labels(*ending), *size)
    ordered = ("202",) if progression == 2 else ()
    ending = ("201", "203", *ordered) if reversible else ("203",)
    return Codestream(f"{words} HTJ2K", _labels(*ending), *size)


def _rle(frame: bytes) -> Codestream | None:
    """The header of PS3.5 G.5: the number of segments, and where they begin."""
    if len(frame) < 64:
        return None
    words = [int.from_bytes(frame[at : at + 4], "little") for at in range(0, 64, 4)]
    count, offsets = words[0], words[1 : 1 + words[0]] if words[0] <= 15 else []
    ordered = offsets == sorted(set(offsets)) and all(one < len(frame) for one in offsets)
    if not 1 <= count <= 15 or offsets[0] != 64 or not ordered or any(words[1 + count :]):
        return None
    return Codestream("RLE", frozenset({RLE}))
