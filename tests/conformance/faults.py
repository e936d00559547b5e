"""The faults that are planted, and the checks that have to find each: these, and no others."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.conformance.faulty import Ask, Fault, Reply, Serve


@dataclass(frozen=True)
class Planted:
    """A fault and what it looks like from outside."""

    name: str
    fault: Fault
    found: frozenset[str]


ALL: list[Planted] = []


def planted(*found: str) -> Callable[[Fault], Fault]:
    """Enter a fault under its name."""

    def enter(fault: Fault) -> Fault:
        ALL.append(Planted(fault.__name__, fault, frozenset(found)))
        return fault

    return enter


def on_json(change: Callable[[Ask, list[dict[str, Any]]], Any]) -> Fault:
    """A fault in DICOM JSON."""

    def fault(ask: Ask, serve: Serve) -> Reply:
        reply = serve(ask)
        if "json" not in reply.type or reply.status != 200:
            return reply
        found = json.loads(reply.body)
        changed = change(ask, found)
        return reply.with_body(json.dumps(found if changed is None else changed).encode())

    return fault


def on_parts(change: Callable[[Ask, bytes, bytes], tuple[bytes, bytes]], where: str = "") -> Fault:
    """A fault in the header or content of the parts of a multipart answer."""

    def fault(ask: Ask, serve: Serve) -> Reply:
        reply = serve(ask)
        if not reply.type.startswith("multipart") or where not in ask.path or reply.status != 200:
            return reply
        boundary = re.search(r'boundary="?([^";]+)', reply.type)[1].encode()
        pieces = reply.body.split(b"--" + boundary)
        for at in range(1, len(pieces) - 1):
            head, gap, content = pieces[at].removesuffix(b"\r\n").partition(b"\r\n\r\n")
            head, content = change(ask, head, content)
            head = re.sub(rb"\r\nContent-Length: \d+", b"", head, flags=re.IGNORECASE)
            pieces[at] = head + gap + content + b"\r\n"
        return reply.with_body((b"--" + boundary).join(pieces))

    return fault


def attributes(found: Any) -> Any:
    """Every attribute object of a document, those of items too, with the object it stands in."""
    for instance in found:
        for name, attribute in list((instance or {}).items()):
            yield instance, name, attribute
            if attribute.get("vr") == "SQ":
                yield from attributes(attribute.get("Value", []))


def entered(*found: str, of: Callable[..., Fault] = on_json, **options: Any) -> Callable:
    """Enter a change of documents or parts as a fault."""

    def enter(change: Callable) -> Callable:
        ALL.append(Planted(change.__name__, of(change, **options), frozenset(found)))
        return change

    return enter


def is_search(ask: Ask) -> bool:
    return ask.path.rpartition("/")[2] in ("studies", "series", "instances")


# --- envelopes and transport


@planted("multipart.boundary")
def boundary_that_does_not_match(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if not reply.type.startswith("multipart"):
        return reply
    changed = re.sub(r'boundary="?[^";]+"?', "boundary=another", reply.type)
    return reply.with_headers(content_type=changed)


@planted("multipart.closing")
def no_closing_delimiter(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if reply.type.startswith("multipart") and "/frames/" in ask.path:
        return reply.with_body(reply.body[: reply.body.rstrip().rfind(b"\r\n--")] + b"\r\n")
    return reply


@planted("multipart.boundary")
def another_boundary_between_the_parts(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if not reply.type.startswith("multipart"):
        return reply
    boundary = re.search(r'boundary="?([^";]+)', reply.type)[1].encode()
    pieces = reply.body.split(b"--" + boundary + b"\r\n")
    first = (b"--" + boundary + b"\r\n").join(pieces[:2])
    return reply.with_body(b"--another\r\n".join([first, *pieces[2:]]))


@entered("multipart.part", of=on_parts)
def part_without_a_type(_: Ask, head: bytes, content: bytes) -> tuple[bytes, bytes]:
    return re.sub(rb"\r\nContent-Type:[^\r]*", b"", head, flags=re.IGNORECASE), content


@planted("multipart.closing")
def closing_delimiter_cut_off(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if reply.type.startswith("multipart"):
        return reply.with_body(reply.body.rstrip(b"\r\n").removesuffix(b"-"))
    return reply


@planted("multipart.closing")
def body_that_ends_within_a_part(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    cut = "/frames/" in ask.path and reply.type.startswith("multipart")
    return reply.with_body(reply.body[: len(reply.body) * 2 // 3]) if cut else reply


@planted("instance.single-part")
def single_part_cut_short(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    return reply.with_body(reply.body[:-50]) if ask.accept == "application/dicom" else reply


@planted("multipart.type")
def no_type_parameter(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    return reply.with_headers(content_type=re.sub(r'type="[^"]*"; ?', "", reply.type)) if (
        reply.type.startswith("multipart")
    ) else reply  # fmt: skip


@planted("http.complete")
def truncated_body(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    cut = "/frames/" in ask.path and reply.type.startswith("multipart")
    return replace(reply, sent=len(reply.body) // 2) if cut else reply


@planted("http.complete")
def stalls(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    return replace(reply, wait=4) if ask.path.endswith("/frames/0") else reply


@planted("json.parse", "http.head")
def content_length_lies(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    lies = ask.path.endswith("/metadata") and "json" in reply.type and ask.method == "GET"
    short = len(reply.body) - 20
    return replace(reply, length=short, sent=short) if lies else reply


@planted("http.coding")
def gzip_label_without_gzip(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    labelled = "/metadata" in ask.path and "json" in reply.type and ask.method == "GET"
    return reply.with_headers(content_encoding="gzip") if labelled else reply


@planted("http.type", "json.parse")
def page_in_place_of_json(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if ask.path.endswith("/metadata") and "json" in reply.type and reply.status == 200:
        fields = {"content-type": "application/dicom+json"}
        return Reply(200, fields, b"<!DOCTYPE html><html><body>Log in</body></html>")
    return reply


# --- DICOM JSON


@entered("json.person")
def name_as_a_bare_string(_: Ask, found: list) -> None:
    for _, _, attribute in attributes(found):
        if attribute.get("vr") == "PN" and attribute.get("Value"):
            attribute["Value"] = [one and one["Alphabetic"] for one in attribute["Value"]]


@entered("json.person")
def groups_of_a_name_in_one(_: Ask, found: list) -> None:
    for _, _, attribute in attributes(found):
        if attribute.get("vr") == "PN" and attribute.get("Value"):
            names = [one and {"Alphabetic": "=".join(one.values())} for one in attribute["Value"]]
            attribute["Value"] = names


@entered("json.empty", "search.study-required", "metadata.study")  # fmt: skip
def name_as_null(_: Ask, found: list) -> None:
    for _, _, attribute in attributes(found):
        if attribute.get("vr") == "PN" and attribute.get("Value"):
            attribute["Value"] = [None]


@entered("json.empty")
def empty_value_arrays(_: Ask, found: list) -> None:
    for _, _, attribute in attributes(found):
        if set(attribute) == {"vr"}:
            attribute["Value"] = []


@entered("json.type")
def numbers_as_strings(_: Ask, found: list) -> None:
    for _, _, attribute in attributes(found):
        if attribute.get("vr") == "US" and "Value" in attribute:
            attribute["Value"] = [str(one) for one in attribute["Value"]]


@entered("json.value")
def padded_uids(_: Ask, found: list) -> None:
    for _, _, attribute in attributes(found):
        if attribute.get("vr") == "UI" and "Value" in attribute:
            attribute["Value"] = [one + "\0" for one in attribute["Value"]]


@entered("json.names")
def group_lengths(ask: Ask, found: list) -> list:
    return [{"00080000": {"vr": "UL", "Value": [4]}} | one for one in found]


@entered("json.order")
def attributes_in_any_order(_: Ask, found: list) -> list:
    return [dict(reversed(one.items())) for one in found]


@entered("json.vr", "metadata.study")
def wrong_vr(_: Ask, found: list) -> None:
    for _, name, attribute in attributes(found):
        if name == "00080060":
            attribute["vr"] = "LO"


@entered("json.binary")
def binary_that_is_not_base64(_: Ask, found: list) -> None:
    for instance, name, _ in list(attributes(found)):
        if name == "00111001":
            instance[name] = {"vr": "OB", "InlineBinary": "*not base64*"}


# --- negotiation and errors


@planted("negotiate.frame-406")
def frames_in_another_type_for_406(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if reply.status == 406 and "/frames/" in ask.path and "/rendered" not in ask.path:
        return serve(replace(ask, headers={**ask.headers, "accept": "*/*"}))
    return reply


@planted("negotiate.instance-406")
def instances_in_another_syntax_for_406(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if reply.status == 406 and ask.path.rpartition("/")[0].endswith("/instances"):
        return serve(replace(ask, headers={**ask.headers, "accept": "*/*"}))
    return reply


@planted("negotiate.search-406", "negotiate.metadata-406", "negotiate.frame-406",
         "negotiate.instance-406", "negotiate.rendered-406")  # fmt: skip
def missing_406(ask: Ask, serve: Serve) -> Reply:
    impossible = ask.accept == "application/x-no-such-type" or ask.accept.endswith(".999")
    return (
        serve(replace(ask, headers={**ask.headers, "accept": "*/*"})) if impossible else serve(ask)
    )


@planted("negotiate.weights")
def ignored_weights(ask: Ask, serve: Serve) -> Reply:
    if ";q=" in ask.accept and "no-such" not in ask.accept:
        first = ask.accept.split(", ")[0].split(";q=")[0]
        return serve(replace(ask, headers={**ask.headers, "accept": first}))
    return serve(ask)


@planted("negotiate.parameter")
def ignored_accept_parameter(ask: Ask, serve: Serve) -> Reply:
    return serve(ask.without("accept") if ask.path.endswith("/metadata") else ask)


@planted("error.study", "error.series", "error.instance", "error.mismatch", "error.uid")
def nothing_is_200(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if reply.status in (400, 404) and ask.path.endswith("/metadata"):
        return Reply(200, {"content-type": "application/dicom+json"}, b"[]")
    return reply


# They enter theirs into ALL, with what is above.
from tests.conformance import faults_of_pictures, faults_of_searches  # noqa: E402, F401
