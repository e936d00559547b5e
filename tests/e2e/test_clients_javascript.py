"""dicomweb-client for JavaScript, and cornerstone's DICOM image loader, in Node.

They are installed by npm, at the versions of js/package.json, once for each version of that file.
"""

import base64
import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import pixel_array

from tests import files
from tests.e2e import originals, phantoms

HERE: Final = Path(__file__).parent / "js"
ROOT: Final = Path(__file__).parents[2]
NODE: Final = shutil.which("node")
NPM: Final = shutil.which("npm")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not (NODE and NPM), reason="Node and npm are not installed"),
]
HTJ2K: Final = "1.2.840.10008.1.2.4.202"
KINDS: Final = ("CT", "MR", "US", "OT")


@pytest.fixture(scope="module")
def modules():
    """The folder with the clients' packages."""
    content = (HERE / "package.json").read_bytes()
    folder = ROOT / "build" / f"clients-{hashlib.sha256(content).hexdigest()[:12]}"
    if not (folder / "complete").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", folder)
        flags = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
        done = subprocess.run([NPM, "install", *flags], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.skip("npm cannot install the clients here")
        (folder / "complete").touch()
    return folder


@pytest.fixture(scope="module")
def held(healthimaging, tmp_path_factory):
    """The phantoms by study, held by the embedded HealthImaging."""
    folder = tmp_path_factory.mktemp("clients")
    phantoms.write(folder)
    _, failures = healthimaging.import_files(sorted(folder.glob("*.dcm")), "clients")
    assert failures == {}
    found = {}
    for path in sorted(folder.glob("*.dcm")):
        dataset = files.read(path)
        found.setdefault(dataset.StudyInstanceUID, {})[dataset.SOPInstanceUID] = dataset
    return found


@pytest.fixture(scope="module")
def seen(modules, gateway, held):
    """What the clients made of each study."""

    def run(kind):
        command = [NODE, HERE / "clients.mjs", modules, gateway.root, phantoms.study(kind)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return {kind: run(kind) for kind in KINDS}


def digest(samples):
    content = samples if isinstance(samples, bytes) else np.ascontiguousarray(samples).tobytes()
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("kind", KINDS)
def test_dicomweb_client_finds_and_retrieves(seen, held, kind):
    found, instances = seen[kind], held[phantoms.study(kind)]
    assert found["counts"] == [1, 1, len(instances)]
    assert {one["instance"] for one in found["instances"]} == instances.keys()
    for one in found["instances"]:
        original = instances[one["instance"]]
        assert one["same"], "the instance's metadata are not those in the study's"
        retrieved = pydicom.dcmread(io.BytesIO(base64.b64decode(one["file"])))
        assert retrieved.PatientName == original.PatientName
        assert np.array_equal(retrieved.pixel_array, original.pixel_array)
        assert one["frame"] == digest(pixel_array(original, index=0, raw=True))
        assert one["pixels"] == digest(original.PixelData)
        picture = np.asarray(
            Image.open(io.BytesIO(base64.b64decode(one["picture"]))).convert("RGB")
        )
        frames = range(1, int(original.get("NumberOfFrames", 1)) + 1)  # one represents them
        far = (np.abs(picture.astype(int) - originals.picture(original, one)) for one in frames)
        assert min(one.max() for one in far) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_cornerstones_loader_decodes_every_frame_exactly(seen, held, kind):
    instances = held[phantoms.study(kind)]
    frames = seen[kind]["frames"]
    assert len(frames) == (1 if kind == "OT" else phantoms.SLICES)
    for one in frames:
        samples = pixel_array(instances[one["instance"]], index=one["number"] - 1)
        assert one["syntax"] == HTJ2K
        assert {key: one[key] for key in ("size", "sha256")} == digest(samples)
