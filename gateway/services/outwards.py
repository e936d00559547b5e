"""In which order the frames around a viewer are fetched before it asks for them."""

from collections.abc import Sequence
from itertools import accumulate

from gateway.imagesets.document import Instance


class Outwards:
    """The frames of ``instances`` in their order, of which a viewer sees one at a time.

    The middle, the first and the last come first: of these are overviews made. Then come those
    nearest to where the viewer is.
    """

    def __init__(self, instances: Sequence[Instance]) -> None:
        ends = accumulate(len(one.frames) for one in instances)
        self._starts = {
            one.sop: end - len(one.frames) for one, end in zip(instances, ends, strict=True)
        }
        self._owners = [one for one in instances for _ in one.frames]
        count = len(self._owners)
        self._taken = bytearray(count)
        self._first = [count - 1, 0, count // 2] if count else []
        self._where = count // 2
        self._reach = 0

    def __getitem__(self, at: int) -> tuple[Instance, int]:
        owner = self._owners[at]
        return owner, at - self._starts[owner.sop] + 1

    @property
    def finished(self) -> bool:
        """Whether all frames are taken."""
        return 0 not in self._taken

    def saw(self, sop: str, number: int) -> None:
        """The viewer is at the frame with ``number`` of an instance, and has fetched it itself."""
        start = self._starts.get(sop)
        if start is not None and start + number <= len(self._taken):
            self._where = start + number - 1
            self._taken[self._where] = 1
            self._reach = 0

    def distance(self, at: int) -> int:
        """How far a frame is from the viewer."""
        return abs(at - self._where)

    def next(self) -> int | None:
        """The frame to be fetched next, which is then taken; None if all are."""
        while self._first:
            at = self._first.pop()
            if not self._taken[at]:
                self._taken[at] = 1
                return at
        at = self._nearest()
        if at >= 0:
            self._taken[at] = 1
        return None if at < 0 else at

    def give_back(self, at: int) -> None:
        """A frame that was taken is to be fetched after all."""
        self._taken[at] = 0
        self._reach = 0

    def _nearest(self) -> int:
        for distance in range(self._reach, len(self._taken)):
            self._reach = distance
            for at in (self._where + distance, self._where - distance):
                if 0 <= at < len(self._taken) and not self._taken[at]:
                    return at
        return -1
