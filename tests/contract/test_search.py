"""QIDO-RS against a running gateway: matching, merging, paging, attributes, errors."""

import itertools
from dataclasses import replace

import pytest

from tests.contract.conftest import UID


def value(result, tag):
    found = result.get(tag, {}).get("Value", [None])[0]
    return found.get("Alphabetic") if isinstance(found, dict) else found


def studies(result):
    return [value(one, "0020000D") for one in result]


@pytest.fixture(scope="module", params=["listing", "catalog"])
def hospital(request, hospital):
    """The hospital, searched without a catalog and with one."""
    if request.param == "listing":
        return hospital
    gateway = request.getfixturevalue("cataloging")(hospital.datastore_id)
    return replace(hospital, root=f"{gateway.url}/datastore/{hospital.datastore_id}")


@pytest.fixture
def search(http, hospital):
    def run(path, *pairs, status=200, **parameters):
        response = http.get(f"{hospital.root}{path}", params=[*parameters.items(), *pairs])
        assert response.status_code == status, response.text
        return response

    return run


def expected(hospital, **attributes):
    return {
        dataset.StudyInstanceUID
        for dataset in hospital.datasets
        if all(str(dataset.get(key)) == wanted for key, wanted in attributes.items())
    }


def test_all_studies_the_newest_first_with_their_attributes(search, hospital):
    response = search("/studies")
    assert response.headers["content-type"] == "application/dicom+json"
    assert "warning" not in response.headers
    found = response.json()
    assert len(found) == 9
    dates = [value(one, "00080020") for one in found]
    assert dates == sorted(dates, reverse=True)
    for one in found:
        members = [d for d in hospital.datasets if d.StudyInstanceUID == value(one, "0020000D")]
        first = members[0]
        assert value(one, "00201208") == len(members)
        assert value(one, "00201206") == len({d.SeriesInstanceUID for d in members})
        assert one["00080061"]["Value"] == sorted({d.Modality for d in members})
        assert value(one, "00080056") == "ONLINE"
        assert value(one, "00100020") == first.PatientID
        assert value(one, "00080090") == str(first.ReferringPhysicianName)
        assert value(one, "00081190") == f"{hospital.root}/studies/{first.StudyInstanceUID}"
        names = one["00100010"]["Value"][0]
        assert "=".join(names.values()) == str(first.PatientName)
        assert "00081030" not in one
        assert one["00080061"]["Value"]
        assert set(one) <= {
            "00080005", "00080020", "00080030", "00080050", "00080056", "00080061", "00080090",
            "00081190", "00100010", "00100020", "00100030", "00100040", "0020000D", "00200010",
            "00201206", "00201208",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "attributes"),
    [
        ({"PatientID": "P2"}, {"PatientID": "P2"}),
        ({"00100020": "P2"}, {"PatientID": "P2"}),
        ({"AccessionNumber": "A12"}, {"AccessionNumber": "A12"}),
        ({"StudyID": "S1"}, {"StudyID": "S1"}),
        ({"StudyDate": "20240211"}, {"StudyDate": "20240211"}),
        ({"PatientName": "muster^anna"}, {"PatientID": "P1"}),
        ({"PatientName": "MÜLL*"}, {"PatientID": "P2"}),
        ({"PatientName": "*jane"}, {"PatientID": "P3"}),
        ({"PatientName": "ドウ*"}, {"PatientID": "P3"}),
        ({"PatientID": "P?"}, {}),
        ({"PatientSex": "O"}, {"PatientID": "P3"}),
        ({"ReferringPhysicianName": "grey*"}, {"ReferringPhysicianName": "Grey^Meredith"}),
        ({"StudyDescription": "Visit 2*"}, {"StudyDescription": "Visit 2 chest"}),
        ({"SeriesDescription": "Series 0"}, {}),
        ({"PatientID": "*"}, {}),
        ({"PatientID": ""}, {}),
        ({"PatientBirthDate": "19700101", "StudyID": "S0"}, {"PatientID": "P1", "StudyID": "S0"}),
        ({"SeriesInstanceUID": f"{UID}.1.2.1"}, {"StudyInstanceUID": f"{UID}.1.2"}),
        ({"SOPInstanceUID": f"{UID}.0.1.0.2"}, {"StudyInstanceUID": f"{UID}.0.1"}),
        ({"StudyTime": "08-0859"}, {"StudyID": "S0"}),
    ],
)
def test_studies_by_key(search, hospital, parameters, attributes):
    wanted = expected(hospital, **attributes)
    assert wanted
    assert set(studies(search("/studies", **parameters).json())) == wanted


