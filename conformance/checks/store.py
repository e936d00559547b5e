"""Storing (PS3.18 10.5): only with ``--allow-store``, and only generated instances."""

import io
import uuid
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from conformance import mediatypes, nativexml, results, values
from conformance.context import Context
from conformance.model import Answer, NotSupported, Request, Severity
from conformance.registry import check
from conformance.values import Tree

_STORED: Final = 0x00081199
_FAILED: Final = 0x00081198
_REASON: Final = 0x00081197
_REFERENCE: Final = (0x00081150, 0x00081155)
_URL: Final = 0x00081190
_XML: Final = "application/dicom+xml"


def instance(study: str = "") -> Dataset:
    """A small secondary capture of a patient that nobody is."""
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID = study or generate_uid()
    made.SeriesInstanceUID = generate_uid()
    made.PatientName, made.PatientID = "Conformance^Suite", "DICOMWEB-CONFORMANCE"
    made.PatientBirthDate, made.PatientSex = "", ""
    made.StudyDate, made.StudyTime, made.StudyID = "20240101", "120000", "1"
    made.AccessionNumber, made.ReferringPhysicianName = "", ""
    made.Modality, made.SeriesNumber, made.InstanceNumber = "OT", 1, 1
    made.ConversionType = "WSD"
    made.Rows = made.Columns = 8
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = bytes(range(64))
    return made


