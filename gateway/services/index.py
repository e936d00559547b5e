"""The catalog of one data store, as the services that fill it speak of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.remote.api import Summary


@dataclass(frozen=True, slots=True)
class State:
    """How far the catalog is; times are in seconds since 1970.

    ``watermark`` is HealthImaging's time up to which all is there, ``synced`` when that was last
    seen to be all there is, ``loaded`` when the first load had come to its end, ``reconciled`` when
    everything was compared last, each None as long as it has not been. ``loading`` is what the
    first load has done.
    """

    watermark: float = 0.0
    loaded: float | None = None
    synced: float | None = None
    reconciled: float | None = None
    loading: "Loading | None" = None

    @property
    def epoch(self) -> float:
        """What changes when the catalog is emptied, and when it has been loaded."""
        began = self.loading.began if self.loading is not None else 0.0
        return began if self.loaded is None else self.loaded


@dataclass(frozen=True, slots=True)
class Loading:
    """A first load: when it began, the image sets it has seen, and how many there are, if known."""

    began: float
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What the state becomes with a batch; None leaves it as it is, and no watermark goes back.

    ``epoch`` is that of the state from which it follows, where it says how far the catalog is: the
    batch fails if the catalog has been emptied since.
    """

    watermark: float | None = None
    loaded: float | None = None
    synced: float | None = None
    reconciled: float | None = None
    loading: Loading | None = None
    epoch: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An image set as the catalog has it; ``failed`` says that its document could not be read."""

    version: int
    updated: float
    primary: bool | None
    failed: bool
    study: str = ""

    def covers(self, summary: Summary) -> bool:
        """Whether the catalog has what ``summary`` tells of, or something later."""
        told = (summary.version, summary.updated, summary.primary)
        same = told == (self.version, self.updated, self.primary)
        return same or self.updated > summary.updated


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image set that goes into the catalog; without a document it is recorded as failed."""

    summary: Summary
    document: bytes | None


@dataclass(slots=True)
class Batch:
    """What goes into the catalog in one transaction; ``seen`` counts what is there already too."""

    arrivals: list[Arrival] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    weight: int = 0
    seen: int = 0

    @property
    def size(self) -> int:
        """The image sets that change."""
        return len(self.arrivals) + len(self.gone)

    def add(self, found: Arrival | str | None) -> None:
        """Put an arrival in, or the identifier of an image set that is gone, or one more seen."""
        self.seen += 1
        if isinstance(found, str):
            self.gone.append(found)
        elif found is not None:
            self.arrivals.append(found)
            self.weight += len(found.document or b"")


class Index(Protocol):
    """The methods block, may be called in any thread, and raise CatalogError where they fail."""

    datastore_id: str

    def begin(self) -> None:
        """Have a state; another policy than that of the catalog empties it."""
        ...

    def state(self) -> State:
        """How far the catalog is."""
        ...

    def known(self, image_set_ids: Collection[str]) -> Mapping[str, Known]:
        """Those image sets that are in the catalog."""
        ...

    def apply(self, arrivals: Sequence[Arrival], gone: Sequence[str], mark: Mark) -> int:
        """All of it in one transaction; how many of the arrivals could not be read."""
        ...

    def seen(self, image_set_ids: Collection[str], when: float) -> None:
        """Note that a reconciliation has found image sets."""
        ...

    def unseen(self, when: float, updated: float, limit: int) -> Sequence[str]:
        """Image sets not found since ``when``, and last changed at ``updated`` or before."""
        ...

    def failed(self, after: str, limit: int) -> Sequence[Summary]:
        """Image sets recorded as failed, those whose identifiers are behind ``after``."""
        ...

    def after(self, image_set_id: str, limit: int) -> Sequence[str]:
        """The next image sets in the order of their identifiers."""
        ...

    def compare(self, summary: Summary, document: bytes) -> list[str]:
        """What the rows of an image set have otherwise than its document.

        Raises:
            UpstreamInvalid: the document cannot be read.
        """
        ...

    def damage(self) -> list[str]:
        """What does not go together within the catalog."""
        ...

    def sweep(self, after: int) -> int | None:
        """Forget some of the names that nobody has any more; where to go on, None at the end."""
        ...

    def reset(self) -> None:
        """Forget everything, so that all is loaded anew."""
        ...

    def count_failed(self) -> int:
        """The image sets recorded as failed."""
        ...

    def count(self) -> int:
        """The image sets in the catalog."""
        ...
