"""Keys for machines: 256 random bits each, of which a file has the digests and what they grant.

A line of the file is a name, ``sha256:`` and the digest, grants, and perhaps a last day::

    pacs-1 sha256:9f86d0... *:search,read until=2027-12-31

A plain SHA-256 is right for them: what makes a digest slow guards what people think of, and nobody
can try 2^256 keys; but a slow one would be paid for with every request.
"""

import hashlib
import hmac
import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.auth.grants import GRANTABLE, Caller, Grants, grants
from gateway.auth.policy import is_datastore
from gateway.auth.principals import Principal
from gateway.errors import ConfigurationError

PREFIX: Final = "dgk_"
"""How a key begins: by that it is told from a token, and found where it should not be."""

_log = logging.getLogger(__name__)

_SETTING: Final = "GATEWAY_API_KEYS_FILE"
_SECRET_BYTES: Final = 32
_MAX_BYTES: Final = 1 << 20
_LOOK_SECONDS: Final = 1.0
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_UNTIL: Final = "until="


@dataclass(frozen=True, slots=True)
class Entry:
    """One key: its digest, and who has it."""

    digest: bytes = field(repr=False)
    caller: Caller


def make(name: str, given: Iterable[str], until: date | None = None) -> tuple[str, str]:
    """A new key and its line of the file; ``given`` are grants as they stand there.

    Raises:
        ConfigurationError: the name or a grant is malformed.
    """
    key = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    words = [name, f"sha256:{hashlib.sha256(key.encode()).hexdigest()}", *given]
    if until is not None:
        words.append(f"{_UNTIL}{until.isoformat()}")
    line = " ".join(words)
    _entry(line, "")
    return key, line


def parse(text: str, default: str) -> dict[bytes, Entry]:
    """The keys of a file by their digests; ``default`` is the data store called so.

    Raises:
        ConfigurationError: a line is malformed, or a name or digest is there twice.
    """
    found: dict[bytes, Entry] = {}
    names = set()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        try:
            entry = _entry(words, default)
        except ConfigurationError as error:
            raise ConfigurationError(f"Line {number}: {error}") from error
        name = entry.caller.principal.name
        if name in names or entry.digest in found:
            raise ConfigurationError(f"Line {number}: the name or the digest is there twice.")
        names.add(name)
        found[entry.digest] = entry
    return found


def _entry(line: str, default: str) -> Entry:
    name, *rest = line.split()
    digest = _DIGEST.fullmatch(rest[0]) if rest else None
    if not _NAME.fullmatch(name) or digest is None:
        raise ConfigurationError("A key has a name, then sha256: and 64 hexadecimal digits.")
    until = [word for word in rest[1:] if word.startswith(_UNTIL)]
    held = _grants((word for word in rest[1:] if word not in until), default)
    if not held or len(until) > 1:
        raise ConfigurationError("A key has at least one grant, and at most one last day.")
    proof = bytes.fromhex(digest[1])
    end = _end(until[0]) if until else math.inf
    return Entry(proof, Caller(Principal(name, "key"), held, end, proof))


def _grants(words: Iterable[str], default: str) -> Grants:
    pairs = []
    for word in words:
        datastore, _, listed = word.partition(":")
        chosen = listed.split(",")
        if not is_datastore(datastore) or not all(one in GRANTABLE for one in chosen):
            known = ",".join(GRANTABLE)
            raise ConfigurationError(f"A grant is DATASTORE:ACTIONS, as *:{known}.")
        pairs.append((datastore, [GRANTABLE[one] for one in chosen]))
    return grants(pairs, default)


def _end(word: str) -> float:
    try:
        day = date.fromisoformat(word.removeprefix(_UNTIL))
    except ValueError as error:
        raise ConfigurationError("A last day is until=YYYY-MM-DD.") from error
    after = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)
    return after.timestamp()


class ApiKeys:
    """The keys of a file, which is read again once it has changed.

    Raises:
        ConfigurationError: it cannot be read, or a line is malformed.
    """

    def __init__(self, path: Path, default: str, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._default = default
        self._clock = clock
        self._looked = clock()
        self._mark = self._stamp()
        self._entries: Mapping[bytes, Entry] = self._read()

    def find(self, key: bytes) -> Caller | None:
        """Who has ``key``; None if nobody has, or its last day is over."""
        now = self._clock()
        if not 0 <= now - self._looked < _LOOK_SECONDS:
            self._looked = now
            self._look()
        digest = hashlib.sha256(key).digest()
        entry = self._entries.get(digest)
        if entry is None or not hmac.compare_digest(entry.digest, digest):
            return None
        return entry.caller if now < entry.caller.until else None

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _look(self) -> None:
        """Read the file if it has changed; one that makes no sense changes nothing."""
        mark = self._stamp()
        if mark == self._mark:
            return
        try:
            self._entries = self._read()
        except ConfigurationError as error:
            _log.error("api_keys_unreadable", extra={"reason": str(error)})
        else:
            _log.info("api_keys_read", extra={"keys": len(self._entries)})
        self._mark = mark

    def _read(self) -> dict[bytes, Entry]:
        try:
            with self._path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                raise ValueError("it is too long")
            return parse(content.decode(), self._default)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{_SETTING} cannot be read: {error}.") from error
        except ConfigurationError as error:
            raise ConfigurationError(f"{_SETTING} is wrong. {error}") from error
