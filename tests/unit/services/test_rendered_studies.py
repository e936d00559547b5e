"""Rendered studies and series: one picture that stands for all, or all of them."""

import asyncio

import pytest

from gateway.dicomweb import accept
from gateway.dicomweb.resources import Address
from gateway.errors import NotAcceptable
from gateway.services.rendered import Wanted
from tests.unit.services.memory import DATASTORE, MemoryHealthImaging, image_set, instance
from tests.unit.services.rendering import (
    PARTS,
    PDF,
    PLAIN,
    SERIES,
    SLIDE,
    SOP,
    STUDY,
    THUMBNAIL,
    image,
    levels,
    opened,
    report,
    retrieve,
    run,
    stored,
    thumbnail,
    wanted,
    with_series,
)


def test_a_series_by_its_middle_image_or_by_all():
    remote = stored(*(image(f"{SERIES}.{n}", n, level=100 + n) for n in (3, 1, 5, 2, 4)))
    multipart, parts = retrieve(remote, "image/png", SERIES)
    assert (multipart, levels(parts)) == (False, [103])
    assert parts[0].path.endswith(f"/instances/{SERIES}.3/rendered")
    assert remote.count("frame") == 1
    multipart, parts = retrieve(remote, PARTS, SERIES)
    assert (multipart, levels(parts)) == (True, [101, 102, 103, 104, 105])


def test_a_study_by_its_first_series_of_images_or_by_all():
    remote = stored()
    with_series(remote, 1, "SR", report("1.1"))
    with_series(remote, 2, "SEG", image("2.1", level=10))
    with_series(remote, 4, "CT", image("4.1", level=40))
    with_series(remote, 3, "CT", image("3.1", level=30, frames=3))
    multipart, parts = retrieve(remote, "image/png")
    assert (multipart, levels(parts)) == (False, [31])
    assert remote.count("metadata") == 1  # the search told the modalities
    multipart, parts = retrieve(remote, PARTS)
    assert (multipart, levels(parts)) == (True, [10, 30, 31, 32, 40])


def test_a_study_whose_series_a_search_does_not_tell():
    remote = MemoryHealthImaging()
    for number, one in ((1, report("1.1")), (2, image("2.1", level=20))):
        series = {"SeriesNumber": str(number)}
        document = image_set(STUDY, f"{STUDY}.{number}", one, at_series=series)
        remote.add(document, tags={"DICOMSeriesInstanceUID": None})
    assert levels([thumbnail(remote, "image/png")]) == [20]
    assert levels(retrieve(remote, PARTS)[1]) == [20]


def test_an_image_set_by_its_identifier():
    remote = stored(image(level=100))
    other = remote.add(image_set(STUDY, SERIES, image(level=50)))

    async def work(service):
        address = Address(DATASTORE, STUDY, image_set_id=other)
        return await service.thumbnail(Wanted(address, accept.parse("image/png"), THUMBNAIL))

    assert levels([run(remote, work)]) == [50]


@pytest.mark.parametrize(
    "one", [report(SOP, "66.1"), report(SOP, "481.5"), image(stored="1.2.840.10008.1.2.4.112")]
)
def test_what_cannot_be_shown_is_refused(one):
    remote = stored(one)
    for place in ((SERIES, SOP), (SERIES,), ()):
        for header in ("*/*", PARTS, "text/html", "application/json"):
            with pytest.raises(NotAcceptable, match="nothing in the instance"):
                retrieve(remote, header, *place)


def test_a_study_of_which_a_part_can_be_shown():
    remote = stored()
    with_series(remote, 1, "SR", report("1.1"))
    with_series(remote, 2, "DOC", instance("2.1", **PDF))
    with_series(remote, 3, "CT", image("3.1", level=30))
    assert retrieve(remote, "application/pdf")[1][0].content == b"%PDF-1.7 x"
    either = f'{PARTS}, multipart/related; type="application/pdf";q=0.5'
    found = [part.media_type for part in retrieve(remote, either)[1]]
    assert found == ["application/pdf", "image/png"]
    assert [part.media_type for part in retrieve(remote, PARTS)[1]] == ["image/png"]
    with pytest.raises(NotAcceptable):
        retrieve(remote, 'multipart/related; type="video/mp4"')


def test_a_client_that_would_take_either_gets_what_there_is():
    remote = stored(instance(SOP, **PDF))
    header = f"{PARTS}, application/pdf;q=0.5"
    multipart, [part] = retrieve(remote, header)
    assert (multipart, part.media_type) == (False, "application/pdf")


def test_a_strict_reading():
    remote = stored(image(frames=3))
    assert retrieve(remote, "*/*", strict=True)[0]
    assert len(retrieve(remote, PARTS, strict=True)[1]) == 3
    assert retrieve(remote, "image/gif", SERIES, SOP, strict=True)[1][0].media_type == "image/gif"
    for place in ((), (SERIES,), (SERIES, SOP)):
        with pytest.raises(NotAcceptable):
            retrieve(remote, "image/png", *place, strict=True)
    with pytest.raises(NotAcceptable):
        thumbnail(remote, PARTS, strict=True)


def test_of_a_slide_the_overview_stands_for_all_and_no_tiles_are_decoded():
    remote = stored()
    with_series(
        remote,
        1,
        "SM",
        image("1.1", 1, 10, frames=60, **SLIDE, ImageType=["ORIGINAL", "PRIMARY", "VOLUME"]),
        image("1.2", 2, 20, **SLIDE, ImageType=["ORIGINAL", "PRIMARY", "LABEL"]),
        image("1.3", 3, 30, **SLIDE, ImageType=["ORIGINAL", "PRIMARY", "OVERVIEW"]),
    )
    assert levels([thumbnail(remote, "image/png")]) == [30]
    for header in ("image/png", "image/gif"):
        remote.calls.clear()
        _, [part] = retrieve(remote, header, f"{STUDY}.1", "1.1")
        assert remote.count("frame") == 1
        assert getattr(opened(part), "n_frames", 1) == 1
    with pytest.raises(NotAcceptable, match="tiles of a slide"):
        retrieve(remote, "image/gif", f"{STUDY}.1", "1.1", numbers=(1, 2))


def test_parts_are_made_a_few_ahead_and_no_more():
    remote = stored(image(frames=30))

    async def work(service):
        answer = await service.retrieve(wanted(PARTS, (SERIES, SOP), PLAIN, (), False))
        while not remote.count("frame"):  # noqa: ASYNC110  work ahead tells nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert 1 <= remote.count("frame") <= 5
        await answer.rest.aclose()

    run(remote, work, fetch_ahead=4)
    assert remote.count("frame") <= 5
