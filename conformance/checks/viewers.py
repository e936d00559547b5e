"""What viewers and toolkits send, as it was recorded, and what they need back.

Requests that are by the letter of the standard have to succeed; those that are not, though viewers
send them, are of level "may".
"""

from typing import Final

from conformance import codestreams, mediatypes, results
from conformance.checks.frames import images
from conformance.checks.search_matching import values_of
from conformance.context import Context
from conformance.model import Answer, NotSupported, Severity
from conformance.multipart import is_multipart
from conformance.originals import Original
from conformance.registry import check

_LIST: Final = (
    ("limit", "101"),
    ("offset", "0"),
    ("fuzzymatching", "false"),
    ("includefield", "00081030,00080060,00080090,00100030"),
)
_ROW: Final = ("0020000D", "00080020", "00080030", "00080050", "00100020", "00100010", "00201208")
_IMAGE: Final = (0x00280010, 0x00280011, 0x00280002, 0x00280004, 0x00280100, 0x00280101, 0x00280103)
_UNQUOTED: Final = "multipart/related; type=application/octet-stream; transfer-syntax=*"
_DICOMWEB_CLIENT: Final = "application/dicom+json, application/json"
_TILES: Final = (
    "multipart/related; type=image/jls; transfer-syntax=1.2.840.10008.1.2.4.80,"
    " multipart/related; type=image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90,"
    " multipart/related; type=application/octet-stream; transfer-syntax=*,"
    " multipart/related; type=image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"
)


def _rows(context: Context, *filters: tuple[str, str]) -> tuple[set[str], Answer]:
    found, answer = context.search("/studies", *filters, *_LIST)
    return {results.uid(one, 1) for one in found}, answer


@check("viewer.ohif-list", "OHIF's study list has what its rows show", "PS3.18 10.6.3.3.1;"
       " OHIF 3.13", Severity.SHOULD)  # fmt: skip
def study_list(context: Context) -> None:
    """Typed includefield, limit, offset and fuzzymatching together."""
    found, answer = context.search("/studies", *_LIST)
    listed = results.by_uid(found, 1)
    for one in context.entities(1):
        result = listed.get(one.uid)
        for name in _ROW if result is not None else ():
            stored = all(one.distinct(int(name, 16))) or name == "00201208"
            if stored and result is not None:
                context.expect(name in result, f"{name} is missing from a row", answer)
        modalities = (result or {}).get("00080061")
        if isinstance(modalities, dict):
            held = bool(modalities.get("Value"))
            context.expect(held, "00080061 without a Value breaks OHIF's whole list", answer)


@check("viewer.ohif-filters", "OHIF's filters of the study list find the study", "PS3.18 10.6.1.2;"
       " OHIF 3.13", Severity.SHOULD,
       rests_on=("match.wildcards",))  # fmt: skip
def filters(context: Context) -> None:
    """*text* in PatientID, AccessionNumber and description; a range of dates; modalities."""
    for tag, key in ((0x00100020, "00100020"), (0x00080050, "AccessionNumber")):
        for text in values_of(context.entities(1), tag)[:1]:
            wanted = {o.uid for o, v in results.pick(context.entities(1), tag) if str(v[0]) == text}
            listed, answer = _rows(context, (key, f"*{text}*"))
            context.expect(wanted <= listed, f"{key}=*…* does not find the study", answer)
    for text in values_of(context.entities(1), 0x00080020)[:1]:
        dated = results.pick(context.entities(1), 0x00080020)
        wanted = {one.uid for one, value in dated if str(value[0]) == text}
        listed, answer = _rows(context, ("StudyDate", f"{text}-20991231"))
        context.expect(wanted <= listed, "StudyDate=A-B does not find the study", answer)
    for one in context.entities(1)[:1]:
        listed, answer = _rows(context, ("StudyInstanceUID", one.uid))
        context.expect(listed == {one.uid}, "StudyInstanceUID does not find the study", answer)


@check("viewer.ohif-modalities", "OHIF's choice of several modalities finds studies with one of"
       " them", "PS3.18 10.6.1.2; OHIF 3.13", Severity.MAY)  # fmt: skip
def modalities(context: Context) -> None:
    """ModalitiesInStudy=CT,XA: a list, which the standard has for UIDs only."""
    for one in context.entities(1)[:1]:
        modality = one.files[0].text(0x00080060)
        listed, answer = _rows(context, ("ModalitiesInStudy", f"{modality},XA"))
        if not listed:
            raise NotSupported("A comma is not taken for a list")
        context.expect(one.uid in listed, "A study with the first of them is missing", answer)


@check("viewer.ohif-series", "OHIF opens a study by its series and their metadata",
       "PS3.18 10.6.3.3.2, 10.4.1.1.2; OHIF 3.13", Severity.SHOULD)  # fmt: skip
def series(context: Context) -> None:
    """The series with four fields, then each one's metadata with what draws an image."""
    fields = ("includefield", "00080021,00080031,0008103E,00200011")
    for original in images(context)[:4] or context.originals.files[:4]:
        study, uid, sop = original.uids
        found, answer = context.search(f"/studies/{study}/series", fields)
        context.expect(uid in results.by_uid(found, 2), "A series is missing", answer)
        told = context.get(f"/studies/{study}/series/{uid}/metadata")
        if context.succeeded(told):
            instance = results.by_uid(context.json(told), 3).get(sop, {})
            for tag in _IMAGE if original.frames else ():
                if original.value(tag):
                    held = bool(results.value(instance, tag))
                    context.expect(held, f"{tag:08X} has no value", told)


