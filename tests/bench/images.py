"""Images of realistic content and size, the same in every run: smooth anatomy and noise."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)

_SIDE: Final = 512
_NOISE: Final = 3.5  # of a deviation that makes an HTJ2K frame of 512 x 512 about 139 KB
_BODY: Final = (0.0, 0.0, 0.92, 0.72, 1040)
_ORGANS: Final = (  # centre, half axes, and what they add to the stored value
    (-0.42, -0.05, 0.34, 0.48, -780),
    (0.42, -0.05, 0.34, 0.48, -760),
    (0.0, 0.48, 0.13, 0.15, 650),
    (0.08, -0.12, 0.2, 0.22, 90),
    (0.35, 0.3, 0.25, 0.2, 40),
)


@dataclass(frozen=True, slots=True)
class Series:
    """Where a generated series is found: its UIDs, and those of its instances in order."""

    study: str
    series: str
    instances: tuple[str, ...]
    frames: int = 1


def uid(name: str) -> str:
    """The same UID for the same name."""
    return f"2.25.{int(hashlib.sha256(f'bench {name}'.encode()).hexdigest()[:30], 16)}"


def slices(count: int, seed: int, side: int = _SIDE, noise: float = _NOISE) -> Iterator[np.ndarray]:
    """``count`` neighbouring slices of a body, 12 bits in 16, as arrays of ``side`` by ``side``."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    texture = 12 * np.sin(7 * x + 3 * y) + 9 * np.cos(11 * y - 5 * x)
    for number in range(count):
        swell = 1 + 0.15 * np.sin(np.pi * number / count)
        picture = texture.copy()
        for centre_x, centre_y, half_x, half_y, value in (_BODY, *_ORGANS):
            distance = np.hypot((x - centre_x) / half_x, (y - centre_y) / half_y) / swell
            picture += value / (1 + np.exp(np.clip((distance - 1) * 60, -30, 30)))
        grain = random.standard_normal((side, side), np.float32) * noise
        yield np.clip(picture + grain, 0, 4095).astype(np.uint16)


def _base(name: str, sop_class: str, modality: str, number: int) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid(f"{name} {number}")
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = "20240203"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = "040506"
    dataset.AccessionNumber = uid(name)[-8:]
    dataset.Modality, dataset.Manufacturer = modality, "Generated"
    dataset.ReferringPhysicianName = "Referring^Physician"
    dataset.StudyDescription, dataset.SeriesDescription = "Generated study", f"Generated {modality}"
    dataset.ManufacturerModelName, dataset.StationName = "Generator", "BENCH"
    dataset.PatientName, dataset.PatientID = "Generated^Patient", uid(name)[-12:]
    dataset.PatientBirthDate, dataset.PatientSex = "19600102", "O"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(f"{name} study"), uid(name)
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", 1, number
    return dataset


def _scan(dataset: Dataset, number: int) -> None:
    """What a scanner writes of how a slice was acquired."""
    dataset.SliceThickness, dataset.KVP, dataset.GantryDetectorTilt = 1.0, 120, 0
    dataset.DataCollectionDiameter, dataset.ReconstructionDiameter = 500, 360
    dataset.ExposureTime, dataset.XRayTubeCurrent, dataset.Exposure = 500, 180 + number % 40, 90
    dataset.FilterType, dataset.ConvolutionKernel = "BODY FILTER", "STANDARD"
    dataset.TableHeight, dataset.RotationDirection = 150, "CW"
    dataset.PatientPosition, dataset.ProtocolName = "HFS", "Thorax"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = uid("frame of reference"), ""
    dataset.ImagePositionPatient = [-180.0, -180.0, -150.0 + number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.SliceLocation, dataset.AcquisitionNumber = -150.0 + number, 1
    dataset.ContentDate, dataset.ContentTime = "20240203", f"0405{number % 60:02d}"


def _fill(dataset: Dataset, frames: np.ndarray, signed: bool = False) -> Dataset:
    """Add the Image Pixel module for ``frames`` (frames, rows, columns) of 12 bits in 16."""
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
    dataset.Rows, dataset.Columns = frames.shape[1:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelSpacing = [0.703125, 0.703125]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = int(signed)
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1024, 1, "HU"
    dataset.add_new(0x7FE00010, "OW", frames.astype("<u2").tobytes())
    return dataset


def _save(dataset: Dataset, path: Path) -> str:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return str(dataset.SOPInstanceUID)


def computed_tomography(
    folder: Path, name: str, count: int, seed: int, study: str | None = None
) -> Series:
    """A series of ``count`` slices, a file each; in a study of its own where none is given."""
    found = []
    for number, picture in enumerate(slices(count, seed), 1):
        dataset = _base(name, CTImageStorage, "CT", number)
        if study is not None:
            dataset.StudyInstanceUID = study
            dataset.PatientID, dataset.AccessionNumber = study[-12:], study[-8:]
        _scan(dataset, number)
        found.append(_save(_fill(dataset, picture[None]), folder / f"{number:04d}.dcm"))
    return Series(study or uid(f"{name} study"), uid(name), tuple(found))


def multi_frame(folder: Path, name: str, frames: int, seed: int) -> Series:
    """One instance of many frames."""
    dataset = _base(name, MultiFrameGrayscaleWordSecondaryCaptureImageStorage, "OT", 1)
    dataset.ConversionType, dataset.BurnedInAnnotation = "WSD", "NO"
    dataset.FrameIncrementPointer, dataset.FrameTime = 0x00181063, 40
    _fill(dataset, np.stack(list(slices(frames, seed))))
    return Series(uid(f"{name} study"), uid(name), (_save(dataset, folder / "frames.dcm"),), frames)


def radiograph(folder: Path, name: str, side: int, seed: int) -> Series:
    """One large plain image."""
    dataset = _base(name, ComputedRadiographyImageStorage, "CR", 1)
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "PA"
    _fill(dataset, next(slices(1, seed, side))[None])
    return Series(uid(f"{name} study"), uid(name), (_save(dataset, folder / "radiograph.dcm"),))