@pytest.mark.parametrize(
    ("between", "first", "last"),
    [("20240110-20240211", "20240110", "20240211"), ("-20240112", "", "20240112"),
     ("20240311-", "20240311", "9")],
)  # fmt: skip
def test_date_ranges(search, hospital, between, first, last):
    wanted = {d.StudyInstanceUID for d in hospital.datasets if first <= str(d.StudyDate) <= last}
    assert set(studies(search("/studies", StudyDate=between).json())) == wanted


@pytest.mark.parametrize("separator", [",", "\\"])
def test_uid_and_modality_lists(search, hospital, separator):
    pair = [f"{UID}.0.0", f"{UID}.2.1"]
    found = search("/studies", StudyInstanceUID=separator.join(pair)).json()
    assert set(studies(found)) == set(pair)
    found = search("/studies", ModalitiesInStudy=separator.join(["US", "MR"])).json()
    wanted = {d.StudyInstanceUID for d in hospital.datasets if d.Modality in ("US", "MR")}
    assert set(studies(found)) == wanted
    by_ct = set(studies(search("/studies", ModalitiesInStudy="CT").json()))
    assert by_ct == expected(hospital, Modality="CT")


def test_a_study_found_by_one_series_is_whole(search, hospital):
    [found] = search("/studies", Modality="MR", StudyInstanceUID=f"{UID}.0.1").json()
    assert found["00080061"]["Value"] == ["CT", "MR"]
    assert value(found, "00201206") == 2
    [found] = search("/studies", SeriesInstanceUID=f"{UID}.0.1.1").json()
    assert value(found, "00201208") == 6


def test_nothing_found_is_an_empty_list(search):
    for path in ("/studies", "/series", "/instances"):
        response = search(path, PatientID="nobody")
        assert response.text == "[]"
    assert search("/studies/1.2.3/series").text == "[]"
    assert search("/studies/1.2.3/instances").text == "[]"


def test_series_of_a_study(search, hospital):
    found = search(f"/studies/{UID}.2.1/series").json()
    assert [value(one, "0020000E") for one in found] == [f"{UID}.2.1.0", f"{UID}.2.1.1"][
        : len(found)
    ]
    for one in found:
        assert value(one, "0020000D") == f"{UID}.2.1"
        assert value(one, "00201209") == 3
        assert one["00080060"]["vr"] == "CS"
        assert value(one, "0008103E").startswith("Series")
        assert "00100010" not in one


def test_all_series_say_whose_they_are(search, hospital):
    found = search("/series").json()
    assert len(found) == len({d.SeriesInstanceUID for d in hospital.datasets})
    assert all(value(one, "00100020") for one in found)
    only = search("/series", Modality="MR").json()
    assert {value(one, "0020000E") for one in only} == {
        d.SeriesInstanceUID for d in hospital.datasets if d.Modality == "MR"
    }


def test_instances_at_every_level(search, hospital):
    series = f"{UID}.1.2.1"
    found = search(f"/studies/{UID}.1.2/series/{series}/instances").json()
    assert [value(one, "00080018") for one in found] == [f"{series}.{n}" for n in (1, 2, 3)]
    assert value(found[0], "00280010") == 16
    assert value(found[0], "00081190").endswith(f"/series/{series}/instances/{series}.1")
    found = search(f"/studies/{UID}.1.2/instances").json()
    assert len(found) == len([d for d in hospital.datasets if d.StudyInstanceUID == f"{UID}.1.2"])
    found = search("/instances", SOPInstanceUID=f"{UID}.0.0.0.1,{UID}.2.2.0.3").json()
    assert {value(one, "00080018") for one in found} == {f"{UID}.0.0.0.1", f"{UID}.2.2.0.3"}
    assert all(value(one, "00100020") for one in found)
    everything = search("/instances", InstanceNumber="2").json()
    assert len(everything) == len(hospital.datasets) // 3


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_limit_and_offset_partition_the_results(search, path, size):
    whole = search(path).json()
    pieces = []
    for offset in itertools.count(0, size):
        response = search(path, limit=size, offset=offset)
        page = response.json()
        remaining = len(whole) - offset - len(page)
        warning = response.headers.get("warning", "")
        assert (f" {remaining} additional results" in warning) == (remaining > 0), warning
        assert warning.startswith("299 ") or not warning
        pieces += page
        if remaining <= 0:
            break
    assert pieces == whole
    assert search(path, offset=1000).text == "[]"


def test_includefield_in_all_its_forms(search):
    study = {"StudyInstanceUID": f"{UID}.0.0"}
    [one] = search("/studies", ("includefield", "StudyDescription,00321033"), **study).json()
    assert value(one, "00081030") == "Visit 0 chest"
    repeated = [("includefield", "00081030"), ("includefield", "PatientName")]
    [one] = search("/studies", *repeated, **study).json()
    assert value(one, "00081030") == "Visit 0 chest"
    [one] = search("/studies", ("includefield", "all"), **study).json()
    assert value(one, "00081030") == "Visit 0 chest"
    assert "00080060" not in one
    [one, *_] = search(f"/studies/{UID}.0.0/instances", ("includefield", "all")).json()
    assert value(one, "00281053") == 1.0
    assert "7FE00010" not in one
    [one, *_] = search(
        f"/studies/{UID}.0.0/instances", ("includefield", "AvailableTransferSyntaxUID")
    ).json()
    assert one["00083002"]["Value"][:2] == ["1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.1"]


