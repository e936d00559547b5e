"""Which rendered media type a client gets (PS3.18 8.7.4 and 8.7.8.1), in an envelope or without."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.dicomweb.accept import MediaRange
from gateway.errors import NotAcceptable

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
GIF: Final = "image/gif"
WEBP: Final = "image/webp"
JP2: Final = "image/jp2"

STILLS: Final = (JPEG, PNG, GIF, WEBP, JP2)
"""The media types of one picture, the default first."""

ANIMATIONS: Final = (GIF, WEBP)
"""The media types of several frames in one picture."""

WITH_PROFILE: Final = frozenset({JPEG, PNG, WEBP})
"""The media types that can carry an ICC profile."""

_ANY: Final = "*/*"
_MULTIPART: Final = frozenset({"multipart/related", "multipart/*"})
_BYTES: Final = "application/octet-stream"
_ALIASES: Final = {"image/jpg": JPEG}
_RENDERED: Final = frozenset({"image", "video", "text", "model", "*"})
_DOCUMENTS: Final = frozenset({"application/pdf", "application/*"})


@dataclass(frozen=True, slots=True)
class Rendition:
    """What goes out: ``media_type`` of a picture or document; ``multipart`` as parts of many."""

    media_type: str
    multipart: bool


@dataclass(frozen=True, slots=True)
class _Wish:
    """A media type that would do, or a wildcard; ``multipart`` None is either way."""

    media_type: str
    multipart: bool | None

    @property
    def rank(self) -> int:
        """The more specific, the higher (RFC 9110 12.5.1)."""
        return 0 if self.media_type == _ANY else 1 if self.media_type.endswith("/*") else 2

    def takes(self, offer: Rendition) -> bool:
        if self.multipart is not None and self.multipart != offer.multipart:
            return False
        kind = offer.media_type.lower()
        return self.media_type in (kind, f"{kind.partition('/')[0]}/*", _ANY)


def choose(
    ranges: Iterable[MediaRange], single: Sequence[str], parts: Sequence[str], *, strict: bool
) -> Rendition:
    """The rendition that the client likes best.

    ``single`` are the media types to be had without an envelope and ``parts`` those to be had in a
    multipart answer, the default first. Where all is one picture, viewers get it without an
    envelope even if they ask for one, or for a stream of bytes; ``strict`` refuses that.

    Raises:
        NotAcceptable: the client accepts none of them.
    """
    offers = [Rendition(kind, False) for kind in single] + [Rendition(kind, True) for kind in parts]
    wishes = list(_wishes(ranges, strict=strict, enveloped=bool(parts)))
    for wish in wishes:
        for offer in offers:
            if wish.takes(offer) and _closest(wishes, offer) is wish:
                return offer
    available = (*single, *(f'multipart/related; type="{kind}"' for kind in parts))
    what = "in an acceptable form" if available else "rendered"
    raise NotAcceptable(f"The resource cannot be had {what}", available)


def envelopes(ranges: Iterable[MediaRange], *, strict: bool) -> tuple[bool, ...]:
    """The ways in which a study or series may be answered, the preferred first.

    True is a part for each picture, False one picture for all, which is never what the standard
    means (PS3.18 10.4.4): with ``strict`` there is only the first.
    """
    found = dict.fromkeys(
        bool(wish.multipart) if not strict else True
        for wish in _wishes(ranges, strict=strict, enveloped=True)
        if _is_rendered(wish.media_type) and (not strict or wish.multipart is not False)
    )
    return tuple(found)


def _wishes(ranges: Iterable[MediaRange], *, strict: bool, enveloped: bool) -> Iterator[_Wish]:
    for wanted in ranges:
        multipart = wanted.type in _MULTIPART
        kind = (wanted.value("type") or _ANY).lower() if multipart else wanted.type
        kind = _ALIASES.get(kind, kind)
        if kind == _BYTES and not strict:
            yield _Wish(_ANY, False)
        elif kind == _ANY and not multipart:
            yield _Wish(_ANY, None)
        else:
            yield _Wish(kind, multipart if enveloped or strict else None)


def _closest(wishes: Sequence[_Wish], offer: Rendition) -> _Wish | None:
    taking = [wish for wish in wishes if wish.takes(offer)]
    return max(taking, key=lambda wish: wish.rank, default=None)


def _is_rendered(kind: str) -> bool:
    return kind.partition("/")[0] in _RENDERED or kind in _DOCUMENTS
