"""Faults planted in searches."""

import re
from dataclasses import replace

from tests.conformance.faults import entered, is_search, on_parts, planted
from tests.conformance.faulty import Ask, Reply, Serve


@planted("page.offset")
def ignored_offset(ask: Ask, serve: Serve) -> Reply:
    ignored = (ask.value("offset") or "").isdigit()
    return serve(ask.without("offset") if ignored else ask)


@planted("page.offset")
def ignored_offset_of_series(ask: Ask, serve: Serve) -> Reply:
    return serve(ask.without("offset") if ask.path.endswith("/series") else ask)


@planted("page.offset")
def ignored_offset_within_a_series(ask: Ask, serve: Serve) -> Reply:
    within = re.search("/series/[^/]+/instances$", ask.path)
    return serve(ask.without("offset") if within else ask)


@planted("page.offset")
def ignored_offset_of_searches_with_a_key(ask: Ask, serve: Serve) -> Reply:
    keyed = ask.value("ModalitiesInStudy") is not None
    return serve(ask.without("offset") if keyed else ask)


@planted("page.limit")
def one_result_too_many(ask: Ask, serve: Serve) -> Reply:
    limit = ask.value("limit") or ""
    more = is_search(ask) and "/instances" in ask.path and limit.isdigit()
    return serve(ask.having("limit", str(int(limit) + 1)) if more else ask)


@planted("page.limit")
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


@planted("match.wildcards")
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


@planted("match.uids")
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


@planted("search.includefield")
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
