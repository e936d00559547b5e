"""What the Studies Service can make of its resources, by media type (PS3.18 8.7.3).

Media types that clients in the field use for the same thing are understood unless the request is
read strictly; `image/jph`, HealthImaging's own label, is always, and answered with itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb import negotiation
from gateway.dicomweb.accept import Accept, MediaRange, Said
from gateway.dicomweb.negotiation import ANY, MULTIPART, Representation, covers, is_envelope
from gateway.errors import NotAcceptable

DICOM: Final = "application/dicom"
DICOM_JSON: Final = "application/dicom+json"
DICOM_XML: Final = "application/dicom+xml"
JSON: Final = "application/json"
OCTET_STREAM: Final = ts.OCTET_STREAM

_HTJ2K: Final = "image/jphc"
_HTJ2K_ALIAS: Final = "image/jph"
_ALIASES: Final = {
    "image/jhc": _HTJ2K,
    "image/x-jls": "image/jls",
    "image/x-dicom-rle": "image/dicom-rle",
    "image/j2k": "image/jp2",
    "image/j2c": "image/jp2",
}
_SYNTAX_ALIASES: Final = {"3.2.840.10008.1.2.4.96": ts.HTJ2K_LOSSLESS_RPCL}
_DEFAULTS: Final = {
    OCTET_STREAM: ts.EXPLICIT_LE,
    "image/jpeg": ts.JPEG_LOSSLESS_SV1,
    "image/dicom-rle": ts.RLE,
    "image/jls": ts.JPEG_LS,
    "image/jp2": ts.JPEG_2000_LOSSLESS,
    "image/jpx": ts.JPEG_2000_PART_2_LOSSLESS,
    _HTJ2K: ts.HTJ2K_LOSSLESS,
    _HTJ2K_ALIAS: ts.HTJ2K_LOSSLESS,
}
"""The transfer syntax of a media type where the client names none (PS3.18 table 8.7.3-5)."""


def media_type(syntax: str) -> str:
    """The media type of a frame in ``syntax``."""
    known = ts.SENT.get(syntax)
    return known.media_type if known else OCTET_STREAM


def _media_types(syntax: str) -> tuple[str, ...]:
    """The media types under which a frame in ``syntax`` can go out, the preferred first."""
    found = media_type(syntax)
    return (found, _HTJ2K_ALIAS) if found == _HTJ2K else (found,)


def documents(accept: Accept, *, xml: bool = False, single: bool = False) -> Representation:
    """Metadata and search results (PS3.18 8.7.3.2); ``single`` that it is those of one instance.

    Raises:
        NotAcceptable: the client wants none of the forms.
    """
    offers = [Representation("", kind, multipart=False) for kind in (DICOM_JSON, JSON)]
    if xml:
        offers.append(Representation("", DICOM_XML))
    if xml and single:
        offers.append(Representation("", DICOM_XML, multipart=False))

    def rank(wanted: MediaRange, offer: Representation) -> int | None:
        kind = negotiation.kind(wanted, DICOM_XML)
        matched = is_envelope(wanted, offer) and covers(kind, offer.media_type)
        return 0 if matched else None

    return negotiation.choose(accept, offers, rank)


@dataclass(frozen=True, slots=True)
class Stored:
    """How frames can go out: as stored, or as what ``lossless`` and ``lossy`` name, by preference.

    ``described`` says that the metadata describe the samples that a decoder of the stored frames
    gives; if not, a viewer that takes any transfer syntax would show them wrong.
    """

    syntax: str
    lossless: tuple[str, ...] = ()
    lossy: tuple[str, ...] = ()
    described: bool = True

    @property
    def native(self) -> str:
        """Explicit VR Little Endian if it can be had, else the stored syntax."""
        return ts.EXPLICIT_LE if ts.EXPLICIT_LE in self.lossless else self.syntax


def frames(accept: Accept, stored: Stored, count: int) -> Representation:
    """How ``count`` frames go out (PS3.18 tables 8.7.3-4 and 8.7.3-5).

    Decoded to Explicit VR Little Endian where the client asks for that or for no transfer syntax in
    particular; as stored where it names that transfer syntax, its media type or ``*``; transcoded
    where it names another media type or transfer syntax, lossily only where it names a lossy
    transfer syntax. Of ranges that it wants equally, that counts which costs least: frames as
    stored before transcoded ones, and lossy ones last.

    Raises:
        NotAcceptable: no range can be served.
    """
    return _frames(accept.said, stored, single=count == 1)


@lru_cache(256)
def _frames(said: Said, stored: Stored, *, single: bool) -> Representation:
    """``frames``, which viewers ask for in the same words a thousand times."""
    ranges, refused, strict = said
    offers = _frame_offers(stored)
    if single:
        offers += [replace(offer, multipart=False) for offer in offers]
    return _choose_frames(Accept(ranges, refused, strict=strict), stored, offers)


def pixel_data(
    accept: Accept, stored: Stored, count: int, *, several: bool = False
) -> Representation:
    """How the value of pixel data with ``count`` frames goes out (PS3.18 8.7.3.3), as ``frames``.

    In Explicit VR Little Endian it is one part, which may go without an envelope, else there is a
    part for each frame. ``several`` says that there are other values beside it.

    Raises:
        NotAcceptable: no range can be served.
    """
    offers = _frame_offers(stored)
    if not several:
        whole = [offer for offer in offers if count == 1 or offer.syntax == ts.EXPLICIT_LE]
        offers += [replace(offer, multipart=False) for offer in whole]
    return _choose_frames(accept, stored, offers)


def _frame_offers(stored: Stored) -> list[Representation]:
    syntaxes = (stored.syntax, *stored.lossless, *stored.lossy)
    return [Representation(uid, kind) for uid in syntaxes for kind in _media_types(uid)]


def _choose_frames(
    accept: Accept, stored: Stored, offers: Sequence[Representation]
) -> Representation:
    def rank(wanted: MediaRange, offer: Representation) -> int | None:
        if not is_envelope(wanted, offer) or (wanted.type == ANY and not offer.multipart):
            return None
        kind = negotiation.kind(wanted, OCTET_STREAM)
        kind = kind if accept.strict else _ALIASES.get(kind, kind)
        return _frame_rank(kind, _syntaxes(wanted), offer, stored, strict=accept.strict)

    def cost(offer: Representation) -> int:
        return 2 if offer.syntax in stored.lossy else int(offer.syntax != stored.syntax)

    return negotiation.choose(accept, offers, rank, cost)


def _syntaxes(wanted: MediaRange) -> list[str]:
    return [_SYNTAX_ALIASES.get(uid, uid) for uid in wanted.values("transfer-syntax")]


def _frame_rank(
    kind: str, syntaxes: Sequence[str], offer: Representation, stored: Stored, *, strict: bool
) -> int | None:
    """The place of ``offer`` among what one range with the media type ``kind`` allows."""
    generic = kind in (ANY, "application/*") or (kind == OCTET_STREAM and not strict)
    if not generic and not covers(kind, offer.media_type):
        return None
    if not syntaxes:
        return _unnamed_rank(kind, offer, stored, generic=generic)
    places = [at for at, uid in enumerate(syntaxes) if uid == offer.syntax]
    if "*" in syntaxes and offer.syntax == _any(kind, stored, generic=generic):
        places.append(syntaxes.index("*"))
    return min(places, default=None)


def _unnamed_rank(kind: str, offer: Representation, stored: Stored, *, generic: bool) -> int | None:
    """The place of ``offer`` where no transfer syntax is named."""
    if offer.syntax == _default(kind, stored, generic=generic):
        return 0
    open_to_others = kind.endswith("/*") and offer.syntax not in stored.lossy
    return 1 if open_to_others else None


def _default(kind: str, stored: Stored, *, generic: bool) -> str:
    """What goes out where no transfer syntax is named."""
    if generic or kind == OCTET_STREAM:
        return stored.native
    default = _DEFAULTS.get(kind, "")
    preferred = [stored.syntax, *(uid for uid in stored.lossless if uid == default)]
    for uid in (*preferred, *stored.lossless):
        if any(covers(kind, offered) for offered in _media_types(uid)):
            return uid
    return ""


def _any(kind: str, stored: Stored, *, generic: bool) -> str:
    """What goes out where any transfer syntax will do."""
    if generic:
        return stored.syntax if stored.described else stored.native
    return _default(kind, stored, generic=False)


def instances(
    accept: Accept,
    stored: Iterable[str],
    targets: Sequence[str],
    *,
    single: bool,
    media_types: Sequence[str] = (DICOM,),
) -> Representation:
    """How instances stored in ``stored`` go out as Part 10; the syntax ``*`` is as each is stored.

    They go out decoded where the client names no transfer syntax and all of them can be, else as
    stored (PS3.18 8.7.3.3). ``single`` says that it is one instance, which may go without an
    envelope; ``targets`` are the transfer syntaxes to which all of them can be brought.
    ``media_types`` beside DICOM hold files and are never in an envelope. A stream of bytes in one
    is the bulk data (PS3.18 10.4.4).

    Raises:
        NotAcceptable: no range can be served.
    """
    kept = frozenset(stored)
    default = ts.EXPLICIT_LE if ts.EXPLICIT_LE in targets else "*"
    syntaxes = ["*", *targets]
    offers = [Representation(uid, DICOM) for uid in syntaxes]
    if single:
        offers += [replace(offer, multipart=False) for offer in offers]
    offers += [
        Representation(u, kind, multipart=False) for kind in media_types[1:] for u in syntaxes
    ]
    bulk_data = Representation("", OCTET_STREAM)

    def rank(wanted: MediaRange, offer: Representation) -> int | None:
        if offer == bulk_data:
            enveloped = wanted.type in MULTIPART
            return 0 if enveloped and negotiation.kind(wanted, DICOM) == OCTET_STREAM else None
        preferred = offer.multipart and offer.media_type == DICOM
        if not is_envelope(wanted, offer) or (wanted.type == ANY and not preferred):
            return None
        if not covers(negotiation.kind(wanted, DICOM), offer.media_type):
            return None
        asked = ["*" if kept == {uid} else uid for uid in _syntaxes(wanted) or [default]]
        return asked.index(offer.syntax) if offer.syntax in asked else None

    try:
        return negotiation.choose(accept, [*offers, bulk_data], rank)
    except NotAcceptable as error:
        one = [Representation(next(iter(kept)), DICOM).accept] if len(kept) == 1 else []
        known = [available for available in error.available if available != bulk_data.accept]
        error.available = tuple(dict.fromkeys([*known, *one]))
        raise


def bulk_data(accept: Accept, media_type: str, *, several: bool = False) -> Representation:
    """How a binary value goes out: as what it is, or as a stream of bytes (PS3.18 8.7.3.3.1).

    ``several`` says that there are others beside it, so that it has to be in an envelope.

    Raises:
        NotAcceptable: no range can be served.
    """
    offers = [
        Representation("", kind, multipart=envelope)
        for kind in dict.fromkeys((media_type, OCTET_STREAM))
        for envelope in ((True,) if several else (False, True))
    ]

    def rank(wanted: MediaRange, offer: Representation) -> int | None:
        enveloped = wanted.type in MULTIPART or (several and wanted.type == ANY)
        if enveloped != offer.multipart:
            return None
        kind = negotiation.kind(wanted, OCTET_STREAM)
        return 0 if covers(kind, offer.media_type) else None

    return negotiation.choose(accept, offers, rank)
