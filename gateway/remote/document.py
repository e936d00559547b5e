"""An image set's metadata document read back into data sets.

The document carries keywords and JSON types but no VRs for public elements, so a VR comes from the
dictionary, from ``DICOMVRs``, or, where the dictionary is ambiguous, from the data (PS3.5 A.1).
"""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import orjson

from gateway.dicom import tags, transfer_syntaxes as ts, vrs
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.image import ImagePixel, from_dataset
from gateway.dicom.tags import is_pixel_data
from gateway.errors import UpstreamInvalid

_PIXEL_REPRESENTATION: Final = "PixelRepresentation"
_PIXEL_DATA: Final = "PixelData"
_MODALITY: Final = 0x00080060
_IMAGE_PIXEL: Final = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
)
_MAX_SS: Final = 0x7FFF
_FLOATS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_MAX_DOCUMENT: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Instance:
    """One SOP instance of an image set.

    ``frames`` are the identifiers for GetImageFrame in frame order, ``stored_syntax`` is the
    transfer syntax of those frames (Explicit VR Little Endian where there are none),
    ``source_syntax`` that of the file they were imported from.
    """

    image_set_id: str
    study: str
    series: str
    sop: str
    frames: tuple[str, ...]
    stored_syntax: str
    source_syntax: str
    upper: "Levels"
    attributes: Mapping[str, Any]
    vrs: Mapping[str, str]

    @property
    def number(self) -> int:
        """Instance Number, for sorting; 0 where there is none."""
        try:
            return int(self.attributes.get("InstanceNumber") or 0)
        except ValueError:
            return 0

    @property
    def modality(self) -> str:
        """Modality, ``""`` where there is none."""
        element = self.upper.unsigned.get(_MODALITY)
        own = self.attributes.get("Modality")
        return str(own or (element[2][0] if element and element[2] else "")).strip()

    def pixel(self) -> ImagePixel:
        """The layout of the samples, without the cost of the whole data set."""
        own = {key: self.attributes[key] for key in _IMAGE_PIXEL if key in self.attributes}
        return from_dataset(list(_elements(own, {}, signed=False)), len(self.frames))

    def dataset(self) -> DataSet:
        """All attributes, also those of patient, study and series; no pixel data, no group 2."""
        signed = self.attributes.get(_PIXEL_REPRESENTATION) == 1
        own = _elements(self.attributes, self.vrs, signed=signed)
        merged = {**self.upper.elements(signed=signed), **{element[0]: element for element in own}}
        return [merged[tag] for tag in sorted(merged) if tag >> 16 > 2 and not is_pixel_data(tag)]


@dataclass(frozen=True, slots=True)
class Levels:
    """Elements of upper levels by tag, as they are for unsigned and for signed pixels.

    Pixel Padding Value stands with the series, and its VR follows from an instance's attribute.
    """

    unsigned: Mapping[int, Element]
    signed: Mapping[int, Element]

    def elements(self, *, signed: bool) -> Mapping[int, Element]:
        """The elements for an instance with signed or unsigned pixels."""
        return self.signed if signed else self.unsigned


@dataclass(frozen=True, slots=True)
class ImageSet:
    """One version of an image set.

    ``instances`` are by SOP Instance UID; ``size`` is that of the document in bytes.
    """

    id: str
    size: int
    instances: Mapping[str, Instance]


def parse(image_set_id: str, document: bytes) -> ImageSet:
    """Read a document, gzip-compressed or not.

    Raises:
        UpstreamInvalid: it is not an image set's metadata.
    """
    try:
        text = _unzipped(document)
        tree = orjson.loads(text)
        return _image_set(image_set_id, tree, len(text))
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        message = f"The metadata of image set {image_set_id} cannot be read"
        raise UpstreamInvalid(message) from error


def _unzipped(document: bytes) -> bytes:
    if not document.startswith(b"\x1f\x8b"):
        return document
    with gzip.GzipFile(fileobj=BytesIO(document)) as file:
        return file.read(_MAX_DOCUMENT)


def _image_set(image_set_id: str, tree: Mapping[str, Any], size: int) -> ImageSet:
    patient, study = tree["Patient"]["DICOM"], tree["Study"]["DICOM"]
    study_uid = str(study.get("StudyInstanceUID", ""))
    instances = {}
    for series_uid, series in tree["Study"].get("Series", {}).items():
        upper = _levels({**patient, **study, **series["DICOM"]})
        for sop_uid, instance in series.get("Instances", {}).items():
            uids = (study_uid, series_uid, sop_uid)
            instances[sop_uid] = _instance(image_set_id, uids, instance, upper)
    return ImageSet(image_set_id, size, instances)


