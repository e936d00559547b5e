"""Whatever belongs to a study reaches the pod that has it; all else is spread by client."""

import re

import pytest

from gateway.web.routes import DICOMWEB, OPERATIONS, ROOTS
from tests.chart.matrix import GOOD, KUBERNETES, MINIMAL, STORE
from tests.chart.relations import of_kind
from tests.chart.rendering import render

STUDY = "1.2.840.10008.5.1"
PARAMETERS = {
    "study": STUDY, "series": "1.2.3", "instance": "1.2.4", "frames": "1,2", "path:path": "7FE00010"
}  # fmt: skip
INSIDE = ["/metrics", "/healthz", "/readyz"]
PATHS = [line.path for line in OPERATIONS if line.path not in INSIDE] + [
    f"{root}{line.path}" for root in ROOTS for line in DICOMWEB
]
_ANNOTATION = "nginx.ingress.kubernetes.io/upstream-hash-by"


@pytest.fixture(scope="module")
def ingresses():
    return of_kind(render(MINIMAL | GOOD["ingress with TLS"], KUBERNETES[-1]), "Ingress")


def filled(path):
    parameters = {"datastore_id": STORE, "datastore": STORE, **PARAMETERS}
    return re.sub(r"\{([^}]+)\}", lambda found: parameters[found[1]], path)


def key(ingresses, path, query=""):
    """What the pod is chosen by, as ingress-nginx does: the longest rule first, case ignored."""
    rules = [
        (rule["path"], one["metadata"]["annotations"][_ANNOTATION])
        for one in ingresses
        for rule in one["spec"]["rules"][0]["http"]["paths"]
    ]
    for pattern, by in sorted(rules, key=lambda one: -len(one[0])):
        found = re.match(pattern.replace("(?<", "(?P<"), path, re.IGNORECASE)
        if found:
            known = {"remote_addr": "client", "arg_studyUID": query, **found.groupdict()}
            return "".join(known.get(name, "") for name in re.findall(r"\$(\w+)", by))
    raise LookupError(path)


@pytest.mark.parametrize("path", PATHS)
def test_every_route_has_the_key_of_its_study_or_of_the_client(ingresses, path):
    if "{study}" in path:
        assert key(ingresses, filled(path)) == STUDY
    elif path.endswith("/wado"):
        assert key(ingresses, filled(path), STUDY) == STUDY
    else:
        assert key(ingresses, filled(path)) == "client"


def test_studies_have_keys_of_their_own(ingresses):
    keys = {key(ingresses, f"/dicomweb/studies/1.2.{n}/metadata") for n in range(9)}
    assert len(keys) == 9


def test_the_two_rules_have_services_of_their_own(ingresses):
    """A service has one way of spreading, whichever ingress asks first."""
    backends = {
        rule["backend"]["service"]["name"]: one["metadata"]["annotations"][_ANNOTATION]
        for one in ingresses
        for rule in one["spec"]["rules"][0]["http"]["paths"]
    }
    assert len(backends) == len(set(backends.values())) == 2


def test_another_controller_is_given_nothing_of_that():
    [one] = of_kind(
        render(MINIMAL | GOOD["ingress of another controller"], KUBERNETES[-1]), "Ingress"
    )
    assert one["metadata"]["annotations"]["a.b/c"] == "d"
    assert _ANNOTATION not in one["metadata"]["annotations"]
    rules = one["spec"]["rules"][0]["http"]["paths"]

    def leads(path):
        return any(
            path == rule["path"]
            or (rule["pathType"] == "Prefix" and path.startswith(f"{rule['path']}/"))
            for rule in rules
        )

    assert {rule["pathType"] for rule in rules} == {"Exact", "Prefix"}
    assert all(leads(filled(path)) for path in PATHS)
    assert not any(leads(path) for path in [*INSIDE, "/metricsx", "/dicomwebs"])


@pytest.mark.parametrize("path", [*INSIDE, "/METRICS", "/metrics/", "/dicomwebs", "/x/metrics"])
def test_what_is_for_the_cluster_does_not_lead_outside(ingresses, path):
    with pytest.raises(LookupError):
        key(ingresses, path)
