"""Studies, series and instances as ZIP archives: whole, named well, and broken off visibly."""

import io
import shutil
import subprocess
import zipfile

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from tests import files
from tests.contract.test_failures import STUDY, pack_of
from tests.contract.test_round_trip import HTJ2K, IMPORTED, each, url
from tests.running import Gateway

ZIP = "application/zip"

pytestmark = pytest.mark.timeout(300)


def archive(response):
    assert response.raise_for_status().headers["content-type"] == ZIP
    found = zipfile.ZipFile(io.BytesIO(response.content))
    assert found.testzip() is None
    return found


@each(IMPORTED)
@pytest.mark.parametrize("syntax", ["*", "1.2.840.10008.1.2.1"])
def test_an_instance_is_the_file_that_it_is_alone(library, gateway, http, path, syntax):
    address = url(library, gateway, path)
    accept = f"{ZIP}; transfer-syntax={syntax}"
    found = archive(http.get(address, headers={"Accept": accept}))
    [info] = found.infolist()
    alone = http.get(address, headers={"Accept": f"application/dicom; transfer-syntax={syntax}"})
    assert found.read(info) == alone.raise_for_status().content
    dataset = pydicom.dcmread(io.BytesIO(found.read(info)))
    native = dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert native or info.compress_size >= info.file_size
    assert info.filename.endswith(f"_{dataset.SOPInstanceUID}.dcm")


@pytest.mark.parametrize("query", ["", "?accept=application/zip"])
def test_a_study_holds_every_pixel(http, hospital, query):
    uid = hospital.datasets[0].StudyInstanceUID
    originals = {
        one.SOPInstanceUID: one for one in hospital.datasets if one.StudyInstanceUID == uid
    }
    headers = {} if query else {"Accept": ZIP}
    answer = http.get(f"{hospital.root}/studies/{uid}{query}", headers=headers)
    assert answer.headers["content-disposition"] == f'attachment; filename="{uid}.zip"'
    found = archive(answer)
    assert len(found.namelist()) == len(originals)
    for name in found.namelist():
        dataset = pydicom.dcmread(io.BytesIO(found.read(name)))
        original = originals.pop(dataset.SOPInstanceUID)
        assert dataset.PixelData == original.PixelData
        folder = f"{original.SeriesNumber:04}_{original.Modality}_{original.SeriesInstanceUID}"
        assert name == f"{folder}/{original.InstanceNumber:05}_{original.SOPInstanceUID}.dcm"
        for told in (str(original.PatientName), original.PatientID, original.AccessionNumber):
            assert told not in name
    assert not originals


def test_a_series_as_stored_decodes_to_its_pixels(http, hospital):
    first = hospital.datasets[0]
    address = f"{hospital.root}/studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}"
    found = archive(http.get(address, headers={"Accept": f"{ZIP}; transfer-syntax=*"}))
    wanted = [o for o in hospital.datasets if o.SeriesInstanceUID == first.SeriesInstanceUID]
    assert len(found.namelist()) == len(wanted)
    for name, original in zip(found.namelist(), wanted, strict=True):
        dataset = pydicom.dcmread(io.BytesIO(found.read(name)))
        assert dataset.file_meta.TransferSyntaxUID == HTJ2K
        assert list(generate_frames(dataset.PixelData, number_of_frames=1))
        samples = np.frombuffer(original.PixelData, "<i2").reshape(dataset.pixel_array.shape)
        assert np.array_equal(dataset.pixel_array, samples)


def test_other_programs_read_it(http, hospital, tmp_path):
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("there is no unzip here")
    uid = hospital.datasets[0].StudyInstanceUID
    for syntax in ("*", "1.2.840.10008.1.2.1"):
        accept = f"{ZIP}; transfer-syntax={syntax}"
        answer = http.get(f"{hospital.root}/studies/{uid}", headers={"Accept": accept})
        path = tmp_path / "study.zip"
        path.write_bytes(answer.raise_for_status().content)
        done = subprocess.run([unzip, "-tq", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("accept", [ZIP, f"{ZIP}; transfer-syntax=*"])
def test_an_archive_that_breaks_off_is_not_taken_for_whole(fresh, tmp_path, accept):
    noise = np.random.default_rng(1).integers(-1024, 3072, (4, 256 * 256), "<i2")
    paths = [
        files.write(tmp_path / f"{number}.dcm", files.ct(number, 256, PixelData=pixels.tobytes()))
        for number, pixels in enumerate(noise, 1)
    ]
    fresh.import_files(paths, "four")
    gateway = Gateway(fresh, max_attempts=2, fetch_ahead=1)
    try:
        pack_of(fresh, 4).unlink()
        received = io.BytesIO()
        with pytest.raises(httpx.RemoteProtocolError):
            receive(f"{gateway.root}/studies/{STUDY}", accept, received)
        assert received.getvalue().startswith(b"PK")
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(received)
    finally:
        gateway.stop()


def receive(address, accept, target):
    with httpx.stream("GET", address, headers={"Accept": accept}, timeout=60) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_bytes():
            target.write(piece)


def test_what_an_archive_is_not_made_of(http, hospital):
    uid = hospital.datasets[0].StudyInstanceUID
    for tail, accept in (("", f"{ZIP}; transfer-syntax=1.2.3"), ("/metadata", ZIP)):
        answer = http.get(f"{hospital.root}/studies/{uid}{tail}", headers={"Accept": accept})
        assert answer.status_code == 406
        assert answer.json()["available"]
    answer = http.get(f"{hospital.root}/studies/1.2.3", headers={"Accept": ZIP})
    assert answer.status_code == 404
