"""A pod's environment and files, as its container finds them, in a folder of this machine."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.auth import apikeys
from tests.chart.relations import containers, name, of_kind
from tests.chart.rendering import Object
from tests.syslogs import Authority

_RULES = '[[rule]]\ndatastores = ["*"]\nactions = ["read"]\n'
_SECRETS = {
    "GATEWAY_CATALOG_URL": "postgresql://gateway:secret@db.example/catalog",
    "GATEWAY_SHARED_CACHE_URL": "valkeys://:secret@cache.example:6380/0",
    "GATEWAY_LINK_KEY": "s" * 32,
}


def gateway(objects: Sequence[Object]) -> tuple[Object, Object]:
    """The gateway's pod and container."""
    [found] = [(pod, one) for pod, one in containers(objects) if one["name"] == "gateway"]
    return found


def environment(container: Object) -> dict[str, str]:
    """The variables of the gateway's process; those out of secrets have a value of their kind."""
    names = [one["name"] for one in container["env"]]
    assert len(set(names)) == len(names)
    found = {}
    for one in container["env"]:
        if "value" in one:
            found[one["name"]] = one["value"].replace("$(VALKEY_PASSWORD)", "secret")
        elif "resourceFieldRef" in one["valueFrom"]:
            kind, _, resource = one["valueFrom"]["resourceFieldRef"]["resource"].partition(".")
            assert resource in container["resources"][kind]
            found[one["name"]] = "1"
        else:
            found[one["name"]] = _SECRETS.get(one["name"], "secret")
    return found


def mounted(objects: Sequence[Object], folder: Path) -> dict[str, str]:
    """The environment, whose paths are those of the container's volumes in ``folder``.

    A volume has what the release puts there; a secret, or a ConfigMap that is none of the release,
    what the README says that it holds, under the names of it that the environment asks for.
    """
    pod, container = gateway(objects)
    given = environment(container)
    found = dict(given)
    for mount in container["volumeMounts"]:
        [volume] = [one for one in pod["volumes"] if one["name"] == mount["name"]]
        here = folder / mount["mountPath"].strip("/")
        here.mkdir(parents=True)
        for path, content in _files(objects, volume, given, mount["mountPath"]).items():
            (here / path).write_text(content)
        for key, value in given.items():
            if value == mount["mountPath"] or value.startswith(f"{mount['mountPath']}/"):
                found[key] = str(folder / value.strip("/"))
        here.chmod(0o500 if mount.get("readOnly") else 0o700)
    return found


def _files(
    objects: Sequence[Object], volume: Object, found: Mapping[str, str], path: str
) -> Mapping[str, str]:
    if "configMap" in volume:
        known = {name(one): one["data"] for one in of_kind(objects, "ConfigMap")}
        return known.get(volume["configMap"]["name"], {"policy.toml": _RULES})
    if volume["name"] == "api-keys":
        key = Path(found["GATEWAY_API_KEYS_FILE"]).relative_to(path)
        return {str(key): f"{apikeys.make('scrape', ['*:metrics'], None)[1]}\n"}
    return _certificates().get(volume["name"], {}) if "secret" in volume else {}


def _certificates() -> Mapping[str, Mapping[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        client = authority.issue("gateway").read_text()
        begin = client.index("-----BEGIN PRIVATE")
        return {
            "audit-ca": {"ca.crt": authority.file.read_text()},
            "audit-certificate": {"tls.crt": client[:begin], "tls.key": client[begin:]},
        }
