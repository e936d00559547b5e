"""What a run is written as: a page, a document for machines, and text."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from conformance.reports import document, page, text
from conformance.reports.document import Run

_WRITERS: Final[dict[str, Callable[[Run], str]]] = {
    ".html": page.write,
    ".json": document.write,
    ".md": text.write,
}

console = text.console


def writer(path: Path) -> Callable[[Run], str]:
    """What writes a report of the kind that a path ends with.

    Raises:
        ValueError: there is none.
    """
    try:
        return _WRITERS[path.suffix.lower()]
    except KeyError:
        raise ValueError(f"--report {path} does not end with .html, .json or .md") from None
