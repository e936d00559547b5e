"""Images shown as the gateway shows them: through HealthImaging's document and the codecs."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.codecs import registry
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel, from_dataset
from gateway.dicom.tags import is_pixel_data
from gateway.emulator import metadata, part10, pixels
from gateway.imagesets.values import elements
from gateway.rendering.display import Display
from tests import files


def shipped(name):
    """The path of a test file of pydicom."""
    return Path(get_testdata_file(name, download=False))


def generated(name):
    """The path of a generated test file."""
    return files.GENERATED / f"{name}.dcm"


def image(samples, photometric="", **attributes):
    """A data set of ``samples``, one frame of two or three axes, or several in ``frames``."""
    frames = attributes.pop("frames", None)
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    made.Rows, made.Columns = samples.shape[-2:] if frames else samples.shape[:2]
    made.SamplesPerPixel = 3 if samples.ndim == 3 and not frames else 1
    made.PhotometricInterpretation = photometric or (
        "RGB" if made.SamplesPerPixel == 3 else "MONOCHROME2"
    )
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = 0
    if frames:
        made.NumberOfFrames = frames
    bits = samples.dtype.itemsize * 8
    made.BitsAllocated = bits
    if samples.dtype.kind == "f":
        name = "FloatPixelData" if bits == 32 else "DoubleFloatPixelData"
        setattr(made, name, samples.tobytes())
    else:
        made.BitsStored, made.HighBit = bits, bits - 1
        made.PixelRepresentation = int(samples.dtype.kind == "i")
        made.PixelData = samples.tobytes() + bytes(samples.nbytes % 2)
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    if "BitsStored" in attributes and "HighBit" not in attributes:
        made.HighBit = made.BitsStored - 1
    return made


def item(**attributes):
    """A sequence item."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def lut(descriptor, data, **more):
    """An item of a Modality, VOI or Presentation LUT Sequence."""
    made = item(**more)
    made.add_new("LUTDescriptor", "SS" if min(descriptor) < 0 else "US", list(descriptor))
    made.add_new("LUTData", "OW", data if isinstance(data, bytes) else words(data))
    return made


def words(values):
    """16-bit words as OW has them."""
    return np.asarray(values).astype("<u2").tobytes()


def written(dataset, *, implicit=True):
    """A file of ``dataset``."""
    dataset.file_meta = FileMetaDataset()
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = syntax
    target = BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()


@dataclass
class Stored:
    """An image as HealthImaging keeps it: its data set in the internal form, and its frames."""

    dataset: list
    image: ImagePixel
    syntax: str
    source: str
    frames: list

    def decoded(self, number=1):
        """Samples of a frame, and the image that they are of."""
        frame = self.frames[number - 1]
        if self.image.packed:
            bits = np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")
            return bits[: self.image.frame_bits].reshape(self.image.shape), self.image
        samples = registry.decode(self.syntax, frame, self.image)
        return samples, registry.uncompressed(self.syntax, frame, self.image, self.source)


def stored(source):
    """What becomes of a file, by its path or bytes, or of a data set, when it is imported."""
    content = source.read_bytes() if isinstance(source, Path) else source
    content = written(content) if isinstance(content, Dataset) else content
    file = part10.read(memoryview(content))
    converted = metadata.convert(file.dataset)
    dataset = elements(dict(converted.attributes.values()), converted.vrs, signed=False)
    kept = sorted(one for one in dataset if not is_pixel_data(one[0]))
    if file.pixels is None:
        return Stored(kept, from_dataset(kept, 0), ts.EXPLICIT_LE, "", [])
    described = pixels.describe(file, converted)
    frames = []
    pixels.store(file, described, converted, frames.append)
    return Stored(kept, described.pixel, described.syntax, file.syntax.uid, frames)


def state_elements(attributes):
    """What a presentation state with these attributes gives to a display."""
    attributes.SOPClassUID, attributes.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.4"
    return [one for one in stored(attributes).dataset if one[0] >> 16 != 8]


def display(source, state=None):
    """How an image is shown, by a presentation state's attributes where there are some."""
    return Display(stored(source).dataset, state_elements(state) if state else ())


def shown(source, number=1, state=None, **options):
    """The picture of one frame."""
    return display(source, state).frame(number, *stored(source).decoded(number), **options)


def column(values, dtype="<u2"):
    """Samples of one column: what becomes of each is easily read."""
    return np.asarray(values, dtype).reshape(-1, 1)


def encoded(raw):
    """Bytes as the internal form has them."""
    return base64.b64encode(raw).decode()
