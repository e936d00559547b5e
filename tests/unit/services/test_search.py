"""Search: merged, matched, ordered and cut to pages."""

import pytest

from gateway.dicomweb.query import Level
from gateway.errors import NotFound, UpstreamUnavailable
from tests.unit.services.memory import MemoryHealthImaging, image_set, instance
from tests.unit.services.searching import INSTANCE, SERIES, STUDY, hospital, search, uids, value

REMAINING = "There are {} additional results that can be requested"


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (STUDY, ["2", "1", "3"]),
        (SERIES, ["2.1", "1.10", "1.2", "3.1"]),
        (INSTANCE, ["2.1.1", "2.1.2", "1.10.1", "1.2.1", "1.2.2", "3.1.1"]),
    ],
)
def test_the_newest_first_then_by_number(level, expected):
    answer = search(hospital(), level=level)
    assert uids(answer, level) == expected
    assert answer.warnings == []


def test_image_sets_of_a_study_and_of_a_series_are_merged():
    found = {value(one, "0020000D")[0]: one for one in search(hospital()).results}
    counts = {
        study: (value(one, "00201206")[0], value(one, "00201208")[0])
        for study, one in found.items()
    }
    assert counts == {"1": (2, 3), "2": (1, 2), "3": (1, 1)}
    assert value(found["1"], "00080061") == ["CT", "MR"]
    assert value(found["2"], "00080061") == ["CT"]
    assert "00080061" not in found["3"]
    [series] = search(hospital(), level=SERIES, study="2").results
    assert value(series, "00201209") == [2]


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ({"updated": 1}, {"updated": 2}, "second"),
        ({"updated": 2}, {"updated": 1}, "first"),
        ({"updated": 1, "primary": True}, {"updated": 2, "primary": False}, "first"),
        ({"updated": 2}, {"updated": 1, "primary": True}, "second"),
    ],
)
def test_of_two_copies_of_an_instance_the_primary_counts_then_the_newest(first, second, wins):
    remote = MemoryHealthImaging()
    for name, changes in (("first", first), ("second", second)):
        copies = instance("1.1.1", 1, ImageComments=name), instance(f"1.1.{name}", 2)
        remote.add(image_set("1", "1.1", *copies, at_study={"StudyDescription": name}), **changes)
    [study] = search(remote, "includefield=StudyDescription").results
    assert value(study, "00081030") == [wins]
    assert value(study, "00201208") == [3]
    [series] = search(remote, "", SERIES).results
    assert value(series, "00201209") == [3]
    copies = search(remote, "SOPInstanceUID=1.1.1&includefield=ImageComments", INSTANCE).results
    assert [value(one, "00204000") for one in copies] == [[wins]]


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("text", ["", "PatientID=P*", "InstanceNumber=1", "Modality=CT"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_partition_a_result_in_a_stable_order(level, text, size):
    remote = hospital()
    whole = search(remote, text, level)
    assert whole.warnings == []
    total = len(whole.results)
    assert total > 1
    pieces = []
    for offset in range(0, total, size):
        page = search(remote, f"{text}&limit={size}&offset={offset}", level)
        pieces += page.results
        left = total - offset - len(page.results)
        expected = [REMAINING.format(left)] if left else []
        assert [warning.split('"')[1] for warning in page.warnings] == expected
    assert pieces == whole.results


@pytest.mark.parametrize("text", ["", "InstanceNumber=1"])
def test_the_ends_of_paging(text):
    remote = hospital()
    none = search(remote, f"{text}&limit=0")
    assert none.results == []
    assert REMAINING.format(3) in none.warnings[0]
    beyond = search(remote, f"{text}&offset=3")
    assert (beyond.results, beyond.warnings) == ([], [])
    assert search(remote, f"{text}&offset=100").warnings == []
    last = search(remote, f"{text}&offset=2&limit=100")
    assert (uids(last), last.warnings) == (["3"], [])


def test_the_most_that_is_given_at_a_time():
    remote = hospital()
    for text in ("", "limit=100"):
        answer = search(remote, text, INSTANCE, search_max_results=4)
        assert uids(answer, INSTANCE) == ["2.1.1", "2.1.2", "1.10.1", "1.2.1"]
        assert REMAINING.format(2) in answer.warnings[0]
    rest = search(remote, "offset=4", INSTANCE, search_max_results=4)
    assert uids(rest, INSTANCE) == ["1.2.2", "3.1.1"]
    assert rest.warnings == []


def test_a_search_that_is_ended_early_says_so():
    remote = MemoryHealthImaging()
    for number in range(120):
        study = f"1.{number}"
        remote.add(image_set(study, f"{study}.1", instance(f"{study}.1.1")))
    whole = search(remote)
    assert (len(whole.results), whole.warnings) == (120, [])
    for text in ("", "PatientName=Phantom*"):
        cut = search(remote, text, search_max_image_sets=50)
        assert len(cut.results) < 120
        [warning] = cut.warnings
        assert "ended after 50 image sets" in warning
        assert cut.total is None
    assert len(search(remote, "PatientID=PHANTOM&limit=5").results) == 5


def test_what_fits_exactly_was_not_ended():
    remote = MemoryHealthImaging()
    for number in range(50):
        remote.add(image_set(f"1.{number}", f"1.{number}.1", instance(f"1.{number}.1.1")))
    answer = search(remote, search_max_image_sets=50)
    assert (len(answer.results), answer.warnings) == (50, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PatientName=Two Fantom", ["2"]),
        ("PatientName=Phantom^Two", ["2"]),
        ("PatientName=*wo*", ["2"]),
        ("PatientName=one", ["1", "3"]),
        ("PatientName=Three", []),
    ],
)
def test_fuzzy_names(text, expected):
    answer = search(hospital(), f"fuzzymatching=true&{text}")
    assert (uids(answer), answer.warnings) == (expected, [])


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("", 3),
        ("limit=1", 3),
        ("limit=0", 3),
        ("offset=2", 3),
        ("offset=7", 3),
        ("PatientID=nobody", 0),
        ("PatientName=*TWO", 1),
        ("InstanceNumber=1&limit=1", 3),
        ("BodyPartExamined=HEAD", 1),
    ],
)
def test_the_total(text, total):
    assert search(hospital(), text).total == total


