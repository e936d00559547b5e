"""Instances as files (PS3.18 10.4.1.1.1): whole, in the transfer syntax asked for, unchanged."""

import io
import warnings
from typing import Final

import pydicom
from pydicom.dataset import FileDataset

from conformance import codestreams, differences, mediatypes, pixels, values
from conformance.checks.frames import images, original_frames, refuses
from conformance.checks.metadata import address
from conformance.context import Context
from conformance.model import Answer, Blocked, NotSupported, Severity
from conformance.multipart import Part
from conformance.originals import PIXELS, Original
from conformance.registry import check

_SHOWN: Final = 3
_LARGEST: Final = 64 << 20
_OFFERED: Final = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70",
                   "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5",
                   "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202")  # fmt: skip


def read(context: Context, content: bytes, answer: Answer) -> FileDataset | None:
    """A file that was sent; a problem if it is none."""
    if not context.expect(content[128:132] == b"DICM", "A part is not a Part 10 file", answer):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(io.BytesIO(content))
    except Exception as error:
        context.problem(f"A file cannot be read ({type(error).__name__})", answer)
        return None


def check_meta(context: Context, dataset: FileDataset, part: Part, answer: Answer) -> str:
    """The File Meta Information says what the data set and the part's header say."""
    meta = dataset.file_meta
    syntax = str(meta.get("TransferSyntaxUID", ""))
    same = meta.get("MediaStorageSOPInstanceUID") == dataset.get("SOPInstanceUID")
    originals = context.originals.by_uid.get(str(dataset.get("SOPInstanceUID", "")), [])
    same = same or not all(one.consistent for one in originals)
    context.expect(same, "MediaStorageSOPInstanceUID is not the SOP Instance UID", answer)
    same = meta.get("MediaStorageSOPClassUID") == dataset.get("SOPClassUID")
    same = same or not all(one.consistent for one in originals)
    context.expect(same, "MediaStorageSOPClassUID is not the SOP Class UID", answer)
    context.expect(bool(syntax), "A file does not say its transfer syntax", answer)
    said = part.media_type.parameters.get("transfer-syntax")
    sentence = f"The part says {said}, the file {syntax}"
    context.expect(said in (None, syntax), sentence, answer)
    barred = syntax in (codestreams.IMPLICIT, codestreams.BIG_ENDIAN)
    context.expect(not barred, f"A file is in {syntax}, which shall not be used", answer)
    return syntax


def compare(context: Context, dataset: FileDataset, part: Part, answer: Answer) -> None:
    """Compare a file with the original that it is."""
    check_meta(context, dataset, part, answer)
    originals = context.originals.by_uid.get(str(dataset.get("SOPInstanceUID", "")), [])
    if not originals:
        return
    tree = values.of_file(dataset)
    found = differences.closest(tree, [one.tree for one in originals], lambda _: None)
    for sentence in found[:_SHOWN]:
        context.problem(f"An instance of {originals[0].text(0x00080060)}: {sentence}", answer)
    context.compared += 1


def compare_pixels(
    context: Context, dataset: FileDataset, tree: values.Tree, original: Original, answer: Answer
) -> None:
    """Compare the frames of a file with those of the original."""
    wanted = original_frames(context, original)
    if wanted is None:
        return
    if not context.expect(any(tag in dataset for tag in PIXELS), "No pixel data", answer):
        return
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    sent = Original(original.path, tree, syntax)
    try:
        got = pixels.Frames.of(dataset, sent)
    except Exception as error:
        context.problem(f"Pixel data in {syntax} cannot be read ({type(error).__name__})", answer)
        return
    if not context.expect(got.count == wanted.count, f"{got.count} frames", answer):
        return
    for number in sorted({1, wanted.count}):
        apart = pixels.between(got, wanted, number)
        where = f"Frame {number} of an image in {original.syntax}, sent in {syntax}"
        context.expect(not apart, f"{where}: {apart}", answer)


def _files(context: Context, answer: Answer) -> list[tuple[FileDataset, Part]]:
    found = []
    for part in context.parts(answer):
        right = part.media_type.name == "application/dicom"
        context.expect(right, f"A part is {part.media_type.name or 'of no type'}", answer)
        dataset = read(context, part.content, answer)
        if dataset is not None:
            found.append((dataset, part))
    return found


def _retrieve(context: Context, original: Original, accept: str | None, *, pixel: bool) -> Answer:
    answer = context.get(original.address, accept=accept)
    if context.succeeded(answer):
        files = _files(context, answer)
        context.expect(len(files) == 1, f"{len(files)} files for an instance", answer)
        for dataset, part in files:
            tree = values.of_file(dataset)
            compare(context, dataset, part, answer)
            if pixel and original.frames:
                compare_pixels(context, dataset, tree, original, answer)
    return answer


