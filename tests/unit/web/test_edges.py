"""Edges of the gateway end to end, over a HealthImaging in memory."""

import asyncio
import base64
import json
import logging
from urllib.parse import parse_qsl

import pytest

from gateway.app import create_app
from gateway.dicom import tags, transfer_syntaxes as ts
from gateway.dicomweb import accept, query, representations
from gateway.dicomweb.query import Level
from gateway.dicomweb.representations import Stored
from gateway.errors import InvalidRequest, NotAcceptable, UpstreamUnavailable
from gateway.telemetry.logs import JsonFormatter
from tests.unit.services.memory import (
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

FRAME = bytes(range(8))
INSTANCE = "/dicomweb/studies/1.2/series/1.2.1/instances/1.2.1.1"


def remote(*sets):
    made = MemoryHealthImaging()
    default = (
        image_set("1.2", "1.2.1", instance("1.2.1.1", frames=[FRAME], **PIXELS)),
        image_set(
            "1.2",
            "1.2.2",
            instance("1.2.2.1"),
            at_series={"Modality": "MR", "SeriesNumber": "2"},
        ),
    )
    for one in sets or default:
        made.add(one)
    return made


def with_one(**attributes):
    return remote(image_set("1", "1.1", instance("1.1.1", **attributes)))


def get(path, healthimaging=None, **headers):
    return asgi.get(create_app(settings(), healthimaging or remote()), path, **headers)


def parse(text):
    return query.parse(Level.STUDY, parse_qsl(text, keep_blank_values=True), {})


def test_a_plus_sign_of_a_media_type_is_one():
    answer = get("/dicomweb/studies/1.2/metadata?accept=application/dicom+json")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "text", ["StudyInstanceUID=abc", "SeriesInstanceUID=1.2,x", "StudyInstanceUID=" + "1" * 600]
)
def test_what_is_no_uid_is_refused_by_name(text):
    with pytest.raises(InvalidRequest) as caught:
        parse(text)
    assert caught.value.parameter == text.partition("=")[0]


def test_what_is_too_long_to_be_stored_asks_nobody():
    healthimaging = remote()
    assert get("/dicomweb/studies?PatientID=" + "P" * 600, healthimaging).json() == []
    assert healthimaging.count("search") == 0


def test_pixel_data_of_one_frame_go_out_without_an_envelope_if_wanted():
    answer = get(f"{INSTANCE}/bulkdata/7FE00010", accept="application/octet-stream")
    assert answer.headers["content-type"].startswith("application/octet-stream")
    assert answer.content == FRAME


@pytest.mark.parametrize(("path", "count"), [("series", 2), ("instances", 2)])
def test_modalities_in_study_is_a_key_below_studies_too(path, count):
    assert len(get(f"/dicomweb/{path}?ModalitiesInStudy=CT").json()) == count
    assert get(f"/dicomweb/{path}?ModalitiesInStudy=US").json() == []
    both = f"/dicomweb/{path}?ModalitiesInStudy=CT&SeriesInstanceUID=1.2.2"
    assert len(get(both).json()) == 1


def test_the_resource_decides_which_levels_a_result_describes():
    assert "00080060" in get("/dicomweb/studies/1.2/instances").json()[0]
    assert "00100020" not in get("/dicomweb/studies/1.2/instances").json()[0]
    assert "00100020" in get("/dicomweb/series?StudyInstanceUID=1.2").json()[0]
    assert "00100020" in get("/dicomweb/series?StudyInstanceUID=").json()[0]


def test_a_universal_key_beside_the_path_is_no_contradiction():
    assert len(get("/dicomweb/studies/1.2/series?StudyInstanceUID=").json()) == 2
    assert get("/dicomweb/studies/1.2/series?StudyInstanceUID=9").json() == []


def test_a_key_given_twice_is_refused():
    with pytest.raises(InvalidRequest):
        parse("StudyInstanceUID=1.2&StudyInstanceUID=1.3")


@pytest.mark.parametrize("text", ["?=x", "?includefield=PatientName.", "?PatientName.=x"])
def test_an_empty_name_is_no_attribute(text):
    assert get(f"/dicomweb/studies{text}").status_code == 400


@pytest.mark.parametrize("name", ["emptyvaluematching", "multiplevaluematching", "fuzzymatching"])
def test_kinds_of_matching_that_are_done_need_no_warning(name):
    for value in ("true", "false"):
        answer = get(f"/dicomweb/studies?{name}={value}")
        assert answer.status_code == 200
        assert "warning" not in answer.headers


def test_a_range_of_types_does_not_give_other_types():
    with pytest.raises(NotAcceptable):
        representations.frames(accept.parse("image/*"), Stored(ts.EXPLICIT_LE), 1)
    assert get(INSTANCE, accept="application/*").status_code == 200


def test_everything_that_is_said_to_be_available_is():
    stored = (ts.HTJ2K_LOSSLESS_RPCL, ts.JPEG_BASELINE)
    options = {"stored": stored, "targets": (ts.EXPLICIT_LE,), "single": False}
    with pytest.raises(NotAcceptable) as caught:
        representations.instances(accept.parse("text/html"), **options)
    assert caught.value.available
    for offer in caught.value.available:
        representations.instances(accept.parse(offer), **options)


def test_a_stored_type_that_is_named_is_kept_though_not_described():
    wanted = accept.parse("multipart/related; type=image/jphc; transfer-syntax=*")
    stored = Stored(ts.HTJ2K_LOSSLESS_RPCL, (ts.EXPLICIT_LE,), described=False)
    chosen = representations.frames(wanted, stored, 1)
    assert chosen.syntax == ts.HTJ2K_LOSSLESS_RPCL


