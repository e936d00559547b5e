"""Parts of a body (RFC 9110 14 and 15.3.7): one range alone, several in an envelope."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import Response

from gateway.dicomweb import byteranges, multipart
from gateway.dicomweb.byteranges import ByteRange
from gateway.web.errors import problem
from gateway.web.streams import Stream


async def answer(response: Response, header: str) -> Response:
    """What ``header``, a Range, asks for of ``response``; 416 where there is none of it.

    The length has to be known. A stream is answered with one range only: what lies between several
    would be made for nothing.
    """
    length = int(response.headers["Content-Length"])
    ranges = byteranges.parse(header, length)
    stream = isinstance(response, Stream)
    if ranges is None or (stream and len(ranges) > 1):
        return response
    if not ranges:
        return await _refused(response, length)
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    if len(ranges) > 1:
        return _in_parts(response, ranges)
    [one] = ranges
    response.headers["Content-Range"] = one.content_range(length)
    response.headers["Content-Length"] = str(one.size)
    if isinstance(response, Stream):
        response.cut(one.first, one.size)
    else:
        response.body = one.of(bytes(response.body))
    return response


async def _refused(response: Response, length: int) -> Response:
    if isinstance(response, Stream):
        await response.discard()
    refusal = problem(416, "The representation has none of these bytes")
    refusal.headers["Content-Range"] = byteranges.unsatisfied(length)
    return refusal


def _in_parts(response: Response, ranges: Sequence[ByteRange]) -> Response:
    content, kind = bytes(response.body), response.headers["Content-Type"]
    mark = multipart.boundary()
    pieces = []
    for one in ranges:
        head = byteranges.part_head(mark, kind, one, len(content))
        pieces += [head, one.of(content), multipart.PART_TAIL]
    response.body = b"".join([*pieces, multipart.end(mark)])
    response.headers["Content-Type"] = byteranges.content_type(mark)
    response.headers["Content-Length"] = str(len(response.body))
    return response
