"""Rendered images and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4): type and size."""

import io
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from conformance import pictures
from conformance.checks.frames import images, original_frames
from conformance.context import Context
from conformance.model import Answer, Severity
from conformance.originals import Original
from conformance.registry import check

_MOST: Final = 8
_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF"}
_LARGEST: Final = 100_000_000


def picture(context: Context, answer: Answer, media_type: str) -> Image.Image | None:
    """The picture in an answer; a problem if it is none, or of another type."""
    told = (answer.header("content-type") or "").split(";")[0].strip().lower()
    if not context.expect(told == media_type, f"Asked for {media_type}, got {told}", answer):
        return None
    try:
        found = Image.open(io.BytesIO(answer.body))
        if found.width * found.height > _LARGEST:
            context.problem("The picture is far too large", answer)
            return None
        found.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        context.problem(f"The picture cannot be read ({type(error).__name__})", answer)
        return None
    right = found.format == _FORMATS[media_type]
    context.expect(right, f"It is {found.format}, labelled {media_type}", answer)
    return found


def _images(context: Context) -> list[Original]:
    return context.need(images(context), "image")[:_MOST]  # type: ignore[no-any-return]


def _offered(context: Context, resource: str) -> None:
    """Rendering is optional: not one image can be had means that it is not offered."""
    answers = [
        context.get(f"{one.address}{resource}", accept="image/jpeg") for one in _images(context)[:3]
    ]
    if not any(answer.ok for answer in answers):
        context.optional(answers[0], resource.rpartition("/")[2])


@check("rendered.instance", "A rendered image has the size of the image", "PS3.18 10.4.1.1.3,"
       " 8.7.4", originals=True)  # fmt: skip
def instance(context: Context) -> None:
    """image/jpeg, rows and columns as in the original unless its pixels are not square."""
    _offered(context, "/rendered")
    for original in _images(context):
        answer = context.get(f"{original.address}/rendered", accept="image/jpeg")
        if _declined(context, answer, original):
            continue
        if context.succeeded(answer) and (found := picture(context, answer, "image/jpeg")):
            _size(context, found, original, answer)


def _declined(context: Context, answer: Answer, original: Original) -> bool:
    """Whether the server says that it cannot render one image: it need not render every kind."""
    if answer.status in (400, 406, 415, 501):
        context.note(f"An image in {original.syntax} is not rendered ({answer.status})")
        return True
    return False


def _size(context: Context, found: Image.Image, original: Original, answer: Answer) -> None:
    rows, columns = original.number(0x00280010), original.number(0x00280011)
    square = not original.value(0x00280034) and len(set(original.value(0x00280030))) < 2
    right = found.size == (columns, rows) if square else max(found.size) >= min(rows, columns)
    sentence = f"The picture is {found.width}x{found.height}, the image {columns}x{rows}"
    context.expect(right, sentence, answer)


@check("rendered.types", "A rendered image is of the media type that was asked for", "PS3.18 8.7.4",
       Severity.SHOULD, originals=True)  # fmt: skip
def types(context: Context) -> None:
    """JPEG, PNG and GIF for a single frame are required where rendering is offered."""
    _offered(context, "/rendered")
    original = _images(context)[0]
    for media_type in _FORMATS:
        answer = context.get(f"{original.address}/rendered", accept=media_type)
        if context.succeeded(answer):
            picture(context, answer, media_type)


@check("rendered.frames", "A rendered frame is that frame", "PS3.18 10.4.1.1.3", originals=True,
       rests_on=("rendered.instance",))  # fmt: skip
def frames(context: Context) -> None:
    """…/frames/1/rendered."""
    _offered(context, "/frames/1/rendered")
    for original in _images(context):
        answer = context.get(f"{original.address}/frames/1/rendered", accept="image/jpeg")
        if _declined(context, answer, original):
            continue
        if context.succeeded(answer) and (found := picture(context, answer, "image/jpeg")):
            _size(context, found, original, answer)


@check("rendered.picture", "A rendered image shows the image: that frame, upright, in its colours",
       "PS3.18 10.4.1.1.3, 8.7.4", originals=True)  # fmt: skip
