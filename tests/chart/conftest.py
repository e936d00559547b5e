"""Helm and the schemas, which ``make helm`` fetches."""

import pytest

from tests.chart.tools import HELM, SCHEMAS


@pytest.fixture(autouse=True, scope="session")
def _tools():
    if not (HELM.exists() and SCHEMAS.exists()):
        pytest.skip("helm and Kubernetes' schemas are not here: make helm")
