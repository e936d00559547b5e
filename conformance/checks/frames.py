"""Frames (PS3.18 10.4.1.1.6): their numbers, their media types, their pixels."""

from typing import Final

from conformance import codestreams, mediatypes, pixels, values
from conformance.context import Context
from conformance.model import Answer, Blocked, NotSupported, Problem, Severity
from conformance.multipart import Part, is_multipart, parse
from conformance.originals import Original, Originals
from conformance.registry import check, observer

_NUMBERS: Final = 3
_REFUSED: Final = (400, 406, 415, 501)


def images(context: Context) -> list[Original]:
    """An image of every kind, of instances of which there is one file."""
    return context.session.once("images", lambda: _images(context))  # type: ignore[no-any-return]


def _images(context: Context) -> list[Original]:
    alone = [files[0] for files in context.originals.by_uid.values() if len(files) == 1]
    return pixels.kinds(alone, context.session.samples)


def original_frames(context: Context, original: Original) -> pixels.Frames | None:
    """The frames of an original; None if this suite cannot decode them."""

    def make() -> pixels.Frames | None:
        try:
            found = pixels.Frames(original)
            found.decoded(1)
            found.decoded(found.count)
        except Exception:
            return None
        return found

    return context.session.once(f"frames {original.path}", make)  # type: ignore[no-any-return]


def metadata(context: Context, original: Original) -> values.Tree:
    """What the server says of an instance; the original's own words if it says nothing."""
    answer = context.get(f"{original.address}/metadata")
    if not answer.ok:
        return original.tree
    found = context.json(answer)
    return values.of_json(found[0]) if found else original.tree


def compare(
    context: Context,
    original: Original,
    numbers: list[int],
    parts: tuple[Part, ...],
    answer: Answer,
) -> None:
    """Compare parts with frames of an original, in the order of ``numbers``."""
    sentence = f"{len(parts)} parts for {len(numbers)} frames"
    if not context.expect(len(parts) == len(numbers), sentence, answer):
        return
    frames = original_frames(context, original)
    if frames is None:
        return
    described = metadata(context, original)
    for number, part in zip(numbers, parts, strict=True):
        if pixels.mislabelled(part):
            continue  # frame.label says so
        apart = pixels.difference(part, described, frames, number)
        where = f"Frame {number} of an image in {original.syntax} as {pixels.label(part)}"
        context.expect(not apart, f"{where}: {apart}", answer)


def _retrieve(context: Context, original: Original, numbers: list[int], accept: str | None) -> None:
    path = f"{original.address}/frames/{','.join(map(str, numbers))}"
    answer = context.get(path, accept=accept)
    if context.succeeded(answer):
        compare(context, original, numbers, context.parts(answer), answer)


