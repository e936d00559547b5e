"""A data store whose frames are JPEG 2000 lossless: what it stores, and what the gateway serves."""

import io

import numpy as np
import openjpeg
import pydicom
import pytest
from pydicom.pixels import pixel_array

from tests import files, multipart
from tests.contract.test_import import document, instances
from tests.contract.test_round_trip import HTJ2K_IMAGES, containers, decoded, retrieve

JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
NAMES = (
    "CT_small.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "MR_small_bigendian.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "bits_above_stored.dcm",
    "examples_palette.dcm",
    "grey16_jls80.dcm",
    "htj2k_201.dcm",
    "multiframe_grey10.dcm",
    "planar_rgb.dcm",
    "signed8.dcm",
    "ybr_full.dcm",
)
IMAGES = [path for path in HTJ2K_IMAGES if path.name in NAMES]
KEPT = [path for path in files.collection() if path.name in ("JPEG2000.dcm",)]


@pytest.fixture(scope="module")
def store(healthimaging):
    """A data store with JPEG 2000 frames, and the image set of each file in it."""
    made = healthimaging.imaging.create_datastore(
        datastoreName="jpeg2000", losslessStorageFormat="JPEG_2000_LOSSLESS"
    )
    datastore_id = made["datastoreId"]
    good, bad = healthimaging.import_files([*IMAGES, *KEPT], "jpeg2000", datastore_id)
    assert not bad
    return datastore_id, good


def test_the_format_is_told(healthimaging, store):
    found = healthimaging.imaging.get_datastore(datastoreId=store[0])["datastoreProperties"]
    assert found["losslessStorageFormat"] == "JPEG_2000_LOSSLESS"
    assert len(IMAGES) == len(NAMES)


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_documents_and_frames(healthimaging, store, path):
    datastore_id, image_sets = store
    original = files.read(path)
    tree = document(healthimaging, image_sets[path], datastore_id)
    instance = instances(tree)[original.SOPInstanceUID]
    assert instance["StoredTransferSyntaxUID"] == JPEG_2000_LOSSLESS
    assert instance["ChecksumType"] == "DECOMPRESSED"
    found = []
    for frame in instance["ImageFrames"]:
        answer = healthimaging.imaging.get_image_frame(
            datastoreId=datastore_id,
            imageSetId=image_sets[path],
            imageFrameInformation={"imageFrameId": frame["ID"]},
        )
        assert answer["contentType"] == "image/j2c"
        found.append(openjpeg.decode(answer["imageFrameBlob"].read()))
    assert np.array_equal(found if len(found) > 1 else found[0], containers(original))


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_the_gateway_serves_them_as_stored_and_decoded(gateway, http, store, path):
    datastore_id, image_sets = store
    original = files.read(path)
    instance = (
        f"{gateway.url}/datastore/{datastore_id}/studies/{original.StudyInstanceUID}"
        f"/series/{original.SeriesInstanceUID}/instances/{original.SOPInstanceUID}"
    )
    query = f"?imageSetId={image_sets[path]}"
    content = retrieve(http, instance + query, "1.2.840.10008.1.2.1")
    native = pydicom.dcmread(io.BytesIO(content))
    assert np.array_equal(pixel_array(native, raw=True), decoded(original))
    kept = pydicom.dcmread(io.BytesIO(retrieve(http, instance + query, "*")))
    assert kept.file_meta.TransferSyntaxUID == JPEG_2000_LOSSLESS
    assert np.array_equal(pixel_array(kept, raw=True), containers(original))
    accept = f'multipart/related; type="image/jp2"; transfer-syntax={JPEG_2000_LOSSLESS}'
    response = http.get(f"{instance}/frames/1{query}", headers={"Accept": accept})
    [part] = multipart.parse(response.raise_for_status())
    assert part.type == "image/jp2"
    assert part.parameters["transfer-syntax"] == JPEG_2000_LOSSLESS
    expected = containers(original)
    count = int(original.get("NumberOfFrames", 1) or 1)
    assert np.array_equal(openjpeg.decode(part.content), expected if count == 1 else expected[0])


def test_what_is_kept_as_it_came_stays(healthimaging, store):
    [path] = KEPT
    tree = document(healthimaging, store[1][path], store[0])
    instance = next(iter(instances(tree).values()))
    assert instance["StoredTransferSyntaxUID"] == files.read(path).file_meta.TransferSyntaxUID
    assert instance["StoredTransferSyntaxUID"] != JPEG_2000_LOSSLESS
