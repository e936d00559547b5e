"""Every answer of a run as HTTP sees it."""

from typing import Final

from conformance import multipart
from conformance.context import Context
from conformance.model import Answer, Broken, Problem, Severity
from conformance.multipart import Fault
from conformance.originals import Originals
from conformance.registry import check, observer

_SMALL: Final = ("frames/", "metadata", "rendered", "thumbnail")
"""Resources that are never larger than this suite takes, unless their body does not end."""


@observer("http.complete", "Every answer arrives, whole and in time", "RFC 9112 6.3 and 8")
def complete(answer: Answer, _: Originals) -> list[Problem]:
    """An answer that breaks off is not an answer."""
    if answer.broken in (Broken.CONNECTION, Broken.INCOMPLETE, Broken.STALLED):
        return [Problem(answer.why, answer)]
    small = any(f"/{one}" in answer.request.url for one in _SMALL)
    if answer.broken is Broken.TOO_LARGE and small and not answer.header("content-length"):
        return [Problem(f"{answer.why}, and does not say where it ends", answer)]
    return []


@observer("http.coding", "Content-Encoding names the coding that the body is in", "RFC 9110 8.4")
def coding(answer: Answer, _: Originals) -> list[Problem] | None:
    """A body that is labelled gzip can be unpacked."""
    if not answer.header("content-encoding"):
        return None
    return [Problem(answer.why, answer)] if answer.broken is Broken.ENCODING else []


@observer("http.type", "An answer with a payload says its media type", "PS3.18 8.4.2, 8.7.9")
def content_type(answer: Answer, _: Originals) -> list[Problem] | None:
    """Success responses with a payload have Content-Type, and none is a page of HTML."""
    if not answer.body or not 200 <= answer.status < 300:
        return None
    found = answer.header("content-type")
    if not found:
        return [Problem("A payload has no Content-Type", answer)]
    head = answer.body[:64].lstrip().lower()
    json = found.startswith(("application/dicom+json", "application/json"))
    if json and head.startswith((b"<!doctype", b"<html")):
        return [Problem(f"A page of HTML is labelled {found}", answer)]
    return []


@observer("http.server-error", "No request makes the server fail", "PS3.18 8.5", Severity.SHOULD)
def server_error(answer: Answer, _: Originals) -> list[Problem] | None:
    """A status of 5xx other than 501 and 503 is the server's own mistake."""
    if answer.status == 0:
        return None
    failed = answer.status >= 500 and answer.status not in (501, 503, 505)
    return [Problem(f"Status {answer.status}", answer)] if failed else []


def _multipart_faults(answer: Answer, *kinds: Fault) -> list[Problem] | None:
    content_type = answer.header("content-type")
    if not answer.ok or answer.request.method == "HEAD" or not multipart.is_multipart(content_type):
        return None
    if answer.status == 206 and answer.header("content-range"):
        return None
    message = multipart.parse(str(content_type), answer.body)
    return [Problem(text, answer) for kind, text in message.faults if kind in kinds]


@observer(
    "multipart.boundary",
    "The boundary of Content-Type separates the parts",
    "PS3.18 8.6.1.2.1, RFC 2046 5.1.1",
)
def boundary(answer: Answer, _: Originals) -> list[Problem] | None:
    """The boundary is there, well-formed, and stands in the body."""
    return _multipart_faults(answer, Fault.BOUNDARY)


@observer("multipart.closing", "The last part is closed", "PS3.18 8.6.1.2.1, RFC 2046 5.1.1")
def closing(answer: Answer, _: Originals) -> list[Problem] | None:
    """The closing delimiter tells a whole body from one that was cut off."""
    return _multipart_faults(answer, Fault.CLOSING)


@observer(
    "multipart.type",
    "Content-Type has a type parameter that names the parts",
    "PS3.18 8.7.1, RFC 2387 3.1",
)
def type_parameter(answer: Answer, _: Originals) -> list[Problem] | None:
    """The parameters can be read by the grammar, and type is that of the first part."""
    return _multipart_faults(answer, Fault.TYPE)


@observer("multipart.part", "Every part has a header with a Content-Type", "PS3.18 8.6.1.2.1")
def part(answer: Answer, _: Originals) -> list[Problem] | None:
    """Each part says what it is."""
    return _multipart_faults(answer, Fault.PART)


@observer("multipart.length", "Content-Length of a part is its length", "PS3.18 8.6.1.2.1")
def length(answer: Answer, _: Originals) -> list[Problem] | None:
    """A part that says its length says the true one."""
    return _multipart_faults(answer, Fault.LENGTH)


@check("http.head", "HEAD answers as GET does, without a body", "RFC 9110 9.3.2", Severity.SHOULD)
def head(context: Context) -> None:
    """The same status, media type and length."""
    paths = ["/studies"]
    paths += [f"{one.files[0].address}/metadata" for one in context.entities(3)[:1]]
    for path in paths:
        got, headed = context.get(path), context.get(path, method="HEAD")
        context.whole(got)
        context.whole(headed)
        sentence = f"HEAD is answered {headed.status}, GET {got.status}"
        if not context.expect(headed.status == got.status, sentence, headed):
            continue
        for name in ("content-type", "content-length"):
            told = headed.header(name)
            if told is not None and got.header(name) is not None:
                context.expect(told == got.header(name), f"HEAD says {name}: {told}", headed)