def test_the_total_of_the_levels_and_of_an_image_set():
    assert search(hospital(), "limit=1", SERIES).total == 4
    assert search(hospital(), "limit=1", INSTANCE).total == 6
    remote = hospital()
    [(name, _), *_] = _documents(remote)
    answer = search(remote, f"imageSetId={name}&limit=1", INSTANCE)
    assert answer.total == len(answer.results) + (1 if answer.warnings else 0)


def test_what_is_not_computed_is_left_out_and_said_so():
    for text in ("includefield=NumberOfPatientRelatedStudies", "NumberOfPatientRelatedStudies="):
        answer = search(hospital(), text)
        assert len(answer.results) == 3
        assert "NumberOfPatientRelatedStudies" in answer.warnings[0]
        assert not any("00201200" in one for one in answer.results)


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        ("NumberOfStudyRelatedSeries=2", SERIES, ["1.10", "1.2"]),
        ("NumberOfStudyRelatedInstances=2", INSTANCE, ["2.1.1", "2.1.2"]),
        ("NumberOfStudyRelatedInstances=3&SeriesInstanceUID=1.2", SERIES, ["1.2"]),
        ("NumberOfStudyRelatedInstances=3&SeriesInstanceUID=2.1", SERIES, []),
        ("NumberOfSeriesRelatedInstances=2", INSTANCE, ["2.1.1", "2.1.2", "1.2.1", "1.2.2"]),
        ("ModalitiesInStudy=CT%5CMR&multiplevaluematching=true", SERIES, ["1.10", "1.2"]),
        ("ModalitiesInStudy=CT%5CMR", SERIES, ["2.1", "1.10", "1.2"]),
        ("emptyvaluematching=true&ModalitiesInStudy=%22%22", SERIES, ["3.1"]),
        ("emptyvaluematching=true&Modality=%22%22", SERIES, ["3.1"]),
        ("emptyvaluematching=true&BodyPartExamined=%22%22", SERIES, ["2.1", "3.1"]),
        ("emptyvaluematching=true&StudyDate=%22%22", SERIES, ["3.1"]),
        ("StudyDate=20240101-20240301&StudyTime=12-09", SERIES, ["1.10", "1.2"][:0]),
        ("StudyDate=20240101-20240301&StudyTime=09-12", SERIES, ["2.1", "1.10", "1.2"]),
        ("StudyDate=20240101-20240301&StudyTime=11-10", SERIES, ["2.1"]),
        ("StudyDate=20240101-&StudyTime=11-", SERIES, ["2.1"]),
        ("StudyDate=20240101&StudyTime=11-", SERIES, []),
    ],
)
def test_series_and_instances_by_key(text, level, expected):
    assert uids(search(hospital(), text, level), level) == expected


