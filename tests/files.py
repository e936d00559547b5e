"""The DICOM files that tests import: pydicom's, AWS's pair, and some made here."""

import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

import gateway

AHI_PAIR = sorted((Path(gateway.__file__).parent / "samples" / "ct").glob("*.dcm"))
GENERATED = Path(__file__).parent / "data" / "dicom"


@dataclass(frozen=True)
class Library:
    """What became of the collection: image set identifiers, and reasons."""

    image_sets: dict[Path, str]
    failures: dict[Path, str]


@cache
def collection() -> tuple[Path, ...]:
    """Every file that could be imported, and some that cannot."""
    data = Path(pydicom.data.__file__).parent
    folders = (data / "test_files", data / "charset_files")
    shipped = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    return (*shipped, *AHI_PAIR, *sorted(GENERATED.glob("*.dcm")))


def read(path: Path) -> pydicom.FileDataset:
    """A file as pydicom reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def ct(number: int = 1, size: int = 64, **changes) -> Dataset:
    """A CT slice with a pattern that names its position."""
    y, x = np.mgrid[0:size, 0:size]
    pixels = ((x * 3 + y * 5 + number * 7) % 4096 - 1024).astype("<i2")
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.1.1"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1.1.1"
    dataset.PatientName = "Phantom^Test"
    dataset.PatientID = "PHANTOM"
    dataset.StudyDate = "20240102"
    dataset.StudyTime = "101112"
    dataset.AccessionNumber = "ACC1"
    dataset.StudyID = "S1"
    dataset.Modality = "CT"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient = [0, 0, number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [0.5, 0.5]
    dataset.FrameOfReferenceUID = "1.2.826.0.1.3680043.10.1.1.2"
    dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    dataset.Rows = dataset.Columns = size
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 13, 12
    dataset.PixelRepresentation = 1
    dataset.PixelData = pixels.tobytes()
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


def write(path: Path, dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Store a data set as a Part 10 file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)
    return path
