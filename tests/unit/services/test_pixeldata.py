"""Pixel data as values, and all bulk data of a study, a series or an instance."""

import base64

import numpy as np
import pytest

from gateway.codecs import openjph
from gateway.dicom.image import ImagePixel
from gateway.dicomweb import accept
from gateway.dicomweb.resources import Address
from gateway.errors import NotAcceptable, NotFound, UpstreamUnavailable
from tests.unit.services.bulk import ROOT, ask
from tests.unit.services.memory import (
    DATASTORE,
    EXPLICIT_LE,
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
)

STUDY, SERIES, SOP = "1.2.3", "1.2.3.1", "1.2.3.1.1"
ROWS, COLUMNS = 12, 20
IMAGE = {**PIXELS, "Rows": ROWS, "Columns": COLUMNS}
NATIVE = 'multipart/related; type="application/octet-stream"'
AS_STORED = f"{NATIVE}; transfer-syntax=*"
PROFILE = base64.b64encode(b"profile").decode()


def native(number):
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return (x * 31 + y * 7 + number * 1000).astype("<u2").tobytes()


def encoded(number):
    samples = np.frombuffer(native(number), "<u2").reshape(ROWS, COLUMNS)
    return openjph.encode(samples, ImagePixel(ROWS, COLUMNS))


def image(sop=SOP, count=1, stored=HTJ2K_RPCL, first=1, **attributes):
    make = native if stored == EXPLICIT_LE else encoded
    frames = [make(first + at) for at in range(count)]
    given = {**IMAGE, "NumberOfFrames": str(count), **attributes}
    return instance(sop, frames=frames, stored=stored, **given)


def holding(*instances, remote=None, series=SERIES):
    remote = remote or MemoryHealthImaging()
    remote.add(image_set(STUDY, series, *instances, at_series={"SeriesNumber": series[-1]}))
    return remote


def uri(path, sop=SOP, series=SERIES):
    return f"{ROOT}/studies/{STUDY}/series/{series}/instances/{sop}/bulkdata/{path}"


def value(remote, header, path="7FE00010"):
    address, ranges = Address(DATASTORE, STUDY, SERIES, SOP), accept.parse(header)
    return ask(remote, lambda service: service.retrieve(address, path, ranges, ROOT))


def everything(remote, header, *place, pixels=False):
    padded = (*place, None, None)[:2]
    address, ranges = Address(DATASTORE, STUDY, *padded), accept.parse(header)

    def work(service):
        return service.everything(address, ranges, ROOT, pixels=pixels)

    return ask(remote, work)


@pytest.mark.parametrize("stored", [EXPLICIT_LE, HTJ2K_RPCL])
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(
    ("header", "multipart"),
    [(NATIVE, True), ("*/*", True), ("application/octet-stream", False)],
)
def test_native_pixel_data_are_one_value(stored, count, header, multipart):
    answer, [found] = value(holding(image(count=count, stored=stored)), header)
    assert found.content == b"".join(map(native, range(1, count + 1)))
    assert found.uri == uri("7FE00010")
    assert found.representation == answer.first
    assert found.representation.multipart is multipart
    assert found.representation.content_type == (
        f"application/octet-stream; transfer-syntax={EXPLICIT_LE}"
    )
    assert answer.alone


def test_compressed_pixel_data_are_a_part_for_each_frame():
    answer, parts = value(holding(image(count=3)), AS_STORED)
    assert not answer.alone
    assert [part.content for part in parts] == list(map(encoded, (1, 2, 3)))
    assert [part.uri for part in parts] == [uri(f"7FE00010/frames/{at}") for at in (1, 2, 3)]
    assert {part.representation.content_type for part in parts} == {
        f"image/jphc; transfer-syntax={HTJ2K_RPCL}"
    }


def test_a_compressed_image_of_one_frame_is_the_value_itself():
    answer, [part] = value(holding(image()), "image/jphc")
    assert (part.content, part.uri, answer.alone) == (encoded(1), uri("7FE00010"), True)


def test_several_compressed_frames_need_an_envelope():
    with pytest.raises(NotAcceptable):
        value(holding(image(count=2)), f"image/jphc; transfer-syntax={HTJ2K_RPCL}")


def test_frames_of_bits_are_put_together_without_gaps():
    rows, columns, count = 3, 5, 7
    bits = np.random.default_rng(1).integers(0, 2, (count, rows * columns), "u1")
    frames = [np.packbits(one, bitorder="little").tobytes() for one in bits]
    given = {**PIXELS, "Rows": rows, "Columns": columns, "BitsAllocated": 1, "BitsStored": 1}
    remote = holding(instance(SOP, frames=frames, NumberOfFrames=str(count), **given))
    _, [found] = value(remote, NATIVE)
    assert found.content == np.packbits(bits.reshape(-1), bitorder="little").tobytes()


def test_floating_point_pixels_have_their_own_element():
    content = np.arange(6, dtype="<f4").tobytes()
    given = {"Rows": 2, "Columns": 3, "BitsAllocated": 32, "SamplesPerPixel": 1}
    remote = holding(instance(SOP, frames=[content], **given))
    _, [found] = value(remote, NATIVE, "7FE00008")
    assert (found.content, found.uri) == (content, uri("7FE00008"))
    with pytest.raises(NotFound):
        value(remote, NATIVE)


