"""Documents and what a query makes of them, as tests write it."""

import json

from gateway.dicom import tags
from gateway.imagesets import document
from gateway.services import results
from gateway.services.criteria import criteria
from gateway.services.scope import Scope
from tests.unit.services.memory import image_set, instance

ROOT = "https://gateway.example/dicomweb"


def parsed(*documents):
    """The instances of several image sets, in their order."""
    return [
        one
        for number, content in enumerate(documents)
        for one in document.parse(
            f"{number:032x}", json.dumps(_with_frames(content)).encode()
        ).instances.values()
    ]


def _with_frames(content):
    for series in content["Study"]["Series"].values():
        for one in series["Instances"].values():
            one["ImageFrames"] = [{"ID": str(frame)} for frame in one["ImageFrames"]]
    return content


def keys(**named):
    return {
        tuple(tags.parse_tag(part) for part in name.split("__")): (
            value if isinstance(value, tuple) else (value,)
        )
        for name, value in named.items()
    }


def cut(query, *documents, whole=True, where=slice(None), decided=False, root=ROOT, **more):
    instances = parsed(*documents)
    scope = Scope(instances, root, whole, **more)
    return results.cut(criteria(query), instances, scope, where, decided=decided)


def matches(query, *documents):
    return cut(query, *documents).count > 0


def encoded(query, *documents, limit=1024, **more):
    found = cut(query, *documents, **more)
    assert found.count == 1
    return json.loads(results.dicom_json(found.results, limit))[0]


def values(result):
    return {
        tags.by_tag(int(tag, 16)).keyword: element.get("Value") for tag, element in result.items()
    }


TWO_SERIES = (
    image_set("1", "1.1", instance("1.1.1", 1), instance("1.1.2", 2, ImageComments="second")),
    image_set("1", "1.2", instance("1.2.1", 1), at_series={"Modality": "MR", "SeriesNumber": "2"}),
)
