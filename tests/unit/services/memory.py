"""HealthImaging in memory: an adapter of the port over image sets that a test builds.

Searches obey the service's own limits: one attribute EQUAL, or a range of study dates, fifty image
sets a page, the last changed first. Every call is noted in ``calls``.
"""

import asyncio
import copy
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.cache.tiers import Tiers
from gateway.errors import NotFound, UpstreamInvalid, UpstreamUnavailable
from gateway.remote.api import OpenFrame, Summary, Urgency
from gateway.services.answers import Answers
from gateway.services.library import Library
from gateway.settings import GatewaySettings
from gateway.telemetry.calls import Action
from gateway.telemetry.metrics import Metrics

DATASTORE = "d" * 32
EXPLICIT_LE = "1.2.840.10008.1.2.1"
HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
PIXELS = {
    "Rows": 2,
    "Columns": 2,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 0,
}
"""The attributes of an image whose frames are eight bytes."""

_EQUAL = {
    "DICOMPatientId",
    "DICOMAccessionNumber",
    "DICOMStudyId",
    "DICOMStudyInstanceUID",
    "DICOMSeriesInstanceUID",
}
_TAGS = {
    "DICOMPatientId": ("Patient", "PatientID"),
    "DICOMPatientName": ("Patient", "PatientName"),
    "DICOMPatientBirthDate": ("Patient", "PatientBirthDate"),
    "DICOMPatientSex": ("Patient", "PatientSex"),
    "DICOMStudyInstanceUID": ("Study", "StudyInstanceUID"),
    "DICOMStudyId": ("Study", "StudyID"),
    "DICOMStudyDescription": ("Study", "StudyDescription"),
    "DICOMAccessionNumber": ("Study", "AccessionNumber"),
    "DICOMStudyDate": ("Study", "StudyDate"),
    "DICOMStudyTime": ("Study", "StudyTime"),
    "DICOMSeriesInstanceUID": ("Series", "SeriesInstanceUID"),
    "DICOMSeriesModality": ("Series", "Modality"),
    "DICOMSeriesNumber": ("Series", "SeriesNumber"),
}


def settings(**changes: Any) -> GatewaySettings:
    """Settings of a gateway that lists every study anew, and serves no viewer."""
    own = {"datastore_id": DATASTORE, "search_ttl": 0.0, "viewer_dir": "/none"}
    return GatewaySettings(**{**own, **changes})


def with_library(
    remote: "MemoryHealthImaging", scenario: Callable[[Library], Awaitable[Any]], **changes: Any
) -> Any:
    """The result of ``scenario`` with a library over ``remote``."""

    async def run() -> Any:
        library = Library(remote, settings(**changes))
        try:
            return await scenario(library)
        finally:
            await library.close()

    return asyncio.run(run())


def instance(sop: str, number: int = 1, **attributes: Any) -> dict[str, Any]:
    """An instance as a document has it.

    ``frames`` are byte strings, ``stored`` is their transfer syntax, ``vrs`` those of private keys.
    """
    frames = attributes.pop("frames", ())
    stored = attributes.pop("stored", EXPLICIT_LE)
    vrs = attributes.pop("vrs", {})
    found = {
        "SOPInstanceUID": sop,
        "SOPClassUID": CT_STORAGE,
        "InstanceNumber": str(number),
        "TransferSyntaxUID": EXPLICIT_LE,
        **attributes,
    }
    return {
        "DICOM": found,
        "DICOMVRs": vrs,
        "StoredTransferSyntaxUID": stored,
        "ImageFrames": list(frames),
    }


