"""Presentation states over HTTP: what they show of stored images, read by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from tests import files, multipart
from tests.contract.test_reports import identified
from tests.unit.rendering.documents import made
from tests.unit.rendering.states import annotation, graphic, image, layered, series, state

UID = "1.2.826.0.1.3680043.10.13"
IMAGES, STATES = f"{UID}.1", f"{UID}.2"
CT, CINE, LOST = f"{IMAGES}.1", f"{IMAGES}.2", f"{IMAGES}.99"
PNG = {"Accept": "image/png"}
PARTS = {"Accept": 'multipart/related; type="image/png"'}
ROWS, COLUMNS = 40, 60
RAMP = (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % COLUMNS * 4).astype("<i2")
WINDOW = {"WindowCenter": 128, "WindowWidth": 256, "WindowCenterWidthExplanation": ""}
LINE = annotation(graphic("POLYLINE", 0.5, 10.5, 59.5, 10.5), layer="ONE")
AREA = {
    "DisplayedAreaTopLeftHandCorner": [1, 1],
    "DisplayedAreaBottomRightHandCorner": [30, 20],
    "PresentationSizeMode": "SCALE TO FIT",
    "PresentationPixelAspectRatio": [1, 1],
}


def stored(sop, **changes):
    """An image whose own window shows nothing but black."""
    return files.ct(
        int(sop.rpartition(".")[2]), Rows=ROWS, Columns=COLUMNS, PixelData=RAMP.tobytes(),
        StudyInstanceUID=UID, SeriesInstanceUID=IMAGES, SOPInstanceUID=sop, RescaleIntercept="0",
        PatientID="P1", PatientName="Müller^Jörg", SpecificCharacterSet="ISO_IR 192",
        WindowCenter="5000", WindowWidth="10", **changes,
    )  # fmt: skip


def cine():
    frames = np.stack([RAMP, RAMP + 8, RAMP + 16])
    return stored(CINE, NumberOfFrames=3, SOPClassUID="1.2.840.10008.5.1.4.1.1.7.3"), frames


def states():
    """Presentation states by their number."""
    shown = {"SoftcopyVOILUTSequence": [made(**WINDOW)]}

    def of(dataset, *images):
        dataset.ReferencedSeriesSequence = [series(*images, uid=IMAGES)]
        return dataset

    return {
        1: of(state(**shown), image(CT)),
        2: of(
            layered(LINE, DisplayedAreaSelectionSequence=[made(**AREA)], ImageRotation=90, **shown),
            image(CT),
        ),
        3: of(state(**shown), image(CT), image(CINE, [3, 1]), image(LOST)),
        4: of(state(**shown), image(LOST)),
        5: of(state(sop_class="1.2.840.10008.5.1.4.1.1.11.4"), image(CT)),
        6: of(state(**shown), image(CINE)),
    }


@pytest.fixture(scope="module")
def study(healthimaging, gateway, tmp_path_factory):
    """The service root of a store with two images and their presentation states."""
    datastore_id = healthimaging.imaging.create_datastore()["datastoreId"]
    folder = tmp_path_factory.mktemp("presentations")
    moving, frames = cine()
    moving.PixelData = frames.tobytes()
    paths = [files.write(folder / "1.dcm", stored(CT)), files.write(folder / "2.dcm", moving)]
    for number, dataset in states().items():
        given = identified(dataset, f"{STATES}.{number}", StudyInstanceUID=UID, Modality="PR")
        paths.append(files.write(folder / f"state{number}.dcm", given))
    good, bad = healthimaging.import_files(paths, "presentations", datastore_id)
    assert len(good) == len(paths), bad
    return f"{gateway.url}/datastore/{datastore_id}"


def get(http, study, number, headers=PNG, leaf="rendered", **query):
    url = f"{study}/studies/{UID}/series/{STATES}/instances/{STATES}.{number}/{leaf}"
    return http.get(url, headers=headers, params=query)


def pixels(answer):
    content = answer.content if hasattr(answer, "headers") else answer
    return np.asarray(Image.open(io.BytesIO(content)))


def windowed(values):
    """What the window of the states makes of stored values: all that a byte holds, as it is."""
    return np.clip(values, 0, 255).astype(np.uint8)


def test_the_image_as_the_state_has_it(http, study):
    answer = get(http, study, 1).raise_for_status()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-location"] == str(answer.url)
    assert np.array_equal(pixels(answer), windowed(RAMP))
    own = http.get(f"{study}/studies/{UID}/series/{IMAGES}/instances/{CT}/rendered", headers=PNG)
    assert not pixels(own).any()


def test_area_rotation_and_graphics(http, study):
    found = pixels(get(http, study, 2).raise_for_status())
    expected = windowed(RAMP)[:20, :30]
    expected[10] = 255
    assert np.array_equal(found, np.rot90(expected, -1))


def test_each_frame_that_is_stored_is_a_part(http, study):
    answer = get(http, study, 3, PARTS).raise_for_status()
    found = [pixels(part.content) for part in multipart.parse(answer)]
    expected = [windowed(values) for values in (RAMP, RAMP + 16, RAMP)]
    assert len(found) == 3
    assert all(map(np.array_equal, found, expected))
    assert b"Content-Location" not in answer.content
    assert np.array_equal(pixels(get(http, study, 3)), windowed(RAMP))
    assert len(multipart.parse(get(http, study, 6, PARTS))) == 3


def test_one_frame_in_an_envelope(http, study):
    [part] = multipart.parse(get(http, study, 1, PARTS).raise_for_status())
    assert np.array_equal(pixels(part.content), windowed(RAMP))


def test_the_viewport_comes_after_the_state(http, study):
    found = pixels(get(http, study, 2, viewport="10,10,5,0,10,10").raise_for_status())
    whole = pixels(get(http, study, 2))
    assert np.array_equal(found, whole[:10, 5:15])
    assert get(http, study, 2, viewport="10,10,25,0,10,10").status_code == 400


@pytest.mark.parametrize("query", [{"window": "1,2,linear"}, {"overlays": "true"}])
def test_parameters_that_the_state_decides_are_refused(http, study, query):
    answer = get(http, study, 1, **query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.text


def test_annotation_and_profile_come_on_top(http, study):
    found = pixels(get(http, study, 1, annotation="patient").raise_for_status())
    assert found.shape == (ROWS, COLUMNS)
    assert not np.array_equal(found, windowed(RAMP))
    profiled = get(http, study, 1, iccprofile="srgb").raise_for_status()
    assert Image.open(io.BytesIO(profiled.content)).info["icc_profile"]


def test_what_cannot_be_shown(http, study):
    assert get(http, study, 4).status_code == 404
    blended = get(http, study, 5)
    assert blended.status_code == 406
    assert "1.2.840.10008.5.1.4.1.1.11.4 cannot be rendered" in blended.text
    assert get(http, study, 1, {"Accept": "text/html"}).status_code == 406
    assert get(http, study, 1, leaf="frames/1/rendered").status_code == 404


def test_thumbnails(http, study):
    found = pixels(get(http, study, 2, leaf="thumbnail", viewport="10,10").raise_for_status())
    assert found.shape == (10, 7)
    assert get(http, study, 5, leaf="thumbnail").raise_for_status().content


def test_a_series_of_states(http, study):
    answer = http.get(f"{study}/studies/{UID}/series/{STATES}/rendered", headers=PARTS)
    assert len(multipart.parse(answer.raise_for_status())) == 1 + 1 + 3 + 3
    alone = http.get(f"{study}/studies/{UID}/series/{STATES}/rendered", headers=PNG)
    assert np.array_equal(pixels(alone.raise_for_status()), windowed(RAMP))


def wado(http, study, sop=CT, number=1, **more):
    query = {
        "requestType": "WADO", "studyUID": UID, "seriesUID": IMAGES, "objectUID": sop,
        "contentType": "image/png", "presentationSeriesUID": STATES,
        "presentationUID": f"{STATES}.{number}",
    }  # fmt: skip
    return http.get(f"{study}/wado", params=query | more)


def test_an_image_by_wado_uri_as_a_state_has_it(http, study):
    assert np.array_equal(pixels(wado(http, study).raise_for_status()), windowed(RAMP))
    assert np.array_equal(pixels(wado(http, study, number=2)), pixels(get(http, study, 2)))
    assert np.array_equal(pixels(wado(http, study, CINE, 3)), windowed(RAMP))


def test_a_region_by_wado_uri_is_one_of_what_the_state_shows(http, study):
    found = pixels(wado(http, study, number=2, region="0,0,0.5,0.5").raise_for_status())
    assert np.array_equal(found, pixels(get(http, study, 2))[:15, :10])


@pytest.mark.parametrize(
    ("sop", "more", "status"),
    [
        (CT, {"windowCenter": "1", "windowWidth": "2"}, 400),
        (CT, {"presentationUID": LOST}, 404),
        (CT, {"presentationUID": CT, "presentationSeriesUID": IMAGES}, 400),
        (CT, {"presentationUID": f"{STATES}.6"}, 400),
        (CT, {"presentationUID": f"{STATES}.5"}, 406),
    ],
)
def test_states_that_do_not_fit_the_image(http, study, sop, more, status):
    answer = wado(http, study, sop, **more)
    assert answer.status_code == status
    assert status != 400 or "presentation" in answer.text.lower()


def test_the_tag_changes_when_another_series_does(http, study, healthimaging, tmp_path):
    before = get(http, study, 1)
    tagged = {**PNG, "If-None-Match": before.headers["etag"]}
    assert get(http, study, 1, tagged).status_code == 304
    datastore_id = study.rpartition("/")[2]
    late = stored(LOST)
    path = files.write(tmp_path / "late.dcm", late)
    healthimaging.import_files([path], "late", datastore_id)
    assert get(http, study, 1, tagged).status_code == 200
    assert np.array_equal(pixels(get(http, study, 4).raise_for_status()), windowed(RAMP))