@pytest.mark.parametrize(
    ("name", "patients"),
    [
        ("Muster*", {"P1"}),
        ("*uste*", {"P1"}),
        ("anna muster", {"P1"}),
        ("Mustre^Ana", {"P1"}),
        ("Mueller", {"P2"}),
        ("Jorg Muller", {"P2"}),
        ("Jane", {"P3"}),
        ("ドウジェーン", {"P3"}),
        ("Nobody", set()),
    ],
)
def test_fuzzy_names(search, hospital, name, patients):
    response = search("/studies", fuzzymatching="true", PatientName=name)
    assert "warning" not in response.headers
    found = {value(one, "00100020") for one in response.json()}
    assert found == patients
    assert len(response.json()) == 3 * len(patients)


def test_totals(search, hospital):
    for path, total in (
        ("/studies", 9),
        ("/series", len({d.SeriesInstanceUID for d in hospital.datasets})),
        ("/instances", len(hospital.datasets)),
        (f"/studies/{UID}.0.0/instances", 3),
    ):
        for limit in (0, 1, 500):
            assert search(path, limit=limit).headers["x-total-count"] == str(total)
    assert search("/studies", PatientID="P1").headers["x-total-count"] == "3"
    assert search("/studies", InstanceNumber="2").headers["x-total-count"] == "9"


def test_results_of_the_whole_service_say_what_is_known_of_their_studies(search, hospital):
    for path in ("/series", "/instances"):
        for one in search(path).json():
            members = [d for d in hospital.datasets if d.StudyInstanceUID == value(one, "0020000D")]
            assert one["00080061"]["Value"] == sorted({d.Modality for d in members})
            assert value(one, "00201206") == len({d.SeriesInstanceUID for d in members})
            assert value(one, "00201209") == 3
    [one, *_] = search(f"/studies/{UID}.0.1/series", includefield="ModalitiesInStudy").json()
    assert one["00080061"]["Value"] == ["CT", "MR"]


@pytest.mark.parametrize(
    ("path", "parameters", "attributes"),
    [
        ("/studies", {"NumberOfStudyRelatedInstances": "6"}, {"00201208": 6}),
        ("/series", {"NumberOfStudyRelatedSeries": "2"}, {"00201206": 2}),
        ("/instances", {"NumberOfStudyRelatedSeries": "1"}, {"00201206": 1}),
        ("/studies", {"SOPClassesInStudy": "1.2.840.10008.5.1.4.1.1.2"}, {}),
        ("/studies", {"InstanceAvailability": "ONLINE"}, {}),
    ],
)
def test_computed_attributes_are_keys(search, path, parameters, attributes):
    everything = search(path).json()
    found = search(path, **parameters).json()
    assert found
    for tag, expected in attributes.items():
        assert {value(one, tag) for one in found} == {expected}
        assert len(found) == len([one for one in everything if value(one, tag) == expected])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("StudyDate", "yesterday"),
        ("StudyDate", "2024"),
        ("StudyTime", "25x"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("offset", "1.5"),
        ("fuzzymatching", "maybe"),
        ("Nonsense", "x"),
        ("includefield", "Nonsense"),
        ("0010002", "x"),
        ("imageSetId", "short"),
        ("emptyvaluematching", "1"),
        ("multiplevaluematching", ""),
        ("TimezoneOffsetFromUTC", "CET"),
        ("NumberOfPatientRelatedStudies", "3"),
        ("StudyDate", '""'),
    ],
)
def test_a_bad_parameter_is_named(search, name, text):
    response = search("/studies", (name, text), status=400)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["parameter"] == name


def test_one_image_set_alone(search, hospital, healthimaging):
    answer = healthimaging.imaging.search_image_sets(datastoreId=hospital.datastore_id)
    image_set_id = answer["imageSetsMetadataSummaries"][0]["imageSetId"]
    [one] = search("/instances", imageSetId=image_set_id).json()
    assert value(one, "00080018").startswith(UID)
    assert search("/instances", imageSetId=image_set_id, PatientID="nobody").text == "[]"
    search("/instances", imageSetId="0" * 32, status=404)


def test_an_unknown_data_store_is_not_found(http, gateway):
    response = http.get(f"{gateway.url}/datastore/{'0' * 32}/studies")
    assert response.status_code == 404
    assert http.get(f"{gateway.url}/datastore/nonsense/studies").status_code == 404