def shown(context: Context) -> None:
    """The first and the last frame; windows are the server's choice, and change no order."""
    _offered(context, "/rendered")
    for original in _images(context):
        frames = original_frames(context, original)
        for number in sorted({1, original.frames}) if frames else ():
            tail = "/rendered" if original.frames == 1 else f"/frames/{number}/rendered"
            answer = context.whole(context.get(f"{original.address}{tail}", accept="image/jpeg"))
            try:
                found = Image.open(io.BytesIO(answer.body)) if answer.ok else None
                apart = found and frames and pictures.difference(found, original, frames, number)
            except (OSError, SyntaxError, ValueError):
                continue  # rendered.instance and rendered.frames say so
            if found is not None and frames:
                where = f"The picture of frame {number} of an image in {original.syntax}"
                context.expect(not apart, f"{where}: {apart}", answer)


@check("rendered.viewport", "A viewport bounds the picture, and keeps its proportions",
       "PS3.18 8.3.5.1.3", Severity.SHALL, originals=True)  # fmt: skip
def viewport(context: Context) -> None:
    """viewport=32,32."""
    _offered(context, "/rendered")
    for original in _images(context)[:3]:
        answer = context.get(
            f"{original.address}/rendered", [("viewport", "32,32")], accept="image/jpeg"
        )
        context.optional(answer, "viewport")
        if context.succeeded(answer) and (found := picture(context, answer, "image/jpeg")):
            sentence = f"viewport=32,32 gives {found.width}x{found.height}"
            context.expect(max(found.size) <= 32, sentence, answer)


@check("rendered.window", "A window changes what is white and black", "PS3.18 8.3.5.1.4",
       Severity.SHOULD, originals=True)  # fmt: skip
def window(context: Context) -> None:
    """Two windows, one beyond all values: the pictures differ; one that is no window is 400."""
    _offered(context, "/rendered")
    grey = [
        one
        for one in _images(context)
        if one.text(0x00280004).startswith("MONOCHROME") and one.number(0x00280100) == 16
    ]
    for original in context.need(grey, "grey image of 16 bits")[:2]:
        path, shown = f"{original.address}/rendered", []
        for text in ("100000,10,linear", "-100000,10,linear"):
            answer = context.get(path, [("window", text)], accept="image/jpeg")
            context.optional(answer, "window")
            if context.succeeded(answer) and (found := picture(context, answer, "image/jpeg")):
                shown.append((np.asarray(found.convert("L")).mean(), answer))
        if len(shown) == 2:
            apart = abs(shown[0][0] - shown[1][0]) > 128
            context.expect(apart, "The window changes nothing", shown[1][1])


@check("rendered.malformed", "Parameters of rendering that are none are refused with 400",
       "PS3.18 8.3.5.1, 10.4.3.1", Severity.SHOULD, originals=True)  # fmt: skip
def malformed(context: Context) -> None:
    """viewport=x and window=1,2."""
    _offered(context, "/rendered")
    original = _images(context)[0]
    for key, value in (("viewport", "x"), ("window", "1,2"), ("quality", "1000")):
        answer = context.get(f"{original.address}/rendered", [(key, value)], accept="image/jpeg")
        context.whole(answer)
        sentence = f"{key}={value} is answered {answer.status}"
        context.expect(answer.status == 400, sentence, answer)


@check("rendered.thumbnail", "A thumbnail is a single picture, not larger than the image",
       "PS3.18 10.4.1.1.4", originals=True)  # fmt: skip
def thumbnail(context: Context) -> None:
    """Of an instance, its series and its study."""
    _offered(context, "/thumbnail")
    for original in _images(context)[:3]:
        study, series, _ = original.uids
        for path in (original.address, f"/studies/{study}/series/{series}", f"/studies/{study}"):
            answer = context.get(f"{path}/thumbnail", accept="image/jpeg")
            if answer.status in (404, 405, 501):
                context.note(f"Not offered: a thumbnail of {path.count('/') // 2} levels")
            elif context.succeeded(answer):
                picture(context, answer, "image/jpeg")
