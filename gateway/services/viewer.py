"""The files of a viewer's build: known before they are asked for, so that no path leads out."""

import asyncio
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PAGE: Final = "index.html"
_CODINGS: Final = {"br": ".br", "gzip": ".gz"}


@dataclass(frozen=True, slots=True)
class File:
    """A file, and its compressed forms by content coding."""

    path: Path
    stat: os.stat_result
    coded: Mapping[str, "File"] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Other whenever the content is."""
        return f"{self.stat.st_mtime_ns}-{self.stat.st_size}"


class Viewer:
    """The files below a folder, links excepted, as they were when the page was last asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._files: Mapping[str, File] = {}
        self._seen: tuple[int, int] | None = None

    async def page(self) -> str | None:
        """The text of the page that starts the viewer; None if none is installed."""
        return await asyncio.to_thread(self._page)

    async def find(self, path: str) -> File | None:
        """The file at ``path``, which is relative to the folder, between slashes."""
        if not self._files:
            await asyncio.to_thread(self._refresh)
        return self._files.get(path)

    def installed(self) -> bool:
        """Whether there is a viewer."""
        return (self._folder / _PAGE).is_file()

    def _page(self) -> str | None:
        self._refresh()
        page = self._files.get(_PAGE)
        return page.path.read_text("utf-8") if page else None

    def _refresh(self) -> None:
        """Look which files there are, if the page is not the one of the last look."""
        try:
            found = (self._folder / _PAGE).stat()
        except OSError:
            self._files, self._seen = {}, None
            return
        seen = (found.st_ino, found.st_mtime_ns)
        if seen != self._seen:
            self._files, self._seen = _index(self._folder), seen


def _index(folder: Path) -> Mapping[str, File]:
    plain = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                plain[path.relative_to(folder).as_posix()] = File(path, path.stat())
    suffixes = tuple(_CODINGS.values())
    return {
        name: File(one.path, one.stat, _coded(plain, name))
        for name, one in plain.items()
        if not (name.endswith(suffixes) and name.rpartition(".")[0] in plain)
    }


def _coded(files: Mapping[str, File], name: str) -> Mapping[str, File]:
    found: Collection[tuple[str, File | None]] = [
        (coding, files.get(name + suffix)) for coding, suffix in _CODINGS.items()
    ]
    return {coding: one for coding, one in found if one is not None}
