"""The part of S3's REST API that import jobs, and people who prepare them, need."""

import base64
import hashlib
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import BinaryIO, Final
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gateway.emulator import sigv4
from gateway.emulator.buckets import BucketFault, Buckets
from gateway.emulator.resources import ACCOUNT

_XML: Final = "application/xml"
_MAX_DOCUMENT: Final = 1 << 20
_PAGE: Final = 1000
_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_NAMESPACE: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def payload_hash(request: sigv4.Request) -> str:
    """What the signature covers instead of the body, as ``x-amz-content-sha256`` announces it.

    Raises:
        BucketFault: the payload is signed chunk by chunk.
    """
    announced = request.header("x-amz-content-sha256")
    if announced.startswith("STREAMING-") and announced != _TRAILER:
        raise BucketFault(501, "NotImplemented", "Chunk signatures are not implemented")
    return announced or hashlib.sha256(b"").hexdigest()


def error(fault: BucketFault) -> Response:
    """An S3 error document."""
    body = f"<Error><Code>{fault.code}</Code><Message>{escape(str(fault))}</Message></Error>"
    return _document(body, fault.status)


def _document(body: str, status: int = 200) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return Response(text, status, media_type=_XML)


async def handle(request: Request, buckets: Buckets, path: str) -> Response:
    """Answer one S3 request; ``path`` is percent-encoded, ``/bucket/key``.

    Raises:
        BucketFault: what S3 answers instead of a result.
    """
    if request.headers.get("x-amz-expected-bucket-owner", ACCOUNT) != ACCOUNT:
        raise BucketFault(403, "AccessDenied", "The bucket belongs to another account")
    bucket, _, key = unquote(path.removeprefix("/")).partition("/")
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    if not bucket:
        return await run_in_threadpool(_list_buckets, buckets)
    if not key:
        return await _on_bucket(request.method, buckets, bucket, query)
    if request.method in ("GET", "HEAD"):
        found = await run_in_threadpool(buckets.find, bucket, key)
        return FileResponse(found, media_type="application/octet-stream")
    if request.method == "PUT":
        return await _put(request, buckets, bucket, key, query)
    if request.method == "POST":
        return await _post(request, buckets, bucket, key, query)
    if "uploadId" in query:
        await run_in_threadpool(buckets.abort_upload, query["uploadId"])
    else:
        await run_in_threadpool(buckets.delete, bucket, key)
    return Response(status_code=204)


def _list_buckets(buckets: Buckets) -> Response:
    names = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in buckets.names())
    return _document(
        f"<ListAllMyBucketsResult {_NAMESPACE}><Buckets>{names}</Buckets></ListAllMyBucketsResult>"
    )


async def _on_bucket(
    method: str, buckets: Buckets, bucket: str, query: Mapping[str, str]
) -> Response:
    if method == "PUT":
        await run_in_threadpool(buckets.create, bucket)
        return Response(headers={"Location": f"/{bucket}"})
    if method == "HEAD":
        await run_in_threadpool(buckets.folder, bucket)
        return Response()
    if method == "GET" and "location" in query:
        await run_in_threadpool(buckets.folder, bucket)
        return _document(f"<LocationConstraint {_NAMESPACE}/>")
    if method == "GET":
        return await run_in_threadpool(_list_objects, buckets, bucket, query)
    raise BucketFault(501, "NotImplemented", "This bucket operation is not implemented")


def _list_objects(buckets: Buckets, bucket: str, query: Mapping[str, str]) -> Response:
    size = min(int(query.get("max-keys") or _PAGE), _PAGE)
    after = _key(query.get("continuation-token", "")) or query.get("start-after", "")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    entries = _entries(buckets, bucket, prefix, delimiter, after)
    page = list(islice(entries, size + 1))
    url = query.get("encoding-type") == "url"
    shown: Callable[[str], str] = quote if url else escape
    encoding = "<EncodingType>url</EncodingType>" if url else ""
    more = len(page) > size
    token = ""
    if more:
        token = base64.urlsafe_b64encode(page[size - 1][0].encode()).decode()
        token = f"<NextContinuationToken>{token}</NextContinuationToken>"
    body = "".join(_entry(*entry, shown) for entry in page[:size])
    return _document(
        f"<ListBucketResult {_NAMESPACE}><Name>{bucket}</Name><Prefix>{shown(prefix)}</Prefix>"
        f"<KeyCount>{min(len(page), size)}</KeyCount><MaxKeys>{size}</MaxKeys>"
        f"{encoding}<IsTruncated>{str(more).lower()}</IsTruncated>{token}{body}</ListBucketResult>"
    )


