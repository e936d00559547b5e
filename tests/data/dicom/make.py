"""Make the DICOM files of this folder: ``python tests/data/dicom/make.py``.

Needs pydicom, imagecodecs and DCMTK (dcmcjpeg, dcmcjpls, dcmcrle). The files cover what pydicom's
own collection does not: transfer syntaxes, sample layouts, attributes in odd places. UIDs follow
from the names, but for the SOP Instance UIDs that DCMTK assigns to what it compresses.
"""

import hashlib
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
)

HERE = Path(__file__).parent
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def uid(name: str) -> str:
    return f"2.25.{int(hashlib.sha256(name.encode()).hexdigest()[:30], 16)}"


def base(name: str, sop_class: str = SECONDARY_CAPTURE) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = uid(f"{name} instance")
    dataset.StudyInstanceUID = uid(f"{name} study")
    dataset.SeriesInstanceUID = uid(f"{name} series")
    dataset.PatientName = "Generated^File"
    dataset.PatientID = "GENERATED"
    dataset.StudyDate, dataset.StudyTime = "20240203", "040506"
    dataset.AccessionNumber = ""
    dataset.StudyID = "G"
    dataset.StudyDescription = name
    dataset.Modality = "OT"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    return dataset


def pixels(dataset: Dataset, samples: np.ndarray, stored: int, photometric: str = "") -> Dataset:
    """Add the Image Pixel module for ``samples`` (frames, rows, columns[, samples])."""
    colour = samples.ndim == 4
    dataset.SamplesPerPixel = samples.shape[3] if colour else 1
    dataset.PhotometricInterpretation = photometric or ("RGB" if colour else "MONOCHROME2")
    if colour:
        dataset.PlanarConfiguration = 0
    if samples.shape[0] > 1:
        dataset.NumberOfFrames = samples.shape[0]
    dataset.Rows, dataset.Columns = samples.shape[1:3]
    dataset.BitsAllocated = samples.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = stored, stored - 1
    dataset.PixelRepresentation = int(samples.dtype.kind == "i")
    dataset.PixelData = samples.tobytes()
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    return dataset


