"""Search: merged, matched, ordered and cut to pages, with as few calls as can be."""

import asyncio
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from gateway.dicomweb import query as rules
from gateway.dicomweb.query import Level
from gateway.errors import NotFound, UpstreamUnavailable
from gateway.services.compute import Compute
from gateway.services.library import Library
from gateway.services.search import Search
from tests.unit.services.memory import DATASTORE, MemoryHealthImaging, image_set, instance, settings

ROOT = "https://gateway.example/dicomweb"
STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE
UIDS = {STUDY: "0020000D", SERIES: "0020000E", INSTANCE: "00080018"}
REMAINING = "There are {} additional results that can be requested"


def search(remote, text="", level=STUDY, study=None, series=None, **changes):
    """The answer to a query string, at a level, below a study or a series."""
    places = {0x0020000D: study, 0x0020000E: series}
    path = {tag: uid for tag, uid in places.items() if uid is not None}
    query = rules.parse(level, parse_qsl(text, keep_blank_values=True), path)

    async def scenario():
        limits = settings(**changes)
        library, compute = Library(remote, limits), Compute(2)
        try:
            return await Search(library, compute, limits).run(DATASTORE, query, ROOT)
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(scenario())


def uids(answer, level=STUDY):
    return [one[UIDS[level]]["Value"][0] for one in answer.results]


def value(result, tag):
    return result[tag]["Value"]


def hospital(page=50):
    """Three studies: two series of two modalities, one series in two image sets, one without."""
    remote = MemoryHealthImaging(page)
    remote.add(
        image_set(
            "1",
            "1.2",
            instance("1.2.2", 2),
            instance("1.2.1", 1),
            patient={"PatientID": "P1"},
            at_study={"StudyDate": "20240101", "AccessionNumber": "A1"},
            at_series={"SeriesNumber": "2", "Modality": "MR", "BodyPartExamined": "HEAD"},
        )
    )
    remote.add(
        image_set(
            "1",
            "1.10",
            instance("1.10.1", 1),
            patient={"PatientID": "P1"},
            at_study={"StudyDate": "20240101", "AccessionNumber": "A1"},
            at_series={"SeriesNumber": "1", "BodyPartExamined": "CHEST"},
        )
    )
    for number in (2, 1):
        remote.add(
            image_set(
                "2",
                "2.1",
                instance(f"2.1.{number}", number, ImageComments=f"slice {number}"),
                patient={"PatientID": "P2", "PatientName": "Phantom^Two"},
                at_study={"StudyDate": "20240301", "AccessionNumber": "A2"},
            )
        )
    remote.add(
        image_set(
            "3",
            "3.1",
            instance("3.1.1"),
            patient={"PatientID": "P3"},
            at_study={"StudyDate": None, "StudyTime": None, "AccessionNumber": "A3"},
            at_series={"Modality": None},
        )
    )
    return remote


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
    assert len(search(remote, "PatientID=PHANTOM&limit=5").results) == 5


def test_what_fits_exactly_was_not_ended():
    remote = MemoryHealthImaging()
    for number in range(50):
        remote.add(image_set(f"1.{number}", f"1.{number}.1", instance(f"1.{number}.1.1")))
    answer = search(remote, search_max_image_sets=50)
    assert (len(answer.results), answer.warnings) == (50, [])


def test_fuzzy_matching_is_not_claimed():
    answer = search(hospital(), "fuzzymatching=true&PatientName=Phantom^Two")
    assert uids(answer) == ["2"]
    assert "fuzzymatching" in answer.warnings[0]
    assert search(hospital(), "fuzzymatching=false").warnings == []


