"""The published OHIF in a real browser, on what ``make run`` serves."""

import contextlib
import shutil
import subprocess
import sys
import time

import httpx
import numpy as np
import pytest

from tests import files
from tests.e2e import barcodes, browse, phantoms, viewing
from tests.e2e.barcodes import Barcode
from tests.e2e.browser import Browser
from tests.e2e.test_demo import Demo
from tests.e2e.viewing import Ohif

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(viewing.missing()), reason=str(viewing.missing())),
]
SLICES = range(phantoms.SLICES)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """The URL of a gateway with the samples and the phantoms, and the folder of its samples."""
    folder = tmp_path_factory.mktemp("viewer")
    phantoms.write(folder / "phantoms")
    demo = Demo(folder / "data", GATEWAY_VIEWER_DIR=str(viewing.BUILD.resolve()))
    try:
        url = demo.root().removesuffix("/dicomweb")
        command = [sys.executable, "-m", "gateway", "import", str(folder / "phantoms")]
        subprocess.run([*command, "--data", str(folder / "data")], check=True, capture_output=True)
        deadline = time.monotonic() + 30
        while len(httpx.get(f"{url}/dicomweb/studies?PatientName=Barcode*").json()) < 5:
            assert time.monotonic() < deadline, "the phantoms are not found"
            time.sleep(0.2)
        yield url, folder / "data" / "samples"
    finally:
        demo.stop()


@pytest.fixture(scope="module")
def chromium():
    with contextlib.closing(Browser()) as found:
        yield found


@pytest.fixture
def ohif(chromium, held, request):
    """A tab; when the test is over, none of its requests has failed, nor anything complained."""
    tab = Ohif(chromium, held[0])
    yield tab
    tab.keep(request.node.name)
    assert tab.problems() == []
    assert tab.page.requests
    assert [one for one in tab.page.requests if not 100 <= one[1] < 400] == []
    tab.page.close()


def code(shown, rows=phantoms.HEIGHT, width=phantoms.WIDTH):
    """The barcode of a picture; below it there may be something else."""
    seen = shown.picture(width, rows)
    part = round(seen.shape[0] * phantoms.HEIGHT / rows)
    return barcodes.read(seen[:part].mean(axis=2))


def test_the_list_shows_the_studies_and_is_searched_by_name(ohif):
    ohif.studies()
    ohif.page.wait("document.body.innerText.includes('MISTER, CT')")
    ohif.search("barcode")
    ohif.page.wait("!document.body.innerText.includes('MISTER, CT')")
    shown = {name for name in ohif.rows() if name}
    assert shown == {name.replace("^", ", ") for name in phantoms.NAMES.values()}
    deadline = (
        time.monotonic() + 20
    )  # the list is narrowed at once, the server asked a little later
    while not any("PatientName=*barcode*" in url for url, _ in ohif.page.requests):
        assert time.monotonic() < deadline, "the server was not asked"
        time.sleep(0.1)


def test_the_page_is_isolated_and_its_parts_come_compressed_and_cached(ohif):
    ohif.studies()
    assert ohif.page.evaluate("crossOriginIsolated") is True
    loads = ohif.page.evaluate(
        "performance.getEntriesByType('resource')"
        ".map(one => [one.name, one.encodedBodySize, one.decodedBodySize])"
    )
    [bundle] = [one for one in loads if "/app.bundle." in one[0] and one[0].endswith(".js")]
    assert bundle[1] < bundle[2] / 3
    before = len(ohif.page.requests)
    ohif.studies()
    again = ohif.page.requests[before:]
    assert any("app-config.js" in url for url, _ in again)


@pytest.mark.parametrize("kind", ["CT", "MR"])
def test_each_slice_reaches_the_canvas_as_the_wheel_turns(ohif, kind):
    ohif.open(phantoms.study(kind))
    seen = {}
    for place in SLICES:
        if place:
            ohif.scroll(1)
        shown = ohif.shown()
        number = int(shown.instance.rpartition(".")[2]) - 1
        assert code(shown) == Barcode(phantoms.STUDIES[kind], number)
        seen[number] = shown
    assert seen.keys() == set(SLICES)
    ohif.scroll(-1)
    assert code(ohif.shown()).place in SLICES