def test_head_does_not_say_that_a_stream_is_empty():
    made = asgi.scope("/dicomweb/studies/1.2/metadata", "HEAD")
    start, *_ = asyncio.run(asgi.drive(create_app(settings(), remote()), made))
    assert b"content-length" not in dict(start["headers"])


def test_a_failure_before_the_first_frame_is_an_error_answer():
    healthimaging = remote()
    healthimaging.failures["frame"] = UpstreamUnavailable("away")
    assert get(INSTANCE, healthimaging).status_code == 503


def test_a_failure_behind_the_first_byte_is_logged_with_its_cause(caplog):
    healthimaging = MemoryHealthImaging()
    for number in (1, 2):
        series = {"SeriesNumber": str(number)}
        last = image_set("1", f"1.{number}", instance(f"1.{number}.1"), at_series=series)
        name = healthimaging.add(last)
    healthimaging.failures[name] = UpstreamUnavailable("away")
    caplog.set_level(logging.INFO, "gateway")
    with pytest.raises(RuntimeError):
        get("/dicomweb/studies/1/metadata", healthimaging)
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    [failed] = [line["exception"] for line in lines if line["event"] == "request_failed"]
    assert failed.endswith("UpstreamUnavailable")


def half_named():
    """Two image sets of one series, of which one does not say so in search results."""
    healthimaging = remote(image_set("1", "1.1", instance("1.1.1")))
    second = image_set("1", "1.1", instance("1.1.1"), instance("1.1.2", 2))
    healthimaging.add(second, tags={"DICOMSeriesInstanceUID": None})
    return healthimaging


def test_image_sets_are_merged_also_where_one_does_not_name_its_series():
    assert len(get("/dicomweb/series", half_named()).json()) == 1
    assert len(get("/dicomweb/studies/1/metadata", half_named()).json()) == 2
    path = "/dicomweb/studies/1/series/1.1/instances/1.1.1"
    answer = get(path, half_named(), accept="application/dicom")
    assert answer.content.count(b"DICM") == 1


@pytest.mark.parametrize("value", ["99999999999999999999", "1e30"])
def test_an_integer_beyond_64_bits_is_written_as_text(value):
    [found] = get("/dicomweb/studies/1/metadata", with_one(InstanceNumber=value)).json()
    assert found["00200013"]["Value"] == [value]


def test_a_private_attribute_comes_with_its_creator():
    private = {"00090010": "CREATOR", "00091001": "v"}
    healthimaging = with_one(vrs={"00091001": "LO", "00090010": "LO"}, **private)
    [found] = get("/dicomweb/instances?includefield=00091001", healthimaging).json()
    assert found["00090010"]["Value"] == ["CREATOR"]
    assert found["00091001"]["Value"] == ["v"]


def test_a_key_into_a_sequence_returns_the_sequence():
    healthimaging = with_one(ReferencedSeriesSequence=[{"SeriesInstanceUID": "9.9"}])
    path = "/dicomweb/instances?ReferencedSeriesSequence.SeriesInstanceUID=9.9"
    assert "00081115" in get(path, healthimaging).json()[0]


@pytest.mark.parametrize(("size", "form"), [(1024, "InlineBinary"), (1025, "BulkDataURI")])
def test_padding_is_not_counted_as_content(size, form):
    healthimaging = with_one(ICCProfile=base64.b64encode(bytes(size)).decode())
    assert form in get("/dicomweb/studies/1/metadata", healthimaging).json()[0]["00282000"]


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (("10.0.0.5", 8080), "http://10.0.0.5:8080"),
        (("::1", 8080), "http://[::1]:8080"),
        (None, "http://localhost"),
    ],
)
def test_urls_without_a_host_header(server, url):
    made = asgi.scope("/dicomweb/studies", headers={"host": ""}, server=server)
    answer = asgi.answer(asyncio.run(asgi.drive(create_app(settings(), remote()), made)))
    assert answer.json()[0]["00081190"]["Value"] == [f"{url}/dicomweb/studies/1.2"]


def test_names_that_clients_invent_are_not_kept_for_ever():
    for number in range(20_000):
        tags.parse_tag(f"unknown{number}")
    assert tags.by_keyword.cache_info().currsize <= 16_384


@pytest.mark.parametrize(
    "text",
    [
        "StudyDate=%D9%A2%D9%A0%D9%A2%D9%A4%D9%A0%D9%A1%D9%A0%D9%A1",  # Arabic digits
        "StudyDate=20241399",
        "StudyTime=996199",
    ],
)
def test_what_is_no_date_or_time_is_refused(text):
    with pytest.raises(InvalidRequest):
        parse(text)


def test_an_inverted_range_asks_nobody():
    healthimaging = remote()
    assert get("/dicomweb/studies?StudyDate=20240201-20240101", healthimaging).json() == []
    assert healthimaging.count("search") == 0


def test_an_image_set_that_is_named_is_read_once_for_its_frames():
    healthimaging = remote()
    app = create_app(settings(search_ttl=60), healthimaging)

    async def three():
        for _ in range(3):
            await asgi.fetch(app, f"{INSTANCE}/frames/1?imageSetId={'0' * 32}")

    asyncio.run(three())
    assert healthimaging.count("metadata") == 1


def test_floating_point_pixels_are_announced_as_what_they_are():
    integers = ("BitsStored", "HighBit", "PixelRepresentation")
    pixels = {key: value for key, value in PIXELS.items() if key not in integers}
    healthimaging = with_one(frames=[bytes(16)], **(pixels | {"BitsAllocated": 32}))
    [found] = get("/dicomweb/studies/1/metadata", healthimaging).json()
    assert found["7FE00008"]["vr"] == "OF"
    assert "7FE00010" not in found
