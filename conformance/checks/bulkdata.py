"""Bulk data (PS3.18 10.4.1.1.5): every BulkDataURI leads to the value that it stands for."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urljoin

from conformance import codestreams, mediatypes, pixels, values
from conformance.checks.frames import compare, images
from conformance.context import Context
from conformance.model import Answer, NotSupported, Severity
from conformance.multipart import Part, is_multipart
from conformance.originals import PIXELS, Original
from conformance.registry import check
from conformance.values import Elsewhere, Tree

_MOST: Final = 300
_FRAMES: Final = 64
_LARGEST: Final = 32 << 20
_WAYS: Final = (mediatypes.OCTETS, mediatypes.STORED, "application/octet-stream", "*/*")


def _uris(
    got: Tree, wanted: Tree, at: tuple[int, ...] = ()
) -> Iterator[tuple[int, Elsewhere, values.Value]]:
    """The bulk data of an instance, with the original's value where there is one."""
    for tag, (vr, value) in got.items():
        stored = wanted.get(tag, ("", ()))[1]
        if value and isinstance(value[0], Elsewhere):
            if not value[0]:
                continue
            yield tag, value[0], stored
        elif vr == "SQ":
            items = stored if len(stored) == len(value) else ({},) * len(value)
            for item, original in zip(value, items, strict=True):
                if isinstance(item, dict):
                    yield from _uris(item, original if isinstance(original, dict) else {})


def _walk(context: Context) -> Iterator[tuple[Original, int, str, values.Value, Answer]]:
    """Every BulkDataURI of the originals' metadata, absolute."""
    for original in _alone(context)[: 5 * context.session.samples]:
        answer = context.get(f"{original.address}/metadata")
        if answer.ok:
            for instance in context.json(answer)[:1]:
                for tag, uri, stored in _uris(values.of_json(instance), original.tree):
                    yield original, tag, urljoin(_base(answer), uri), stored, answer


def _base(answer: Answer) -> str:
    return answer.request.url.split("?", 1)[0]


def _alone(context: Context) -> list[Original]:
    return [files[0] for files in context.originals.by_uid.values() if len(files) == 1]


def content(context: Context, answer: Answer) -> bytes:
    """The value in an answer, in an envelope or not."""
    if is_multipart(answer.header("content-type")):
        parts = context.parts(answer)
        return b"".join(part.content for part in parts)
    return answer.body


@check("bulkdata.uris", "Every BulkDataURI leads to a value", "PS3.18 10.4.1.1.5, F.2.6")
def uris(context: Context) -> None:
    """Each is followed, in an envelope or without one."""
    for number, (_, tag, url, _, _) in enumerate(_walk(context)):
        if number < _MOST:
            answer = follow(context, url)
            if context.expect(answer.status in (200, 206), f"The BulkDataURI of {tag:08X} is"
                              f" answered {answer.status}", answer):  # fmt: skip
                got = content(context, context.whole(answer))
                context.expect(bool(got), f"The value of {tag:08X} is empty", answer)


def follow(context: Context, url: str) -> Answer:
    """What a BulkDataURI leads to, in the first of the representations that can be had."""
    answers = []
    for accept in _WAYS:
        answers.append(context.whole(context.get(url, accept=accept)))
        if answers[-1].ok:
            return answers[-1]
    return answers[0]


@check("bulkdata.values", "Bulk data are the bytes of the original", "PS3.18 10.4.1.1.5, F.2.6",
       originals=True)  # fmt: skip
def same(context: Context) -> None:
    """Little endian, padding apart; text is UTF-8."""
    for number, (original, tag, url, stored, _) in enumerate(_walk(context)):
        if number >= _MOST or tag in PIXELS or not stored:
            continue
        answer = follow(context, url)
        if answer.ok:
            got = content(context, answer)
            vr = original.tree.get(tag, ("", ()))[0]
            if isinstance(stored[0], bytes):
                equal = values.same("OB", got, stored[0])
                context.expect(equal, f"The value of {tag:08X} ({vr}) is not the original's"
                               f" ({len(got)} bytes, {len(stored[0])} stored)", answer)  # fmt: skip


@check("bulkdata.pixels", "The BulkDataURI of Pixel Data leads to the frames of the original",
       "PS3.18 10.4.1.1.5, F.2.6", originals=True)  # fmt: skip
def pixel_data(context: Context) -> None:
    """A part for each frame, or all frames in one."""
    chosen = {id(one) for one in images(context)}
    for original, tag, url, _, _ in _walk(context):
        if id(original) not in chosen or tag not in PIXELS or original.frames > _FRAMES:
            continue
        answer = follow(context, url)
        if not answer.ok or not is_multipart(answer.header("content-type")):
            continue
        parts = _cut(context, original, context.parts(answer))
        compare(context, original, list(range(1, original.frames + 1)), parts, answer)


def _cut(context: Context, original: Original, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """One part with all uncompressed frames as a part for each."""
    if len(parts) != 1 or original.frames == 1 or pixels.label(parts[0]) not in codestreams.NATIVE:
        return parts
    size, odd = divmod(len(parts[0].content), original.frames)
    content = parts[0].content if not odd else parts[0].content[:-odd]
    cut = [content[at : at + size] for at in range(0, len(content), size)] if size else []
    return tuple(replace(parts[0], content=one) for one in cut) or parts


def _resource(context: Context, name: str) -> None:
    [original] = context.need([one for one in _alone(context) if one.frames == 1][:1], "image")
    answer = context.get(f"{original.address}/{name}", accept=mediatypes.STORED)
    context.optional(answer, f"/{name} of an instance")
    if context.succeeded(answer, 200, 206):
        parts = context.parts(answer)
        context.expect(bool(parts), "There are no parts", answer)
        if name == "bulkdata":
            located = all("content-location" in part.fields for part in parts)
            context.expect(located, "A part has no Content-Location", answer)


@check("bulkdata.instance", "All bulk data of an instance can be had at once, each with its"
       " Content-Location", "PS3.18 10.4.1.1.5", Severity.MAY)  # fmt: skip
def of_instance(context: Context) -> None:
    """…/instances/{instance}/bulkdata."""
    _resource(context, "bulkdata")


@check("bulkdata.pixeldata", "The pixel data of an instance can be had at once",
       "PS3.18 10.4.1.1.6", Severity.MAY)  # fmt: skip
def pixeldata(context: Context) -> None:
    """…/instances/{instance}/pixeldata."""
    _resource(context, "pixeldata")


@check("bulkdata.range", "A range of bytes of bulk data is those bytes", "PS3.18 10.4.1.1.5,"
       " RFC 9110 14.2", Severity.MAY)  # fmt: skip
def ranges(context: Context) -> None:
    """Range is optional: 200 with the whole value is no mistake."""
    for _, tag, url, _, _ in _walk(context):
        whole = context.get(url, accept="application/octet-stream")
        if tag in PIXELS or not whole.ok or is_multipart(whole.header("content-type")):
            continue
        if len(whole.body) < 4:
            continue
        part = context.whole(context.get(url, accept="application/octet-stream", range="bytes=1-2"))
        if part.status == 200:
            raise NotSupported("Range is ignored")
        if context.succeeded(part, 206):
            context.expect(part.body == whole.body[1:3], "Other bytes than asked for", part)
            told = part.header("content-range")
            right = told in (f"bytes 1-2/{len(whole.body)}", "bytes 1-2/*")
            context.expect(right, f"Content-Range: {told}", part)
        return
