"""The chart over the matrix: every object by its schema, and what holds between them."""

import json
import os

import pytest
import yaml

from gateway.auth import sinks, spool
from gateway.auth.access import access
from gateway.settings import GatewaySettings, load, unknown
from tests.chart import relations
from tests.chart.matrix import BAD, GOOD, KUBERNETES, MINIMAL, STORE
from tests.chart.mounts import environment, gateway, mounted
from tests.chart.relations import of_kind
from tests.chart.rendering import CHART, helm, mistakes, render

CASES = pytest.mark.parametrize("case", GOOD)


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
    kinds = {one["kind"] for one in objects}
    assert "Service" in kinds
    assert kinds & {"Deployment", "StatefulSet"}
    for one in objects:
        if one["kind"] != "ServiceMonitor":  # a resource of Prometheus' operator
            assert not mistakes(one, version)


@CASES
def test_objects_fit_together(case):
    values = values_of(case)
    objects = render(values, KUBERNETES[-1])
    relations.everything(objects, values.get("serviceAccount", {}).get("name"))
    assert relations.secrets(objects) == mentioned(values)
    assert relations.config_maps(objects) == config_maps(values)


def mentioned(values):
    """The secrets that the operator names."""
    found = {one["name"] for one in values.get("settingsFrom", {}).values()}
    found |= {one["secret"] for one in values.get("secretFiles", ())}
    found |= {one["name"] for one in values.get("imagePullSecrets", ())}
    found |= {values.get("valkey", {}).get("existingSecret")}
    found |= {values.get("ingress", {}).get("tlsSecret")}
    identity, audit = values["identity"], values.get("audit", {}).get("syslog", {})
    found |= {identity.get(one, {}).get("existingSecret") for one in ("apiKeys", "linkKey")}
    found |= {audit.get("caSecret"), audit.get("certificateSecret")}
    monitor = values.get("serviceMonitor", {}).get("authorization", {})
    return (found | {monitor.get("credentials", {}).get("name")}) - {None}


def config_maps(values):
    """The ConfigMaps that the operator names."""
    found = {values["identity"].get("policyConfigMap")}
    found |= {one["configMap"]["name"] for one in values.get("extraVolumes", ())}
    return found - {None}


@CASES
def test_the_gateway_takes_its_environment_and_begins(case, monkeypatch, tmp_path):
    """As ``serve`` reads and checks it, before anything is begun, and as its parts are made."""
    values = values_of(case)
    objects = render(values, KUBERNETES[-1])
    pod, container = gateway(objects)
    found = mounted(objects, tmp_path)
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
    assert loaded.disk_cache_dir.is_relative_to(tmp_path / "cache")
    assert found["HOME"] == str(tmp_path / "cache")  # where the catalog is without a disk cache
    relations.there_is_time_to_drain(pod, loaded.drain_delay, loaded.drain_seconds)
    assert guards(loaded) == expected(values)
    audits(loaded, tmp_path)


def guards(loaded):
    """What may be presented, and whether metrics are for anybody."""
    made = access(loaded)
    if made is None:
        return None
    return bool(loaded.oidc_issuer), bool(loaded.api_keys_file), made.metrics_are_public


def expected(values):
    identity = values["identity"]
    named = "oidc" in identity, "apiKeys" in identity
    if not any(named) and identity["anonymous"] == "all":
        return None
    is_limited = values.get("networkPolicy", {}).get("enabled", True)
    return *named, is_limited and not values.get("serviceMonitor", {}).get("authorization")


def audits(loaded, folder):
    """Messages have somewhere to go, and until then a volume."""
    if loaded.audit == "off":
        return
    sinks.made(loaded)
    own = spool.claim(loaded.audit_spool_dir)
    own.close()
    assert own.folder.is_relative_to(folder / "audit")


@pytest.mark.parametrize(
    ("case", "kind", "room"),
    [
        ("minimal", "Deployment", None),
        ("audit lines", "StatefulSet", 1024),
        ("audit lines without a volume", "Deployment", 256),
        ("audit by syslog in the clear", "StatefulSet", 2048),
    ],
)
def test_the_spool_outlives_the_pod_unless_that_is_not_wanted(case, kind, room):
    objects = render(values_of(case), KUBERNETES[0])
    pod, container = gateway(objects)
    assert relations.workloads(objects)[0]["kind"] == kind
    found = [one for one in pod["volumes"] if one["name"] == "audit"]
    if room is None:
        assert not found
    elif kind == "Deployment":
        assert found[0]["emptyDir"] == {"sizeLimit": f"{room}Mi"}
    else:
        claim = found[0]["claim"]["spec"]
        assert claim["resources"]["requests"] == {"storage": f"{room}Mi"}
        assert claim["accessModes"] == ["ReadWriteOnce"]
        [one] = of_kind(objects, "StatefulSet")
        kept = one["spec"]["persistentVolumeClaimRetentionPolicy"]
        assert set(kept.values()) == {"Retain"}
    if room:
        variables = environment(container)
        workers = int(variables.get("GATEWAY_WORKERS", 1))
        assert room > workers * int(variables["GATEWAY_AUDIT_SPOOL_MB"])


def test_probes_ask_what_they_are_for():
    """Readiness stays good while HealthImaging is away; liveness never asks it."""
    _, container = gateway(render(MINIMAL, KUBERNETES[-1]))
    asked = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "readiness", "liveness")
    }
    assert asked == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    patience = container["startupProbe"]["periodSeconds"]
    assert patience * container["startupProbe"]["failureThreshold"] >= 600
    assert 5 <= float(environment(container)["GATEWAY_DRAIN_DELAY"]) <= 10


def test_pods_are_replaced_when_the_policy_of_the_release_changes():
    def noted(rule):
        values = MINIMAL | GOOD["a policy of the release"]
        values = values | {"identity": values["identity"] | {"policy": rule}}
        [one] = relations.workloads(render(values, KUBERNETES[-1]))
        return one["spec"]["template"]["metadata"]["annotations"]

    assert noted("# a") == noted("# a") != noted("# b")


def test_the_dashboard_is_the_one_of_the_repository():
    objects = render(values_of("dashboard"), KUBERNETES[-1])
    [found] = [one for one in of_kind(objects, "ConfigMap") if "grafana" in one["metadata"]["name"]]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    [(name, content)] = found["data"].items()
    assert content == (CHART / "dashboards" / name).read_text()
    assert json.loads(content)["panels"]


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("links of all pods", ()),
        ("keys alone", ("Links are good at the pod that made them only",)),
        ("everybody", ("everybody who can reach the gateway",)),
        ("pass-through", ("Links are good",)),
        ("audit lines without a volume", ("Links are good", "audit messages that wait")),
    ],
)
def test_notes_warn_of_what_the_gateway_cannot_refuse(case, told):
    status, text = helm("install", "--dry-run=client", "imaging", values=values_of(case))
    assert status == 0, text
    notes = text.partition("NOTES:")[2]
    warnings = ("Links are good", "everybody who", "audit messages that", "tokens grant nothing")
    found = [one for one in warnings if one in notes]
    assert len(found) == len(told)
    assert all(one in notes for one in told)


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
