"""Who the server is: endpoint, keys and data store, in a file that any boto3 program can read."""

import os
import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Identity:
    """The content of ``healthimaging.json``."""

    endpoint_url: str
    region_name: str
    datastoreId: str
    aws_access_key_id: str
    aws_secret_access_key: str


def path(data: Path) -> Path:
    """Where the file lies in a data folder."""
    return data / "healthimaging.json"


def load(data: Path) -> Identity | None:
    """The identity that an earlier start left behind; None on the first."""
    try:
        return Identity(**orjson.loads(path(data).read_bytes()))
    except FileNotFoundError:
        return None


def save(data: Path, identity: Identity) -> None:
    """Write the file, readable by its owner alone, as a whole or not at all."""
    target = path(data)
    aside = target.with_suffix(".part")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(asdict(identity), option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(target)


def new_keys() -> tuple[str, str]:
    """A fresh access key identifier and secret key, in the form AWS gives them."""
    identifier = "AKIA" + "".join(
        secrets.choice(string.ascii_uppercase + "234567") for _ in range(16)
    )
    return identifier, "".join(secrets.choice(_ALPHABET) for _ in range(40))
