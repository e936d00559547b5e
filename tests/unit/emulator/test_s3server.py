"""The S3 that jobs read from, as ASGI messages: listings, objects, uploads, refusals."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings, strategies as st
from starlette.requests import ClientDisconnect, Request

from gateway.emulator import s3server
from gateway.emulator.buckets import BucketFault, Buckets

FRAMED = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self):
        return ElementTree.fromstring(self.body)

    def texts(self, *names):
        """The texts of all elements with these names, in the order of the document."""
        found = (element for element in self.xml.iter() if element.tag.split("}")[-1] in names)
        return [element.text or "" for element in found]


class Client:
    """Requests as they reach the handler, and its answers as they leave."""

    def __init__(self, root):
        self.buckets = Buckets(root, {})
        self.buckets.create("bucket")

    def send(self, method, path, pieces=(), headers=None, *, broken=False, **query):
        messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        messages.append(
            {"type": "http.disconnect"}
            if broken
            else {"type": "http.request", "body": b"", "more_body": False}
        )
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "query_string": urlencode(query).encode(),
            "headers": [(key.encode(), value.encode()) for key, value in (headers or {}).items()],
        }
        return asyncio.run(self._run(scope, path, messages))

    async def _run(self, scope, path, messages):
        waiting, sent = iter(messages), []

        async def receive():
            for message in waiting:
                return message
            return await asyncio.Event().wait()  # the client stays

        async def send(message):
            sent.append(message)

        try:
            response = await s3server.handle(Request(scope, receive), self.buckets, path)
        except BucketFault as fault:
            response = s3server.error(fault)
        await response(scope, receive, send)
        headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return Answer(
            sent[0]["status"], headers, b"".join(one.get("body", b"") for one in sent[1:])
        )

    def put(self, key, content=b"content"):
        answer = self.send("PUT", f"/bucket/{quote(key)}", [content])
        assert answer.status == 200
        return answer

    def list(self, **query):
        return self.send("GET", "/bucket", **{"list-type": "2", **query})

    def refusal(self, *arguments, **more):
        answer = self.send(*arguments, **more)
        [code] = answer.texts("Code")
        return answer.status, code


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path)


TREE = [
    "a!", "a-/x", "a.b", "a/b", "a/c/d", "a/c/e", "a0", "b c+d&e%", "b/\u00e9", "b/\u65e5/1",
    "b/\u65e5/2", "c/<x>/y", "d\\x", "z/1", "z/2", "z/3",
]  # fmt: skip


def utf8(key):
    return key.encode()


def rolled_up(keys, prefix, delimiter):
    """Keys and common prefixes as one list in order, as S3 documents a listing with a delimiter."""
    found = []
    for key in sorted(keys, key=utf8):
        if key.startswith(prefix):
            head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (0, "", 0)
            entry = f"{prefix}{head}{cut}" if cut else key
            if entry not in found:
                found.append(entry)
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    client = Client(tmp_path_factory.mktemp("tree"))
    for key in TREE:
        client.put(key)
    return client


@settings(deadline=None, max_examples=120)
@given(
    prefix=st.sampled_from(["", "a", "a/", "a/c/", "b", "b/\u65e5/", "z/", "none", "a/c/d"]),
    delimiter=st.sampled_from(["", "/", "c", "/c"]),
    size=st.integers(1, 20),
    url=st.booleans(),
)
def test_the_pages_of_a_listing_hold_every_key_once(tree, prefix, delimiter, size, url):
    query = {"prefix": prefix, "max-keys": str(size)}
    if delimiter:
        query["delimiter"] = delimiter
    if url:
        query["encoding-type"] = "url"
    seen = []
    for _ in range(50):
        answer = tree.list(**query)
        entries = answer.texts("Key", "Prefix")[1:]  # the first is the prefix asked for
        assert answer.texts("KeyCount") == [str(len(entries))]
        seen += map(unquote, entries) if url else entries
        [truncated] = answer.texts("IsTruncated")
        if truncated == "false":
            assert answer.texts("NextContinuationToken") == []
            break
        assert len(entries) == size
        [query["continuation-token"]] = answer.texts("NextContinuationToken")
    assert seen == rolled_up(TREE, prefix, delimiter)


@pytest.mark.parametrize("after", ["", "a", "a/b", "a/c", "a/c/", "b c", "zz", "z/2"])
def test_a_listing_begins_behind_a_key(tree, after):
    found = tree.list(**{"start-after": after}).texts("Key")
    assert found == [key for key in sorted(TREE, key=utf8) if utf8(key) > utf8(after)]


def test_what_a_listing_says_of_an_object(client):
    client.put("a", b"12345")
    answer = client.list()
    assert answer.headers["content-type"].startswith("application/xml")
    assert (answer.texts("Size"), answer.texts("StorageClass")) == (["5"], ["STANDARD"])
    [modified] = answer.texts("LastModified")
    assert modified.endswith("Z")
    assert answer.texts("MaxKeys") == ["1000"]
    assert client.list(**{"max-keys": "5000"}).texts("MaxKeys") == ["1000"]


def test_a_listing_has_a_thousand_keys_at_most(client):
    folder = client.buckets.folder("bucket")
    for number in range(1001):
        (folder / f"{number:04d}").touch()
    first = client.list()
    assert len(first.texts("Key")) == 1000
    [token] = first.texts("NextContinuationToken")
    second = client.list(**{"continuation-token": token})
    assert second.texts("Key") == ["1000"]


@pytest.mark.parametrize("token", ["x", "\u00e9", base64.b64encode(b"\xff\xfe").decode()])
def test_a_token_of_someone_else_is_refused(client, token):
    query = {"list-type": "2", "continuation-token": token}
    assert client.refusal("GET", "/bucket", **query) == (400, "InvalidArgument")


def test_buckets_are_made_and_listed(client):
    assert client.send("PUT", "/another").headers["location"] == "/another"
    assert client.send("PUT", "/another").status == 200
    assert client.send("GET", "/").texts("Name") == ["another", "bucket"]
    assert client.send("HEAD", "/another").status == 200
    assert client.send("HEAD", "/none").status == 404
    location = client.send("GET", "/another", location="")
    assert location.xml.tag.endswith("LocationConstraint")
    assert client.refusal("PUT", "/No") == (400, "InvalidBucketName")
    for method in ("GET", "HEAD"):
        assert client.refusal(method, "/none") == (404, "NoSuchBucket")
    assert client.refusal("GET", "/none", location="") == (404, "NoSuchBucket")


@pytest.mark.parametrize("key", TREE)
def test_an_object_comes_back(client, key):
    content = key.encode() * 3
    answer = client.put(key, content)
    assert answer.headers["etag"] == f'"{hashlib.md5(content).hexdigest()}"'
    found = client.send("GET", f"/bucket/{quote(key)}")
    assert (found.status, found.body) == (200, content)
    assert found.headers["content-type"] == "application/octet-stream"
    head = client.send("HEAD", f"/bucket/{quote(key)}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(content))
    part = client.send("GET", f"/bucket/{quote(key)}", headers={"range": "bytes=1-2"})
    assert (part.status, part.body) == (206, content[1:3])
    assert client.send("DELETE", f"/bucket/{quote(key)}").status == 204
    assert client.refusal("GET", f"/bucket/{quote(key)}") == (404, "NoSuchKey")
    assert client.send("DELETE", f"/bucket/{quote(key)}").status == 204


@pytest.mark.parametrize(
    "path",
    ["/bucket/../secret", "/bucket/%2e%2e/secret", "/bucket/a/..%2F..%2Fsecret", "/../secret"],
)
def test_no_path_leads_out_of_a_bucket(tmp_path, path):
    client = Client(tmp_path / "s3")
    (tmp_path / "secret").write_bytes(b"secret")
    for method in ("GET", "HEAD", "PUT"):
        status, code = client.refusal(method, path)
        assert (status, code) in ((400, "InvalidArgument"), (404, "NoSuchBucket"))
    client.send("DELETE", path)
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_body_that_is_not_the_signed_one_is_not_stored(client):
    client.put("a", b"former")
    good = hashlib.sha256(b"latter").hexdigest()
    answer = client.send("PUT", "/bucket/a", [b"lat", b"ter"], {"x-amz-content-sha256": good})
    assert answer.status == 200
    wrong = {"x-amz-content-sha256": hashlib.sha256(b"x").hexdigest()}
    for key in ("a", "b"):
        found = client.refusal("PUT", f"/bucket/{key}", [b"other"], wrong)
        assert found == (400, "XAmzContentSHA256Mismatch")
    assert client.list().texts("Key") == ["a"]
    assert client.send("GET", "/bucket/a").body == b"latter"


def test_an_upload_that_breaks_off_leaves_no_object(client):
    with pytest.raises(ClientDisconnect):
        client.send("PUT", "/bucket/a", [b"half"], broken=True)
    assert client.list().texts("Key") == []


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    return Client(tmp_path_factory.mktemp("uploads"))


@settings(deadline=None, max_examples=100)
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=20) | st.just(b"\r\n0\r\n"), max_size=4),
    cuts=st.lists(st.integers(0, 200), max_size=8),
    extension=st.sampled_from([b"", b";chunk-signature=0"]),
    trailer=st.sampled_from([b"\r\n", b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"]),
)
def test_the_framing_of_an_upload_is_taken_off(uploads, chunks, cuts, extension, trailer):
    framed = b"".join(b"%x%s\r\n%s\r\n" % (len(one), extension, one) for one in chunks)
    framed += b"0\r\n" + trailer
    places = sorted({0, len(framed), *(cut for cut in cuts if cut < len(framed))})
    pieces = [framed[first:last] for first, last in pairwise(places)]
    answer = uploads.send("PUT", "/bucket/a", pieces, FRAMED)
    content = b"".join(chunks)
    assert answer.headers["etag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert uploads.send("GET", "/bucket/a").body == content


def completion(*numbers):
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>x</ETag></Part>" for n in numbers)
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return (
        f'<CompleteMultipartUpload xmlns="{namespace}">{parts}</CompleteMultipartUpload>'.encode()
    )


def begin(client, key="a%20b"):
    answer = client.send("POST", f"/bucket/{key}", uploads="")
    assert answer.texts("Key") == [unquote(key)]
    [upload] = answer.texts("UploadId")
    return upload


def test_an_object_is_uploaded_in_parts(client):
    upload = begin(client)
    for number, content in ((2, b"two"), (1, b"one")):
        query = {"uploadId": upload, "partNumber": str(number)}
        answer = client.send("PUT", "/bucket/a%20b", [content], **query)
        assert answer.headers["etag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert client.list().texts("Key") == []
    done = client.send("POST", "/bucket/a%20b", [completion(1, 2)], uploadId=upload)
    assert done.texts("Key") == ["a b"]
    assert client.send("GET", "/bucket/a%20b").body == b"onetwo"
    again = client.refusal("POST", "/bucket/a%20b", [completion(1, 2)], uploadId=upload)
    assert again == (404, "NoSuchUpload")


def test_an_upload_is_aborted(client):
    upload = begin(client)
    client.send("PUT", "/bucket/a", [b"one"], uploadId=upload, partNumber="1")
    assert client.send("DELETE", "/bucket/a", uploadId=upload).status == 204
    found = client.refusal("POST", "/bucket/a", [completion(1)], uploadId=upload)
    assert found == (404, "NoSuchUpload")
    assert client.list().texts("Key") == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "MalformedXML"),
        (b"<CompleteMultipartUpload>", 400, "MalformedXML"),
        (completion("one"), 400, "MalformedXML"),
        (completion(), 400, "MalformedXML"),
        (completion(1, 2), 400, "InvalidPart"),
        (b"x" * ((1 << 20) + 1), 501, "NotImplemented"),
    ],
)
def test_a_completion_that_makes_no_sense_is_refused(client, body, status, code):
    upload = begin(client)
    client.send("PUT", "/bucket/a", [b"one"], uploadId=upload, partNumber="1")
    assert client.refusal("POST", "/bucket/a", [body], uploadId=upload) == (status, code)
    assert client.list().texts("Key") == []


def test_entities_of_xml_are_not_expanded(client, tmp_path):
    levels = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' if n else '<!ENTITY e0 "1234567890">'
        for n in range(9)
    )
    upload = begin(client)
    for declared, used in (
        (levels, "&e8;"),
        (f'<!ENTITY x SYSTEM "{(tmp_path / "bucket").as_uri()}">', "&x;"),
    ):
        body = f"<!DOCTYPE d [{declared}]><d><PartNumber>{used}</PartNumber></d>".encode()
        found = client.refusal("POST", "/bucket/a", [body], uploadId=upload)
        assert found == (400, "MalformedXML")


@pytest.mark.parametrize(
    ("method", "path", "headers", "query"),
    [
        ("PUT", "/bucket/a", {"x-amz-copy-source": "/bucket/b"}, {}),
        ("POST", "/bucket/a", {}, {"restore": ""}),
        ("POST", "/bucket", {}, {"delete": ""}),
        ("DELETE", "/bucket", {}, {}),
    ],
)
def test_what_is_not_implemented_says_so(client, method, path, headers, query):
    assert client.refusal(method, path, headers=headers, **query) == (501, "NotImplemented")


def test_a_signature_per_chunk_is_not_implemented():
    request = s3server.sigv4.Request(
        "PUT", "/b/k", "", [("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")]
    )
    with pytest.raises(BucketFault) as fault:
        s3server.payload_hash(request)
    assert (fault.value.status, fault.value.code) == (501, "NotImplemented")


def test_an_error_is_a_document_whatever_its_text():
    response = s3server.error(BucketFault(404, "NoSuchKey", "<a> & b"))
    assert response.status_code == 404
    root = ElementTree.fromstring(response.body)
    assert (root.tag, root.findtext("Code"), root.findtext("Message")) == (
        "Error",
        "NoSuchKey",
        "<a> & b",
    )
