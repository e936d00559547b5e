"""What must hold between the objects of a release."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.web.routes import OPERATIONS
from tests.chart.rendering import Object

SUPERVISOR_SECONDS = 5
"""What a supervisor of workers waits longer than they drain."""


def of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    return [one for one in objects if one["kind"] == kind]


def name(one: Object) -> str:
    return one["metadata"]["name"]


def workloads(objects: Sequence[Object]) -> list[Object]:
    """What has pods."""
    return of_kind(objects, "Deployment") + of_kind(objects, "StatefulSet")


def claimed(one: Object) -> list[Object]:
    """Volumes that each pod of a workload has of its own, as a pod's specification names them."""
    return [
        {"name": name(claim), "claim": claim}
        for claim in one["spec"].get("volumeClaimTemplates", ())
    ]


def pods(objects: Sequence[Object], wanted: Object) -> list[Object]:
    """The pod templates that a selector's labels choose."""
    templates = [one["spec"]["template"] for one in workloads(objects)]
    return [one for one in templates if wanted.items() <= one["metadata"]["labels"].items()]


def containers(objects: Sequence[Object]) -> Iterator[tuple[Object, Object]]:
    """Each container, with its pod's specification and all volumes of it."""
    for one in workloads(objects):
        pod = one["spec"]["template"]["spec"]
        pod = {**pod, "volumes": pod["volumes"] + claimed(one)}
        yield from ((pod, container) for container in pod["containers"])


def ports(pod: Object) -> set[str]:
    return {port["name"] for one in pod["spec"]["containers"] for port in one["ports"]}


def selectors_choose_one_kind_of_pod(objects: Sequence[Object]) -> None:
    chosen = [(one, one["spec"]["selector"]) for one in of_kind(objects, "Service")]
    for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
        chosen += [(one, one["spec"]["selector"]["matchLabels"]) for one in of_kind(objects, kind)]
    for one in of_kind(objects, "NetworkPolicy"):
        chosen.append((one, one["spec"]["podSelector"]["matchLabels"]))
    for one, labels in chosen:
        assert len(pods(objects, labels)) == 1, (one["kind"], name(one), labels)


def ports_lead_somewhere(objects: Sequence[Object]) -> None:
    for one in of_kind(objects, "Service"):
        [pod] = pods(objects, one["spec"]["selector"])
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports(pod), name(one)
    for one in of_kind(objects, "NetworkPolicy"):
        [pod] = pods(objects, one["spec"]["podSelector"]["matchLabels"])
        named = [port["port"] for rule in one["spec"]["ingress"] for port in rule.get("ports", ())]
        assert set(named) <= ports(pod), name(one)
    for _, container in containers(objects):
        known = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe].get("httpGet") or container[probe]["tcpSocket"]
            assert asked["port"] in known, (container["name"], probe)


def paths_are_served(objects: Sequence[Object]) -> None:
    known = {line.path for line in OPERATIONS}
    for one in of_kind(objects, "ServiceMonitor"):
        assert {end["path"] for end in one["spec"]["endpoints"]} <= known
    for _, container in containers(objects):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in container[probe]:
                assert container[probe]["httpGet"]["path"] in known, probe


def backends_are_services(objects: Sequence[Object]) -> None:
    known = {
        (name(one), port["name"])
        for one in of_kind(objects, "Service")
        for port in one["spec"]["ports"]
    }
    for one in of_kind(objects, "Ingress"):
        for path in one["spec"]["rules"][0]["http"]["paths"]:
            backend = path["backend"]["service"]
            assert (backend["name"], backend["port"]["name"]) in known, backend


def monitors_scrape_each_pod_once(objects: Sequence[Object]) -> None:
    for one in of_kind(objects, "ServiceMonitor"):
        wanted = one["spec"]["selector"]["matchLabels"].items()
        found = [
            service
            for service in of_kind(objects, "Service")
            if wanted <= service["metadata"]["labels"].items()
        ]
        assert len(found) == 1, [name(service) for service in found]
        known = {port["name"] for port in found[0]["spec"]["ports"]}
        assert {end["port"] for end in one["spec"]["endpoints"]} <= known


def scalers_scale_what_is_there(objects: Sequence[Object]) -> None:
    known = {("apps/v1", one["kind"], name(one)) for one in workloads(objects)}
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        target = one["spec"]["scaleTargetRef"]
        key = (target["apiVersion"], target["kind"], target["name"])
        assert key in known
        [scaled] = [one for one in workloads(objects) if name(one) == target["name"]]
        assert "replicas" not in scaled["spec"]  # an upgrade would set back what was scaled


def volumes_are_mounted(objects: Sequence[Object]) -> None:
    for pod, container in containers(objects):
        mounts = container["volumeMounts"]
        assert {one["name"] for one in mounts} == {one["name"] for one in pod["volumes"]}
        assert len({one["mountPath"] for one in mounts}) == len(mounts) == len(pod["volumes"])


def accounts_are_there(objects: Sequence[Object], elsewhere: str | None) -> None:
    known = {name(one) for one in of_kind(objects, "ServiceAccount")} | {elsewhere}
    for pod, _ in containers(objects):
        assert pod.get("serviceAccountName", elsewhere) in known
        assert pod["automountServiceAccountToken"] is False


def nothing_is_privileged(objects: Sequence[Object]) -> None:
    for pod, container in containers(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def there_is_time_to_drain(pod: Object, delay: float, drain: float) -> None:
    assert pod["terminationGracePeriodSeconds"] > delay + drain + SUPERVISOR_SECONDS


def config_maps(objects: Sequence[Object]) -> set[str]:
    """Those that pods mount and that are none of the release."""
    known = {name(one) for one in of_kind(objects, "ConfigMap")}
    mounted = [
        volume["configMap"]["name"]
        for pod, _ in containers(objects)
        for volume in pod["volumes"]
        if "configMap" in volume
    ]
    return set(mounted) - known


def sets_have_their_service(objects: Sequence[Object]) -> None:
    for one in of_kind(objects, "StatefulSet"):
        assert one["spec"]["serviceName"] in {name(two) for two in of_kind(objects, "Service")}


def everything(objects: Sequence[Object], account: str | None = None) -> None:
    """All of it; ``account`` is the service account that is there without the release."""
    named = [(one["kind"], name(one)) for one in objects]
    assert len(set(named)) == len(named)
    assert all(len(text) <= 63 for _, text in named)
    selectors_choose_one_kind_of_pod(objects)
    ports_lead_somewhere(objects)
    paths_are_served(objects)
    backends_are_services(objects)
    sets_have_their_service(objects)
    monitors_scrape_each_pod_once(objects)
    scalers_scale_what_is_there(objects)
    volumes_are_mounted(objects)
    accounts_are_there(objects, account)
    nothing_is_privileged(objects)


def secrets(objects: Sequence[Object]) -> set[str]:
    """The names of all secrets that the objects speak of."""
    return set(_secrets(list(objects)))


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _secrets(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "secretName":
                yield one
            elif key in ("secretKeyRef", "credentials"):
                yield one["name"]
            elif key == "imagePullSecrets":
                yield from (secret["name"] for secret in one)
            else:
                yield from _secrets(one)