def _frame(context: Context, accept: str | None, *pairs: tuple[str, str]) -> None:
    lossless = [one for one in images(context) if one.syntax not in codestreams.LOSSY]
    for original in context.need(lossless or images(context), "image")[:3]:
        answer = context.get(f"{original.address}/frames/1", pairs, accept=accept)
        context.optional(answer, "This Accept")
        if context.succeeded(answer):
            context.expect(bool(_first(context, answer)), "There is no frame", answer)


def _first(context: Context, answer: Answer) -> bytes:
    if is_multipart(answer.header("content-type")):
        parts = context.parts(answer)
        return parts[0].content if parts else b""
    return answer.body


@check("viewer.cornerstone-frame", "cornerstone's request for a frame", "PS3.18 8.7.3.5.2;"
       " cornerstone3D 5.8", Severity.SHOULD)  # fmt: skip
def cornerstone(context: Context) -> None:
    """Any transfer syntax in quotes."""
    _frame(context, f'{mediatypes.OCTETS}; transfer-syntax="*"')


@check("viewer.unquoted-frame", "Requests for frames with parameters that are not quoted",
       "beyond RFC 9110 5.6.6; OHIF 3.13", Severity.MAY)  # fmt: skip
def unquoted(context: Context) -> None:
    """type=application/octet-stream needs quotes; OHIF leaves them out to avoid preflights."""
    _frame(context, _UNQUOTED)


@check("viewer.tiles", "A slide viewer's list of media types for a frame", "PS3.18 8.7.5;"
       " OHIF 3.13 slide viewer", Severity.MAY)  # fmt: skip
def tiles(context: Context) -> None:
    """Several ranges without quotes."""
    _frame(context, _TILES)


@check("viewer.dicomweb-client", "dicomweb-client's requests", "PS3.18 8.7.5; dicomweb-client 0.59",
       Severity.SHOULD)  # fmt: skip
def dicomweb_client(context: Context) -> None:
    """A list of media types for searches, any type for frames, paging to the end."""
    answer = context.get("/studies", [("limit", "2")], accept=_DICOMWEB_CLIENT)
    context.need(context.originals.files, "instance")
    if context.succeeded(answer, 200):
        context.expect(bool(context.json(answer)), "It is empty", answer)
    last = context.get("/studies", [("offset", "100000")], accept=_DICOMWEB_CLIENT)
    if not context.is_empty_404(last):
        context.succeeded(last, 200, 204)
    original: Original = context.need(context.originals.files, "instance")[0]
    accept = f"{mediatypes.DICOM}; transfer-syntax=*"
    context.succeeded(context.get(original.address, accept=accept))


@check("viewer.any-frame", 'A frame of any type: multipart/related; type="*/*"', "PS3.18 8.7.5;"
       " dicomweb-client 0.59", Severity.MAY)  # fmt: skip
def any_frame(context: Context) -> None:
    """A range as the type of the parts."""
    _frame(context, 'multipart/related; type="*/*"')


@check("viewer.thumbnail", "A thumbnail is one JPEG, whatever Accept says beside accept=",
       "PS3.18 8.3.3.1, 10.4.1.1.4; OHIF 3.13", Severity.MAY)  # fmt: skip
def thumbnail(context: Context) -> None:
    """accept=image/jpeg in the query, and an Accept for frames in the header."""
    for original in context.need(images(context), "image")[:2]:
        answer = context.get(
            f"{original.address}/thumbnail", [("accept", "image/jpeg")], accept=mediatypes.OCTETS
        )
        context.optional(answer, "accept= beside such a header")
        if context.succeeded(answer):
            context.expect(answer.body[:3] == b"\xff\xd8\xff", "It is no JPEG", answer)


@check("viewer.weasis", "Weasis's requests: a study's series and instances, then each file",
       "PS3.18 10.6, 10.4.1.1.1; Weasis 4", Severity.SHOULD)  # fmt: skip
def weasis(context: Context) -> None:
    """Fields by keyword, repeated; instances in the transfer syntax they are kept in."""
    fields = [("includefield", one) for one in ("InstanceNumber", "SOPClassUID", "NumberOfFrames")]
    for one in context.entities(2)[:3]:
        path = results.resource(3, one.uids)
        found, answer = context.search(path, *fields)
        known = {file.uids[2] for file in one.files}
        listed = results.by_uid(found, 3)
        context.expect(known <= listed.keys(), "An instance is missing", answer)
        for sop in sorted(known & listed.keys())[:1]:
            accept = f"{mediatypes.DICOM};transfer-syntax=*"
            context.succeeded(context.get(f"{path}/{sop}", accept=accept))


@check("viewer.slicer", "3D Slicer's requests: pages of studies to the end, then whole series",
       "PS3.18 8.3.4.4, 10.4.1.1.1; 3D Slicer 5", Severity.SHOULD,
       rests_on=("page.limit", "page.offset"))  # fmt: skip
def slicer(context: Context) -> None:
    """An offset that is ignored makes it loop for ever."""
    seen: set[str] = set()
    for page in range(60):
        found, answer = context.search("/studies", ("limit", "5"), ("offset", str(5 * page)))
        new = {results.uid(one, 1) for one in found} - seen
        if not found:
            break
        if not context.expect(bool(new), "The pages do not end", answer):
            break
        seen |= new
    for one in context.entities(2)[:2]:
        path = f"/studies/{one.uids[0]}/series/{one.uids[1]}"
        context.succeeded(context.get(path, accept=mediatypes.DICOM))
