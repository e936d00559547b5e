"""Studies made for the browser test: each picture says which it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    UltrasoundMultiFrameImageStorage,
)

from tests import files
from tests.e2e.barcodes import COLUMNS, ROWS, Barcode

ROOT: Final = "1.2.826.0.1.3680043.10.7"
SIDE: Final = 16
HEIGHT, WIDTH = ROWS * SIDE, COLUMNS * SIDE
SLICES: Final = 6
STUDIES: Final = {"CT": 11, "MR": 22, "US": 33, "OT": 44, "SEG": 55}
NAMES: Final = {
    "CT": "Barcode^Tomo",
    "MR": "Barcode^Reso",
    "US": "Barcode^Sono",
    "OT": "Barcode^Colour",
    "SEG": "Barcode^Segment",
}
PATCHES: Final = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
"""Colours of the row below the barcode of the colour study, each a quarter of it."""

SEGMENTED: Final = (2, 3)
"""Slices, from 0, in which there is a segment."""
SEGMENT: Final = np.s_[HEIGHT // 2 :, WIDTH // 2 :]
"""The segment's pixels: the lower right quarter."""
SEGMENT_LAB: Final = (53.24, 80.09, 67.20)
"""Its colour, red, in CIELab."""


def study(kind: str) -> str:
    """The UID of the study of a kind."""
    return f"{ROOT}.{STUDIES[kind]}"


def series(kind: str, number: int = 1) -> str:
    """The UID of one of its series."""
    return f"{study(kind)}.{number}"


