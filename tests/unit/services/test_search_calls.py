"""Search: the fewest calls to HealthImaging, and never another answer for it."""

import asyncio

import pytest
from hypothesis import example, given, settings as hypothesis_settings, strategies as st

from gateway.dicomweb.query import Level
from gateway.dicomweb.resources import Address
from gateway.services.compute import Compute
from gateway.services.search import Search
from tests.unit.services.memory import (
    DATASTORE,
    MemoryHealthImaging,
    answers,
    image_set,
    instance,
    settings,
    with_library,
)
from tests.unit.services.searching import (
    INSTANCE,
    SERIES,
    STUDY,
    UIDS,
    answered,
    hospital,
    parse,
    search,
    serve,
    uids,
    value,
)


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


def test_opening_a_study_costs_one_search():
    remote, limits = hospital(), settings(search_ttl=60.0)

    async def scenario(library):
        compute = Compute(1)
        service = Search(library, compute, limits, answers())
        opening = ("StudyInstanceUID=1", STUDY, None), ("", SERIES, "1"), ("", INSTANCE, "1")
        for text, level, study in opening:
            assert (await answered(service, parse(text, level, study))).results
        address = Address(DATASTORE, "1", as_of=library.moment())
        assert [one async for batch in library.batches(address) for one in batch]
        assert remote.count("search") == 1
        await answered(service, parse("StudyInstanceUID=1"))
        assert remote.count("search") == 2  # whoever searches sees what is there now
        await compute.close()

    with_library(remote, scenario, search_ttl=60.0)


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


def test_counting_on_ends_where_it_would_be_dear():
    remote = MemoryHealthImaging()
    for number in range(300):
        remote.add(image_set(f"1.{number:03d}", f"1.{number}.1", instance(f"1.{number}.1.1")))
    answer = search(remote, "InstanceNumber=1&limit=5", fetch_ahead=1)
    assert uids(answer) == [f"1.{number:03d}" for number in range(5)]
    assert 200 < remote.count("metadata") < 300
    [warning] = answer.warnings
    assert "There are at least" in warning
    assert answer.total is None
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
        "StudyDate=20240101-20240103&StudyTime=10-12",
        "fuzzymatching=true&PatientName=Fantom tree",
        "emptyvaluematching=true&Modality=%22%22",
        "emptyvaluematching=true&ModalitiesInStudy=%22%22%5CUS",
        "multiplevaluematching=true&ModalitiesInStudy=CT%5CMR",
        "NumberOfStudyRelatedSeries=2",
        "NumberOfStudyRelatedInstances=2&Modality=CT",
        "NumberOfSeriesRelatedInstances=2",
        "SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2&ModalitiesInStudy=MR",
        "StudyDate=20240102&TimezoneOffsetFromUTC=-0500",
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
@example(
    [{"study": 1, "series": 1, "sops": [1], "modality": "MR", "updated": 1, "primary": None}],
    "ModalitiesInStudy=CT",
    SERIES,
)
def test_what_a_search_tells_makes_it_cheaper_and_nothing_else(sets, text, level):
    """The documents alone give the same results as the short cut by the search's attributes."""
    told, untold = (
        {one[UIDS[level]]["Value"][0]: one for one in search(remote, text, level).results}
        for remote in (stored(sets, ()), stored(sets, TOLD))
    )
    for one in (*told.values(), *untold.values()):
        if level is not STUDY:  # what is computed from a study is said where it is known
            one.pop("00080061", None), one.pop("00201206", None), one.pop("00201208", None)
    assert told == untold


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


@pytest.mark.parametrize(
    ("texts", "calls"),
    [
        (["PatientID=P1"] * 5, 1),
        (["PatientID=P1", "PatientID=P2", "PatientID=P1"], 2),
        (["limit=1", "", "includefield=all"], 1),
    ],
)
def test_the_same_search_at_the_same_time_is_one_search(texts, calls):
    remote = hospital()
    queries = [parse(text, STUDY) for text in texts]

    async def at_once(service):
        return await asyncio.gather(*(answered(service, query) for query in queries))

    answers = serve(remote, at_once)
    assert remote.count("search") == calls
    alone = [search(hospital(), text, STUDY) for text in texts]
    assert [uids(one) for one in answers] == [uids(one) for one in alone]