def image_set(
    study: str, series: str, *instances: Mapping[str, Any], **attributes: Any
) -> dict[str, Any]:
    """A document of one series; ``patient``, ``at_study`` and ``at_series`` add attributes."""
    return {
        "SchemaVersion": "1.1",
        "DatastoreID": DATASTORE,
        "Patient": {
            "DICOM": {
                "PatientID": "PHANTOM",
                "PatientName": "Phantom^One",
                **attributes.get("patient", {}),
            }
        },
        "Study": {
            "DICOM": {
                "StudyInstanceUID": study,
                "StudyDate": "20240102",
                "StudyTime": "101112",
                "AccessionNumber": "ACC1",
                "StudyID": "S1",
                **attributes.get("at_study", {}),
            },
            "Series": {
                series: {
                    "DICOM": {
                        "SeriesInstanceUID": series,
                        "Modality": "CT",
                        "SeriesNumber": "1",
                        **attributes.get("at_series", {}),
                    },
                    "Instances": {one["DICOM"]["SOPInstanceUID"]: one for one in instances},
                }
            },
        },
    }


class MemoryFrame:
    """A frame that comes in pieces of ``chunk`` bytes, and breaks off after ``sent`` of them."""

    def __init__(self, content: bytes, chunk: int, sent: int | None) -> None:
        self.length: int | None = len(content)
        self.closed = False
        self._content = content
        self._chunk = chunk
        self._sent = sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        end = len(self._content) if self._sent is None else self._sent
        for start in range(0, end, self._chunk):
            await asyncio.sleep(0)
            yield self._content[start : min(start + self._chunk, end)]
        if self._sent is not None:
            raise UpstreamUnavailable("HealthImaging broke off")

    async def aclose(self) -> None:
        self.closed = True


def answers(**changes: Any) -> Answers:
    """A place for answers that nothing has been put into."""
    return Answers(Tiers(settings(**changes), Metrics(CollectorRegistry())), "maker")


