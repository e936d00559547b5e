"""What fails is left alone for a while, longer each time, and spoken of once."""

import logging
import re
import time
from typing import Final

_log: Final = logging.getLogger(__name__)
_CODE: Final = re.compile("[A-Z]{3,20}(?= )")


class Circuit:
    """Open for ``first`` seconds after a failure; for twice as long after each that soon follows.

    Never for more than ``longest``. For the event loop alone.
    """

    def __init__(self, subject: str, first: float = 1.0, longest: float = 60.0) -> None:
        self._subject = subject
        self._first = first
        self._longest = longest
        self._failing = False
        self._pause = first
        self._until = 0.0

    @property
    def remaining(self) -> float:
        """Seconds until it may be tried again; zero where nothing stands against it."""
        return max(0.0, self._until - time.monotonic())

    @property
    def closed(self) -> bool:
        """Whether it may be used."""
        return not self._failing or time.monotonic() >= self._until

    def fail(self, error: BaseException) -> None:
        """Leave it alone from now on; failures of what was under way by then add nothing."""
        if not self.closed:
            return
        if not self._failing:
            _log.warning("%s is left alone", self._subject, extra={"reason": _reason(error)})
        now = time.monotonic()
        soon = self._until and now - self._until < self._longest
        self._pause = min(self._longest, self._pause * 2) if soon else self._first
        self._failing = True
        self._until = now + self._pause

    def succeed(self) -> None:
        """It has worked; of use to all again."""
        if self._failing and self.closed:
            _log.warning("%s is back", self._subject)
            self._failing = False


def _reason(error: BaseException) -> str:
    """The kind of ``error``: never its text, which may quote an address with a password."""
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    code = _CODE.match(str(error))  # how a server's refusal begins: OOM, WRONGPASS, MOVED
    return f"{type(error).__name__}: {code[0]}" if code else type(error).__name__
