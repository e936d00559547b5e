"""Which representation is sent (PS3.18 8.7): Accept, its parameters and weights, and 406."""

from typing import Final

from conformance import codestreams, mediatypes
from conformance.context import Context
from conformance.model import Answer, Severity
from conformance.multipart import is_multipart
from conformance.originals import Original
from conformance.registry import check

_NO_SYNTAX: Final = "1.2.840.10008.1.2.4.999"
_XML: Final = "application/dicom+xml"


def kind(context: Context, answer: Answer) -> str:
    """The media type of an answer, or of its first part."""
    told = answer.header("content-type") or ""
    if is_multipart(told):
        parts = context.parts(answer)
        return parts[0].media_type.name if parts else "nothing"
    return mediatypes.parse(told).name


def _image(context: Context) -> Original:
    """An image that is not kept in lossy compression: that need not come uncompressed."""
    found = [
        one for one in context.originals.files if one.frames and one.syntax not in codestreams.LOSSY
    ]
    return context.need(found, "image")[0]  # type: ignore[no-any-return]


def _any(context: Context) -> Original:
    return context.need(context.originals.files, "instance")[0]  # type: ignore[no-any-return]


def _is(context: Context, answer: Answer, wanted: str) -> None:
    if context.succeeded(answer):
        got = kind(context, answer)
        context.expect(got == wanted, f"It is {got}, not {wanted}", answer)


def _refuse(context: Context, path: str) -> None:
    answer = context.whole(context.get(path, accept=mediatypes.IMPOSSIBLE))
    context.expect(answer.status == 406, f"Status {answer.status} in place of 406", answer)


@check("negotiate.search-406", "A search in a media type that there is not is 406",
       "PS3.18 8.7.8.1, 10.6.4")  # fmt: skip
def search_406(context: Context) -> None:
    """Nothing but an impossible type is accepted."""
    _refuse(context, "/studies")


@check("negotiate.metadata-406", "Metadata in a media type that there is not are 406",
       "PS3.18 8.7.8.1, 10.4.4")  # fmt: skip
def metadata_406(context: Context) -> None:
    """Nothing but an impossible type is accepted."""
    _refuse(context, f"{_any(context).address}/metadata")


@check("negotiate.instance-406", "An instance in a media type that there is not is 406",
       "PS3.18 8.7.8.1, 10.4.4")  # fmt: skip
def instance_406(context: Context) -> None:
    """An impossible type, and an impossible transfer syntax."""
    _refuse(context, _any(context).address)
    accept = f"{mediatypes.DICOM}; transfer-syntax={_NO_SYNTAX}"
    answer = context.whole(context.get(_any(context).address, accept=accept))
    sentence = f"An impossible transfer syntax is answered {answer.status}, not 406"
    context.expect(answer.status == 406, sentence, answer)


@check("negotiate.frame-406", "A frame in a media type that there is not is 406",
       "PS3.18 8.7.8.1, 10.4.4")  # fmt: skip
def frame_406(context: Context) -> None:
    """Nothing but an impossible type is accepted."""
    _refuse(context, f"{_image(context).address}/frames/1")


@check("negotiate.rendered-406", "A picture in a media type that there is not is 406",
       "PS3.18 8.7.8.1, 8.7.4", Severity.SHALL)  # fmt: skip
def rendered_406(context: Context) -> None:
    """Where pictures are offered."""
    path = f"{_image(context).address}/rendered"
    context.optional(context.get(path, accept="image/jpeg"), "rendered")
    _refuse(context, path)


@check("negotiate.default", "Without a preference the default media type is sent",
       "PS3.18 8.7.5, tables 10.4.4-1 and 10.6.4-1")  # fmt: skip
def default(context: Context) -> None:
    """*/*, and no Accept at all."""
    for accept in ("*/*", None):
        _is(context, context.get("/studies", accept=accept), mediatypes.JSON)
        path = _any(context).address
        _is(context, context.get(f"{path}/metadata", accept=accept), mediatypes.JSON)
        _is(context, context.get(path, accept=accept), "application/dicom")


@check("negotiate.weights", "The media type of the greatest weight is sent",
       "PS3.18 8.7.5, RFC 9110 12.5.1", Severity.SHOULD)  # fmt: skip
def weights(context: Context) -> None:
    """JSON and XML of metadata, each once before the other."""
    path = f"{_any(context).address}/metadata"
    for first, second, wanted in (
        (mediatypes.XML, mediatypes.JSON, _XML),
        (mediatypes.JSON, mediatypes.XML, mediatypes.JSON),
    ):
        for accept in (f"{second};q=0.1, {first};q=0.9", f"{first};q=0.9, {second};q=0.1"):
            _is(context, context.get(path, accept=accept), wanted)


@check("negotiate.fallback", "Of several media types one that there is is sent",
       "PS3.18 8.7.5, 8.7.8")  # fmt: skip
def fallback(context: Context) -> None:
    """An impossible one, though preferred, does no harm."""
    path = f"{_any(context).address}/metadata"
    accept = f"{mediatypes.IMPOSSIBLE}, {mediatypes.JSON};q=0.5"
    _is(context, context.get(path, accept=accept), mediatypes.JSON)
    _is(context, context.get("/studies", accept=accept), mediatypes.JSON)


@check("negotiate.parameter", "accept= in the query counts", "PS3.18 8.3.3.1")
def parameter(context: Context) -> None:
    """Before the header, which is less specific."""
    path = f"{_any(context).address}/metadata"
    for wanted, kind_of in ((mediatypes.JSON, mediatypes.JSON), (mediatypes.XML, _XML)):
        _is(context, context.get(path, [("accept", wanted)], accept="*/*"), kind_of)


@check("negotiate.quotes", "A parameter means the same with quotes and without",
       "PS3.18 8.7, RFC 9110 5.6.6")  # fmt: skip
def quotes(context: Context) -> None:
    """transfer-syntax="1.2.840.10008.1.2.1" and spaces around semicolons."""
    path = f"{_image(context).address}/frames/1"
    for accept in (
        f'{mediatypes.OCTETS}; transfer-syntax="1.2.840.10008.1.2.1"',
        f"{mediatypes.OCTETS};transfer-syntax=1.2.840.10008.1.2.1",
        'Multipart/Related ; TYPE="application/octet-stream"',
    ):
        _is(context, context.get(path, accept=accept), "application/octet-stream")


@check("negotiate.charset", "A character set that is acceptable is UTF-8", "PS3.18 8.7.3.5.3",
       Severity.SHOULD)  # fmt: skip
def charset(context: Context) -> None:
    """Accept: application/dicom+json; charset=utf-8."""
    path = f"{_any(context).address}/metadata"
    for accept in (f"{mediatypes.JSON}; charset=utf-8", f"{mediatypes.JSON}; charset=UTF-8"):
        _is(context, context.get(path, accept=accept), mediatypes.JSON)


@check("negotiate.json", "application/json is taken for DICOM JSON", "PS3.18 8.7.3.2",
       Severity.MAY)  # fmt: skip
def json(context: Context) -> None:
    """As many clients write it."""
    answer = context.get("/studies", accept="application/json")
    context.optional(answer, "application/json")
    if context.succeeded(answer):
        same = bool(context.json(answer)) or not context.originals.files
        context.expect(same, "It is empty", answer)
