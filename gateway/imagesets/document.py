"""An image set's metadata document read back into data sets."""

import gzip
import zlib
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import starmap
from typing import Any, Final

import orjson

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.image import ImagePixel, from_dataset
from gateway.dicom.tags import is_pixel_data
from gateway.errors import UpstreamInvalid
from gateway.imagesets.attributes import Attributes, Sharing
from gateway.imagesets.values import PIXEL_REPRESENTATION, depends_on_sign, elements

_MODALITY: Final = 0x00080060
_SERIES_NUMBER: Final = 0x00200011
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
_MAX_DOCUMENT: Final = 1 << 30
_GZIP: Final = 31  # zlib's number for the form
_FRAME: Final = 96  # bytes that a frame's identifier takes
_TRANSCODED: Final = frozenset({ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL})
_MOST: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Seal:
    """What the stored bytes of a frame are known by: their number, 0 if it is not, and CRC-32."""

    length: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One SOP instance of an image set.

    ``frames`` are the identifiers for GetImageFrame in frame order, ``stored_syntax`` is the
    transfer syntax of those frames (Explicit VR Little Endian where there are none),
    ``source_syntax`` that of the file they were imported from. ``seals`` has length and checksum of
    each frame, in the upper and lower half of a word, where frames are stored as they came.
    """

    image_set_id: str
    study: str
    series: str
    sop: str
    frames: tuple[str, ...]
    stored_syntax: str
    source_syntax: str
    upper: "Levels"
    attributes: Attributes
    vrs: Mapping[str, str]
    seals: "array[int] | None" = None

    def seal(self, number: int) -> Seal | None:
        """What the stored bytes of frame ``number``, from 1, are known by, if they are."""
        if self.seals is None:
            return None
        return Seal(*divmod(self.seals[number - 1], _MOST + 1))

    @property
    def number(self) -> int:
        """Instance Number, for sorting; 0 where there is none."""
        return _number(self.attributes.get("InstanceNumber"))

    @property
    def series_number(self) -> int:
        """Series Number, for sorting; 0 where there is none."""
        element = self.upper.unsigned.get(_SERIES_NUMBER)
        return _number(element[2][0] if element and element[2] else None)

    @property
    def modality(self) -> str:
        """Modality, ``""`` where there is none."""
        element = self.upper.unsigned.get(_MODALITY)
        own = self.attributes.get("Modality")
        return str(own or (element[2][0] if element and element[2] else "")).strip()

    @property
    def sop_class(self) -> str:
        """SOP Class UID, ``""`` where there is none."""
        return str(self.attributes.get("SOPClassUID") or "").strip(" \0")

    @property
    def image_type(self) -> tuple[str, ...]:
        """The values of Image Type, none where there are none."""
        found = self.attributes.get("ImageType") or ()
        values = found if isinstance(found, list) else str(found).split("\\")
        return tuple(str(value).strip() for value in values)

    @property
    def signed(self) -> bool:
        """Whether the samples are signed, which decides VRs that the dictionary leaves open."""
        return bool(self.attributes.get(PIXEL_REPRESENTATION) == 1)

    def pixel(self) -> ImagePixel:
        """The layout of the samples, without the cost of the whole data set."""
        said = tuple([self.attributes.get(key) for key in _IMAGE_PIXEL])
        try:
            return _pixel(said, len(self.frames))
        except TypeError:  # a list where one value is meant
            return _pixel.__wrapped__(said, len(self.frames))

    def dataset(self) -> DataSet:
        """All attributes, also those of patient, study and series; no pixel data, no group 2."""
        signed = self.signed
        own = elements(self.attributes, self.vrs, signed=signed)
        merged = {**self.upper.elements(signed=signed), **{element[0]: element for element in own}}
        return [merged[tag] for tag in sorted(merged) if in_dataset(tag)]

    def own(self, place: int) -> Element:
        """The attribute of the instance's own at ``place``, which is that of a tag."""
        names = self.attributes.names
        one = {names.keys[place]: self.attributes.row[place]}
        return next(elements(one, self.vrs, signed=self.signed))

    def element(self, tag: int) -> Element | None:
        """The attribute ``tag``, without the cost of the whole data set; no pixel data."""
        if is_pixel_data(tag):
            return None
        place = self.attributes.names.tags.get(tag)
        if place is None:
            return self.upper.elements(signed=self.signed).get(tag)
        return self.own(place)


