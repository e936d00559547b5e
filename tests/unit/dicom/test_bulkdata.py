"""Bulk data: which values they are, and that each path leads back to its value."""

import base64

import pytest
from hypothesis import given, settings

from gateway.dicom import bulkdata, jsonmodel
from tests.unit.dicom import datasets

WAVE = (0x54001010, "OW", base64.b64encode(b"wave").decode())
DATASET = [
    (0x00080100, "SH", ["A\f"]),
    (0x00104000, "LT", ["page\fpäge\\"]),
    (0x00282000, "OB", "cHJvZmlsZQ=="),
    (0x00282002, "OB", ""),
    (0x54000100, "SQ", [[], [(0x00091001, "UN", "AAAA"), WAVE, (0x00081140, "SQ", [[WAVE]])]]),
    (0x7FE00010, "OW", bulkdata.ELSEWHERE),
]


@pytest.mark.parametrize("count", [*range(20), 1 << 20])
def test_the_size_of_base64_text(count):
    assert bulkdata.size(base64.b64encode(bytes(count)).decode()) == count


def test_all_that_metadata_link_to():
    assert [path for path, _ in bulkdata.values(DATASET, 3)] == [
        "00104000",
        "00282000",
        "54000100/2/54001010",
        "54000100/2/00081140/1/54001010",
        "7FE00010",
    ]
    assert [path for path, _ in bulkdata.values(DATASET, 7)] == ["00104000", "7FE00010"]


@settings(max_examples=100, deadline=None)
@given(datasets.nested())
def test_paths_lead_to_what_the_json_model_links_to(dataset):
    links = []
    jsonmodel.encode(dataset, lambda path: links.append(path) or path, 1)
    found = dict(bulkdata.values(dataset, 1))
    assert list(found) == links
    for path, element in found.items():
        keys = [int(part, 10 if at % 2 else 16) for at, part in enumerate(path.split("/"))]
        assert bulkdata.find(dataset, keys) is element
        assert bulkdata.content(element) == base64.b64decode(element[2])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([0x00104000], "page\fpäge\\".encode()),
        ([0x00282000], b"profile"),
        ([0x00282002], b""),
        ([0x54000100, 2, 0x54001010], b"wave"),
        ([0x54000100, 2, 0x00081140, 1, 0x54001010], b"wave"),
    ],
)
def test_content(path, expected):
    assert bulkdata.content(bulkdata.find(DATASET, path)) == expected


def test_several_texts_are_separated_as_in_a_file():
    assert bulkdata.content((0x00091001, "UC", ["ä", "", "b"])) == "ä\\\\b".encode()


@pytest.mark.parametrize(
    "path",
    [
        [0x00080100],
        [0x00080101],
        [0x54000100],
        [0x54000100, 1, 0x54001010],
        [0x54000100, 3, 0x54001010],
        [0x00282000, 1, 0x54001010],
        [0x54000100, 2, 0x00081140, 2, 0x54001010],
    ],
)
def test_nothing_else_is_found(path):
    assert bulkdata.find(DATASET, path) is None
