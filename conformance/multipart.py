"""multipart/related, read by the book (PS3.18 8.6.1.2.1, RFC 2046 5.1.1, RFC 2387)."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from conformance import mediatypes

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_DELIMITED: Final = re.compile(rb"\r\n--[\x20-\x7e]{1,70}\r\nContent-Type:", re.IGNORECASE)
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


class Fault(Enum):
    """The kinds of mistakes."""

    BOUNDARY = auto()
    CLOSING = auto()
    TYPE = auto()
    PART = auto()
    LENGTH = auto()


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its header fields by lower-case name, its media type, its content."""

    fields: dict[str, str]
    media_type: mediatypes.MediaType
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """The parts of an answer, and what is wrong with it."""

    parts: tuple[Part, ...]
    faults: tuple[tuple[Fault, str], ...]

    @property
    def whole(self) -> bool:
        """Whether the parts can be told apart and the last one is complete."""
        return not any(kind in (Fault.BOUNDARY, Fault.CLOSING) for kind, _ in self.faults)


def is_multipart(content_type: str | None) -> bool:
    """Whether a Content-Type says multipart."""
    return bool(content_type) and str(content_type).strip().lower().startswith("multipart/")


def parse(content_type: str, body: bytes) -> Message:
    """The parts of a body; a reader that is strict would refuse what has faults."""
    kind = mediatypes.parse(content_type)
    faults: list[tuple[Fault, str]] = [
        (Fault.TYPE, f"Content-Type is not well-formed: {fault}") for fault in kind.faults
    ]
    if "type" not in kind.parameters:
        faults.append((Fault.TYPE, "Content-Type has no type parameter (RFC 2387 3.1)"))
    boundary = kind.parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        text = "has no boundary" if not boundary else "has a boundary that RFC 2046 does not allow"
        return Message((), (*faults, (Fault.BOUNDARY, f"Content-Type {text}")))
    pieces, closed, problem = _split(boundary.encode("ascii"), body)
    if problem and kind.faults:  # one mistake: the boundary was not read as it was meant
        return Message((), ((Fault.BOUNDARY, f"{problem}: {kind.faults[0]}"),))
    if problem:
        return Message((), (*faults, (Fault.BOUNDARY, problem)))
    if not closed:
        faults.append((Fault.CLOSING, "The closing delimiter is missing: the body may be cut off"))
    parts = tuple(_part(piece, faults) for piece in pieces)
    _check_types(kind.parameters.get("type", ""), parts, faults)
    if not closed:  # nobody knows where the last part was to end
        faults = [fault for fault in faults if fault[0] not in (Fault.LENGTH, Fault.PART)]
    return Message(parts, tuple(faults))


def _split(boundary: bytes, body: bytes) -> tuple[list[bytes], bool, str]:
    """What stands between the delimiters, whether the last closes, and what prevents reading."""
    mark = b"--" + boundary
    whole = b"\r\n" + body
    delimiter = re.compile(rb"\r\n" + re.escape(mark) + rb"(--)?(?:-\Z)?[ \t]*(?=\r\n|\Z)")
    found = list(delimiter.finditer(whole))
    if not found:
        if mark + b"\n" in body:
            return [], False, "The delimiter lines end with LF in place of CRLF"
        return [], False, "The boundary that Content-Type names does not occur in the body"
    pieces: list[bytes] = []
    for this, following in zip(found, [*found[1:], None], strict=True):
        if this[1]:
            return pieces, True, _foreign(pieces)
        pieces.append(whole[this.end() + 2 : following.start() if following else len(whole)])
    if pieces[-1].strip(b"-\r\n") == b"":  # the closing delimiter itself is cut off
        pieces.pop()
    return pieces, False, ""


def _foreign(pieces: list[bytes]) -> str:
    """Whether a part goes on into another one, behind a delimiter of another boundary."""
    if any(_DELIMITED.search(piece) for piece in pieces):
        return "A part has a delimiter of another boundary in it"
    return ""


def _part(piece: bytes, faults: list[tuple[Fault, str]]) -> Part:
    if piece.startswith(b"\r\n"):
        head, content = b"", piece[2:]
    else:
        head, gap, content = piece.partition(b"\r\n\r\n")
        if not gap:
            faults.append((Fault.PART, "A part has no empty line between its header and content"))
    fields: dict[str, str] = {}
    for line in head.split(b"\r\n") if head else ():
        found = _FIELD.fullmatch(line)
        if found:
            fields[found[1].decode("ascii").lower()] = found[2].decode("latin-1")
        else:
            faults.append((Fault.PART, "A part has a header line that is not a field"))
    length = fields.get("content-length")
    if length is not None and length != str(len(content)):
        text = f"A part says Content-Length: {length} and has {len(content)} bytes"
        faults.append((Fault.LENGTH, text))
    return Part(fields, mediatypes.parse(fields.get("content-type", "")), content)


def _check_types(wanted: str, parts: tuple[Part, ...], faults: list[tuple[Fault, str]]) -> None:
    for number, part in enumerate(parts, 1):
        if "content-type" not in part.fields:
            faults.append((Fault.PART, f"Part {number} has no Content-Type"))
        elif part.media_type.faults:
            text = f"The Content-Type of part {number}: {part.media_type.faults[0]}"
            faults.append((Fault.PART, text))
    named = wanted.split(";")[0].strip().lower()
    if parts and named and "content-type" in parts[0].fields:
        first = parts[0].media_type.name
        if first != named and not _covers(named, first):
            text = f"The type parameter says {named}, the first part is {first}"
            faults.append((Fault.TYPE, text))


def _covers(wanted: str, media_type: str) -> bool:
    return wanted in ("*/*", f"{media_type.partition('/')[0]}/*")
