"""ZIP archives of DICOM files (application/zip, PS3.18 8.6.1.3), made piece by piece.

Names carry UIDs and numbers only: no patient data, and nothing that a file system refuses.
"""

import re
import zipfile
from typing import IO, Final

from gateway.dicomweb.resources import Address

ZIP: Final = "application/zip"

_NOT_PLAIN: Final = re.compile(r"[^0-9A-Za-z.]+")
_LARGEST: Final = (1 << 31) - 1  # of an Integer String
_STORED, _FASTEST = 0, 1
_MARGIN: Final = 256 << 20


def disposition(address: Address) -> str:
    """Content-Disposition of the archive of what is at ``address`` (RFC 6266)."""
    return f'attachment; filename="{address.instance or address.series or address.study}.zip"'


def entry_name(series: tuple[int, str, str], instance: tuple[int, str]) -> str:
    """The path of a file: number, modality and UID of its series, its own number and UID."""
    series_number, modality, series_uid = series
    number, sop = instance
    parts = (_digits(series_number, 4), _plain(modality), _plain(series_uid))
    return f"{'_'.join(filter(None, parts))}/{_digits(number, 5)}_{_plain(sop)}.dcm"


def _digits(number: int, width: int) -> str:
    return f"{min(max(number, 0), _LARGEST):0{width}d}"


def _plain(text: str) -> str:
    return _NOT_PLAIN.sub("", text).strip(".")


def may_exceed(size: int) -> bool:
    """Whether a file around ``size`` bytes of pixels may be too large for an entry without zip64.

    Codecs may make them larger, and attributes come on top.
    """
    return 2 * size + _MARGIN > zipfile.ZIP64_LIMIT


class _Sink:
    """A file that can only be written; what was written is taken away."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to close."""

    def take(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return content


class Archive:
    """An archive of which no more is held than what has not been taken, and its directory.

    Sizes and checksums stand behind an entry, where they are known. What is not to be compressed
    goes into stored blocks of a deflated entry: programs that read an archive from its beginning,
    like Java's ZipInputStream, cannot find the end of a stored entry.
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)

    @property
    def waiting(self) -> int:
        """How many bytes can be taken."""
        return self._sink.size

    def entry(self, name: str, *, compress: bool, large: bool) -> IO[bytes]:
        """An entry to be written and closed before the next; ``large`` if it may exceed 2 GiB."""
        self._zip.compresslevel = _FASTEST if compress else _STORED
        return self._zip.open(name, "w", force_zip64=large)

    def take(self) -> bytes:
        """The bytes of the archive that have been made since the last time."""
        return self._sink.take()

    def close(self) -> bytes:
        """End the archive: its last bytes."""
        self._zip.close()
        return self._sink.take()