def part10(dataset: Dataset) -> bytes:
    """A data set as a file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def store(
    context: Context, *files: bytes, path: str = "/studies", accept: str = mediatypes.JSON
) -> Answer:
    """Send files in one request; its answer."""
    boundary = uuid.uuid4().hex
    body = b"".join(
        b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (boundary.encode(), one)
        for one in files
    )
    content = f'multipart/related; type="application/dicom"; boundary={boundary}'
    headers = (("Accept", accept), ("Content-Type", content))
    whole = body + b"--%s--\r\n" % boundary.encode()
    request = Request("POST", context.session.client.url(path), headers, whole)
    answer = context.session.client.send(request)
    context.exchanges[id(answer)] = answer
    if answer.status in (404, 405, 501):
        raise NotSupported(f"Storing is answered {answer.status}")
    return context.whole(answer)


def module(context: Context, answer: Answer) -> Tree:
    """The Store Instances Response Module of an answer, in JSON or in XML."""
    kind = mediatypes.parse(answer.header("content-type") or "")
    if kind.name == _XML:
        tree, problem = nativexml.parse(answer.body)
        context.expect(not problem, problem, answer)
        return tree
    found: list[dict[str, Any]] = context.json(answer)
    return values.of_json(found[0]) if found else {}


def _referenced(tree: Tree, tag: int) -> set[str]:
    items = tree.get(tag, ("SQ", ()))[1]
    return {
        str(item[_REFERENCE[1]][1][0]) for item in items if item.get(_REFERENCE[1], ("", ()))[1]
    }


@check("store.instance", "An instance is stored, and the answer refers to it", "PS3.18 10.5.3,"
       " I.1, table 10.5.3-1", stores=True)  # fmt: skip
def one(context: Context) -> None:
    """200 with Referenced SOP Sequence and RetrieveURL; it can be found and retrieved then."""
    dataset = instance()
    answer = store(context, part10(dataset))
    if not context.succeeded(answer):
        return
    tree = module(context, answer)
    named = _referenced(tree, _STORED)
    context.expect(named == {dataset.SOPInstanceUID}, "00081199 does not name it", answer)
    for item in tree.get(_STORED, ("SQ", ()))[1]:
        for tag in _REFERENCE:
            context.expect(tag in item, f"{tag:08X} is missing in 00081199", answer)
        context.expect(_URL in item, "00081190 is missing in 00081199", answer)
    context.expect(_URL in tree, "00081190 is missing", answer)
    path = f"/studies/{dataset.StudyInstanceUID}"
    found, searched = context.search(f"{path}/instances")
    listed = results.by_uid(found, 3)
    context.expect(dataset.SOPInstanceUID in listed, "It is not found then", searched)
    retrieved = context.get(path, accept=mediatypes.DICOM)
    if context.succeeded(retrieved):
        [got, *_] = [pydicom.dcmread(io.BytesIO(p.content)) for p in context.parts(retrieved)]
        same = got.PixelData == dataset.PixelData and got.PatientID == dataset.PatientID
        context.expect(same, "It comes back changed", retrieved)


@check("store.again", "An instance that is stored already is no failure", "PS3.18 10.5.3,"
       " PS3.4 B.2", Severity.SHOULD, stores=True)  # fmt: skip
def again(context: Context) -> None:
    """200 or 202, or 409 that names it."""
    content = part10(instance())
    store(context, content)
    answer = store(context, content, path="/studies")
    context.succeeded(answer, 200, 202, 409)


@check("store.mismatch", "An instance of another study than the path's is refused",
       "PS3.18 10.5.3.1, I.2.2", stores=True)  # fmt: skip
def mismatch(context: Context) -> None:
    """409 with Failed SOP Sequence and a Failure Reason."""
    dataset = instance()
    answer = store(context, part10(dataset), path=f"/studies/{generate_uid()}")
    if context.succeeded(answer, 409):
        tree = module(context, answer)
        named = dataset.SOPInstanceUID in _referenced(tree, _FAILED)
        context.expect(named, "00081198 does not name it", answer)
        items = tree.get(_FAILED, ("SQ", ()))[1]
        reasons = bool(items) and all(_REASON in item for item in items)
        context.expect(reasons, "00081197 is missing in 00081198", answer)


@check("store.study", "Instances of the path's study are stored", "PS3.18 10.5.1, table 10.5.1-1",
       stores=True)  # fmt: skip
def study(context: Context) -> None:
    """Two in one request."""
    uid = generate_uid()
    both = [instance(uid), instance(uid)]
    answer = store(context, *map(part10, both), path=f"/studies/{uid}")
    if context.succeeded(answer):
        named = _referenced(module(context, answer), _STORED)
        context.expect(named == {o.SOPInstanceUID for o in both}, "Not both are named", answer)


@check("store.xml", "The answer can be had as the Native DICOM Model", "PS3.18 10.5.4, I.1",
       stores=True)  # fmt: skip
def xml(context: Context) -> None:
    """Accept: application/dicom+xml."""
    answer = store(context, part10(instance()), accept=_XML)
    if context.succeeded(answer):
        kind = mediatypes.parse(answer.header("content-type") or "")
        if context.expect(kind.name == _XML, f"It is {kind.name}", answer):
            context.expect(_STORED in module(context, answer), "00081199 is missing", answer)


@check("store.garbage", "What is no DICOM is refused", "PS3.18 10.5.3.1, table 10.5.3-1",
       stores=True)  # fmt: skip
def garbage(context: Context) -> None:
    """400 or 409, or 202 that names no instance; never 200."""
    answer = store(context, b"This is no DICOM file.")
    context.succeeded(answer, 400, 409, 415, 202)
    if answer.status == 202:
        context.expect(not _referenced(module(context, answer), _STORED), "It is stored", answer)


@check("store.media-type", "A payload of a media type that there is not is 415", "PS3.18 10.5.3.1,"
       " table 10.5.3-1", Severity.SHOULD, stores=True)  # fmt: skip
def media_type(context: Context) -> None:
    """Content-Type: text/plain."""
    headers = (("Accept", mediatypes.JSON), ("Content-Type", "text/plain"))
    url = context.session.client.url("/studies")
    answer = context.session.client.send(Request("POST", url, headers, b"nothing"))
    context.exchanges[id(answer)] = answer
    if answer.status in (404, 405, 501):
        raise NotSupported(f"Storing is answered {answer.status}")
    context.succeeded(answer, 415, 400)