def in_dataset(tag: int) -> bool:
    """Whether a data set may have ``tag``: neither file meta information nor pixel data."""
    return tag >> 16 > 2 and not is_pixel_data(tag)


@lru_cache(4096)
def _pixel(said: tuple[Any, ...], frames: int) -> ImagePixel:
    """The layout that the values of ``_IMAGE_PIXEL`` describe: the same for a whole series."""
    own = {key: value for key, value in zip(_IMAGE_PIXEL, said, strict=True) if value is not None}
    return from_dataset(list(elements(own, {}, signed=False)), frames)


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0


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

    ``instances`` are by SOP Instance UID; ``size`` is that of the document in bytes, ``held`` about
    that of what is kept of it.
    """

    id: str
    size: int
    held: int
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
    unzipping = zlib.decompressobj(_GZIP)
    text = unzipping.decompress(document, _MAX_DOCUMENT)
    if not unzipping.eof or unzipping.unused_data:
        with gzip.GzipFile(fileobj=BytesIO(document)) as file:  # several parts, or an end too soon
            return file.read(_MAX_DOCUMENT)
    return text


def _image_set(image_set_id: str, tree: Mapping[str, Any], size: int) -> ImageSet:
    patient, study = tree["Patient"]["DICOM"], tree["Study"]["DICOM"]
    study_uid = str(study.get("StudyInstanceUID", ""))
    instances = {}
    sharing = Sharing()
    for series_uid, series in tree["Study"].get("Series", {}).items():
        upper = _levels({**patient, **study, **series["DICOM"]})
        for sop_uid, instance in series.get("Instances", {}).items():
            uids = (study_uid, series_uid, sop_uid)
            instances[sop_uid] = _instance(image_set_id, uids, instance, upper, sharing)
    frames = sum(len(one.frames) for one in instances.values())
    return ImageSet(image_set_id, size, sharing.held + _FRAME * frames, instances)


def _instance(
    image_set_id: str,
    uids: tuple[str, str, str],
    instance: Mapping[str, Any],
    upper: Levels,
    sharing: Sharing,
) -> Instance:
    attributes = sharing.attributes(instance["DICOM"])
    entries = instance.get("ImageFrames") or ()
    frames = tuple([str(frame["ID"]) for frame in entries])
    stored = sharing.value(instance.get("StoredTransferSyntaxUID")) or ts.HTJ2K_LOSSLESS_RPCL
    decoded = stored in _TRANSCODED or instance.get("ChecksumType") == "DECOMPRESSED"
    return Instance(
        image_set_id,
        *uids,
        frames,
        stored if frames else ts.EXPLICIT_LE,
        str(attributes.get("TransferSyntaxUID") or ""),
        upper,
        attributes,
        sharing.value(instance.get("DICOMVRs") or {}),
        None if decoded else _seals(entries),
    )


def _seals(entries: Iterable[Mapping[str, Any]]) -> "array[int] | None":
    """Lengths and checksums of frames that are stored as they came; none if one has none.

    The checksums of such frames are of the stored bytes, those of others of the decoded pixels.
    """
    seals = array("Q")
    for entry in entries:
        levels = entry.get("PixelDataChecksumFromBaseToFullResolution")
        checksum = levels[-1].get("Checksum") if levels else None
        if type(checksum) is not int or not 0 <= checksum <= _MOST:
            return None
        size = entry.get("FrameSizeInBytes")
        length = size if type(size) is int and 0 < size <= _MOST else 0
        seals.append(length << 32 | checksum)
    return seals


def _levels(attributes: Mapping[str, Any]) -> Levels:
    unsigned = {one[0]: one for one in elements(attributes, {}, signed=False)}
    if not any(starmap(depends_on_sign, attributes.items())):
        return Levels(unsigned, unsigned)
    signed = {one[0]: one for one in elements(attributes, {}, signed=True)}
    return Levels(unsigned, signed)
