"""The faults that are planted, and the checks that have to find each: these, and no others."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

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


@entered("json.empty", "search.study-required", "metadata.study", "metadata.series",
         "metadata.instance")  # fmt: skip
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


@entered("json.vr", "metadata.study", "metadata.series", "metadata.instance")
def wrong_vr(_: Ask, found: list) -> None:
    for _, name, attribute in attributes(found):
        if name == "00080060":
            attribute["vr"] = "LO"


@entered("json.binary")
def binary_that_is_not_base64(_: Ask, found: list) -> None:
    for instance, name, _ in list(attributes(found)):
        if name == "00111001":
            instance[name] = {"vr": "OB", "InlineBinary": "*not base64*"}


# --- searches


@planted("page.offset", "page.partition", "page.beyond", "viewer.slicer")
def ignored_offset(ask: Ask, serve: Serve) -> Reply:
    ignored = (ask.value("offset") or "").isdigit()
    return serve(ask.without("offset") if ignored else ask)


@planted("page.offset", "page.partition")
def ignored_offset_of_series(ask: Ask, serve: Serve) -> Reply:
    return serve(ask.without("offset") if ask.path.endswith("/series") else ask)


@planted("page.offset", "page.partition")
def ignored_offset_within_a_series(ask: Ask, serve: Serve) -> Reply:
    within = re.search("/series/[^/]+/instances$", ask.path)
    return serve(ask.without("offset") if within else ask)


@planted("page.offset", "page.partition")
def ignored_offset_of_searches_with_a_key(ask: Ask, serve: Serve) -> Reply:
    keyed = ask.value("ModalitiesInStudy") is not None
    return serve(ask.without("offset") if keyed else ask)


@planted("page.limit", "page.partition")
def one_result_too_many(ask: Ask, serve: Serve) -> Reply:
    limit = ask.value("limit") or ""
    more = is_search(ask) and "/instances" in ask.path and limit.isdigit()
    return serve(ask.having("limit", str(int(limit) + 1)) if more else ask)


@planted("page.limit", "page.partition")
def ignored_limit(ask: Ask, serve: Serve) -> Reply:
    ignored = (ask.value("limit") or "").isdigit()
    return serve(ask.without("limit") if ignored else ask)


@planted("page.warning")
def no_warning(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    return replace(reply, headers={k: v for k, v in reply.headers.items() if k != "warning"})


@planted("page.malformed", "http.server-error")
def fails_on_malformed_numbers(ask: Ask, serve: Serve) -> Reply:
    bad = any(ask.value(one) not in (None, "") and not str(ask.value(one)).isdigit()
              for one in ("limit", "offset"))  # fmt: skip
    return (
        Reply(500, {"content-type": "text/plain"}, b"Internal Server Error") if bad else serve(ask)
    )


@planted("match.uids")
def only_the_first_series_of_a_list(ask: Ask, serve: Serve) -> Reply:
    listed = ask.value("SeriesInstanceUID") or ""
    return serve(ask.having("SeriesInstanceUID", listed.partition(",")[0]))


@planted("match.single")
def identifiers_match_by_their_beginning(ask: Ask, serve: Serve) -> Reply:
    key = ask.value("PatientID") or ""
    plain = is_search(ask) and key and not re.search("[*?]", key)
    return serve(ask.having("PatientID", f"{key}*") if plain else ask)


@planted("search.empty")
def nothing_found_is_404(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    nothing = is_search(ask) and (reply.status == 204 or reply.body.strip() == b"[]")
    return Reply(404, {"content-type": "application/json"}, b"{}") if nothing else reply


@planted("option.gzip")
def compressed_body_of_another_result(ask: Ask, serve: Serve) -> Reply:
    packed = "gzip" in ask.headers.get("accept-encoding", "")
    return serve(replace(ask, pairs=(*ask.pairs, ("limit", "1"))) if packed else ask)


@entered("bulkdata.pixels", of=on_parts, where="bulkdata")
def pixels_of_bulk_data_shifted(ask: Ask, head: bytes, content: bytes) -> tuple[bytes, bytes]:
    shifted = b"octet-stream" in head and "7FE00010" in ask.path.upper()
    return head, content[2:] + content[:2] if shifted else content


@planted("match.wildcards", "viewer.ohif-filters")
def wildcards_taken_literally(ask: Ask, serve: Serve) -> Reply:
    for name in ("AccessionNumber", "PatientID", "StudyID", "00100020"):
        if re.search(r"[*?]", ask.value(name) or ""):
            return serve(ask.having(name, "none-has-this"))
    return serve(ask)


@planted("match.dates")
def range_without_its_end(ask: Ask, serve: Serve) -> Reply:
    found = re.fullmatch(r"(\d*)-(\d{8})", ask.value("StudyDate") or "")
    if found and is_search(ask) and not ask.value("StudyTime"):
        return serve(ask.having("StudyDate", f"{found[1]}-{int(found[2]) - 1}"))
    return serve(ask)


@planted("match.uids", "match.uids-backslash")
def only_the_first_uid(ask: Ask, serve: Serve) -> Reply:
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if re.search(r"[,\\]", ask.value(name) or ""):
            return serve(ask.having(name, re.split(r"[,\\]", ask.value(name) or "")[0]))
    return serve(ask)


@planted("match.several")
def only_the_first_key(ask: Ask, serve: Serve) -> Reply:
    both = ask.value("PatientID") and ask.value("StudyDate")
    return serve(ask.without("StudyDate") if both else ask)


@planted("match.sequence")
def ignored_sequence_keys(ask: Ask, serve: Serve) -> Reply:
    return serve(ask.without(*(key for key, _ in ask.pairs if "." in key and "=" not in key)))


@planted("search.includefield", "search.includefield-list", "search.includefield-all")
def ignored_includefield(ask: Ask, serve: Serve) -> Reply:
    return serve(ask.without("includefield"))


@entered("search.retrieve-url")
def no_retrieve_url(ask: Ask, found: list) -> None:
    for one in found:
        one.pop("00081190", None)


@entered("search.retrieve-url")
def retrieve_url_of_another(ask: Ask, found: list) -> None:
    for one in found if is_search(ask) else ():
        if "00081190" in one:
            one["00081190"]["Value"] = [one["00081190"]["Value"][0] + "9"]


@entered("search.counts")
def wrong_counts(_: Ask, found: list) -> None:
    for one in found:
        if "00201208" in one:
            one["00201208"]["Value"][0] += 1


@entered("search.modalities")
def no_modalities_in_study(_: Ask, found: list) -> None:
    for one in found:
        one.pop("00080061", None)


@entered("search.study-required")
def another_patient_id(ask: Ask, found: list) -> None:
    for one in found if is_search(ask) else ():
        if "00100020" in one:
            one["00100020"]["Value"] = ["NOBODY"]


@entered("search.study-series", "search.counts")
def a_series_is_missing(ask: Ask, found: list) -> list:
    within = re.fullmatch(r"/studies/[0-9.]+/series", ask.path) and not ask.pairs
    return [o for o in found if not o["0020000E"]["Value"][0].endswith(".1.1")] if within else found


@planted("search.xml")
def no_xml_of_searches(ask: Ask, serve: Serve) -> Reply:
    return Reply(406) if is_search(ask) and ask.accept.endswith('dicom+xml"') else serve(ask)


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


# --- frames and files


@entered("frame.label", "frame.jphc", of=on_parts, where="/frames/")
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


@entered("frame.native", "frame.list", "frame.order", of=on_parts, where="/frames/")
def swapped_bytes(_: Ask, head: bytes, content: bytes) -> tuple[bytes, bytes]:
    if b"octet-stream" in head and len(content) % 2 == 0 and len(content) != RGB_BYTES:
        content = np.frombuffer(content, "<u2").byteswap().tobytes()
    return head, content


@planted("frame.native", "frame.stored", "frame.list", "frame.order")
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


@entered("instance.default", "instance.stored", "instance.study", "instance.series", of=on_parts)
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


@planted("rendered.instance", "rendered.frames")
def rendered_in_another_size(ask: Ask, serve: Serve) -> Reply:
    reply = serve(ask)
    if ask.path.endswith("/rendered") and not ask.pairs and reply.type.startswith("image/jpeg"):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(reply.body)).resize((9, 9)).save(buffer, "JPEG")
        return reply.with_body(buffer.getvalue())
    return reply


@entered("metadata.study", "metadata.series", "metadata.instance")
def a_missing_attribute(ask: Ask, found: list) -> None:
    for one in found if ask.path.endswith("/metadata") else ():
        one.pop("00200013", None)