def _some(context: Context) -> list[Original]:
    """An image of every kind, and what has no pixels."""
    without = [one for one in context.originals.files if not one.frames]
    alone = [one for one in without if len(context.originals.by_uid[one.uids[2]]) == 1]
    return [*images(context), *alone[:5]]


@check("instance.default", "An instance comes as a file in Explicit VR Little Endian, with the"
       " attributes and pixels of the original", "PS3.18 10.4.1.1.1, 8.7.3",
       originals=True)  # fmt: skip
def default(context: Context) -> None:
    """What is kept in lossy compression may stay in it."""
    for original in _some(context):
        answer = _retrieve(context, original, mediatypes.DICOM, pixel=True)
        if answer.ok and original.syntax not in codestreams.LOSSY:
            for dataset, _ in _files(context, answer):
                syntax = dataset.file_meta.get("TransferSyntaxUID")
                sentence = f"An instance in {original.syntax} comes in {syntax}"
                context.expect(syntax == codestreams.EXPLICIT, sentence, answer)


@check("instance.stored", "An instance as it is stored has the attributes and pixels of the"
       " original", "PS3.18 10.4.1.1.1, 8.7.3.5.2", originals=True,
       rests_on=("instance.default",))  # fmt: skip
def stored(context: Context) -> None:
    """transfer-syntax=*."""
    for original in _some(context):
        _retrieve(context, original, f"{mediatypes.DICOM}; transfer-syntax=*", pixel=True)


@check("instance.single-part", "An instance can be had as a single part", "PS3.18 10.4.4,"
       " table 10.4.4-1", Severity.MAY)  # fmt: skip
def single_part(context: Context) -> None:
    """Accept: application/dicom."""
    original = context.need(_some(context), "instance")[0]
    answer = context.get(original.address, accept="application/dicom")
    context.optional(answer, "application/dicom without multipart")
    if context.succeeded(answer):
        kind = mediatypes.parse(answer.header("content-type") or "")
        context.expect(kind.name == "application/dicom", f"It is {kind.name}", answer)
        dataset = read(context, answer.body, answer)
        if dataset is not None:
            same = dataset.get("SOPInstanceUID") == original.uids[2]
            if context.expect(same, "It is another instance", answer):
                compare(context, dataset, Part({}, kind, answer.body), answer)
                if original.frames:
                    tree = values.of_file(dataset)
                    compare_pixels(context, dataset, tree, original, answer)


@check("instance.syntaxes", "A transfer syntax that is asked for is that of the file, or refused"
       " with 406", "PS3.18 8.7.3.5.2, 8.7.8", originals=True)  # fmt: skip
def syntaxes(context: Context) -> None:
    """Every transfer syntax of common use, of a grey image and one in colour."""
    given = set()
    for original in _grey_and_colour(context):
        for syntax in _OFFERED:
            accept = f"{mediatypes.DICOM}; transfer-syntax={syntax}"
            answer = context.whole(context.get(original.address, accept=accept))
            if answer.status in (400, 406, 415, 501):
                context.compared += 1
            elif context.succeeded(answer):
                for dataset, part in _files(context, answer):
                    got = check_meta(context, dataset, part, answer)
                    if got != syntax and not refuses(context, original.address):
                        raise Blocked("Accept is not heeded; see negotiate.instance-406")
                    context.expect(got == syntax, f"Asked for {syntax}, got {got}", answer)
                    given.add(got)
                    tree = values.of_file(dataset)
                    compare_pixels(context, dataset, tree, original, answer)
    if not given and not context.problems:
        raise NotSupported("No transfer syntax can be asked for")
    context.note(f"Sent: {', '.join(sorted(given))}")


def _grey_and_colour(context: Context) -> list[Original]:
    found: dict[int, Original] = {}
    for one in images(context):
        if one.syntax not in codestreams.LOSSY and one.number(0x00280100) in (8, 16):
            found.setdefault(one.number(0x00280002, 1), one)
    return list(found.values())


def _members(context: Context, depth: int) -> None:
    for one in context.entities(depth)[:8]:
        answer = context.get(address(one), accept=f"{mediatypes.DICOM}; transfer-syntax=*")
        if context.succeeded(answer):
            files = _files(context, answer)
            uids = [str(dataset.get("SOPInstanceUID", "")) for dataset, _ in files]
            known = {file.uids[2] for file in one.files}
            context.expect(known <= set(uids), "An instance is missing", answer)
            context.expect(len(set(uids)) == len(uids), "An instance comes twice", answer)
            for dataset, part in files:
                compare(context, dataset, part, answer)


@check("instance.study", "A study is all its instances, each once", "PS3.18 10.4.1.1.1",
       originals=True,
       rests_on=("instance.default",))  # fmt: skip
def study(context: Context) -> None:
    """A part for each."""
    _members(context, 1)


@check("instance.series", "A series is all its instances, each once", "PS3.18 10.4.1.1.1",
       originals=True,
       rests_on=("instance.default",))  # fmt: skip
def series(context: Context) -> None:
    """A part for each."""
    _members(context, 2)
