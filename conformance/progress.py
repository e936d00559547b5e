"""A progress bar for a terminal, and nothing elsewhere."""

import sys
from typing import Final, TextIO

_WIDTH: Final = 30


class Bar:
    """How many checks are done, on one line that is written over."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()

    def __call__(self, done: int, total: int, name: str) -> None:
        """Show that ``done`` of ``total`` are done, the last of them ``name``."""
        if not self._shown or not total:
            return
        filled = _WIDTH * done // total
        bar = "█" * filled + "░" * (_WIDTH - filled)
        self._stream.write(f"\r\x1b[2K{bar} {done}/{total} {name[:40]}")
        if done == total:
            self._stream.write("\r\x1b[2K")
        self._stream.flush()
