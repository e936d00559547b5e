"""The capabilities description: a tree of resources, as XML that parsers read and as JSON."""

import xml.etree.ElementTree as ET

import pytest

from gateway.dicomweb import capabilities
from gateway.dicomweb.capabilities import Method, Parameter

NAMESPACE = {"w": "http://wadl.dev.java.net/2009/02"}
BASE = "https://gateway.example/dicomweb"
LIMIT = Parameter("limit", 'Results, "at most" <n>.')
FIELDS = Parameter("includefield", "Attributes.", ("all", "x"), repeating=True)
SEARCH = Method("GET", "Search For Studies", "10.6", ("application/dicom+json",), (LIMIT, FIELDS))
RETRIEVE = Method("GET", "Retrieve Study", "10.4.1.1.1", ('multipart/related; type="a/b"',), ())
VALUE = Method("GET", "Retrieve Bulkdata", "10.4.1.1.5", (), ())
LINES = [
    ("/studies", SEARCH),
    ("/studies/{study}/bulkdata/{path:path}", VALUE),
    ("/studies/{study}", RETRIEVE),
]
SAID = {"Conformance": "PS3.18 & more"}


@pytest.fixture
def tree():
    return capabilities.tree(LINES)


def parsed(resource):
    document = capabilities.wadl(BASE, resource, SAID)
    assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    return ET.fromstring(document)


def paths(element, above=()):
    """The paths of all resources below ``element``."""
    found = []
    for one in element.findall("w:resource", NAMESPACE):
        path = (*above, one.get("path"))
        found += ["/".join(path), *paths(one, path)]
    return found


def test_the_tree_follows_the_paths(tree):
    application = parsed(tree)
    [resources] = application.findall("w:resources", NAMESPACE)
    assert application.tag == "{http://wadl.dev.java.net/2009/02}application"
    assert resources.get("base") == BASE
    assert paths(resources) == [
        "studies",
        "studies/{study}",
        "studies/{study}/bulkdata",
        "studies/{study}/bulkdata/{path}",
    ]


def test_what_a_method_takes_and_gives(tree):
    application = parsed(tree)
    [method] = application.findall(".//w:method[@id='SearchForStudies']", NAMESPACE)
    assert method.get("name") == "GET"
    accept, limit, fields = method.findall("w:request/w:param", NAMESPACE)
    assert accept.attrib == {
        "name": "Accept",
        "style": "header",
        "default": "application/dicom+json",
    }
    assert limit.attrib == {"name": "limit", "style": "query", "repeating": "false"}
    assert limit.find("w:doc", NAMESPACE).text == 'Results, "at most" <n>.'
    assert fields.get("repeating") == "true"
    options = [one.get("value") for one in fields.findall("w:option", NAMESPACE)]
    assert options == ["all", "x"]
    good, bad = method.findall("w:response", NAMESPACE)
    assert good.get("status").split()[0] == "200"
    assert [one.get("mediaType") for one in good] == ["application/dicom+json"]
    assert {"400", "404", "406"} <= set(bad.get("status").split())


def test_values_of_attributes_are_escaped(tree):
    [method] = parsed(tree).findall(".//w:method[@id='RetrieveStudy']", NAMESPACE)
    [option] = method.findall("w:request/w:param/w:option", NAMESPACE)
    assert option.get("value") == 'multipart/related; type="a/b"'


def test_segments_that_stand_for_values_are_parameters(tree):
    named = parsed(tree).findall(".//w:param[@style='template']", NAMESPACE)
    assert [one.get("name") for one in named] == ["study", "path"]


def test_what_is_said_of_all_is_in_the_document(tree):
    [doc] = parsed(tree).findall("w:doc", NAMESPACE)
    assert (doc.get("title"), doc.text) == ("Conformance", "PS3.18 & more")


@pytest.mark.parametrize(
    ("path", "expected", "methods"),
    [
        ("/studies", ["studies", "studies/{study}"], ["SearchForStudies", "RetrieveStudy"]),
        ("/studies/{study}", ["studies/{study}"], ["RetrieveStudy"]),
        ("/studies/{study}/bulkdata/{path:path}", ["studies/{study}/bulkdata/{path}"], []),
    ],
)
def test_a_resource_is_described_with_those_below_it_only(tree, path, expected, methods):
    application = parsed(capabilities.at(tree, path))
    [resources] = application.findall("w:resources", NAMESPACE)
    assert paths(resources)[: len(expected)] == expected
    found = [one.get("id") for one in application.findall(".//w:method", NAMESPACE)]
    assert found == [*methods, "RetrieveBulkdata"]
    [top] = resources.findall("w:resource", NAMESPACE)
    named = [one.get("name") for one in top.findall("w:param", NAMESPACE)]
    assert named == [part[1:-1].partition(":")[0] for part in path.split("/") if "{" in part]


def test_a_method_of_the_root_is_a_resource_as_well():
    tree = capabilities.tree([("/", VALUE), *LINES])
    [resources] = parsed(tree).findall("w:resources", NAMESPACE)
    assert paths(resources)[:2] == ["/", "studies"]
    assert parsed(tree).find(".//w:method", NAMESPACE).get("id") == "RetrieveBulkdata"


def test_the_same_as_json(tree):
    found = capabilities.json(BASE, tree, SAID)["application"]
    assert found["doc"] == [{"title": "Conformance", "content": "PS3.18 & more"}]
    [resources] = found["resources"]
    [studies] = resources["resource"]
    assert (resources["base"], studies["path"]) == (BASE, "studies")
    [method] = studies["method"]
    assert method["id"] == "SearchForStudies"
    [request] = method["request"]
    assert [one["name"] for one in request["param"]] == ["Accept", "limit", "includefield"]
    assert request["param"][2]["option"] == [{"value": "all"}, {"value": "x"}]
    [study] = studies["resource"]
    assert study["param"] == [{"name": "study", "style": "template", "required": "true"}]