def write(folder: Path) -> None:
    """All studies as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for dataset in datasets():
        files.write(folder / f"{dataset.SOPInstanceUID}.dcm", dataset)


def datasets() -> Iterator[Dataset]:
    """Every instance of every study."""
    yield from _slices("CT", CTImageStorage, -1024, 2000)
    yield from _slices("MR", MRImageStorage, 0, 4000)
    yield _clip()
    yield _colour()
    sources = list(_slices("SEG", CTImageStorage, -1024, 2000))
    yield from sources
    yield _segmentation(sources)


def _base(kind: str, sop_class: str, number: int, place: int) -> Dataset:
    uid = f"{series(kind, number)}.{place + 1}"
    return files.ct(
        place + 1,
        SOPClassUID=sop_class,
        SOPInstanceUID=uid,
        StudyInstanceUID=study(kind),
        SeriesInstanceUID=series(kind, number),
        FrameOfReferenceUID=f"{study(kind)}.9",
        PatientName=NAMES[kind],
        PatientID=f"BARCODE-{kind}",
        AccessionNumber=f"BAR{STUDIES[kind]}",
        StudyDescription=f"Barcodes {kind}",
        Modality=kind,
        SeriesNumber=number,
        Rows=HEIGHT,
        Columns=WIDTH,
        PixelSpacing=[1, 1],
    )


def _slices(kind: str, sop_class: str, black: int, white: int) -> Iterator[Dataset]:
    for place in range(SLICES):
        one = _base(kind, sop_class, 1, place)
        one.Modality = "CT" if sop_class == CTImageStorage else kind
        one.ImagePositionPatient = [0, 0, 10 * place]
        one.SliceThickness = 10
        one.RescaleIntercept, one.RescaleSlope = 0, 1
        one.WindowCenter, one.WindowWidth = (black + white) // 2, white - black
        pixels = Barcode(STUDIES[kind], place).pixels(SIDE, black, white)
        one.PixelData = pixels.astype("<i2").tobytes()
        yield one


def _eight_bits(one: Dataset, photometric: str, samples: int, pixels: np.ndarray) -> Dataset:
    for keyword in ("RescaleIntercept", "RescaleSlope", "ImagePositionPatient",
                    "ImageOrientationPatient", "FrameOfReferenceUID"):  # fmt: skip
        delattr(one, keyword)
    one.PhotometricInterpretation = photometric
    one.SamplesPerPixel = samples
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
    one.PixelData = pixels.astype("u1").tobytes()
    return one


def _clip() -> Dataset:
    one = _base("US", UltrasoundMultiFrameImageStorage, 1, 0)
    pixels = [Barcode(STUDIES["US"], place).pixels(SIDE, 0, 255) for place in range(SLICES)]
    one.NumberOfFrames = SLICES
    one.FrameTime = 100
    one.FrameIncrementPointer = 0x00181063
    return _eight_bits(one, "MONOCHROME2", 1, np.stack(pixels))


def _colour() -> Dataset:
    one = _base("OT", SecondaryCaptureImageStorage, 1, 0)
    one.ConversionType = "SYN"
    one.PlanarConfiguration = 0
    one.Rows = HEIGHT + SIDE
    grey = Barcode(STUDIES["OT"], 0).pixels(SIDE, 0, 255)
    colours = np.repeat([PATCHES], WIDTH // len(PATCHES), axis=1)
    pixels = np.concatenate([np.stack([grey] * 3, axis=2), np.repeat(colours, SIDE, axis=0)])
    return _eight_bits(one, "RGB", 3, pixels)


def _code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return [code]


def _segmentation(sources: list[Dataset]) -> Dataset:
    one = _base("SEG", SegmentationStorage, 2, 0)
    for keyword in ("RescaleIntercept", "RescaleSlope", "ImagePositionPatient",
                    "ImageOrientationPatient", "PixelSpacing"):  # fmt: skip
        delattr(one, keyword)
    one.ImageType = ["DERIVED", "PRIMARY"]
    one.SegmentationType = "BINARY"
    one.ContentLabel, one.ContentDescription = "BARCODES", "Lower right quarter"
    one.ContentCreatorName = "Barcode^Maker"
    one.Manufacturer = "Barcodes"
    one.NumberOfFrames = len(SEGMENTED)
    one.PhotometricInterpretation = "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 1
    one.HighBit = one.PixelRepresentation = 0
    one.LossyImageCompression = "00"
    one.SegmentSequence = [_segment()]
    one.SharedFunctionalGroupsSequence = [_shared()]
    one.PerFrameFunctionalGroupsSequence = [_per_frame(sources[place]) for place in SEGMENTED]
    one.ReferencedSeriesSequence = [_references(sources)]
    one.DimensionOrganizationSequence = [Dataset()]
    one.DimensionOrganizationSequence[0].DimensionOrganizationUID = f"{study('SEG')}.8"
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[SEGMENT] = True
    bits = np.packbits(np.stack([mask] * len(SEGMENTED)).reshape(-1), bitorder="little")
    one.PixelData = bits.tobytes()
    return one


def _segment() -> Dataset:
    found = Dataset()
    found.SegmentNumber = 1
    found.SegmentLabel = "Quarter"
    found.SegmentAlgorithmType = "MANUAL"
    light, a, b = SEGMENT_LAB
    scaled = (light / 100 * 65535, (a + 128) / 255 * 65535, (b + 128) / 255 * 65535)
    found.RecommendedDisplayCIELabValue = [round(value) for value in scaled]
    found.SegmentedPropertyCategoryCodeSequence = _code("85756007", "SCT", "Tissue")
    found.SegmentedPropertyTypeCodeSequence = _code("85756007", "SCT", "Tissue")
    return found


def _shared() -> Dataset:
    found = Dataset()
    measures, orientation, segment = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 10
    measures.SpacingBetweenSlices = 10
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    segment.ReferencedSegmentNumber = 1
    found.PixelMeasuresSequence = [measures]
    found.PlaneOrientationSequence = [orientation]
    found.SegmentIdentificationSequence = [segment]
    return found


def _per_frame(source: Dataset) -> Dataset:
    found = Dataset()
    position, derivation, content = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = source.ImagePositionPatient
    content.DimensionIndexValues = [source.InstanceNumber]
    origin = _reference(source)
    origin.PurposeOfReferenceCodeSequence = _code("121322", "DCM", "Source image")
    derivation.DerivationCodeSequence = _code("113076", "DCM", "Segmentation")
    derivation.SourceImageSequence = [origin]
    found.PlanePositionSequence = [position]
    found.FrameContentSequence = [content]
    found.DerivationImageSequence = [derivation]
    return found


def _reference(source: Dataset) -> Dataset:
    found = Dataset()
    found.ReferencedSOPClassUID = source.SOPClassUID
    found.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return found


def _references(sources: list[Dataset]) -> Dataset:
    found = Dataset()
    found.SeriesInstanceUID = sources[0].SeriesInstanceUID
    found.ReferencedInstanceSequence = [_reference(source) for source in sources]
    return found