def test_each_frame_of_a_clip_reaches_the_canvas(ohif):
    ohif.open(phantoms.study("US"))
    for place in SLICES:
        if place:
            ohif.scroll(1)
        shown = ohif.shown()
        assert shown.frame == place + 1
        assert code(shown) == Barcode(phantoms.STUDIES["US"], place)


def test_colours_are_those_of_the_file_in_their_order(ohif):
    ohif.open(phantoms.study("OT"))
    shown = ohif.shown()
    rows = phantoms.HEIGHT + phantoms.SIDE
    assert code(shown, rows) == Barcode(phantoms.STUDIES["OT"], 0)
    seen = shown.picture(phantoms.WIDTH, rows)
    y = round(seen.shape[0] * (phantoms.HEIGHT + phantoms.SIDE / 2) / rows)
    for number, colour in enumerate(phantoms.PATCHES):
        x = round(seen.shape[1] * (number + 0.5) / len(phantoms.PATCHES))
        assert np.abs(seen[y, x].astype(int) - colour).max() <= 8, (number, seen[y, x])


def test_a_segmentation_lies_over_its_slices_and_its_region_only(ohif):
    ohif.open(phantoms.study("SEG"), phantoms.series("SEG"))
    assert code(ohif.shown()).study == phantoms.STUDIES["SEG"]
    ohif.press("SEG", count=2)
    ohif.press("Yes")
    ohif.page.wait("!document.body.innerText.includes('Do you want to open this Segmentation')")
    ohif.jump(0)
    places = {}
    for step in SLICES:
        if step:
            ohif.scroll(1)
        shown = ohif.shown()
        place = int(shown.instance.rpartition(".")[2]) - 1
        places[place] = _overlaid(shown)
    assert places == {place: place in phantoms.SEGMENTED for place in SLICES}


def _overlaid(shown):
    """Whether red lies over the segment and nothing over the rest of the picture."""
    seen = shown.picture(phantoms.WIDTH, phantoms.HEIGHT).astype(int)
    height, width = seen.shape[:2]
    red = (seen[..., 0] > seen[..., 1] + 60) & (seen[..., 0] > seen[..., 2] + 60)
    edge = 6  # pixels of the canvas on which the outline of the segment is drawn
    inside = np.zeros((height, width), bool)
    inside[height // 2 + edge :, width // 2 + edge :] = True
    outside = np.ones((height, width), bool)
    outside[height // 2 - edge :, width // 2 - edge :] = False
    assert not red[outside].any()
    assert red[inside].all() or not red[inside].any()
    return bool(red[inside].all())


def test_the_samples_look_as_pydicom_shows_them(ohif, held):
    series = browse.read(held[1])
    assert len(series) > 8
    results = list(browse.browse(ohif, series))
    assert {one.series: one.problem for one in results if one.problem} == {}
    assert {"CT", "MR", "US", "NM"} <= {one.modality for one in results}


def test_a_wrong_picture_would_be_found(ohif, held, tmp_path):
    """The proof itself: files other than those that the gateway holds are not what is seen."""
    for path in sorted(held[1].iterdir()):
        if path.name in ("MR_small.dcm", "examples_rgb_color.dcm"):
            shutil.copy(path, tmp_path)
    for path in tmp_path.iterdir():
        dataset = files.read(path)
        if dataset.SamplesPerPixel == 3:
            changed = dataset.pixel_array[..., ::-1]
        else:
            changed = dataset.pixel_array[:, ::-1]
        dataset.PixelData = np.ascontiguousarray(changed).tobytes()
        dataset.save_as(path)
    problems = [one.problem for one in browse.browse(ohif, browse.read(tmp_path))]
    assert len(problems) == 2
    assert any("mirrored" in one for one in problems), problems
    assert any("order" in one for one in problems), problems
