"""OHIF as it is published: fetched by npm, unpacked, fit for any path, compressed beforehand."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Final

import brotli

from gateway.errors import ConfigurationError

VERSION: Final = "3.13.2"
PACKAGE: Final = f"@ohif/app@{VERSION}"
MARK: Final = "ohif-version.txt"
"""File in the folder that names what is installed there."""

_SHA512: Final = (
    "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
)
_FORM: Final = 1  # rises when what is made of the same package changes
_BUILT: Final = PurePosixPath("package/dist")
_LICENSE: Final = PurePosixPath("package/LICENSE")
_LEFT_OUT: Final = frozenset({"sw.js", "_headers", "_redirects", "serve.json"})
"""Of other servers, and a service worker that loads code from elsewhere."""

_HERE: Final = (
    'new URL(".", typeof document === "object" && document.currentScript '
    "? document.currentScript.src : self.location.href).href"
)
_EDITS: Final[Mapping[bytes, bytes]] = {
    b'__webpack_require__.p = "/";': f"__webpack_require__.p = {_HERE};".encode(),
    b"browserImportFunction('/dicom": b"browserImportFunction(window.PUBLIC_URL + 'dicom",
    b'"src": "/assets/': b'"src": "./assets/',
    b"url(/": b"url(./",
}
"""The package is built for the root of a server. With these its parts find each other anywhere."""

_EDITED: Final = frozenset({".css", ".js", ".json"})
_TEXTS: Final = frozenset({".css", ".js", ".json", ".jsonc", ".svg", ".wasm", ".xml"})
_SMALLEST: Final = 1_000  # bytes; what fits into a packet is not faster for being smaller
_CODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    ".br": lambda content: bytes(brotli.compress(content, quality=5)),
    ".gz": lambda content: zlib.compress(content, 6, wbits=31),
}


def install(folder: Path, archive: Path | None = None) -> bool:
    """Put the viewer into ``folder``; False if this very one is there.

    ``archive`` is the package as npm packs it, which is fetched from npm's registry otherwise.

    Raises:
        ConfigurationError: it cannot be fetched, or is not what was published.
    """
    mark = folder / MARK
    if mark.is_file() and mark.read_text() == _mark():
        return False
    if folder.exists() and not mark.is_file():
        raise ConfigurationError(f"{folder} is there and holds something else.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".viewer-") as name:
        scratch = Path(name)
        package = archive or _fetch(scratch)
        _check(package)
        made = scratch / "viewer"
        made.mkdir()
        _unpack(package, made)
        _edit(made)
        _compress(made)
        (made / MARK).write_text(_mark())
        if folder.exists():
            folder.rename(scratch / "before")
        made.rename(folder)
    return True


def _mark() -> str:
    return f"{PACKAGE} {_FORM}\n"


def _fetch(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigurationError("npm, which fetches the viewer, is not installed.")
    command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    found = next(folder.glob("*.tgz"), None)
    if done.returncode or found is None:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise ConfigurationError(f"npm could not fetch {PACKAGE}: {reason}")
    return found


def _check(package: Path) -> None:
    try:
        with package.open("rb") as file:
            digest = hashlib.file_digest(file, "sha512").digest()
    except OSError as error:
        raise ConfigurationError(f"{package} cannot be read: {error.strerror}.") from error
    if base64.b64encode(digest).decode() != _SHA512:
        raise ConfigurationError(f"{package.name} is not {PACKAGE} as it was published.")


def _unpack(package: Path, folder: Path) -> None:
    with tarfile.open(package) as tar:
        for member in tar:
            place = _place(PurePosixPath(member.name))
            content = tar.extractfile(member) if place is not None and member.isreg() else None
            if place is None or content is None:
                continue
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)


def _place(path: PurePosixPath) -> str | None:
    """Where a file of the package goes; None if it is not needed."""
    if path == _LICENSE:
        return path.name
    if ".." in path.parts:
        raise ConfigurationError("The package has a file that would lie outside of it.")
    if not path.is_relative_to(_BUILT) or path.suffix == ".map" or path.name in _LEFT_OUT:
        return None
    return str(path.relative_to(_BUILT))


def _edit(folder: Path) -> None:
    missing = set(_EDITS)
    for path in _files(folder):
        if path.suffix not in _EDITED:
            continue
        content = before = path.read_bytes()
        for old, new in _EDITS.items():
            if old in content:
                missing.discard(old)
                content = content.replace(old, new)
        if content != before:
            path.write_bytes(content)
    if missing:
        raise ConfigurationError(f"{PACKAGE} is not built as expected.")


def _compress(folder: Path) -> None:
    paths = [path for path in _files(folder) if path.suffix in _TEXTS]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_compress_one, paths))


def _compress_one(path: Path) -> None:
    content = path.read_bytes()
    if len(content) >= _SMALLEST:
        for suffix, code in _CODERS.items():
            path.with_name(path.name + suffix).write_bytes(code(content))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
