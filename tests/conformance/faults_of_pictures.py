"""Faults planted in frames, files and pictures."""

import io
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from tests.conformance.faults import (
    ALL,
    Planted,
    entered,
    on_parts,
    planted,
)
from tests.conformance.faulty import Ask, Fault, Reply, Serve


@entered("frame.label", of=on_parts, where="/frames/")
def wrong_transfer_syntax_label(_: Ask, head: bytes, content: bytes) -> tuple[bytes, bytes]:
    return head.replace(b".4.202", b".4.90"), content


@entered("frame.native", of=on_parts, where="/frames/")
def swapped_planes(_: Ask, head: bytes, content: bytes) -> tuple[bytes, bytes]:
    if b"octet-stream" in head and len(content) % 3 == 0 and b".1.2.1" in head:
        array = np.frombuffer(content, "u1")
        if len(array) == RGB_BYTES:
            content = array.reshape(-1, 3).T.tobytes()
    return head, content


RGB_BYTES = 3 * 30 * 40


@entered("frame.native", of=on_parts, where="/frames/")
def swapped_bytes(_: Ask, head: bytes, content: bytes) -> tuple[bytes, bytes]:
    if b"octet-stream" in head and len(content) % 2 == 0 and len(content) != RGB_BYTES:
        content = np.frombuffer(content, "<u2").byteswap().tobytes()
    return head, content


@planted("frame.native", "frame.stored")
def off_by_one(ask: Ask, serve: Serve) -> Reply:
    path, _, numbers = ask.path.rpartition("/frames/")
    if path and re.fullmatch(r"[0-9,]+", numbers) and "0" not in numbers.split(","):
        moved = ",".join(str(int(one) - 1 or 1) for one in numbers.split(","))
        if serve(replace(ask, path=f"{path}/frames/2")).status == 200:
            beyond = serve(ask)
            return beyond if beyond.status != 200 else _several(ask, serve, path, moved)
    return serve(ask)


def _several(ask: Ask, serve: Serve, path: str, numbers: str) -> Reply:
    """Frames by numbers of which some may be the same, as one answer."""
    replies = [serve(replace(ask, path=f"{path}/frames/{one}")) for one in numbers.split(",")]
    if len(replies) == 1:
        return replies[0]
    parts = []
    for reply in replies:
        boundary = re.search(r'boundary="?([^";]+)', reply.type)[1].encode()
        parts.append(reply.body.split(b"--" + boundary)[1])
    body = b"--one" + b"--one".join(parts) + b"--one--\r\n"
    kind = re.sub(r'boundary="?[^";]+"?', "boundary=one", replies[0].type)
    return replies[0].with_body(body).with_headers(content_type=kind)


@planted("frame.beyond")
def last_frame_for_those_beyond(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    path, _, number = ask.path.rpartition("/frames/")
    if path and reply.status == 404 and number.isdigit() and number != "0":
        first = serve(replace(ask, path=f"{path}/frames/1"))
        return first if first.status == 200 else reply
    return reply


@entered("instance.default", of=on_parts)
def changed_attribute(_: Ask, head: bytes, content: bytes) -> tuple[bytes, bytes]:
    is_file = content[128:132] == b"DICM"
    return head, content.replace(b"P700G ", b"P700H ") if is_file else content


@planted("instance.study")
def an_instance_is_missing(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if not re.fullmatch(r"/studies/[0-9.]+", ask.path) or not reply.type.startswith("multipart"):
        return reply
    boundary = re.search(r'boundary="?([^";]+)', reply.type)[1].encode()
    pieces = reply.body.split(b"--" + boundary)
    return reply.with_body((b"--" + boundary).join([pieces[0], *pieces[2:]]))


@planted("bulkdata.uris")
def dangling_bulk_data(ask: Ask, serve: Serve) -> Reply:
    return Reply(404) if "/bulkdata/" in ask.path else serve(ask)


@planted("bulkdata.values")
def other_bulk_data(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if "/bulkdata/00111001" in ask.path and reply.status == 200:
        return reply.with_body(reply.body.replace(bytes(range(64, 96)), bytes(32)))
    return reply


def repainted(change: Callable[[Image.Image], Image.Image]) -> Fault:
    """A fault in what pictures show."""

    def fault(ask: Ask, serve: Serve) -> Reply:
        reply = serve(ask)
        if not ask.path.endswith("/rendered") or ask.pairs or reply.type != "image/jpeg":
            return reply
        content = io.BytesIO()
        change(Image.open(io.BytesIO(reply.body))).save(content, "JPEG")
        return reply.with_body(content.getvalue())

    return fault


def _blue_first(picture: Image.Image) -> Image.Image:
    return Image.merge("RGB", picture.split()[::-1]) if picture.mode == "RGB" else picture


for _name, _change in {
    "rendered_mirrored": lambda one: one.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "rendered_upside_down": lambda one: one.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "rendered_inverted": lambda one: Image.eval(one, lambda value: 255 - value),
    "rendered_black": lambda one: Image.new(one.mode, one.size),
    "rendered_with_blue_for_red": _blue_first,
}.items():
    ALL.append(Planted(_name, repainted(_change), frozenset({"rendered.picture"})))


@planted("rendered.picture")
def rendered_always_the_first_frame(ask: Ask, serve: Serve) -> Reply:
    path = re.sub("/frames/[0-9]+/rendered$", "/frames/1/rendered", ask.path)
    return serve(replace(ask, path=path))


@planted("rendered.instance")
def rendered_in_another_size(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if ask.path.endswith("/rendered") and not ask.pairs and reply.type.startswith("image/jpeg"):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(reply.body)).resize((9, 9)).save(buffer, "JPEG")
        return reply.with_body(buffer.getvalue())
    return reply


@entered("metadata.study")
def a_missing_attribute(ask: Ask, found: list) -> None:
    for one in found if ask.path.endswith("/metadata") else ():
        one.pop("00200013", None)
