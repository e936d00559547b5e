"""Parts of a body (RFC 9110 14 and 15.3.7): one range alone, several in an envelope."""

from starlette.responses import Response

from gateway.dicomweb import byteranges, multipart
from gateway.dicomweb.byteranges import ByteRange
from gateway.web.errors import problem


def answer(response: Response, header: str) -> Response:
    """What ``header``, a Range, asks for of ``response``; 416 where there is none of it."""
    content = bytes(response.body)
    ranges = byteranges.parse(header, len(content))
    if ranges is None:
        return response
    if not ranges:
        refusal = problem(416, "The representation has none of these bytes")
        refusal.headers["Content-Range"] = byteranges.unsatisfied(len(content))
        return refusal
    response.status_code = 206
    if len(ranges) == 1:
        response.headers["Content-Range"] = ranges[0].content_range(len(content))
        response.body = ranges[0].of(content)
    else:
        mark = multipart.boundary()
        kind = response.headers["Content-Type"]
        response.body = b"".join(_parts(content, ranges, mark, kind))
        response.headers["Content-Type"] = byteranges.content_type(mark)
    response.headers["Content-Length"] = str(len(response.body))
    return response


def _parts(content: bytes, ranges: tuple[ByteRange, ...], mark: str, kind: str) -> list[bytes]:
    pieces = []
    for one in ranges:
        head = byteranges.part_head(mark, kind, one, len(content))
        pieces += [head, one.of(content), multipart.PART_TAIL]
    return [*pieces, multipart.end(mark)]
