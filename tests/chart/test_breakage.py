"""The checks find what is broken: each breaks a copy of the chart in one place."""

import shutil

import pytest

from tests.chart import relations
from tests.chart.matrix import GOOD, KUBERNETES, MINIMAL
from tests.chart.rendering import CHART, helm, mistakes, render

_SCHEMA = "by its schema"
_RELATIONS = "by what holds between objects"

BREAKAGE = {
    "a field that is none": ("deployment.yaml", "  replicas:", "  replica:", _SCHEMA),
    "text for a number": ("autoscaling.yaml", "minReplicas: ", "minReplicas: x", _SCHEMA),
    "a field in the wrong place": ("service.yaml", "  selector:", "  template:", _SCHEMA),
    "a selector without pods": (
        "_helpers.tpl",
        "component: valkey",
        "component: gateway",
        _RELATIONS,
    ),
    "a port that is none": ("service.yaml", "targetPort: http", "targetPort: web", _RELATIONS),
    "a probe of nothing": ("deployment.yaml", "port: http\n", "port: web\n", _RELATIONS),
    "a volume that is none": (
        "deployment.yaml",
        "- name: tmp\n          emptyDir",
        "- name: temp\n          emptyDir",
        _RELATIONS,
    ),
    "a set without its volume": (
        "deployment.yaml",
        "    - metadata:\n        name: audit\n",
        "    - metadata:\n        name: spool\n",
        _RELATIONS,
    ),
    "a set without its service": (
        "deployment.yaml",
        'serviceName: {{ include "gateway.fullname" . }}',
        "serviceName: pods",
        _RELATIONS,
    ),
    "a backend that is none": ("ingress.yaml", "name: http", "name: web", _RELATIONS),
    "a target that is none": (
        "autoscaling.yaml",
        'kind: {{ include "gateway.kind" . }}',
        "kind: Pod",
        _RELATIONS,
    ),
    "a monitor of all": ("servicemonitor.yaml", 'dicomweb-gateway/scraped: "true"', "", _RELATIONS),
    "a pod that may be root": ("valkey.yaml", "runAsUser: 999", "runAsUser: 0", _RELATIONS),
    "a file system to write to": (
        "deployment.yaml",
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
        _RELATIONS,
    ),
    "an account that is none": (
        "serviceaccount.yaml",
        'include "gateway.serviceAccount" .',
        'include "gateway.name" .',
        _RELATIONS,
    ),
}
_OFTEN = MINIMAL | GOOD["everything"]


@pytest.mark.parametrize("case", BREAKAGE)
def test_what_is_broken_is_found(case, tmp_path):
    file, old, new, found = BREAKAGE[case]
    chart = tmp_path / CHART.name
    shutil.copytree(CHART, chart)
    path = chart / "templates" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    values = _OFTEN if case != "a field that is none" else MINIMAL
    objects = render(values, KUBERNETES[-1], chart)
    flaws = [
        flaw
        for one in objects
        if one["kind"] != "ServiceMonitor"
        for flaw in mistakes(one, KUBERNETES[-1])
    ]
    if found is _SCHEMA:
        assert flaws
    else:
        assert not flaws
        with pytest.raises((AssertionError, ValueError, KeyError)):
            relations.everything(objects)


def test_a_template_that_cannot_be_read_is_no_chart(tmp_path):
    chart = tmp_path / CHART.name
    shutil.copytree(CHART, chart)
    path = chart / "templates" / "service.yaml"
    path.write_text(path.read_text().replace("{{- end }}", "", 1))
    assert helm("lint", "--strict", values=MINIMAL, chart=chart)[0] != 0
