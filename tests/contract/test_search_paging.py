"""Pages of QIDO-RS while studies are imported and deleted: nothing twice, nothing left out."""

import itertools

import httpx
import pytest

from tests import files
from tests.running import Store

UID = "1.2.826.0.1.3680043.10.9"


class Archive:
    """A store that studies are brought to and taken from, one at a time."""

    def __init__(self, server, gateway, folder):
        self.store = Store(server)
        self.root = f"{gateway.url}/datastore/{self.store.id}"
        self.image_sets = {}
        self._folder = folder
        self._brought = 0

    def bring(self, *dates):
        """Import a study for each date; all of them in one job."""
        paths, studies = [], []
        for date in dates:
            study = f"{UID}.{self._brought}"
            self._brought += 1
            made = files.ct(
                size=8,
                StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.1",
                SOPInstanceUID=f"{study}.1.1",
                StudyDate=date,
                StudyDescription="paged",
            )
            paths.append(files.write(self._folder / f"{study}.dcm", made))
            studies.append(study)
        self.image_sets |= dict(zip(studies, self.store.bring(*paths), strict=True))
        return studies

    def take(self, study):
        self.store.call("delete_image_set", imageSetId=self.image_sets.pop(study))


@pytest.fixture(params=["listing", "catalog"])
def archive(request, healthimaging, gateway, cataloging, tmp_path):
    made = Archive(healthimaging, gateway, tmp_path)
    made.cataloged = request.param == "catalog"
    if made.cataloged:
        made.root = f"{cataloging(made.store.id).url}/datastore/{made.store.id}"
    return made


def page(client, archive, query, limit, offset, level="studies"):
    parameters = f"{query}&limit={limit}&offset={offset}"
    response = client.get(f"{archive.root}/{level}?{parameters}").raise_for_status()
    return [one["0020000D"]["Value"][0] for one in response.json()], response


@pytest.fixture
def browser():
    with httpx.Client(timeout=60, headers={"User-Agent": "Mozilla"}) as client:
        yield client


@pytest.mark.parametrize("level", ["studies", "series", "instances"])
@pytest.mark.parametrize("query", ["", "PatientName=Fantom&fuzzymatching=true", "Rows=8"])
def test_imports_between_pages(archive, browser, level, query):
    before = archive.bring("20240105", "20240104", "20240103", "20240102", "20240101")
    new = iter(["20240201", "20230101", "20240103", "20240301"])
    found = []
    while True:
        got, response = page(browser, archive, query, 2, len(found), level)
        if not got:
            break
        found += got
        if archive.cataloged:  # which goes on where the page before ended, with what is new there
            assert [one for one in found if one in before] == before[
                : sum(map(before.count, found))
            ]
            assert len(found) == len(set(found))
        else:
            assert response.headers["x-total-count"] == "5"
        for date in itertools.islice(new, 1):
            archive.bring(date)
    assert [one for one in found if one in before or not archive.cataloged] == before
    newest, response = page(browser, archive, query, 1, 0, level)
    assert response.headers["x-total-count"] == str(len(archive.image_sets))
    assert newest[0] not in before  # who begins again sees what is new


def test_deletions_between_pages(archive, browser):
    if archive.cataloged:
        pytest.skip("the catalog hears of deletions by events, or when it is compared")
    before = archive.bring("20240105", "20240104", "20240103", "20240102", "20240101")
    first, _ = page(browser, archive, "", 2, 0)
    archive.take(before[3])
    archive.take(before[0])
    rest, response = page(browser, archive, "", 2, 2)
    assert first + rest == [before[0], before[1], before[2], before[4]]
    assert "warning" not in response.headers
    assert page(browser, archive, "", 2, 4)[0] == []


def test_two_readers_at_a_time(archive, browser):
    before = archive.bring("20240104", "20240103", "20240102", "20240101")
    with httpx.Client(timeout=60, headers={"User-Agent": "Slicer"}) as other:
        mine, _ = page(browser, archive, "", 2, 0)
        [new] = archive.bring("20240301")
        theirs, _ = page(other, archive, "", 2, 0)
        mine += page(browser, archive, "", 2, 2)[0]
        theirs += page(other, archive, "", 3, 2)[0]
    assert mine == before
    assert theirs == [new, *before]


def test_each_page_says_what_is_left(archive, browser):
    archive.bring(*(f"202401{day:02}" for day in range(1, 7)))
    for offset in (0, 2, 4):
        found, response = page(browser, archive, "", 2, offset)
        assert len(found) == 2
        remaining = response.headers.get("warning", "")
        assert (f"There are {4 - offset} additional results" in remaining) == (offset < 4)
