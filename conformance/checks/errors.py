"""Resources that there are not (PS3.18 10.4.3.1, 10.6.3.1)."""

from typing import Final

from conformance import mediatypes
from conformance.context import Context
from conformance.model import Severity
from conformance.registry import check

_NOBODY: Final = "2.25.329800735698586629295641978511506172918"
_REFUSED: Final = (404, 410)

_TAILS: Final = (
    ("", mediatypes.DICOM),
    ("/metadata", mediatypes.JSON),
    ("/rendered", "image/jpeg"),
    ("/thumbnail", "image/jpeg"),
)


def _refused(context: Context, path: str, accept: str) -> None:
    answer = context.whole(context.get(path, accept=accept))
    allowed = (
        (*_REFUSED, 400, 405, 406, 501) if "/rendered" in path or "/thumbnail" in path else _REFUSED
    )
    told = path.replace(_NOBODY, "{unknown}")
    shape = "/".join("…" if part[:1].isdigit() else part for part in told.split("/"))
    context.expect(answer.status in allowed, f"{shape} is answered {answer.status}", answer)


@check("error.study", "A study that there is not is 404", "PS3.18 10.4.3.1, table 10.4.3-1")
def study(context: Context) -> None:
    """Its instances, metadata and pictures."""
    for tail, accept in _TAILS:
        _refused(context, f"/studies/{_NOBODY}{tail}", accept)


@check("error.series", "A series that there is not is 404", "PS3.18 10.4.3.1, table 10.4.3-1")
def series(context: Context) -> None:
    """In a study that there is."""
    for one in context.need(context.entities(1), "study")[:1]:
        for tail, accept in _TAILS:
            _refused(context, f"/studies/{one.uid}/series/{_NOBODY}{tail}", accept)


@check("error.instance", "An instance that there is not is 404", "PS3.18 10.4.3.1,"
       " table 10.4.3-1")  # fmt: skip
def instance(context: Context) -> None:
    """In a series that there is; its frames too."""
    for one in context.need(context.entities(2), "series")[:1]:
        base = f"/studies/{one.uids[0]}/series/{one.uids[1]}/instances/{_NOBODY}"
        for tail, accept in (*_TAILS, ("/frames/1", mediatypes.OCTETS)):
            _refused(context, base + tail, accept)


@check("error.mismatch", "A series of one study is not found in another", "PS3.18 10.4.1.1,"
       " table 10.4.3-1", Severity.SHOULD)  # fmt: skip
def mismatch(context: Context) -> None:
    """Nor an instance in another series."""
    found = context.entities(2)
    other = next((one for one in found if one.uids[0] != found[0].uids[0]), None)
    context.need(other, "second study")
    if other is not None:
        _refused(context, f"/studies/{found[0].uids[0]}/series/{other.uids[1]}/metadata",
                 mediatypes.JSON)  # fmt: skip
        instance_uid = other.files[0].uids[2]
        path = f"/studies/{found[0].uids[0]}/series/{found[0].uids[1]}/instances/{instance_uid}"
        _refused(context, f"{path}/metadata", mediatypes.JSON)


@check("error.path", "A resource that there is not is refused", "PS3.18 8.5, 10.1.1")
def path(context: Context) -> None:
    """404, or what else says no; and never a page of a web application with 200."""
    for tail in ("/no-such-resource", "/studies/1.2.3/no-such-resource"):
        answer = context.whole(context.get(tail))
        refused = 400 <= answer.status < 500 or answer.status == 501
        context.expect(refused, f"It is answered {answer.status}", answer)


@check("error.uid", "What is no UID is refused", "PS3.18 10.4.3.1, PS3.5 9.1", Severity.SHOULD)
def uid(context: Context) -> None:
    """400 or 404, and nothing worse."""
    for text in ("abc", "1..2", "%2e%2e", "1.2.3'--"):
        answer = context.whole(context.get(f"/studies/{text}/metadata"))
        context.expect(answer.status in (400, 404), f"It is answered {answer.status}", answer)
