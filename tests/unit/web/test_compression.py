"""Compression, driven with raw ASGI messages: what is coded, in which pieces, under which tag."""

import asyncio
import zlib

import brotli
import pytest
import zstandard

from gateway.dicomweb import codings
from gateway.services.compute import Compute
from gateway.web.compression import Compression
from tests.unit.services.memory import answers
from tests.unit.web import asgi

JSON = "application/dicom+json"
TEXT = b'{"00100010":{"vr":"PN"}},' * 200
LARGE = b"".join(b'{"0020000D":{"Value":["1.2.%d"]}},' % number for number in range(9000))
TAG = '"0123"'
BROWSER = "gzip, deflate, br, zstd"


def brotli_decoder():
    decoder = brotli.Decompressor()

    def decode(piece):  # which gives a part at a time
        parts = [decoder.process(piece)]
        while parts[-1]:
            parts.append(decoder.process(b""))
        return b"".join(parts)

    return decode


DECODERS = {
    "gzip": lambda: zlib.decompressobj(wbits=31).decompress,
    "br": brotli_decoder,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


def start(content_type=JSON, status=200, **headers):
    pairs = {"content-type": content_type, "etag": TAG, **headers}
    coded = [(key.encode(), value.encode()) for key, value in pairs.items() if value is not None]
    return {"type": "http.response.start", "status": status, "headers": coded}


def bodies(*pieces):
    last = len(pieces) - 1
    return [
        {"type": "http.response.body", "body": piece, "more_body": at < last}
        for at, piece in enumerate(pieces)
    ]


def whole(content, content_type=JSON, **changes):
    """A small answer: its length is known, and it is one message."""
    return [
        start(content_type, **{"content-length": str(len(content)), **changes}),
        *bodies(content),
    ]


def drive(messages, accept_encoding=BROWSER, method="GET", error=None, seen=None, **headers):
    """What goes out where an application sends ``messages``."""

    async def inner(scope, receive, send):
        if seen is not None:
            seen.append({key.decode(): value.decode() for key, value in scope["headers"]})
        for message in messages:
            await send(dict(message))
        if error:
            raise error

    async def scenario():
        compute = Compute(1)
        given = {} if accept_encoding is None else {"accept-encoding": accept_encoding}
        scope = asgi.scope("/x", method, headers={**given, **headers})
        try:
            return await asgi.drive(Compression(inner, compute.run, answers()), scope)
        finally:
            await compute.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize("content", [TEXT, LARGE])
@pytest.mark.parametrize("coding", codings.CODINGS)
def test_a_whole_answer_is_one_coded_message_of_a_true_length(coding, content):
    sent = drive(whole(content), coding)
    assert len(sent) == 2
    headers = dict(sent[0]["headers"])
    assert headers[b"content-encoding"] == coding.encode()
    assert int(headers[b"content-length"]) == len(sent[1]["body"]) < len(content)
    assert headers[b"vary"] == b"Accept-Encoding"
    assert asgi.answer(sent).content == content  # httpx decodes it


@pytest.mark.parametrize("coding", codings.CODINGS)
def test_each_piece_of_a_stream_can_be_read_when_it_has_come(coding):
    pieces = [b"[", LARGE, b"", b"small,", TEXT, b"]", b""]
    [first, *rest] = drive([start(), *bodies(*pieces)], coding)
    assert b"content-length" not in dict(first["headers"])
    assert [one["more_body"] for one in rest] == [True] * (len(rest) - 1) + [False]
    assert len(rest) == len([piece for piece in pieces if piece]) + 1
    decode = DECODERS[coding]()
    read = b""
    for one, expected in zip(rest, [piece for piece in pieces if piece], strict=False):
        read += decode(one["body"])
        assert read.endswith(expected)
    assert asgi.answer([first, *rest]).content == b"".join(pieces)


def test_large_pieces_are_compressed_in_a_thread_and_small_ones_at_once():
    async def scenario():
        threads = []

        async def run(work, piece, last):
            threads.append(len(piece))
            return await asyncio.to_thread(work, piece, last)

        async def inner(scope, receive, send):
            for message in [start(), *bodies(TEXT, LARGE, b"")]:
                await send(message)

        scope = asgi.scope("/x", headers={"accept-encoding": "gzip"})
        sent = await asgi.drive(Compression(inner, run, answers()), scope)
        assert asgi.answer(sent).content == TEXT + LARGE
        assert threads == [len(LARGE)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("messages", "accept_encoding"),
    [
        (whole(TEXT), None),
        (whole(TEXT), "identity"),
        (whole(TEXT), "deflate"),
        (whole(b"[]"), BROWSER),
        (whole(b"x" * 999), BROWSER),
        ([start(), *bodies(TEXT, b"")], "gzip;q=0"),
    ],
)
def test_what_is_small_or_not_wanted_goes_out_as_it_is_but_varies(messages, accept_encoding):
    sent = drive(messages, accept_encoding)
    assert sent[1:] == messages[1:]
    assert dict(sent[0]["headers"]) == dict(messages[0]["headers"]) | {b"vary": b"Accept-Encoding"}


@pytest.mark.parametrize(
    "messages",
    [
        whole(TEXT, "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202"),
        whole(TEXT, "application/octet-stream"),
        whole(TEXT, "application/dicom"),
        whole(TEXT, "application/zip"),
        whole(TEXT, 'multipart/related; type="application/dicom"; boundary=x'),
        [start("application/dicom"), *bodies(TEXT, TEXT, b"")],
        whole(TEXT, JSON, **{"content-encoding": "gzip"}),
        whole(TEXT, JSON, status=206),
        [start(None, 204), *bodies(b"")],
    ],
)
def test_frames_files_and_parts_pass_untouched(messages):
    assert drive(messages) == messages


def test_a_client_that_refuses_identity_gets_small_answers_coded_too():
    sent = drive(whole(b"[]"), "gzip, identity;q=0")
    assert dict(sent[0]["headers"])[b"content-encoding"] == b"gzip"
    assert asgi.answer(sent).content == b"[]"


@pytest.mark.parametrize("accept_encoding", ["identity;q=0", "*;q=0", "identity;q=0, deflate"])
def test_a_client_that_takes_nothing_is_told_what_there_is(accept_encoding):
    seen = []
    response = asgi.answer(drive(whole(TEXT), accept_encoding, seen=seen))
    assert response.status_code == 406
    assert response.json()["available"] == ["zstd", "br", "gzip", "identity"]
    assert seen == []


@pytest.mark.parametrize("coding", ["identity", *codings.CODINGS])
def test_each_coding_has_a_tag_of_its_own_and_the_application_only_one(coding):
    tag = dict(drive(whole(TEXT), coding)[0]["headers"])[b"etag"].decode()
    assert (tag == TAG) == (coding == "identity")
    seen = []
    not_modified = [start(None, 304), *bodies(b"")]
    sent = drive(not_modified, coding, seen=seen, **{"if-none-match": tag})
    assert seen[0]["if-none-match"] == TAG
    headers = dict(sent[0]["headers"])
    assert headers[b"etag"].decode() == tag
    assert headers[b"vary"] == b"Accept-Encoding"


def test_a_tag_of_a_coding_that_is_not_accepted_now_does_not_count():
    seen = []
    drive(whole(TEXT), "gzip", seen=seen, **{"if-none-match": '"0123-br"', "if-match": '"0123-br"'})
    assert (seen[0]["if-none-match"], seen[0]["if-match"]) == ("", "")


def test_a_list_of_tags_leads_to_the_one_of_the_coding():
    sent = drive(
        [start(None, 304), *bodies(b"")], "br", **{"if-none-match": '"0123-gzip", "0123-br"'}
    )
    assert dict(sent[0]["headers"])[b"etag"] == b'"0123-br"'


@pytest.mark.parametrize("length", [None, "5000", "10"])
def test_the_head_of_an_answer_is_that_of_the_answer(length):
    content = b"x" * int(length or 5000)
    known = {"content-length": length} if length else {}
    got = dict(drive([start(**known), *bodies(content)])[0]["headers"])
    [head, body] = drive([start(**known), *bodies(b"")], method="HEAD")
    assert body == {"type": "http.response.body", "body": b"", "more_body": False}
    headers = dict(head["headers"])
    if b"content-encoding" in got:
        got.pop(b"content-length", None)  # known only once the body is made
    assert headers == got


def test_a_failure_in_the_middle_leaves_the_body_without_its_end():
    sent = []

    async def send(message):
        sent.append(message)

    async def inner(scope, receive, send):
        await send(start())
        await send({"type": "http.response.body", "body": TEXT, "more_body": True})
        raise OSError("gone")

    async def scenario():
        compute = Compute(1)
        scope = asgi.scope("/x", headers={"accept-encoding": "gzip"})
        with pytest.raises(OSError, match="gone"):
            await Compression(inner, compute.run, answers())(scope, None, send)
        await compute.close()

    asyncio.run(scenario())
    assert sent[-1]["more_body"] is True
    decoder = zlib.decompressobj(wbits=31)
    assert decoder.decompress(sent[-1]["body"]) == TEXT
    assert not decoder.eof


def test_a_failure_before_the_first_byte_sends_nothing():
    sent = []

    async def send(message):
        sent.append(message)

    async def inner(scope, receive, send):
        await send(start(**{"content-length": "5000"}))
        raise OSError("gone")

    async def scenario():
        compute = Compute(1)
        scope = asgi.scope("/x", headers={"accept-encoding": "gzip"})
        with pytest.raises(OSError, match="gone"):
            await Compression(inner, compute.run, answers())(scope, None, send)
        await compute.close()

    asyncio.run(scenario())
    assert sent == []


def test_a_length_that_comes_in_several_messages_is_not_kept():
    sent = drive([start(**{"content-length": str(2 * len(TEXT))}), *bodies(TEXT, TEXT)], "gzip")
    assert b"content-length" not in dict(sent[0]["headers"])
    assert asgi.answer(sent).content == TEXT * 2


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_passes_untouched(kind):
    seen = []

    async def inner(scope, receive, send):
        seen.append(scope)

    scope = {"type": kind}
    asyncio.run(Compression(inner, Compute(1).run, answers())(scope, None, None))
    assert seen == [scope]
