"""Attributes as a document's instances share them."""

import json
import tracemalloc

from gateway.imagesets import document
from tests.unit.imagesets.test_document import DOCUMENTS, ID, each_document, parse, tree


def test_equal_values_are_kept_once_and_only_what_is_the_same_is_equal():
    values = [["1 "], [1], [1.0], [True], [0.0], [-0.0], {"PatientID": "1"}, "1", 7.5, None, [], ""]
    content = tree()
    [series] = content["Study"]["Series"].values()
    series["Instances"] = {
        f"1.{place}.{copy}": {"DICOM": {"SelectorFDValue": value, "StudyID": "same"}}
        for place, value in enumerate(values)
        for copy in range(2)
    }
    found = parse(content).instances
    names = {id(one.attributes.names) for one in found.values()}
    assert len(names) == len({id(one.attributes["StudyID"]) for one in found.values()}) == 1
    for place, value in enumerate(values):
        first, second = (found[f"1.{place}.{copy}"].attributes for copy in range(2))
        assert repr(first["SelectorFDValue"]) == repr(value)
        assert first["SelectorFDValue"] is second["SelectorFDValue"] or not value


def test_sequences_nested_beyond_measure_are_read_as_others_are():
    deep = {}
    for _ in range(400):
        deep = {"ReferencedImageSequence": [deep]}
    content = json.dumps(tree({"StudyID": "1", **deep})).encode()
    [one] = document.parse(ID, content).instances.values()
    assert dict(one.attributes) == {"StudyID": "1", **deep}


@each_document
def test_what_is_kept_of_a_document_is_known(name):
    document.parse(ID, DOCUMENTS[name])
    tracemalloc.start()
    try:
        found = document.parse(ID, DOCUMENTS[name])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / 2 < found.held < taken * 2