def save(name: str, dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    path = HERE / f"{name}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def compressed(name: str, dataset: Dataset, frames: list[bytes], syntax: str) -> None:
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    save(name, dataset, syntax)


def grey(dtype: str, bits: int, frames: int = 1, rows: int = 29, columns: int = 37) -> np.ndarray:
    """A smooth pattern with noise that fills ``bits`` bits."""
    random = np.random.default_rng(rows * columns + bits)
    y, x = np.mgrid[0:rows, 0:columns]
    wave = (np.sin(x / 5) + np.cos(y / 7) + 2) / 4
    noise = random.random((frames, rows, columns)) / 16
    values = np.clip(wave[None] + noise, 0, 1) * ((1 << bits) - 1)
    offset = (1 << (bits - 1)) if dtype[1] == "i" else 0
    return (values - offset).astype(dtype)


def colours(frames: int = 1, rows: int = 30, columns: int = 40) -> np.ndarray:
    planes = [grey("<u1", 8, frames, rows, columns) for _ in range(3)]
    return np.stack([planes[0], 255 - planes[1], planes[2] // 2], -1)


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def by_dcmtk() -> None:
    """JPEG, JPEG-LS and RLE as DCMTK writes them, each from a native file beside it."""
    sources = {
        "grey16": save("native_grey16", pixels(base("grey16"), grey("<i2", 16), 16)),
        "grey12": save("native_grey12", pixels(base("grey12"), grey("<u2", 12), 12)),
        "rgb": save("native_rgb", pixels(base("rgb"), colours(), 8)),
    }
    jobs = [("grey16", f"jpeg57_sv{sv}", ["dcmcjpeg", "+el", "+sv", str(sv)]) for sv in range(1, 8)]
    jobs += [
        ("grey12", "jpeg51", ["dcmcjpeg", "+ee", "+q", "95"]),
        ("grey12", "jpeg70", ["dcmcjpeg", "+e1"]),
        ("rgb", "jpeg57", ["dcmcjpeg", "+el", "+sv", "6"]),
        ("rgb", "jpeg70", ["dcmcjpeg", "+e1"]),
        ("rgb", "jpeg50", ["dcmcjpeg", "+eb"]),
        ("grey16", "jls80", ["dcmcjpls", "+el"]),
        ("grey12", "jls81", ["dcmcjpls", "+en", "+md", "3"]),
        ("rgb", "jls80_none", ["dcmcjpls", "+el", "+in"]),
        ("rgb", "jls80_line", ["dcmcjpls", "+el", "+il"]),
        ("rgb", "jls80_sample", ["dcmcjpls", "+el", "+is"]),
        ("grey16", "rle", ["dcmcrle"]),
        ("rgb", "rle", ["dcmcrle"]),
    ]
    for source, kind, command in jobs:
        run(*command, "+ua", str(sources[source]), str(HERE / f"{source}_{kind}.dcm"))


def by_imagecodecs() -> None:
    """HTJ2K and JPEG 2000 with settings other than the importer's own."""
    samples = grey("<i2", 12, frames=3)
    for name, syntax in (("201", HTJ2KLossless), ("202", HTJ2KLosslessRPCL)):
        frames = [imagecodecs.htj2k_encode(frame, reversible=True) for frame in samples]
        compressed(f"htj2k_{name}", pixels(base(f"htj2k {name}"), samples, 12), frames, syntax)
    lossy = [imagecodecs.htj2k_encode(frame, level=0.002, reversible=False) for frame in colours()]
    compressed("htj2k_203", pixels(base("htj2k 203"), colours(), 8, "YBR_ICT"), lossy, HTJ2K)
    rgb = colours(frames=2)
    jp2 = [imagecodecs.jpeg2k_encode(f, reversible=True, codecformat="j2k") for f in rgb]
    dataset = pixels(base("jpeg2000 rgb"), rgb, 8, "YBR_RCT")
    compressed("jpeg2000_rgb", dataset, jp2, JPEG2000Lossless)


def fragmented() -> None:
    """Two frames of JPEG in five fragments, with an offset table."""
    frames = [imagecodecs.jpeg8_encode(frame, level=90) for frame in colours(frames=2)]
    dataset = pixels(base("fragments"), colours(frames=2), 8, "YBR_FULL")
    compressed("fragments", dataset, frames, JPEGBaseline8Bit)
    dataset.PixelData = encapsulate(frames, fragments_per_frame=3)
    save("fragments", dataset, JPEGBaseline8Bit)


def layouts() -> None:
    """Samples in unusual places."""
    planar = pixels(base("planar"), colours(frames=2), 8)
    planar.PlanarConfiguration = 1
    planar.PixelData = np.moveaxis(colours(frames=2), 3, 1).tobytes()
    save("planar_rgb", planar)
    ybr = pixels(base("ybr"), colours(), 8, "YBR_FULL")
    save("ybr_full", ybr, ImplicitVRLittleEndian)
    frames = pixels(base("multiframe"), grey("<u2", 10, frames=5, rows=31, columns=33), 10)
    save("multiframe_grey10", frames)
    big = pixels(base("big endian"), grey("<i2", 16, frames=2), 16)
    big.PixelData = grey("<i2", 16, frames=2).astype(">i2").tobytes()
    big["PixelData"].VR = "OW"
    save("big_endian_16", big, ExplicitVRBigEndian)
    word = pixels(base("big endian words"), grey("<u1", 8, frames=3, rows=5, columns=7), 8)
    raw = word.PixelData + b"\0"
    word.PixelData = np.frombuffer(raw, "<u2").astype(">u2").tobytes()
    word["PixelData"].VR = "OW"
    save("big_endian_8_in_words", word, ExplicitVRBigEndian)
    embedded = grey("<u2", 12)
    embedded[0, 3:9, 5:20] |= 0x8000  # an overlay in the unused bits
    save("bits_above_stored", pixels(base("bits above"), embedded, 12))
    high = pixels(base("high bit"), grey("<u2", 12) << 4, 12)
    high.HighBit = 15
    save("high_bit_15", high)
    save("signed8", pixels(base("signed8"), grey("<i1", 8), 8))
    save("grey32", pixels(base("grey32"), grey("<u4", 30, frames=2), 32))


def segmentation() -> None:
    """Frames of one bit per pixel that do not end on a byte."""
    bits = (grey("<u1", 8, frames=3, rows=7, columns=9) > 128).astype("<u1")
    dataset = pixels(base("seg", "1.2.840.10008.5.1.4.1.1.66.4"), bits, 1)
    dataset.Modality = "SEG"
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    save("segmentation_unaligned", dataset)


def floating() -> None:
    """A parametric map: Float Pixel Data."""
    dataset = base("float", "1.2.840.10008.5.1.4.1.1.30")
    pixels(dataset, grey("<u2", 12, frames=2), 12)
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = (grey("<u2", 12, frames=2) / 7).astype("<f4").tobytes()
    save("float_pixels", dataset)


def attributes() -> None:
    """Attributes in odd places: private, nested, empty, repeating, wide, without pixels."""
    dataset = base("attributes", "1.2.840.10008.5.1.4.1.1.88.11")
    dataset.Modality = "SR"
    dataset.ImageType = ["ORIGINAL", "", "AXIAL"]
    dataset.OtherPatientNames = ["A^B", "C^D=\u5c71\u7530^\u592a\u90ce"]
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientComments = "line one\r\nback\\slash"
    dataset.ReferencedStudySequence = []
    dataset.ReferringPhysicianName = ""
    dataset.PatientWeight = "72.50"
    dataset.FrameIncrementPointer = [0x00181063, 0x00181065]
    dataset.add_new(0x00189346, "SQ", [Dataset()])
    dataset[0x00189346].value[0].CodeValue = "113691"
    block = dataset.private_block(0x0011, "GENERATED 1", create=True)
    block.add_new(0x01, "LO", ["one", "two"])
    block.add_new(0x02, "DS", ["1.50", "-2"])
    block.add_new(0x03, "UN", b"\x01\x02\x03\x04")
    block.add_new(0x04, "LO", "")
    item = Dataset()
    inner = item.private_block(0x0013, "GENERATED 2", create=True)
    inner.add_new(0x10, "FD", [1.5, 2.0, 1e300])
    inner.add_new(0x11, "OW", bytes(range(16)))
    block.add_new(0x05, "SQ", [item, Dataset()])
    dataset.add_new(0x60000010, "US", 8)
    dataset.add_new(0x60020010, "US", 9)
    dataset.add_new(0x60003000, "OW", bytes(8))
    save("attributes_explicit", dataset)
    dataset.SOPInstanceUID = uid("attributes implicit instance")
    dataset.SeriesInstanceUID = uid("attributes implicit series")
    save("attributes_implicit", dataset, ImplicitVRLittleEndian)


def document() -> None:
    """An encapsulated PDF, of which a viewer asks the bulk data."""
    dataset = base("pdf", "1.2.840.10008.5.1.4.1.1.104.1")
    dataset.Modality = "DOC"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = b"%PDF-1.4\n" + b"% generated for a test\n" * 100 + b"%%EOF\n"
    save("pdf", dataset)


if __name__ == "__main__":
    by_dcmtk()
    by_imagecodecs()
    fragmented()
    layouts()
    segmentation()
    floating()
    attributes()
    document()
