"""Structured reports as documents, over HTTP; Python's HTML parser walks the pages."""

import httpx
import pytest

from tests import files, multipart
from tests.unit.rendering.documents import Page, evidence, image, item, made, number, report, text

UID = "1.2.826.0.1.3680043.10.12"
SERIES, SR, PICTURE = f"{UID}.1", f"{UID}.1.1", f"{UID}.2.1"
HOSTILE = "<script>alert(1)</script>"
HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"


def identified(dataset, sop, **attributes):
    """``dataset`` with what an instance needs to be stored."""
    given = {
        "SpecificCharacterSet": "ISO_IR 192", "SOPInstanceUID": sop, "StudyInstanceUID": UID,
        "SeriesInstanceUID": sop.rpartition(".")[0], "PatientID": "P1",
        "PatientName": "Müller^Jörg", "StudyDate": "20240102", "StudyTime": "", "Modality": "SR",
        "SeriesNumber": 1, "InstanceNumber": 1, "StudyID": "", "AccessionNumber": "",
        "PatientBirthDate": "", "PatientSex": "O",
    }  # fmt: skip
    dataset.update(made(**(given | attributes)))
    return dataset


@pytest.fixture(scope="module")
def study(healthimaging, gateway, tmp_path_factory):
    """The service root of a store with a report and the image that it refers to, and the store."""
    datastore_id = healthimaging.imaging.create_datastore()["datastoreId"]
    folder = tmp_path_factory.mktemp("reports")
    document = report(
        item("CONTAINER", "Befund", below=[text(f"Größe {HOSTILE}"), number("12.5")]),
        image(PICTURE, "Key Image"),
        CompletionFlag="COMPLETE",
        VerificationFlag="VERIFIED",
        CurrentRequestedProcedureEvidenceSequence=[evidence(UID, f"{UID}.2", PICTURE)],
    )
    ct = files.ct(
        1, StudyInstanceUID=UID, SeriesInstanceUID=f"{UID}.2", SOPInstanceUID=PICTURE,
        PatientID="P1", PatientName="Müller^Jörg", SpecificCharacterSet="ISO_IR 192",
    )  # fmt: skip
    paths = [
        files.write(folder / "sr.dcm", identified(document, SR)),
        files.write(folder / "ct.dcm", ct),
    ]
    good, bad = healthimaging.import_files(paths, "reports", datastore_id)
    assert len(good) == 2, bad
    return f"{gateway.url}/datastore/{datastore_id}"


def get(http, study, accept="", path="/rendered", **more):
    headers = {"Accept": accept} if accept else {}
    url = f"{study}/studies/{UID}/series/{SERIES}/instances/{SR}{path}"
    return http.get(url, headers=headers | more)


def test_a_report_is_a_page(http, study):
    answer = get(http, study).raise_for_status()
    assert answer.headers["content-type"] == HTML
    assert answer.headers["content-location"] == str(answer.url)
    page = Page(answer.content.decode())
    assert page.headings == [["h1", "Imaging Report"], ["h2", "Befund"]]
    assert "Patient Müller, Jörg; ID P1" in page.text
    assert f"Finding Größe {HOSTILE} Diameter 12.5 mm" in page.text
    assert "Status complete, verified" in page.text


def test_links_lead_to_what_the_report_refers_to(http, study):
    [link] = Page(get(http, study).text).links
    assert link == f"{study}/studies/{UID}/series/{UID}.2/instances/{PICTURE}/rendered"
    assert http.get(link).headers["content-type"] == "image/jpeg"
    image_set = http.get(f"{study}/studies/{UID}/series/{SERIES}/metadata")
    assert image_set.status_code == 200


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", HTML),
        ("text/*", HTML),
        ("text/html", HTML),
        ("text/plain", PLAIN),
        ("text/html;q=0.1, text/plain", PLAIN),
        ("image/png, text/plain;q=0.5", PLAIN),
    ],
)
def test_the_client_chooses(http, study, accept, content_type):
    assert get(http, study, accept).headers["content-type"] == content_type


def test_a_report_as_text(http, study):
    lines = get(http, study, "text/plain").content.decode().splitlines()
    assert lines[:2] == ["Imaging Report", "=============="]
    assert f"  Finding: Größe {HOSTILE}" in lines
    assert f"Key Image: CT Image, {PICTURE}" in lines


def test_a_report_in_an_envelope(http, study):
    answer = get(http, study, 'multipart/related; type="text/plain"').raise_for_status()
    [part] = multipart.parse(answer)
    assert (part.type, part.parameters) == ("text/plain", {"charset": "utf-8"})
    assert part.content.decode().startswith("Imaging Report\n")
    assert 'type="text/plain";' in answer.headers["content-type"]


def test_a_report_is_no_picture(http, study):
    answer = get(http, study, "image/jpeg")
    assert answer.status_code == 406
    assert "text/html" in answer.text
    assert get(http, study, path="/frames/1/rendered").status_code == 404
    thumbnail = get(http, study, "image/png", path="/thumbnail").raise_for_status()
    assert thumbnail.headers["content-type"] == "image/png"


def test_all_of_a_study(http, study):
    answer = http.get(f"{study}/studies/{UID}/rendered", headers={"Accept": "multipart/related"})
    kinds = sorted(part.type for part in multipart.parse(answer))
    assert kinds == ["image/jpeg", "text/html"]


def test_pages_are_tagged_and_compressed(http, study):
    first = get(http, study, **{"Accept-Encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    again = get(http, study, **{"Accept-Encoding": "gzip", "If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_a_report_by_wado_uri(http, study):
    query = {
        "requestType": "WADO", "studyUID": UID, "seriesUID": SERIES, "objectUID": SR,
        "contentType": "text/html",
    }  # fmt: skip
    answer = http.get(f"{study}/wado", params=query).raise_for_status()
    assert answer.headers["content-type"] == HTML
    [link] = Page(answer.text).links
    assert link == f"{study}/studies/{UID}/series/{UID}.2/instances/{PICTURE}/rendered"


@pytest.mark.parametrize(
    "name", ["reportsi.dcm", "test-SR.dcm", "reportsi_with_empty_number_tags.dcm"]
)
def test_reports_of_others(http, gateway, library, name):
    [path] = [path for path in files.collection() if path.name == name]
    dataset = files.read(path)
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    url = "{}/studies/{}/series/{}/instances/{}/rendered".format(gateway.root, *uids)
    answer: httpx.Response = http.get(url, params={"imageSetId": library.image_sets[path]})
    page = Page(answer.raise_for_status().text)
    assert page.headings[0][1] == dataset.ConceptNameCodeSequence[0].CodeMeaning