def _few(original: Original) -> list[int]:
    last = original.frames
    return sorted({1, (last + 1) // 2, last})


@check("frame.native", "Frames come uncompressed unless another transfer syntax is asked for,"
       " with the pixels of the original", "PS3.18 10.4.1.1.6, 8.7.3", originals=True)  # fmt: skip
def native(context: Context) -> None:
    """application/octet-stream in Explicit VR Little Endian; what is lossy may stay compressed."""
    for original in context.need(images(context), "image"):
        for number in _few(original):
            answer = context.get(f"{original.address}/frames/{number}", accept=mediatypes.OCTETS)
            if not context.succeeded(answer):
                continue
            parts = context.parts(answer)
            if original.syntax not in codestreams.LOSSY:
                for part in parts:
                    right = pixels.label(part) == codestreams.EXPLICIT
                    context.expect(right, f"A part is in {pixels.label(part)}", answer)
            compare(context, original, [number], parts, answer)


@check("frame.stored", "Frames as they are stored have the pixels of the original",
       "PS3.18 10.4.1.1.6, 8.7.3.5.2", originals=True)  # fmt: skip
def stored(context: Context) -> None:
    """transfer-syntax=*."""
    for original in context.need(images(context), "image"):
        for number in _few(original):
            _retrieve(context, original, [number], mediatypes.STORED)


@check("frame.list", "A list of frames gives each of them, in ascending order", "PS3.18 10.4.1.1.6",
       originals=True,
       rests_on=("frame.native",))  # fmt: skip
def several(context: Context) -> None:
    """As many parts, compared one by one."""
    found = [one for one in images(context) if one.frames > 1]
    for original in context.need(found, "image of several frames"):
        numbers = list(range(1, original.frames + 1))
        _retrieve(context, original, numbers[:12], mediatypes.OCTETS)
        _retrieve(context, original, numbers[-2:], mediatypes.STORED)


@check("frame.order", "A list of frames is answered in its own order", "PS3.18 10.4.1.1.6",
       Severity.MAY, originals=True,
       rests_on=("frame.native",))  # fmt: skip
def order(context: Context) -> None:
    """The last before the first; a server may refuse a list that does not ascend."""
    found = [one for one in images(context) if one.frames > 1]
    for original in context.need(found, "image of several frames")[:_NUMBERS]:
        path = f"{original.address}/frames/{original.frames},1"
        answer = context.optional(context.get(path, accept=mediatypes.OCTETS), "Such a list")
        if context.succeeded(answer):
            compare(context, original, [original.frames, 1], context.parts(answer), answer)


@check("frame.beyond", "A frame that there is not is not given", "PS3.18 10.4.1.1.6,"
       " table 10.4.3-1")  # fmt: skip
def beyond(context: Context) -> None:
    """404 or 400; never 200, and never another frame."""
    some = [one for one in context.originals.files if one.frames][:_NUMBERS]
    for original in context.need(some, "image"):
        for number in (str(original.frames + 1), "0"):
            answer = context.get(f"{original.address}/frames/{number}", accept=mediatypes.OCTETS)
            context.succeeded(answer, 404, 400, 416)


@check("frame.malformed", "A list of frames that is none is refused", "PS3.18 10.4.1.1.6,"
       " table 10.4.3-1", Severity.SHOULD)  # fmt: skip
def malformed(context: Context) -> None:
    """400, or 404."""
    some = [one for one in context.originals.files if one.frames][:1]
    for original in context.need(some, "image"):
        for text in ("x", "-1", "1,x"):
            answer = context.get(f"{original.address}/frames/{text}", accept=mediatypes.OCTETS)
            context.succeeded(answer, 400, 404)


@check("frame.without-pixels", "What has no pixels has no frames", "PS3.18 10.4.1.1.6,"
       " table 10.4.3-1")  # fmt: skip
def without_pixels(context: Context) -> None:
    """An error in the range of 400."""
    some = [one for one in context.originals.files if not one.frames][:_NUMBERS]
    for original in context.need(some, "instance without pixels"):
        answer = context.get(f"{original.address}/frames/1", accept=mediatypes.OCTETS)
        context.succeeded(answer, 400, 404, 406, 409)


@observer("frame.label", "The label of a compressed frame is what its codestream is",
          "PS3.18 8.7.3.3, 8.7.9, tables 8.7.3-4 and 8.7.3-5")  # fmt: skip
def labels(answer: Answer, _: Originals) -> list[Problem] | None:
    """Media type and transfer syntax, beside the markers of each part."""
    content_type = answer.header("content-type")
    if not answer.ok or answer.status == 206 or not is_multipart(content_type):
        return None
    if "/rendered" in answer.request.url or "/thumbnail" in answer.request.url:
        return None
    message = parse(str(content_type), answer.body)
    parts = [part for part in message.parts if part.media_type.name in codestreams.MEDIA_TYPES]
    if not parts or not message.whole or answer.broken:
        return None
    found = [text for part in parts if (text := pixels.mislabelled(part))]
    return [Problem(text, answer) for text in found]


def refuses(context: Context, path: str) -> bool:
    """Whether a media type that there is not is refused: Accept decides what is sent."""
    answer = context.get(path, accept=mediatypes.IMPOSSIBLE)
    return not answer.ok


def _compressed(context: Context, media_type: str) -> None:
    """Ask for a media type of every kind of image: what is given must be right; 406 is allowed."""
    given = 0
    for original in context.need(images(context), "image"):
        for syntax in codestreams.MEDIA_TYPES[media_type]:
            accept = mediatypes.multipart(media_type, syntax)
            answer = context.get(f"{original.address}/frames/1", accept=accept)
            context.whole(answer)
            if answer.status in _REFUSED:
                context.compared += 1  # whether it ought to be 406, negotiate.frame-406 says
            elif context.succeeded(answer):
                parts = context.parts(answer)
                given += len(parts)
                for part in parts:
                    right = (part.media_type.name, pixels.label(part)) == (media_type, syntax)
                    if not right and not refuses(context, f"{original.address}/frames/1"):
                        raise Blocked("Accept is not heeded; see negotiate.frame-406")
                    context.expect(right, f"Asked for {syntax} and got {pixels.label(part)}"
                                   f" as {part.media_type.name}", answer)  # fmt: skip
                compare(context, original, [1], parts, answer)
    if not given and not context.problems:
        raise NotSupported(f"No image can be had as {media_type}")


def _offer(media_type: str) -> None:
    @check(f"frame.{media_type.partition('/')[2]}", f"Frames as {media_type} are what was asked"
           " for, with the pixels of the original", "PS3.18 8.7.3.3, table 8.7.3-4",
           Severity.SHALL, originals=True, rests_on=("frame.label",))  # fmt: skip
    def _one(context: Context) -> None:
        _compressed(context, media_type)


for _media_type in codestreams.MEDIA_TYPES:
    if _media_type != "application/octet-stream":
        _offer(_media_type)