def mixed():
    remote = holding(
        image("1.2.3.1.1", count=2, InstanceNumber="1", ICCProfile=PROFILE),
        image("1.2.3.1.2", stored=EXPLICIT_LE, first=7, InstanceNumber="2", ICCProfile="AAAA"),
        instance("1.2.3.1.3", 3),
    )
    document = {
        "EncapsulatedDocument": PROFILE,
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
        "WaveformSequence": [{"WaveformData": PROFILE}],
    }
    return holding(instance("1.2.3.2.1", **document), remote=remote, series="1.2.3.2")


PARTS = [
    (uri("00282000"), "application/octet-stream", b"profile"),
    (uri("7FE00010"), "application/octet-stream", native(1) + native(2)),
    (uri("7FE00010", "1.2.3.1.2"), "application/octet-stream", native(7)),
    (uri("00420011", "1.2.3.2.1", "1.2.3.2"), "application/pdf", b"profile"),
    (
        uri("54000100/1/54001010", "1.2.3.2.1", "1.2.3.2"),
        "application/octet-stream",
        b"profile",
    ),
]


@pytest.mark.parametrize("header", ["*/*", 'multipart/related; type="*/*"'])
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((), PARTS),
        (("1.2.3.1",), PARTS[:3]),
        (("1.2.3.1", "1.2.3.1.1"), PARTS[:2]),
        (("1.2.3.2",), PARTS[3:]),
    ],
)
def test_all_bulk_data_of_a_resource(header, place, expected):
    answer, parts = everything(mixed(), header, *place)
    found = [(one.uri, one.representation.media_type, one.content) for one in parts]
    assert found == expected
    assert answer.complete
    assert not answer.alone
    assert answer.first.media_type == expected[0][1]
    assert all(one.representation.multipart for one in parts)


@pytest.mark.parametrize(("place", "expected"), [((), PARTS[1:3]), (("1.2.3.1",), PARTS[1:3])])
def test_all_pixel_data_of_a_resource(place, expected):
    answer, parts = everything(mixed(), NATIVE, *place, pixels=True)
    found = [(one.uri, one.representation.media_type, one.content) for one in parts]
    assert found == expected
    assert answer.complete


def test_pixel_data_as_each_instance_stores_them():
    _, parts = everything(mixed(), AS_STORED, pixels=True)
    syntaxes = [one.representation.syntax for one in parts]
    assert syntaxes == [HTJ2K_RPCL, HTJ2K_RPCL, EXPLICIT_LE]
    assert [one.content for one in parts] == [encoded(1), encoded(2), native(7)]


def test_what_the_client_takes_in_no_form_is_left_out_and_the_answer_says_so():
    answer, parts = everything(mixed(), 'multipart/related; type="application/pdf"')
    assert [one.uri for one in parts] == [PARTS[3][0]]
    assert answer.first.media_type == "application/pdf"
    assert not answer.complete
    only = f'multipart/related; type="image/jphc"; transfer-syntax={HTJ2K_RPCL}'
    answer, parts = everything(mixed(), only, "1.2.3.1", "1.2.3.1.1")
    assert [one.content for one in parts] == [encoded(1), encoded(2)]
    assert not answer.complete


def test_nothing_that_the_client_takes_is_refused_with_what_there_is():
    with pytest.raises(NotAcceptable) as caught:
        everything(mixed(), 'multipart/related; type="video/mp4"')
    assert caught.value.available
    with pytest.raises(NotAcceptable):
        everything(mixed(), "application/octet-stream")


@pytest.mark.parametrize("header", ["application/octet-stream", NATIVE, "*/*"])
def test_a_resource_of_one_value_may_do_without_an_envelope(header):
    answer, [part] = everything(holding(image(count=2)), header, pixels=True)
    assert part.content == native(1) + native(2)
    assert answer.alone
    assert answer.first.multipart is (header != "application/octet-stream")


def test_only_the_pixels_of_one_instance_are_what_they_are_for_ever():
    one = holding(image())
    assert value(one, NATIVE)[0].identity
    assert everything(one, NATIVE, SERIES, SOP, pixels=True)[0].identity
    for place in ((), (SERIES,)):
        assert not everything(one, NATIVE, *place, pixels=True)[0].identity
    assert not everything(one, NATIVE, SERIES, SOP)[0].identity


def test_a_resource_without_values_does_not_exist():
    for pixels in (True, False):
        with pytest.raises(NotFound, match="There "):
            everything(holding(instance(SOP)), "*/*", pixels=pixels)
    with pytest.raises(NotFound, match="series"):
        everything(mixed(), "*/*", "1.2.3.9")


def test_frames_of_one_frame_images_are_fetched_ahead_across_them():
    images = [image(f"1.2.3.1.{at}", stored=EXPLICIT_LE, first=at, InstanceNumber=str(at))
              for at in range(1, 8)]  # fmt: skip
    remote = holding(*images)
    under_way = set()
    fetch = remote.open_frame

    async def frame(datastore_id, image_set_id, frame_id, *_):
        under_way.add(frame_id)
        most.append(len(under_way))
        found = await fetch(datastore_id, image_set_id, frame_id)
        under_way.discard(frame_id)
        return found

    most = []
    remote.open_frame = frame
    _, parts = everything(remote, NATIVE, pixels=True)
    assert [one.content for one in parts] == list(map(native, range(1, 8)))
    assert max(most) == 4


def test_a_frame_that_cannot_be_had_ends_the_parts():
    remote = mixed()
    remote.failures["frame"] = UpstreamUnavailable("away")
    for header in (NATIVE, AS_STORED):
        with pytest.raises(UpstreamUnavailable):
            everything(remote, header)
