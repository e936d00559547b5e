"""The Grafana dashboard: every metric and label that it asks for is one that the gateway has."""

import asyncio
import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.remote.client import HealthImagingClient
from tests.unit.services.memory import settings
from tests.unit.web import asgi

CHART = Path(__file__).parents[3] / "helm" / "dicomweb-gateway"
FILE = CHART / "dashboards" / "dicomweb-gateway.json"
OF_PROMETHEUS = {"job", "instance", "le"}


def expressions():
    for panel in json.loads(FILE.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def known(tmp_path):
    """The samples of a gateway of which everything is on, with the labels of each family."""
    made = settings(
        audit="json",
        audit_spool_dir=tmp_path / "audit",
        catalog="on",
        catalog_url=f"sqlite:///{tmp_path}/catalog.sqlite",
        disk_cache_dir=tmp_path / "cache",
        endpoint_url="http://127.0.0.1:1",
        region="us-east-1",
        max_attempts=1,
    )
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    app = create_app(made, HealthImagingClient(made, **keys))

    async def scenario():
        async with app.router.lifespan_context(app.router):
            await asgi.fetch(app, "/dicomweb/studies/1.2/metadata")
            deadline = asyncio.get_running_loop().time() + 30
            while True:
                text = (await asgi.fetch(app, "/metrics")).text
                if "gateway_catalog_image_sets{" in text:
                    return text
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.05)

    text = asyncio.run(scenario())
    found, names = {}, set()
    for family in text_string_to_metric_families(text):
        names.add(family.name)
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    told = {f"{name}_total" for name in names} | names
    return found, told


def test_every_metric_of_the_dashboard_is_there(tmp_path):
    samples, families = known(tmp_path)
    asked = list(expressions())
    assert len(asked) > 25
    for title, text in asked:
        metrics = re.findall(r"\bgateway_\w+", text)
        assert metrics, title
        labels = set(re.findall(r'[{,](\w+)(?:=~|!~|!=|=)"', text))
        for by in re.findall(r"by \(([^)]*)\)", text):
            labels |= {one.strip() for one in by.split(",")}
        own = set()
        for metric in metrics:
            # A family without samples as yet, such as what nobody has found lagging, has no labels.
            assert metric in samples or metric in families, (title, metric)
            own |= samples.get(metric, labels)
        assert labels - OF_PROMETHEUS <= own, (title, labels, own)


def test_the_dashboard_is_one_that_grafana_takes():
    board = json.loads(FILE.read_text())
    assert board["uid"] == "dicomweb-gateway"
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not places & cells, panel["title"]
        places |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"]["unit"]
    variables = {one["name"] for one in board["templating"]["list"]}
    assert variables == {"datasource", "job"}
