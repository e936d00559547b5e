"""The chart over the matrix: every object by its schema, and what holds between them."""

import json
import os

import pytest
import yaml

from gateway import serving
from gateway.settings import GatewaySettings, load, unknown
from tests.chart import relations
from tests.chart.matrix import BAD, GOOD, KUBERNETES, MINIMAL, STORE
from tests.chart.relations import containers, of_kind
from tests.chart.rendering import CHART, helm, mistakes, render

CASES = pytest.mark.parametrize("case", GOOD)
_SECRET_VALUES = {
    "GATEWAY_CATALOG_URL": "postgresql://gateway:secret@db.example/catalog",
    "GATEWAY_SHARED_CACHE_URL": "valkeys://:secret@cache.example:6380/0",
}


def values_of(case):
    return MINIMAL | GOOD[case]


def test_the_chart_is_clean_by_helms_own_lint():
    for case in ("minimal", "everything"):
        status, text = helm("lint", "--strict", values=values_of(case))
        assert status == 0, text


@pytest.mark.parametrize("version", KUBERNETES)
@CASES
def test_every_object_is_what_its_schema_says(case, version):
    objects = render(values_of(case), version)
    assert {one["kind"] for one in objects} >= {"Deployment", "Service"}
    for one in objects:
        if one["kind"] != "ServiceMonitor":  # a resource of Prometheus' operator
            assert not mistakes(one, version)


@CASES
def test_objects_fit_together(case):
    values = values_of(case)
    objects = render(values, KUBERNETES[-1])
    relations.everything(objects, values.get("serviceAccount", {}).get("name"))
    assert relations.secrets(objects) == mentioned(values)


def mentioned(values):
    """The secrets that the operator names."""
    found = {one["name"] for one in values.get("settingsFrom", {}).values()}
    found |= {one["secret"] for one in values.get("secretFiles", ())}
    found |= {one["name"] for one in values.get("imagePullSecrets", ())}
    found |= {values.get("valkey", {}).get("existingSecret")}
    found |= {values.get("ingress", {}).get("tlsSecret")}
    monitor = values.get("serviceMonitor", {}).get("authorization", {})
    return (found | {monitor.get("credentials", {}).get("name")}) - {None}


def gateway(objects):
    [found] = [(pod, one) for pod, one in containers(objects) if one["name"] == "gateway"]
    return found


def environment(container):
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
            found[one["name"]] = _SECRET_VALUES.get(one["name"], "secret")
    return found


@CASES
def test_the_gateway_takes_its_environment(case, monkeypatch):
    values = values_of(case)
    pod, container = gateway(render(values, KUBERNETES[-1]))
    found = environment(container)
    for one in list(os.environ):
        if one.startswith("GATEWAY_"):
            monkeypatch.delenv(one)
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    assert unknown(GatewaySettings, found) == []
    loaded = load(GatewaySettings)
    assert loaded.datastore_id == STORE
    for key, value in values["settings"].items():
        assert getattr(loaded, key.removeprefix("GATEWAY_").lower()) == value
    assert (loaded.host, loaded.port) == ("0.0.0.0", container["ports"][0]["containerPort"])
    [mount] = [one for one in container["volumeMounts"] if one["name"] == "cache"]
    assert found["HOME"] == mount["mountPath"]  # where the catalog is without a disk cache
    assert loaded.disk_cache_dir.is_relative_to(mount["mountPath"])
    drain = getattr(loaded, "drain_seconds", None) or serving.DRAIN_SECONDS
    relations.there_is_time_to_drain(pod, container, drain)


def size_of(volume):
    """MiB of the cache's volume; None where it exists already."""
    if "persistentVolumeClaim" in volume:
        return None
    if "emptyDir" in volume:
        size = volume["emptyDir"]["sizeLimit"]
    else:
        claim = volume["ephemeral"]["volumeClaimTemplate"]["spec"]
        size = claim["resources"]["requests"]["storage"]
    return int(size.removesuffix("Mi"))


@CASES
def test_the_volume_of_the_cache_has_room_for_what_it_may_take(case):
    pod, container = gateway(render(values_of(case), KUBERNETES[-1]))
    [volume] = [one for one in pod["volumes"] if one["name"] == "cache"]
    room = size_of(volume)
    assert room is None or room > int(environment(container)["GATEWAY_DISK_CACHE_MB"]) * 1.2


def test_a_monitor_is_as_prometheus_operator_has_it():
    objects = render(values_of("ServiceMonitor"), KUBERNETES[-1])
    [monitor] = of_kind(objects, "ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert set(monitor["spec"]) == {"selector", "endpoints"}
    [end] = monitor["spec"]["endpoints"]
    assert set(end) == {"port", "path", "interval", "authorization"}
    assert end["authorization"] == {"credentials": {"name": "scrape", "key": "token"}}


def test_pods_are_scaled_by_processor_and_by_calls_that_wait():
    for case, sources in (("autoscaling", ["Resource", "Pods"]), ("autoscaling on CPU alone", 1)):
        [scaler] = of_kind(render(values_of(case), KUBERNETES[0]), "HorizontalPodAutoscaler")
        found = [one["type"] for one in scaler["spec"]["metrics"]]
        assert found == (sources if isinstance(sources, list) else ["Resource"])


@pytest.mark.parametrize("case", BAD)
def test_wrong_values_are_refused_and_named(case):
    values, told = BAD[case]
    status, text = helm("template", "imaging", values=MINIMAL | values)
    assert status != 0
    assert told in text, json.dumps(values)


def test_every_value_is_explained_and_has_a_default():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text = (CHART / "README.md").read_text()
    known = json.loads((CHART / "values.schema.json").read_text())["properties"]
    assert set(known) - {"global"} == set(values)
    for name, value in values.items():
        assert f"`{name}" in text, name
        if "properties" in known[name] and isinstance(value, dict) and value:
            for key in value:
                assert f"`{name}.{key}`" in text or f"`.{key}`" in text, (name, key)
