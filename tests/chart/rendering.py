"""What Helm makes of the chart, and Kubernetes' schemas of its objects."""

import functools
import json
import re
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.chart.tools import HELM, SCHEMAS

CHART: Final = Path(__file__).parents[2] / "helm" / "dicomweb-gateway"
RELEASE: Final = "imaging"

Object = Mapping[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is a mistake, as it is for Kubernetes' own."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), (keys, str(node.start_mark))
        return super().construct_mapping(node, deep)


def helm(*arguments: str, values: Mapping[str, Any], chart: Path = CHART) -> tuple[int, str]:
    """Exit status and output of Helm, given ``values`` beside those of the chart."""
    command = (str(HELM), arguments[0], *arguments[1:], str(chart), "--values", "-")
    done = subprocess.run(
        command, input=json.dumps(values), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def render(values: Mapping[str, Any], version: str, chart: Path = CHART) -> list[Object]:
    """The objects of a release for a version of Kubernetes."""
    status, text = helm("template", "--kube-version", version, RELEASE, values=values, chart=chart)
    assert status == 0, text
    assert not re.search(r"<no value>|%!|map\[", text), text
    return [one for one in yaml.load_all(text, _Loader) if one]


@functools.cache
def _schema(version: str, name: str) -> Any:
    with zipfile.ZipFile(SCHEMAS) as wheel:
        folder = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict"
        return json.loads(wheel.read(f"{folder}/{name}.json"))


@functools.cache
def _validator(version: str, kind: str, api: str) -> Draft202012Validator:
    definitions = Resource.from_contents(_schema(version, "_definitions"))
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = _schema(version, f"{kind.lower()}-{group}")
    return Draft202012Validator(schema, registry=definitions @ Registry())


def mistakes(one: Object, version: str) -> list[str]:
    """What is wrong with an object by the schema of its kind, which allows no unknown field."""
    found = _validator(version, one["kind"], one["apiVersion"]).iter_errors(one)
    return [f"{one['kind']} {error.json_path}: {error.message}" for error in found]
