"""How much one request may retrieve: found out before the first byte of the answer."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import TooMuch
from gateway.imagesets.document import Instance
from gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most of an answer; bytes are those of the frames where nothing compresses them."""

    instances: int
    frames: int
    size: float

    def begin(self) -> "Tally":
        """Count what one request is for."""
        return Tally(self)


class Tally:
    """What one request retrieves, as it is found."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._instances = self._frames = self._size = 0

    def add(self, instances: Iterable[Instance]) -> None:
        """Count more.

        Raises:
            TooMuch: that is more than one request may retrieve.
        """
        for one in instances:
            self._instances += 1
            if one.frames:
                self._frames += len(one.frames)
                self._size += len(one.frames) * one.pixel().frame_bytes
        most = self._bounds
        if self._instances > most.instances:
            raise _too_many(most.instances, "instances")
        if self._frames > most.frames:
            raise _too_many(most.frames, "frames")
        if self._size > most.size:
            raise TooMuch("That is more data than one request may retrieve; ask for parts of it")


def _too_many(most: int, what: str) -> TooMuch:
    return TooMuch(f"One request may retrieve {most} {what}; ask for parts of it")


def of(settings: GatewaySettings) -> Bounds:
    """Those that the settings allow."""
    size = settings.max_answer_gb * (1 << 30)
    return Bounds(settings.max_instances, settings.max_frames, size)