def _key(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError as problem:
        raise BucketFault(
            400, "InvalidArgument", "The continuation token is not valid"
        ) from problem


def _entries(
    buckets: Buckets, bucket: str, prefix: str, delimiter: str, after: str
) -> Iterator[tuple[str, int, float]]:
    """Keys with size and time; common prefixes have the size -1."""
    last = ""
    for key, status in buckets.keys(bucket, prefix, after):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            yield key, status.st_size, status.st_mtime
            continue
        common = key[: cut + len(delimiter)]
        if common not in (last, after):
            last = common
            yield common, -1, 0.0


def _entry(key: str, size: int, modified: float, shown: Callable[[str], str]) -> str:
    if size < 0:
        return f"<CommonPrefixes><Prefix>{shown(key)}</Prefix></CommonPrefixes>"
    time = datetime.fromtimestamp(modified, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Contents><Key>{shown(key)}</Key><LastModified>{time}</LastModified>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


async def _put(
    request: Request, buckets: Buckets, bucket: str, key: str, query: Mapping[str, str]
) -> Response:
    if "x-amz-copy-source" in request.headers:
        raise BucketFault(501, "NotImplemented", "Copying objects is not implemented")
    if "uploadId" in query:
        path = buckets.part(query["uploadId"], int(query.get("partNumber", "1")))
        async with _in_thread(path.open("wb")) as part:
            tag = await _receive(request, part.write)
    else:
        async with _in_thread(buckets.writing(bucket, key)) as file:
            tag = await _receive(request, file.write)
    return Response(headers={"ETag": f'"{tag}"'})


@asynccontextmanager
async def _in_thread(manager: AbstractContextManager[BinaryIO]) -> AsyncIterator[BinaryIO]:
    """Enter and leave ``manager`` in a thread: flushing to disk would hold up every request."""
    file = await run_in_threadpool(manager.__enter__)
    try:
        yield file
    except BaseException:
        await run_in_threadpool(manager.__exit__, *sys.exc_info())
        raise
    await run_in_threadpool(manager.__exit__, None, None, None)


async def _receive(request: Request, write: Callable[[bytes], object]) -> str:
    """Pass the body on and check it against the announced hash; its MD5."""
    md5 = hashlib.md5(usedforsecurity=False)
    sha = hashlib.sha256()
    announced = request.headers.get("x-amz-content-sha256", "")
    stream = request.stream()
    async for chunk in _unframed(stream) if announced == _TRAILER else stream:
        md5.update(chunk)
        sha.update(chunk)
        await run_in_threadpool(write, chunk)
    if re.fullmatch(r"[0-9a-f]{64}", announced) and announced != sha.hexdigest():
        raise BucketFault(
            400, "XAmzContentSHA256Mismatch", "The body is not the one that was signed"
        )
    return md5.hexdigest()


async def _unframed(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The payload inside aws-chunked framing: ``size CRLF data CRLF … 0 CRLF trailers``."""
    buffer = b""
    missing = -1  # bytes of the current chunk still to come; -1 before a size line
    async for piece in stream:
        buffer += piece
        while buffer:
            if missing < 0:
                line, found, rest = buffer.partition(b"\r\n")
                if not found:
                    break
                if not line:
                    buffer = rest
                    continue
                missing = int(line.partition(b";")[0], 16)
                if missing == 0:
                    return
                buffer = rest
            chunk, buffer = buffer[:missing], buffer[missing:]
            missing -= len(chunk)
            if chunk:
                yield chunk
            missing = missing or -1


async def _post(
    request: Request, buckets: Buckets, bucket: str, key: str, query: Mapping[str, str]
) -> Response:
    if "uploads" in query:
        await run_in_threadpool(buckets.folder, bucket)
        upload = await run_in_threadpool(buckets.begin_upload)
        return _document(
            f"<InitiateMultipartUploadResult {_NAMESPACE}><Bucket>{bucket}</Bucket>"
            f"<Key>{escape(key)}</Key><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        )
    body = await request.body()
    if "uploadId" not in query or len(body) > _MAX_DOCUMENT:
        raise BucketFault(501, "NotImplemented", "This object operation is not implemented")
    try:
        parts = ElementTree.fromstring(body).findall(".//{*}PartNumber")  # noqa: S314  no entities since Expat 2.4.1
        numbers = [int(part.text or "") for part in parts]
    except (ElementTree.ParseError, ValueError) as problem:
        raise BucketFault(400, "MalformedXML", "The XML is not well-formed") from problem
    if not numbers:
        raise BucketFault(400, "MalformedXML", "The list of parts is empty")
    tag = await run_in_threadpool(buckets.complete_upload, bucket, key, query["uploadId"], numbers)
    return _document(
        f"<CompleteMultipartUploadResult {_NAMESPACE}><Key>{escape(key)}</Key>"
        f"<ETag>{escape(tag)}</ETag></CompleteMultipartUploadResult>"
    )
