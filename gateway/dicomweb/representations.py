"""Which representation of a resource a client gets (PS3.18 8.7.3), or 406 and what there is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb.accept import MediaRange
from gateway.errors import NotAcceptable

DICOM: Final = "application/dicom"
DICOM_JSON: Final = "application/dicom+json"
OCTET_STREAM: Final = ts.OCTET_STREAM

_ANY: Final = "*/*"
_JSON_TYPES: Final = frozenset({DICOM_JSON, "application/json", _ANY, "application/*"})
_MULTIPART: Final = frozenset({"multipart/related", "multipart/*"})
_ALIASES: Final = {
    "image/jph": "image/jphc",
    "image/jhc": "image/jphc",
    "image/x-jls": "image/jls",
    "image/x-dicom-rle": "image/dicom-rle",
    "image/jpx": "image/jp2",
    "image/j2k": "image/jp2",
    "image/j2c": "image/jp2",
}
_SYNTAX_ALIASES: Final = {"3.2.840.10008.1.2.4.96": ts.HTJ2K_LOSSLESS_RPCL}


@dataclass(frozen=True, slots=True)
class Representation:
    """What goes out: ``syntax`` of the frames or files, ``media_type`` of a part.

    ``multipart`` False is one part without an envelope.
    """

    syntax: str
    media_type: str
    multipart: bool = True

    @property
    def content_type(self) -> str:
        """The Content-Type of a part: viewers choose their decoder by it."""
        return f"{self.media_type}; transfer-syntax={self.syntax}"


def media_type(syntax: str) -> str:
    """The media type of a frame in ``syntax``."""
    known = ts.BY_UID.get(syntax)
    return known.media_type if known else OCTET_STREAM


def json(ranges: Iterable[MediaRange]) -> str:
    """The media type of metadata and search results.

    Raises:
        NotAcceptable: the client wants none of the JSON types.
    """
    for wanted in ranges:
        if wanted.type in _JSON_TYPES:
            return "application/json" if wanted.type == "application/json" else DICOM_JSON
    raise NotAcceptable("Only DICOM JSON is available", (DICOM_JSON, "application/json"))


def frames(
    ranges: Sequence[MediaRange],
    stored: str,
    *,
    decodable: bool,
    count: int,
    described: bool = True,
) -> Representation:
    """How ``count`` frames stored in ``stored`` go out (PS3.18 tables 8.7.3-4 and 8.7.3-5).

    As stored where the client names that transfer syntax, its media type or ``*``; decoded to
    Explicit VR Little Endian where it asks for that or for no transfer syntax in particular. If the
    metadata do not describe the samples that a decoder of the stored frames gives, ``*`` too is
    answered decoded: a viewer would show them wrong.

    Raises:
        NotAcceptable: no range can be served.
    """
    kept = Representation(stored, media_type(stored))
    native = Representation(ts.EXPLICIT_LE, OCTET_STREAM)
    offers = [kept, native] if decodable and stored != ts.EXPLICIT_LE else [kept]
    for wanted in ranges:
        multipart = wanted.type in _MULTIPART or wanted.type == _ANY
        if not multipart and count != 1:
            continue
        kind = (wanted.value("type") or OCTET_STREAM) if wanted.type in _MULTIPART else wanted.type
        syntaxes = wanted.values("transfer-syntax")
        chosen = _frame_offer(kind.lower(), syntaxes, offers, described=described)
        if chosen:
            return Representation(chosen.syntax, chosen.media_type, multipart)
    available = [
        f'multipart/related; type="{o.media_type}"; transfer-syntax={o.syntax}' for o in offers
    ]
    raise NotAcceptable("The frames are not available in an acceptable form", tuple(available))


def _frame_offer(
    kind: str, syntaxes: Sequence[str], offers: Sequence[Representation], *, described: bool
) -> Representation | None:
    kind = _ALIASES.get(kind, kind)
    kept, native = offers[0], offers[-1]
    generic = kind in (OCTET_STREAM, _ANY, "application/*")
    same = kind in (kept.media_type, f"{kept.media_type.partition('/')[0]}/*")
    for syntax in syntaxes:
        uid = _SYNTAX_ALIASES.get(syntax, syntax)
        if uid == "*" and generic:
            return kept if described else native
        if uid in ("*", kept.syntax) and (generic or same):
            return kept
        if uid == native.syntax and generic:
            return native
    if syntaxes:
        return None
    if generic:
        return native
    return kept if same else None


def instances(
    ranges: Sequence[MediaRange], stored: Iterable[str], *, decodable: bool, single: bool
) -> Representation:
    """How instances stored in ``stored`` go out as Part 10; the syntax ``*`` is as each is stored.

    ``single`` says that it is one instance, which may go without an envelope; ``decodable`` that
    all of them can be had as Explicit VR Little Endian.

    Raises:
        NotAcceptable: no range can be served.
    """
    kept = frozenset(stored)
    for wanted in ranges:
        multipart = wanted.type in _MULTIPART or wanted.type == _ANY
        kind = (wanted.value("type") or DICOM).lower() if wanted.type in _MULTIPART else wanted.type
        if kind not in (DICOM, _ANY, "application/*") or not (multipart or single):
            continue
        syntaxes = wanted.values("transfer-syntax") or (ts.EXPLICIT_LE,)
        for syntax in syntaxes:
            uid = _SYNTAX_ALIASES.get(syntax, syntax)
            if uid == "*" or kept == {uid}:
                return Representation("*", DICOM, multipart)
            if uid == ts.EXPLICIT_LE and decodable:
                return Representation(uid, DICOM, multipart)
    one = kept if len(kept) == 1 else frozenset()
    offers = ["*", *sorted(one | ({ts.EXPLICIT_LE} if decodable else set()))]
    available = [f'multipart/related; type="{DICOM}"; transfer-syntax={uid}' for uid in offers]
    raise NotAcceptable("The instances are not available in an acceptable form", tuple(available))


def bulk_data(ranges: Sequence[MediaRange], media_type: str) -> Representation:
    """How a binary value goes out: as what it is, or as a stream of bytes (PS3.18 8.7.3.3.2).

    Raises:
        NotAcceptable: no range can be served.
    """
    for wanted in ranges:
        multipart = wanted.type in _MULTIPART
        kind = (wanted.value("type") or OCTET_STREAM).lower() if multipart else wanted.type
        if kind in (media_type, _ANY, f"{media_type.partition('/')[0]}/*"):
            return Representation(ts.EXPLICIT_LE, media_type, multipart)
        if kind == OCTET_STREAM:
            return Representation(ts.EXPLICIT_LE, OCTET_STREAM, multipart)
    available = dict.fromkeys((media_type, OCTET_STREAM))
    raise NotAcceptable("The value is not available in an acceptable form", tuple(available))
