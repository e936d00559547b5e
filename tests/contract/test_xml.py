"""Metadata as XML: read by the book, every file of the collection is the data set that it was."""

import warnings

import pytest
from pydicom.dataset import Dataset

from tests import files, multipart, native_model
from tests.contract.test_round_trip import IMPORTED, each, not_the_same, url
from tests.unit.dicom.datasets import from_pydicom, significant

XML = "application/dicom+xml"
ENVELOPE = f'multipart/related; type="{XML}"'

pytestmark = pytest.mark.timeout(300)


@each(IMPORTED)
def test_attributes_come_back(library, gateway, http, path):
    answer = http.get(url(library, gateway, path, "/metadata"), headers={"Accept": XML})
    assert answer.raise_for_status().headers["content-type"] == XML

    def fetch(uri):
        if "/bulkdata/7FE000" in uri:
            return b""  # they have tests of their own
        return http.get(uri, headers={"Accept": "application/octet-stream"}).content

    found, original = native_model.parse(answer.content, fetch), files.read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        differing = {
            original[tag].keyword or str(tag)
            for tag in set(original.keys()) | set(found.keys())
            if not_the_same(original, found, tag) and plain(original, tag) != plain(found, tag)
        }
    assert not differing


def plain(dataset, tag):
    """An attribute without padding, and without what is empty at the end of names."""
    part = Dataset()
    part.add(dataset[tag])
    return significant(from_pydicom(part))


def test_a_study_is_a_part_for_each_instance(http, hospital):
    uid = hospital.datasets[0].StudyInstanceUID
    address = f"{hospital.root}/studies/{uid}/metadata"
    answer = http.get(address, headers={"Accept": ENVELOPE}).raise_for_status()
    assert answer.headers["content-type"].startswith(ENVELOPE)
    parts = multipart.parse(answer)
    assert {part.type for part in parts} == {XML}
    found = [native_model.parse(part.content, lambda _: b"").SOPInstanceUID for part in parts]
    assert found == [
        one["00080018"]["Value"][0] for one in http.get(address).raise_for_status().json()
    ]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (XML, XML),
        (ENVELOPE, "multipart/related"),
        ("multipart/related; type=application/dicom+xml", "multipart/related"),
        (f"application/dicom+json;q=0.5, {XML}", XML),
        (f"application/dicom+json, {ENVELOPE};q=0.9", "application/dicom+json"),
        ("*/*", "application/dicom+json"),
    ],
)
def test_the_client_chooses(http, hospital, accept, kind):
    first = hospital.datasets[0]
    series = f"{hospital.root}/studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}"
    address = f"{series}/instances/{first.SOPInstanceUID}/metadata"
    for answer in (
        http.get(address, headers={"Accept": accept}),
        http.get(address, params={"accept": accept}, headers={"Accept": "image/png"}),
    ):
        assert answer.raise_for_status().headers["content-type"].partition(";")[0] == kind


def test_one_part_does_not_hold_several_instances(http, hospital):
    uid = hospital.datasets[0].StudyInstanceUID
    answer = http.get(f"{hospital.root}/studies/{uid}/metadata", headers={"Accept": XML})
    assert answer.status_code == 406
    assert any("dicom+xml" in offer for offer in answer.json()["available"])
