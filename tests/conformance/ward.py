"""A few studies in which every check of the suite finds something to compare."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests import files

UID = "1.2.826.0.1.3680043.10.9"
IMAGES = ("multiframe_grey10", "native_rgb", "rgb_jpeg50", "htj2k_202", "grey16_rle")
PATIENTS = (
    ("Muster^Anna", "P100A", "F", "20240110", "081500", "Acc-7001", "House^Gregory"),
    ("Doe^Jane=ドウ^ジェーン", "P200B", "M", "20240215", "123000", "Acc-7002", "Grey^Meredith"),
    ("Müller^Jörg", "P300C", "M", "20240320", "235959", "", "House^Gregory"),
    ("Roe^Richard", "P400D", "O", "20250401", "000000", "Acc-7004", "Mc Coy^Leonard"),
)


def _slices():
    for number, patient in enumerate(PATIENTS):
        name, identifier, sex, date, time, accession, physician = patient
        for series in range(1 + number % 2):
            for instance in (1, 2):
                yield _unsigned(
                    instance,
                    SpecificCharacterSet="ISO_IR 192",
                    PatientName=name,
                    PatientID=identifier,
                    PatientSex=sex,
                    PatientBirthDate="19700101",
                    PatientSize="1.73",
                    StudyInstanceUID=f"{UID}.{number}",
                    SeriesInstanceUID=f"{UID}.{number}.{series}",
                    SOPInstanceUID=f"{UID}.{number}.{series}.{instance}",
                    FrameOfReferenceUID=f"{UID}.{number}.9",
                    StudyDate=date,
                    StudyTime=time,
                    AccessionNumber=accession,
                    ReferringPhysicianName=physician,
                    StudyID=f"ST{number}",
                    StudyDescription=f"Chest {number}",
                    Modality=("CT", "MR")[series],
                    SeriesNumber=series + 1,
                    SeriesDescription=f"Series {series}",
                    BodyPartExamined="CHEST",
                    RequestAttributesSequence=_requests(number),
                )


def _unsigned(instance: int, **attributes) -> Dataset:
    """A slice whose values are not signed: a signed one ends dcmtk's JPEG-LS coder, and Orthanc."""
    dataset = files.ct(instance, size=16, **attributes)
    values = np.frombuffer(dataset.PixelData, "<i2") + 1024
    dataset.PixelData = values.astype("<u2").tobytes()
    dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 0, 12, 11
    return dataset


def _requests(number: int) -> Sequence:
    item = Dataset()
    item.RequestedProcedureID, item.ScheduledProcedureStepID = f"RP{number}", f"SPS{number}"
    return Sequence([item])


def _bulky() -> Dataset:
    """A slice with a private value that is too long to stand inline."""
    [dataset] = [one for one in _slices() if one.SOPInstanceUID == f"{UID}.0.0.1"]
    block = dataset.private_block(0x0011, "CONFORMANCE", create=True)
    block.add_new(0x01, "OB", bytes(range(256)) * 16)
    return dataset


def write(folder: Path) -> list[Path]:
    """The files: made ones, and some of the collection."""
    made = {one.SOPInstanceUID: one for one in _slices()}
    made[f"{UID}.0.0.1"] = _bulky()
    paths = [files.write(folder / f"{uid}.dcm", one) for uid, one in made.items()]
    for name in (*IMAGES, "pdf"):
        content = files.read(files.GENERATED / f"{name}.dcm")
        content.StudyInstanceUID = f"{UID}.7"
        content.PatientID, content.PatientName = "P700G", "Images^Several"
        content.StudyDate, content.StudyTime, content.StudyID = "20240601", "101112", "ST7"
        path = folder / f"{name}.dcm"
        pydicom.dcmwrite(path, content, enforce_file_format=True)
        paths.append(path)
    return paths