def _instance(
    image_set_id: str,
    uids: tuple[str, str, str],
    instance: Mapping[str, Any],
    upper: Levels,
) -> Instance:
    attributes = instance["DICOM"]
    frames = tuple(str(frame["ID"]) for frame in instance.get("ImageFrames") or ())
    return Instance(
        image_set_id,
        *uids,
        frames,
        (instance.get("StoredTransferSyntaxUID") or ts.HTJ2K_LOSSLESS_RPCL)
        if frames
        else ts.EXPLICIT_LE,
        str(attributes.get("TransferSyntaxUID") or ""),
        upper,
        attributes,
        instance.get("DICOMVRs") or {},
    )


def _levels(attributes: Mapping[str, Any]) -> Levels:
    unsigned, signed = (
        {element[0]: element for element in _elements(attributes, {}, signed=signed)}
        for signed in (False, True)
    )
    return Levels(unsigned, signed)


def _elements(
    attributes: Mapping[str, Any], known: Mapping[str, str], *, signed: bool
) -> Iterator[Element]:
    signed = attributes.get(_PIXEL_REPRESENTATION, int(signed)) == 1
    for key, value in attributes.items():
        found = _lookup(key)
        if found is None or (key == _PIXEL_DATA and value is None):
            continue
        tag, vr, ambiguous = found
        if not vr:
            vr = _private_vr(known.get(key), value)
        elif ambiguous:
            vr = _resolved(vr, value, signed=signed)
        yield _element(tag, vr, value, known, signed=signed)


@lru_cache(16_384)
def _lookup(key: str) -> tuple[int, str, bool] | None:
    """Tag, VR (``""`` if the dictionary has none) and whether the VR is ambiguous, of a key."""
    tag = tags.parse_tag(key)
    if tag is None:
        return None
    attribute = tags.by_tag(tag)
    if attribute is None:
        return tag, "", False
    return tag, attribute.vr, " or " in attribute.vr


def _private_vr(recorded: str | None, value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "SQ"
    if recorded in vrs.KNOWN:
        return recorded
    sample = value[0] if isinstance(value, list) and value else value
    if isinstance(sample, float):
        return "FD"
    return "SL" if isinstance(sample, int) else "LO"


def _resolved(vr: str, value: Any, *, signed: bool) -> str:
    if vr == "OB or OW":
        return "OW"
    if isinstance(value, str):
        return "OW"  # base64 text: of the number types, only words can be
    numbers = value if isinstance(value, list) else [value or 0]
    negative, large = min(numbers, default=0) < 0, max(numbers, default=0) > _MAX_SS
    return "SS" if negative or (signed and "SS" in vr and not large) else "US"


def _element(tag: int, vr: str, value: Any, known: Mapping[str, str], *, signed: bool) -> Element:
    if vr == "SQ":
        items = [value] if isinstance(value, dict) else value or ()
        return tag, vr, [_item(item, known, signed=signed) for item in items]
    if vr in vrs.BYTES:
        return tag, vr, value or ""
    if value is None or value == "" or value == []:
        return tag, vr, []
    if vr in vrs.NUMBERS:
        return _numeric(tag, vr, value)
    if vr == "AT":
        return tag, vr, value if isinstance(value, list) else [value]
    return tag, vr, _strings(vr, value)


def _item(item: Mapping[str, Any], known: Mapping[str, str], *, signed: bool) -> DataSet:
    return sorted(_elements(item, known, signed=signed), key=_tag)


def _tag(element: Element) -> int:
    return element[0]


def _numeric(tag: int, vr: str, value: Any) -> Element:
    values = value if isinstance(value, list) else [value]
    if isinstance(value, str) and value not in _FLOATS:
        return tag, "UN", value  # bytes that are no whole number of words, kept as base64
    return tag, vr, [_FLOATS[item] if isinstance(item, str) else item for item in values]


def _strings(vr: str, value: Any) -> list[str]:
    if vr in vrs.SINGLE_TEXT:
        return [str(value)]
    values = [str(item) for item in value] if isinstance(value, list) else str(value).split("\\")
    return [item.strip(" \0") for item in values] if vr in vrs.NUMERIC_TEXT else values