@pytest.mark.parametrize(
    ("text", "level", "searches", "documents"),
    [
        ("", STUDY, [{}], 5),
        ("limit=1", STUDY, [{}], 2),
        ("limit=1&offset=2", STUDY, [{}], 1),
        ("limit=0", STUDY, [{}], 0),
        ("PatientID=P1", STUDY, [("DICOMPatientId", "P1")], 2),
        ("PatientID=P1&StudyDate=20240101", STUDY, [("DICOMPatientId", "P1")], 2),
        ("AccessionNumber=A2&PatientID=P2", STUDY, [("DICOMAccessionNumber", "A2")], 2),
        ("StudyID=S1", STUDY, [("DICOMStudyId", "S1")], 5),
        ("StudyInstanceUID=1", STUDY, [("DICOMStudyInstanceUID", "1")], 2),
        (
            "StudyInstanceUID=1,2",
            STUDY,
            [("DICOMStudyInstanceUID", "1"), ("DICOMStudyInstanceUID", "2")],
            4,
        ),
        ("StudyInstanceUID=1&PatientID=P9", STUDY, [("DICOMStudyInstanceUID", "1")], 0),
        ("PatientID=P9", STUDY, [("DICOMPatientId", "P9")], 0),
        ("PatientID=P*", STUDY, [{}], 5),
        ("PatientID=", STUDY, [{}], 5),
        ("PatientName=Phantom^Two", STUDY, [{}], 2),
        ("ModalitiesInStudy=MR", STUDY, [{}], 3),
        ("StudyDate=20240301", STUDY, ["BETWEEN"], 2),
        ("StudyDate=20240101-20240301", STUDY, ["BETWEEN"], 4),
        ("StudyDate=-20240201", STUDY, ["BETWEEN"], 2),
        ("StudyDate=20240201-", STUDY, ["BETWEEN"], 2),
        (
            "SeriesInstanceUID=1.2",
            STUDY,
            [("DICOMSeriesInstanceUID", "1.2"), ("DICOMStudyInstanceUID", "1")],
            2,
        ),
        ("SeriesInstanceUID=1.2", SERIES, [("DICOMSeriesInstanceUID", "1.2")], 1),
        ("SeriesInstanceUID=1.2", INSTANCE, [("DICOMSeriesInstanceUID", "1.2")], 1),
        ("PatientID=P1&SOPInstanceUID=1.2.1", INSTANCE, [("DICOMPatientId", "P1")], 2),
        ("BodyPartExamined=HEAD", SERIES, [{}], 5),
        ("BodyPartExamined=HEAD&Modality=MR", SERIES, [{}], 2),
    ],
)
def test_the_calls_that_a_query_causes(text, level, searches, documents):
    remote = hospital()
    search(remote, text, level)
    asked = [_criterion(criteria) for name, criteria in remote.calls if name == "search"]
    assert asked == searches
    assert remote.count("metadata") == documents


def _criterion(criteria):
    if not criteria:
        return {}
    [one] = criteria["filters"]
    if one["operator"] != "EQUAL":
        return one["operator"]
    [[pair]] = [value.items() for value in one["values"]]
    return pair


@pytest.mark.parametrize(("studies", "pages"), [(0, 1), (50, 1), (51, 2), (101, 3)])
def test_a_search_of_everything_is_a_call_for_each_page(studies, pages):
    remote = MemoryHealthImaging()
    for number in range(studies):
        remote.add(image_set(f"1.{number}", f"1.{number}.1", instance(f"1.{number}.1.1")))
    answer = search(remote, "limit=1")
    assert len(answer.results) == min(studies, 1)
    assert (remote.count("search"), remote.count("metadata")) == (pages, min(studies, 1))


def test_the_study_and_the_series_of_the_path_are_looked_up_alone():
    remote = hospital()
    assert uids(search(remote, "", SERIES, "1"), SERIES) == ["1.10", "1.2"]
    assert (remote.count("search"), remote.count("metadata")) == (1, 2)
    remote = hospital()
    assert uids(search(remote, "", INSTANCE, "1", "1.2"), INSTANCE) == ["1.2.1", "1.2.2"]
    assert (remote.count("search"), remote.count("metadata")) == (1, 1)
    remote = hospital()
    assert search(remote, "", INSTANCE, "1", "2.1").results == []
    assert remote.count("metadata") == 0
    assert search(remote, "StudyInstanceUID=2", SERIES, "1").results == []


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