def test_the_zone_of_a_query():
    remote = MemoryHealthImaging()
    for number, zone in enumerate(("+0000", "-1000", None)):
        series = f"1.{number}.1"
        study = {"StudyDate": "20240101", "StudyTime": "1500"}
        own = {"TimezoneOffsetFromUTC": zone} if zone else {}
        remote.add(image_set(f"1.{number}", series, instance(f"{series}.1", **own), at_study=study))
    for date, zone, expected in (
        ("20240101", "%2B0000", ["1.0", "1.2"]),
        ("20240102", "%2B0000", ["1.1"]),
        ("20240102", "%2B0900", ["1.0", "1.1"]),
        ("20240101-20240102", "-1000", ["1.0", "1.1", "1.2"]),
    ):
        answer = search(remote, f"StudyDate={date}&TimezoneOffsetFromUTC={zone}")
        assert uids(answer) == expected, (date, zone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ModalitiesInStudy=MR", ["1"]),
        ("ModalitiesInStudy=CT", ["2", "1"]),
        ("ModalitiesInStudy=CT,MR", ["2", "1"]),
        ("ModalitiesInStudy=CT%5CUS", ["2", "1"]),
        ("ModalitiesInStudy=US", []),
        ("ModalitiesInStudy=", ["2", "1", "3"]),
        ("ModalitiesInStudy=M*", ["1"]),
        ("ModalitiesInStudy=CT&PatientID=P1", ["1"]),
        ("Modality=MR", ["1"]),
        ("Modality=CT&BodyPartExamined=CHEST", ["1"]),
        ("Modality=MR&BodyPartExamined=CHEST", []),
        ("NumberOfStudyRelatedSeries=2", ["1"]),
        ("NumberOfStudyRelatedInstances=2", ["2"]),
        ("BodyPartExamined=HEAD", ["1"]),
        ("ImageComments=slice 1", ["2"]),
        ("ImageComments=*", ["2", "1", "3"]),
        ("SOPInstanceUID=1.10.1,3.1.1", ["1", "3"]),
        ("PatientName=*TWO", ["2"]),
        ("PatientName=phantom", []),
        ("StudyDate=20240101-20240201", ["1"]),
        ("StudyDate=20240201-20240101", []),
        ("StudyDate=20240101%5C20240301", ["2", "1"]),
        ("StudyDate=", ["2", "1", "3"]),
        ("StudyTime=10-11", ["2", "1"]),
        ("SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2", ["2", "1", "3"]),
        ("SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.4", []),
        ("NumberOfSeriesRelatedInstances=1", ["1", "3"]),
        ("NumberOfSeriesRelatedInstances=1&Modality=MR", []),
        ("PatientID=%22%22", []),
        ("emptyvaluematching=true&PatientID=%22%22", []),
        ("emptyvaluematching=true&AccessionNumber=A2%5C%22%22", ["2"]),
        ("PatientBirthDate=", ["2", "1", "3"]),
        ("PatientBirthDate=19700101", []),
        ("PatientID=P1&AccessionNumber=A2", []),
    ],
)
def test_studies_by_key(text, expected):
    assert uids(search(hospital(), text)) == expected


