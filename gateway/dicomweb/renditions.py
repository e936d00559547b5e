"""Which rendered media type a client gets (PS3.18 8.7.4 and 10.4.4), in an envelope or without.

A resource of one picture or document goes out without an envelope, one of several as parts. Viewers
ask for thumbnails with an envelope, or for a stream of bytes, and mean one JPEG all the same; they
get it, and one picture that stands for a study or series too, unless the request is read strictly.
"""

from collections.abc import Sequence
from typing import Final

from gateway.dicom.transfer_syntaxes import OCTET_STREAM
from gateway.dicomweb import negotiation
from gateway.dicomweb.accept import Accept, MediaRange
from gateway.dicomweb.negotiation import ANY, MULTIPART, Representation, covers, is_envelope

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
GIF: Final = "image/gif"
WEBP: Final = "image/webp"
JP2: Final = "image/jp2"

HTML: Final = "text/html"
TEXT: Final = "text/plain"

STILLS: Final = (JPEG, PNG, GIF, WEBP, JP2)
"""The media types of one picture, the default first."""

ANIMATIONS: Final = (GIF, WEBP)
"""The media types of several frames in one picture."""

TEXTS: Final = (HTML, TEXT)
"""The media types of reports, the default first; both go out in UTF-8."""

WITH_PROFILE: Final = frozenset({JPEG, PNG, WEBP})
"""The media types that can carry an ICC profile."""

_ALIASES: Final = {"image/jpg": JPEG}
_RENDERED: Final = ("image/", "video/", "text/", "model/", "application/pdf", "application/*", ANY)


def choose(accept: Accept, single: Sequence[str], parts: Sequence[str]) -> Representation:
    """What the client likes best of the media types that a resource can be rendered in.

    ``single`` are those without an envelope and ``parts`` those of parts, the default first; who
    takes anything gets the default, in an envelope where it is in none but there.

    Raises:
        NotAcceptable: the client accepts none of them.
    """
    alone = [Representation("", kind, multipart=False) for kind in single]
    packed = [Representation("", kind) for kind in parts]
    offers = alone + packed if parts[:1] == single[:1] else packed + alone

    def rank(wanted: MediaRange, offer: Representation) -> int | None:
        kind = _kind(wanted)
        if kind == OCTET_STREAM and not accept.strict:
            return None if offer.multipart else 0
        opened = not parts and not accept.strict
        if not (opened or is_envelope(wanted, offer)):
            return None
        return 0 if covers(kind, offer.media_type.lower()) else None

    return negotiation.choose(accept, offers, rank)


def envelopes(accept: Accept) -> tuple[bool, ...]:
    """The ways in which a study or series may be answered, the preferred first.

    True is a part for each picture and document, False one picture that stands for all; a strict
    reading never means that (PS3.18 10.4.4).
    """
    found: dict[bool, None] = {}
    for wanted in accept:
        kind = _kind(wanted)
        multipart = wanted.type in MULTIPART and kind != OCTET_STREAM
        if accept.strict and (multipart or wanted.type == ANY):
            found[True] = None
        elif not accept.strict and (kind == OCTET_STREAM or kind.startswith(_RENDERED)):
            found[multipart] = None
    return tuple(found)


def _kind(wanted: MediaRange) -> str:
    kind = negotiation.kind(wanted, ANY)
    return _ALIASES.get(kind, kind)
