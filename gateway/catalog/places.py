"""Where the catalog is, by the settings."""

import hashlib
import os
from pathlib import Path

from gateway.settings import GatewaySettings


def url(settings: GatewaySettings) -> str:
    """The URL of the catalog's database: that of the setting, or a file of this machine's.

    The file is of one endpoint and default data store: others' have other names.
    """
    if settings.catalog_url is not None:
        return settings.catalog_url
    whose = repr((settings.endpoint_url, settings.region, settings.datastore_id))
    name = f"catalog-{hashlib.sha256(whose.encode()).hexdigest()[:16]}.sqlite"
    return f"sqlite:///{_folder(settings) / name}"


def _folder(settings: GatewaySettings) -> Path:
    if settings.disk_cache_dir is not None:
        return settings.disk_cache_dir.absolute()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser().absolute() / "dicomweb-gateway"


def datastores(settings: GatewaySettings) -> tuple[str, ...]:
    """The data stores that the catalog is of, the default one first, each once."""
    others = (name.strip() for name in settings.datastore_ids.split(","))
    return tuple(dict.fromkeys([settings.datastore_id, *filter(None, others)]))


def keep_private(path: Path) -> None:
    """Make the file, and its folder where there is none, readable by nobody else.

    Raises:
        OSError: they cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