def test_a_study_that_one_series_finds_is_whole():
    for text in (
        "SeriesInstanceUID=1.2",
        "Modality=MR",
        "BodyPartExamined=HEAD",
        "SOPInstanceUID=1.2.1",
    ):
        [study] = search(hospital(), text).results
        assert (value(study, "00201206"), value(study, "00201208")) == ([2], [3])
        assert value(study, "00080061") == ["CT", "MR"]


def test_series_and_instances_that_match_come_alone():
    remote = hospital()
    assert uids(search(remote, "Modality=MR", SERIES), SERIES) == ["1.2"]
    assert uids(search(remote, "BodyPartExamined=CHEST", SERIES), SERIES) == ["1.10"]
    assert uids(search(remote, "ImageComments=slice*", INSTANCE), INSTANCE) == ["2.1.1", "2.1.2"]
    assert uids(search(remote, "ImageComments=slice 2", INSTANCE), INSTANCE) == ["2.1.2"]
    [series] = search(remote, "ImageComments=slice 2", SERIES).results
    assert value(series, "00201209") == [2]


def test_one_image_set_alone():
    remote = hospital()
    [(name, _)] = [call for call in _documents(remote) if call[0].endswith("2")]
    found = search(remote, f"imageSetId={name}", INSTANCE)
    assert uids(found, INSTANCE) == ["2.1.2"]
    assert search(remote, f"imageSetId={name}&PatientID=P1", INSTANCE).results == []
    assert search(remote, f"imageSetId={name}", SERIES, "1").results == []
    assert remote.count("search") == 0
    with pytest.raises(NotFound):
        search(remote, f"imageSetId={'f' * 32}")


def _documents(remote):
    search(remote)
    found = [argument for name, argument in remote.calls if name == "metadata"]
    remote.calls.clear()
    return found


def test_a_failure_of_healthimaging_is_not_an_empty_result():
    for name in ("search", "metadata"):
        remote = hospital()
        remote.failures[name] = UpstreamUnavailable("away")
        with pytest.raises(UpstreamUnavailable):
            search(remote)


@pytest.mark.parametrize(
    ("text", "level", "flagged"),
    [
        ("", STUDY, True),
        ("PatientID=P1", STUDY, True),
        ("PatientID=P2", STUDY, False),
        ("limit=1&offset=1", STUDY, True),
        ("limit=1", STUDY, False),
        ("SOPInstanceUID=1.1.1", INSTANCE, False),
        ("SOPInstanceUID=1.1.2", INSTANCE, True),
        ("PatientID=nobody", STUDY, False),
    ],
)
def test_results_of_image_sets_that_are_not_primary(text, level, flagged):
    remote = MemoryHealthImaging()
    first = {"patient": {"PatientID": "P1"}, "at_study": {"StudyDate": "20240101"}}
    second = {"patient": {"PatientID": "P2"}, "at_study": {"StudyDate": "20240201"}}
    remote.add(image_set("1", "1.1", instance("1.1.1"), **first), primary=True)
    remote.add(image_set("1", "1.1", instance("1.1.2"), **first), primary=False)
    remote.add(image_set("2", "2.1", instance("2.1.1"), **second), primary=True)
    answer = search(remote, text, level, image_set_policy="flag")
    assert any("not primary" in warning for warning in answer.warnings) is flagged
    quiet = search(remote, text, level)
    assert quiet.results == answer.results
    assert not any("not primary" in warning for warning in quiet.warnings)
