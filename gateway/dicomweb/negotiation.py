"""The selected media type (PS3.18 8.7.8): of what can be made, what the client wants most."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from gateway.dicomweb.accept import Accept, MediaRange
from gateway.errors import NotAcceptable

ANY: Final = "*/*"
MULTIPART: Final = frozenset({"multipart/related", "multipart/*"})


@dataclass(frozen=True, slots=True)
class Representation:
    """What goes out: ``syntax`` of the frames or files, ``media_type`` of a part.

    ``syntax`` is ``*`` for files each as it is stored and empty where none applies; ``multipart``
    False is one part without an envelope.
    """

    syntax: str
    media_type: str
    multipart: bool = True

    @property
    def content_type(self) -> str:
        """The Content-Type of a part: viewers choose their decoder by it."""
        known = self.syntax not in ("", "*")
        return f"{self.media_type}; transfer-syntax={self.syntax}" if known else self.media_type

    @property
    def accept(self) -> str:
        """The range that asks for this representation."""
        syntax = f"; transfer-syntax={self.syntax}" if self.syntax else ""
        if self.multipart:
            return f'multipart/related; type="{self.media_type}"{syntax}'
        return self.media_type + syntax


Rank = Callable[[MediaRange, Representation], int | None]
"""How well an offer is what a range asks for, 0 the best; None if it is not."""


def choose(
    accept: Accept,
    offers: Sequence[Representation],
    rank: Rank,
    cost: Callable[[Representation], int] = lambda _: 0,
) -> Representation:
    """The offer that ``accept`` wants most; of equals that of least ``cost``, then the first.

    Of the ranges that match an offer the most specific one gives its quality (RFC 9110 12.5.1), so
    that ``image/jpeg;q=0`` excludes what ``*/*`` would let in.

    Raises:
        NotAcceptable: there is none; the error lists them all.
    """
    for _, group in groupby(accept, lambda wanted: wanted.quality):
        found = [best for wanted in group if (best := _best(wanted, accept, offers, rank))]
        if found:
            return min(found, key=cost)
    available = tuple(dict.fromkeys(offer.accept for offer in offers))
    raise NotAcceptable("None of the media types that are accepted can be made", available)


def _best(
    wanted: MediaRange, accept: Accept, offers: Sequence[Representation], rank: Rank
) -> Representation | None:
    """What one range wants most, unless another range says otherwise."""
    ranked = [
        (found, at)
        for at, offer in enumerate(offers)
        if (found := rank(wanted, offer)) is not None
        and not any(_overrules(other, wanted, offer, rank) for other in _others(accept))
    ]
    return offers[min(ranked)[1]] if ranked else None


def _others(accept: Accept) -> Iterator[MediaRange]:
    yield from accept
    yield from accept.refused


def _overrules(other: MediaRange, wanted: MediaRange, offer: Representation, rank: Rank) -> bool:
    """Whether ``other`` gives ``offer`` a lower quality than ``wanted`` does, and counts more."""
    if other.quality >= wanted.quality:
        return False
    return specificity(other) >= specificity(wanted) and rank(other, offer) is not None


def specificity(wanted: MediaRange) -> tuple[int, int]:
    """How much a range says: of the media type, then of the transfer syntax."""
    inner = kind(wanted, ANY)
    said = sum(part != "*" for part in inner.split("/", 1))
    syntaxes = wanted.values("transfer-syntax")
    envelope = wanted.type != ANY
    return said + envelope, len(syntaxes) > 0 and "*" not in syntaxes


def kind(wanted: MediaRange, default: str) -> str:
    """The media type of a part that a range asks for; ``default`` where an envelope says none."""
    if wanted.type in MULTIPART:
        return (wanted.value("type") or default).lower()
    return wanted.type


def covers(wanted: str, media_type: str) -> bool:
    """Whether the media type or range ``wanted`` includes ``media_type``."""
    return wanted in (ANY, media_type, f"{media_type.partition('/')[0]}/*")


def is_envelope(wanted: MediaRange, offer: Representation) -> bool:
    """Whether single part or multipart is as the range asks for; ``*/*`` asks for neither."""
    return wanted.type == ANY or (wanted.type in MULTIPART) == offer.multipart


def plain(accept: Accept, media_types: Iterable[str], *, multipart: bool = False) -> Representation:
    """The best of ``media_types``, in the server's order, as single part or in an envelope too.

    Raises:
        NotAcceptable: the client wants none of them.
    """
    offers = [Representation("", media_type, multipart=False) for media_type in media_types]
    if multipart:
        offers += [Representation("", offer.media_type) for offer in offers]

    def rank(wanted: MediaRange, offer: Representation) -> int | None:
        matched = is_envelope(wanted, offer) and covers(kind(wanted, ANY), offer.media_type)
        return 0 if matched else None

    return choose(accept, offers, rank)
