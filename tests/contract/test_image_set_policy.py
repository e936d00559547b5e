"""Image sets that are not primary, and older versions: by policy, by name, on every resource."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pydicom
import pytest

from tests import files, multipart
from tests.running import Gateway, Store

STUDY = "1.2.826.0.1.3680043.10.1.1"
SERIES = f"{STUDY}.1"
INSTANCE = f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
ICC = bytes(range(256)) * 8
CREATOR = "DICOMWEB GATEWAY IMAGE SET"
POLICIES = ("merge", "primary", "flag")


class Archive:
    """A data store with a primary image set in two versions, and one that is not primary.

    The latter has an instance of its own, and a copy of one of the primary's.
    """

    def __init__(self, server, folder) -> None:
        self.store = Store(server)

        def ct(name, number, **changes):
            uid = f"{SERIES}.{number}"
            dataset = files.ct(number, size=16, SOPInstanceUID=uid, ICCProfile=ICC, **changes)
            return files.write(folder / name, dataset)

        self.store.bring(ct("1", 1, ImageComments="first"))
        again = np.full((16, 16), 5, "<i2").tobytes()
        [self.primary] = self.store.bring(ct("2", 1, ImageComments="second", PixelData=again))
        one, two = ct("3", 1, PatientID="OTHER"), ct("4", 2, PatientID="OTHER")
        self.other, same = self.store.bring(one, two)
        assert self.other == same != self.primary


@pytest.fixture(scope="module")
def archive(healthimaging, tmp_path_factory):
    return Archive(healthimaging, tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="module")
def gateways(healthimaging, archive):
    """A gateway for each policy, on the archive."""
    running = {
        policy: Gateway(healthimaging, datastore_id=archive.store.id, image_set_policy=policy)
        for policy in POLICIES
    }
    yield running
    for one in running.values():
        one.stop()


@pytest.fixture(scope="module")
def http():
    with httpx.Client(timeout=60) as client:
        yield client


def value(dataset, tag):
    return dataset[tag]["Value"][0]


def by_number(answer):
    return {int(value(one, "00200013")): one for one in answer.json()}


def mark(dataset):
    """What a data set says of its image set: whether primary, identifier, version."""
    for tag, element in dataset.items():
        if tag.startswith("000900") and element.get("Value") == [CREATOR]:
            block = tag[6:]
            return [value(dataset, f"0009{block}0{number}") for number in (1, 2, 3)]
    return None


@pytest.mark.parametrize(
    ("policy", "numbers"), [("merge", {1, 2}), ("primary", {1}), ("flag", {1, 2})]
)
def test_which_instances_there_are(gateways, http, policy, numbers):
    root = gateways[policy].root
    for path in (f"/studies/{STUDY}/metadata", f"/studies/{STUDY}/series/{SERIES}/metadata",
                 f"/studies/{STUDY}/instances", "/instances"):  # fmt: skip
        assert set(by_number(http.get(root + path))) == numbers, path
    [study] = http.get(f"{root}/studies").json()
    assert value(study, "00201208") == len(numbers)
    second = http.get(f"{root}/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.2/frames/1")
    assert second.status_code == (200 if 2 in numbers else 404)
    parts = multipart.parse(http.get(f"{root}/studies/{STUDY}"))
    assert len(parts) == len(numbers)


@pytest.mark.parametrize("policy", POLICIES)
def test_of_two_copies_the_primary_one_counts(gateways, http, policy):
    [first] = http.get(f"{gateways[policy].root}{INSTANCE}/metadata").json()
    assert (value(first, "00100020"), value(first, "00204000")) == ("PHANTOM", "second")


@pytest.mark.parametrize("policy", POLICIES)
def test_an_image_set_that_is_named_is_reached_under_every_policy(gateways, http, archive, policy):
    root, named = gateways[policy].root, {"imageSetId": archive.other}
    found = by_number(http.get(f"{root}/studies/{STUDY}/metadata", params=named))
    assert set(found) == {1, 2}
    assert {value(one, "00100020") for one in found.values()} == {"OTHER"}
    assert len(http.get(f"{root}/instances", params=named).json()) == 2
    assert http.get(f"{root}{INSTANCE}/frames/1", params=named).status_code == 200


def test_what_is_not_primary_is_said_where_that_is_the_policy(gateways, http, archive):
    root = gateways["flag"].root
    answer = http.get(f"{root}/studies/{STUDY}/metadata")
    assert answer.headers["warning"].startswith("299 dicomweb-gateway ")
    found = by_number(answer)
    assert mark(found[1]) is None
    primary, image_set, version = mark(found[2])
    assert (primary, image_set, int(version)) == ("NO", archive.other, 1)
    xml = 'multipart/related; type="application/dicom+xml"'
    documents = multipart.parse(
        http.get(f"{root}/studies/{STUDY}/metadata", headers={"Accept": xml})
    )
    assert [CREATOR in part.content.decode() for part in documents] == [False, True]
    for number, flagged in ((1, False), (2, True)):
        one = f"{root}/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.{number}"
        for path in ("", "/frames/1", "/metadata", "/rendered", "/thumbnail", "/bulkdata/00282000"):
            response = http.get(one + path)
            assert response.status_code == 200
            assert ("warning" in response.headers) is flagged, path
    named = http.get(f"{root}{INSTANCE}/metadata", params={"imageSetId": archive.other})
    assert "warning" in named.headers
    assert mark(named.json()[0])[1] == archive.other


@pytest.mark.parametrize("policy", ["merge", "primary"])
def test_nothing_is_said_otherwise(gateways, http, archive, policy):
    for params in ({}, {"imageSetId": archive.other}):
        response = http.get(f"{gateways[policy].root}/studies/{STUDY}/metadata", params=params)
        assert "warning" not in response.headers
        assert CREATOR not in response.text


def versions(archive, http, gateway, path, **headers):
    """The answers for each version of the primary image set."""
    return [
        http.get(
            gateway.root + path,
            params={"imageSetId": archive.primary, "versionId": number},
            headers=headers,
        ).raise_for_status()
        for number in (1, 2)
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_an_older_version_is_what_it_was(gateways, http, archive, policy):
    gateway = gateways[policy]
    old, new = versions(archive, http, gateway, f"{INSTANCE}/metadata")
    assert [value(one.json()[0], "00204000") for one in (old, new)] == ["first", "second"]
    assert old.headers["etag"] != new.headers["etag"]
    frames = [multipart.parse(one)[0].content for one in
              versions(archive, http, gateway, f"{INSTANCE}/frames/1")]  # fmt: skip
    assert frames[0] == files.ct(1, size=16).PixelData
    assert frames[1] == np.full((16, 16), 5, "<i2").tobytes()
    whole = [multipart.parse(one)[0].content for one in versions(archive, http, gateway, INSTANCE)]
    comments = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(one)).ImageComments for one in whole]
    assert comments == ["first", "second"]
    pictures = [one.content for one in versions(archive, http, gateway, f"{INSTANCE}/rendered")]
    assert pictures[0] != pictures[1]


def urls(found):
    """Every URL of an answer in JSON."""
    if isinstance(found, dict):
        for key, inner in found.items():
            if key == "BulkDataURI":
                yield inner
            elif key == "00081190":
                yield from inner["Value"]
            else:
                yield from urls(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from urls(inner)


@pytest.mark.parametrize("params", [{"versionId": 1}, {}])
@pytest.mark.parametrize(
    "path",
    [
        f"{INSTANCE}/metadata",
        f"/studies/{STUDY}/metadata",
        "/studies",
        "/series",
        "/instances?includefield=all",
        f"/studies/{STUDY}/instances?includefield=ICCProfile",
    ],
)
def test_urls_lead_to_what_the_answer_is_made_of(gateways, http, archive, path, params):
    gateway = gateways["merge"]
    joint = "&" if "?" in path else "?"
    named = "&".join(
        f"{key}={text}" for key, text in {"imageSetId": archive.primary, **params}.items()
    )
    answer = http.get(f"{gateway.root}{path}{joint}{named}").raise_for_status()
    found = list(urls(json.loads(answer.text)))
    assert found
    version = str(params.get("versionId", 2))
    for url in found:
        query = parse_qs(urlsplit(url).query)
        assert query == {"imageSetId": [archive.primary], "versionId": [version]}, url
        assert urlsplit(url).path.startswith(urlsplit(gateway.root).path)
        assert http.get(url).status_code == 200
    pixels = [url for url in found if urlsplit(url).path.endswith("7FE00010")]
    for url in pixels:
        content = http.get(url, headers={"Accept": "application/octet-stream"}).content
        old = files.ct(1, size=16).PixelData
        assert (content == old) is (version == "1")


RESOURCES = [
    "/studies", "/series", "/instances", f"/studies/{STUDY}/series", f"/studies/{STUDY}/instances",
    f"/studies/{STUDY}/series/{SERIES}/instances", f"/studies/{STUDY}", INSTANCE,
    f"/studies/{STUDY}/series/{SERIES}", f"/studies/{STUDY}/metadata", f"{INSTANCE}/metadata",
    f"/studies/{STUDY}/series/{SERIES}/metadata", f"{INSTANCE}/frames/1", f"{INSTANCE}/bulkdata",
    f"{INSTANCE}/bulkdata/7FE00010", f"{INSTANCE}/bulkdata/00282000", f"{INSTANCE}/pixeldata",
    f"/studies/{STUDY}/bulkdata", f"/studies/{STUDY}/pixeldata", f"/studies/{STUDY}/rendered",
    f"{INSTANCE}/rendered", f"{INSTANCE}/frames/1/rendered", f"{INSTANCE}/thumbnail",
    f"/studies/{STUDY}/thumbnail",
    f"/wado?requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={SERIES}.1",
]  # fmt: skip


@pytest.mark.parametrize("path", RESOURCES)
def test_every_resource_takes_an_image_set_and_a_version(gateways, http, archive, path):
    root, joint = gateways["merge"].root, "&" if "?" in path else "?"

    def status(query):
        response = http.get(f"{root}{path}{joint}{query}")
        if response.status_code == 400:
            assert response.json()["parameter"] in ("versionId", "imageSetId")
        return response.status_code

    named = f"imageSetId={archive.primary}"
    assert status(named) == status(f"{named}&versionId=1") == status(f"{named}&versionId=2") == 200
    assert status(f"{named}&versionId=3") == 404
    assert status(f"imageSetId={'0' * 32}") == status(f"imageSetId={'0' * 32}&versionId=1") == 404
    for wrong in ("versionId=1", f"{named}&versionId=0", f"{named}&versionId=-1",
                  f"{named}&versionId=1.0", f"{named}&versionId=one", f"{named}&versionId=",
                  f"{named}&versionId=1&versionId=2", f"{named}&imageSetId={archive.other}",
                  "imageSetId=short", "imageSetId="):  # fmt: skip
        assert status(wrong) == 400, wrong


def test_an_image_set_of_another_study_is_not_there(gateways, http, archive):
    for path in ("/studies/1.2.3/metadata", "/studies/1.2.3", "/studies/1.2.3/series/1.2/metadata"):
        url = f"{gateways['merge'].root}{path}"
        assert http.get(url, params={"imageSetId": archive.primary}).status_code == 404


def test_a_pinned_answer_is_not_modified_for_ever(gateways, http, archive):
    url = f"{gateways['merge'].root}{INSTANCE}/metadata"
    pinned = {"imageSetId": archive.primary, "versionId": 1}
    tag = http.get(url, params=pinned).headers["etag"]
    again = http.get(url, params=pinned, headers={"If-None-Match": tag})
    assert again.status_code == 304
    moved = http.get(url, params=pinned | {"versionId": 2}, headers={"If-None-Match": tag})
    assert moved.status_code == 200