def test_counting_on_ends_where_it_would_be_dear():
    remote = MemoryHealthImaging()
    for number in range(300):
        remote.add(image_set(f"1.{number:03d}", f"1.{number}.1", instance(f"1.{number}.1.1")))
    answer = search(remote, "InstanceNumber=1&limit=5", fetch_ahead=1)
    assert uids(answer) == [f"1.{number:03d}" for number in range(5)]
    assert 200 < remote.count("metadata") < 300
    assert "additional results" in answer.warnings[0]
    deep = search(remote, "InstanceNumber=1&limit=5&offset=290")
    assert uids(deep) == [f"1.{number:03d}" for number in range(290, 295)]


MODALITIES = st.sampled_from(["CT", "MR", "US"])
SETS = st.lists(
    st.fixed_dictionaries(
        {
            "study": st.integers(1, 3),
            "series": st.integers(1, 2),
            "sops": st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
            "modality": st.none() | MODALITIES,
            "updated": st.integers(1, 3),
            "primary": st.sampled_from([None, True, False]),
        }
    ),
    max_size=6,
)
KEYS = st.sampled_from(
    [
        "",
        "PatientID=P1",
        "PatientID=P1,P2",
        "PatientName=*two",
        "StudyDate=20240101-20240102",
        "StudyInstanceUID=1,3",
        "ModalitiesInStudy=CT",
        "ModalitiesInStudy=MR,US",
        "Modality=CT",
        "Modality=MR&SeriesNumber=2",
        "AccessionNumber=A2",
        "SeriesInstanceUID=1.1,2.2",
        "InstanceNumber=2",
        "PatientBirthDate=",
        "SeriesNumber=1&StudyTime=10-12",
    ]
)
TOLD = (
    "DICOMPatientId",
    "DICOMPatientName",
    "DICOMAccessionNumber",
    "DICOMSeriesModality",
    "DICOMSeriesNumber",
    "DICOMStudyTime",
)
NAMES = {1: "Phantom^One", 2: "Phantom^Two", 3: "Phantom^Three"}


def stored(sets, silent):
    """The image sets in memory; ``silent`` attributes are left out of what searches tell."""
    remote = MemoryHealthImaging()
    for one in sets:
        study, series = one["study"], f"{one['study']}.{one['series']}"
        remote.add(
            image_set(
                str(study),
                series,
                *(instance(f"{series}.{number}", number) for number in one["sops"]),
                patient={"PatientID": f"P{study}", "PatientName": NAMES[study]},
                at_study={"AccessionNumber": f"A{study}", "StudyDate": f"2024010{study}"},
                at_series={"SeriesNumber": str(one["series"]), "Modality": one["modality"]},
            ),
            updated=float(one["updated"]),
            primary=one["primary"],
            tags=dict.fromkeys(silent, None),
        )
    return remote


@hypothesis_settings(deadline=None, max_examples=60)
@given(SETS, KEYS, st.sampled_from(Level))
def test_what_a_search_tells_makes_it_cheaper_and_nothing_else(sets, text, level):
    """The documents alone give the same results as the short cut by the search's attributes."""
    by_uid = [
        sorted(search(remote, text, level).results, key=lambda one: one[UIDS[level]]["Value"])
        for remote in (stored(sets, ()), stored(sets, TOLD))
    ]
    assert by_uid[0] == by_uid[1]


@hypothesis_settings(deadline=None, max_examples=60)
@given(SETS)
def test_every_instance_is_found_once_and_counted_once(sets):
    remote = stored(sets, ())
    expected = {f"{one['study']}.{one['series']}.{sop}" for one in sets for sop in one["sops"]}
    assert sorted(uids(search(remote, "", INSTANCE), INSTANCE)) == sorted(expected)
    for level, count in ((STUDY, "00201208"), (SERIES, "00201209")):
        for one in search(remote, "", level).results:
            uid = value(one, UIDS[level])[0]
            assert value(one, count) == [sum(sop.startswith(f"{uid}.") for sop in expected)]