class MemoryHealthImaging:
    """One data store; ``failures`` raises what it holds for an operation or an identifier.

    Open frames come in pieces of ``chunk`` bytes, large ones in a hundred; ``breaks`` says after
    how many bytes a frame breaks off, ``urgencies`` keeps how urgently each was asked for.
    """

    def __init__(self, page: int = 50) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.failures: dict[str, Exception] = {}
        self.urgencies: list[Urgency] = []
        self.breaks: dict[str, int] = {}
        self.chunk = 4
        self.closed = False
        self._page = page
        self._sets: dict[str, tuple[Summary, bytes]] = {}
        self._index: dict[str, dict[str, Any]] = {}
        self._frames: dict[tuple[str, str], bytes] = {}

    def add(self, document: Mapping[str, Any], **changes: Any) -> str:
        """Store ``document`` as an image set; its identifier.

        ``tags`` change what a search tells of it, not what it is found by; None leaves a tag out.
        """
        document = copy.deepcopy(dict(document))
        number = len(self._sets)
        name = f"{number:032x}"
        for one in _instances(document):
            keys = [f"{len(self._frames) + at:032x}" for at in range(len(one["ImageFrames"]))]
            for key, frame in zip(keys, one["ImageFrames"], strict=True):
                self._frames[name, key] = frame
            one["ImageFrames"] = [{"ID": key} for key in keys]
        index = _tags(document)
        tags = index | changes.get("tags", {})
        summary = Summary(
            name,
            changes.get("version", 1),
            changes.get("updated", float(number)),
            changes.get("primary"),
            {key: value for key, value in tags.items() if value is not None},
        )
        self._index[name] = index
        self._sets[name] = (summary, gzip.compress(json.dumps(document).encode(), 1))
        return name

    def damage(self, name: str) -> None:
        """Cut off the end of a stored document."""
        summary, document = self._sets[name]
        self._sets[name] = (summary, document[: len(document) // 2])

    def remove(self, name: str) -> None:
        """Delete an image set, with all of its versions."""
        del self._sets[name], self._index[name]

    def count(self, operation: str) -> int:
        """How often an operation was called; each page of a search is a call."""
        return sum(name == operation for name, _ in self.calls)

    async def _call(self, operation: str, argument: Any, *names: str) -> None:
        self.calls.append((operation, argument))
        await asyncio.sleep(0)
        for name in (operation, *names):
            if name in self.failures:
                raise self.failures[name]

    async def search(
        self,
        datastore_id: str,
        criteria: Mapping[str, Any],
        urgency: Urgency = Urgency.WAITING,
    ) -> AsyncIterator[list[Summary]]:
        names = [name for name, tags in self._index.items() if _meets(tags, criteria)]
        found = [self._sets[name][0] for name in names]
        found.sort(key=lambda one: (-one.updated, one.image_set_id))
        for start in range(0, max(len(found), 1), self._page):
            await self._call("search", criteria, datastore_id)
            if datastore_id != DATASTORE:
                raise NotFound("no such data store")
            yield found[start : start + self._page]

    async def properties(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None,
        urgency: Urgency = Urgency.WAITING,
    ) -> Summary:
        await self._call("properties", (image_set_id, version), image_set_id)
        if datastore_id != DATASTORE or image_set_id not in self._sets:
            raise NotFound("no such image set")
        summary = self._sets[image_set_id][0]
        if version not in (None, summary.version):
            raise NotFound("no such version")
        return summary

    async def metadata(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None,
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes:
        await self._call("metadata", (image_set_id, version), image_set_id)
        if datastore_id != DATASTORE or image_set_id not in self._sets:
            raise NotFound("no such image set")
        summary, document = self._sets[image_set_id]
        if version not in (None, summary.version):
            raise NotFound("no such version")
        return document

    async def open_frame(
        self,
        datastore_id: str,
        image_set_id: str,
        frame_id: str,
        urgency: Urgency = Urgency.WAITING,
        wanted: asyncio.Event | None = None,
    ) -> OpenFrame:
        await self._call("frame", (image_set_id, frame_id), frame_id)
        if datastore_id != DATASTORE:
            raise NotFound("no such data store")
        self.urgencies.append(urgency)
        content = self._frames[image_set_id, frame_id]
        chunk = max(self.chunk, len(content) // 100)
        return MemoryFrame(content, chunk, self.breaks.get(frame_id))

    async def check(self, datastore_id: str) -> None:
        await self._call("check", datastore_id)
        if datastore_id != DATASTORE:
            raise NotFound("no such data store")

    def report(self) -> Iterable[Action]:
        return ()

    async def close(self) -> None:
        self.closed = True


def _instances(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    every = document["Study"]["Series"].values()
    return [one for series in every for one in series["Instances"].values()]


def _tags(document: Mapping[str, Any]) -> dict[str, Any]:
    [series] = document["Study"]["Series"].values()
    levels = {
        "Patient": document["Patient"]["DICOM"],
        "Study": document["Study"]["DICOM"],
        "Series": series["DICOM"],
    }
    found = {name: levels[level].get(key) for name, (level, key) in _TAGS.items()}
    if found["DICOMSeriesNumber"] is not None:
        found["DICOMSeriesNumber"] = int(found["DICOMSeriesNumber"])
    return found


def _meets(tags: Mapping[str, Any], criteria: Mapping[str, Any]) -> bool:
    if not criteria:
        return True
    [one] = criteria["filters"]
    values = [pair for value in one["values"] for pair in value.items()]
    if one["operator"] == "EQUAL":
        [(name, wanted)] = values
        if name not in _EQUAL or not wanted:
            raise UpstreamInvalid(f"{name} cannot be searched for")
        return bool(tags.get(name) == wanted)
    (name, low), (other, high) = values
    if one["operator"] != "BETWEEN" or {name, other} != {"DICOMStudyDateAndTime"}:
        raise UpstreamInvalid("no such search")
    first, last = (f"{end['DICOMStudyDate']}{end['DICOMStudyTime']}" for end in (low, high))
    if first > last:
        raise UpstreamInvalid("the lower bound is above the upper bound")
    date = tags.get("DICOMStudyDate")
    return bool(date) and first <= f"{date}{tags.get('DICOMStudyTime') or '000000'}" <= last
