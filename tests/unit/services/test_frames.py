"""Retrieve Frames: bytes as stored, or the native frame, in the order asked for."""

import asyncio

import numpy as np
import pytest

from gateway.codecs import openjph
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.dicomweb import accept
from gateway.dicomweb.resources import Address
from gateway.errors import CodecError, NotAcceptable, NotFound, UpstreamUnavailable
from gateway.services.compute import Compute
from gateway.services.frames import Frames
from gateway.services.library import Library
from tests.unit.codecs.decoders import OTHER
from tests.unit.services.memory import (
    DATASTORE,
    EXPLICIT_LE,
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)

STUDY, SERIES, SOP = "1.2.3", "1.2.3.1", "1.2.3.1.1"
AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
DECODED = 'multipart/related; type="application/octet-stream"'
ROWS, COLUMNS = 12, 20
IMAGE = {**PIXELS, "Rows": ROWS, "Columns": COLUMNS}


def native(number):
    """Frame ``number`` as native bytes."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return (x * 31 + y * 7 + number * 1000).astype("<u2").tobytes()


def encoded(number):
    """Frame ``number`` as HTJ2K."""
    samples = np.frombuffer(native(number), "<u2").reshape(ROWS, COLUMNS)
    return openjph.encode(samples, ImagePixel(ROWS, COLUMNS))


def multi_frame(count=4, stored=HTJ2K_RPCL, frames=None, **attributes):
    remote = MemoryHealthImaging()
    make = native if stored == EXPLICIT_LE else encoded
    frames = [make(number) for number in range(1, count + 1)] if frames is None else frames
    remote.add(
        image_set(
            STUDY,
            SERIES,
            instance(SOP, frames=frames, stored=stored, NumberOfFrames=str(count), **IMAGE),
            **attributes,
        )
    )
    return remote


def retrieve(remote, numbers, header, sop=SOP, quality=None, **changes):
    """Representation and frames, each read to the end."""

    async def scenario():
        library, compute = Library(remote, settings(**changes)), Compute(2)
        service = Frames(library, compute, changes.get("fetch_ahead", 8))
        try:
            address = Address(DATASTORE, STUDY, SERIES, sop)
            answer = await service.retrieve(address, numbers, accept.parse(header), quality=quality)
            return answer.representation, [one async for one in answer.frames]
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize("numbers", [(1,), (1, 2, 3, 4), (4, 2), (3, 1, 4, 2)])
@pytest.mark.parametrize("stored", [EXPLICIT_LE, HTJ2K_RPCL])
def test_frames_in_the_order_asked_for(numbers, stored):
    remote = multi_frame(stored=stored)
    kept = native if stored == EXPLICIT_LE else encoded
    representation, found = retrieve(remote, numbers, AS_STORED)
    assert representation.syntax == stored
    assert found == [kept(number) for number in numbers]
    representation, found = retrieve(remote, numbers, DECODED)
    assert representation.content_type == "application/octet-stream; transfer-syntax=" + EXPLICIT_LE
    assert found == [native(number) for number in numbers]


def test_no_numbers_are_all_frames():
    _, found = retrieve(multi_frame(), (), AS_STORED)
    assert found == [encoded(number) for number in (1, 2, 3, 4)]


def test_only_the_frames_asked_for_are_fetched():
    remote = multi_frame()
    retrieve(remote, (2, 4), AS_STORED)
    assert remote.count("frame") == 2


def test_a_document_without_a_stored_syntax_holds_the_default_one():
    remote = multi_frame(stored=None, frames=[encoded(1)], count=1)
    representation, [found] = retrieve(remote, (1,), AS_STORED)
    assert representation.content_type == f"image/jphc; transfer-syntax={HTJ2K_RPCL}"
    assert found == encoded(1)


@pytest.mark.parametrize("numbers", [(5,), (1, 2, 9), (1_000_000,)])
def test_a_frame_beyond_the_last_does_not_exist(numbers):
    remote = multi_frame()
    with pytest.raises(NotFound, match=rf"Frame {max(numbers)} .* there are 4"):
        retrieve(remote, numbers, AS_STORED)
    assert remote.count("frame") == 0


@pytest.mark.parametrize("numbers", [(1,), ()])
def test_an_instance_without_frames_has_none(numbers):
    with pytest.raises(NotFound, match="there are 0"):
        retrieve(multi_frame(frames=[]), numbers, AS_STORED)


def test_an_instance_that_is_not_there():
    with pytest.raises(NotFound, match="instance"):
        retrieve(multi_frame(), (1,), AS_STORED, sop="1.2.3.1.2")


@pytest.mark.parametrize("stored", [EXPLICIT_LE, HTJ2K_RPCL])
@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("image/jls", "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80"),
        ("image/dicom-rle", "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5"),
        ("image/jpx", "image/jpx; transfer-syntax=1.2.840.10008.1.2.4.92"),
    ],
)
def test_frames_in_another_syntax(stored, wanted, sent):
    header = f'multipart/related; type="{wanted}"'
    representation, found = retrieve(multi_frame(stored=stored), (2, 1), header)
    assert representation.content_type == sent
    image = ImagePixel(ROWS, COLUMNS)
    for frame, number in zip(found, (2, 1), strict=True):
        samples = OTHER[representation.syntax](frame, image)
        assert samples.tobytes() == native(number)


@pytest.mark.parametrize(("quality", "kept"), [(None, True), (100, True), (60, False)])
def test_the_quality_of_frames(quality, kept):
    header = 'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.81'
    _, [found] = retrieve(multi_frame(), (1,), header, quality=quality)
    samples = OTHER[ts.JPEG_LS_NEAR](found, ImagePixel(ROWS, COLUMNS))
    assert (samples.tobytes() == native(1)) is kept


def test_a_form_that_cannot_be_had_is_refused_before_anything_is_fetched():
    remote = multi_frame()
    with pytest.raises(NotAcceptable):
        retrieve(remote, (1,), "image/png")
    assert remote.count("frame") == 0


def test_colour_by_plane_is_decoded_where_a_viewer_would_arrange_it_wrong():
    colour = {
        **IMAGE,
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 1,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
    }
    samples = np.random.default_rng(3).integers(0, 255, (ROWS, COLUMNS, 3), np.uint8)
    pixel = ImagePixel(ROWS, COLUMNS, 3, 8, 8, photometric="RGB", planar=1)
    frame = openjph.encode(samples, pixel)
    remote = MemoryHealthImaging()
    one = instance(SOP, frames=[frame], stored=HTJ2K_RPCL, **colour)
    remote.add(image_set(STUDY, SERIES, one))
    representation, [found] = retrieve(remote, (1,), AS_STORED)
    assert representation.syntax == EXPLICIT_LE
    assert found == np.moveaxis(samples, 2, 0).tobytes()
    representation, [found] = retrieve(remote, (1,), "multipart/related; type=image/jphc")
    assert (representation.syntax, found) == (HTJ2K_RPCL, frame)


@pytest.mark.parametrize(
    "broken", [b"", b"\xff\x4f\xff\x51", b"no codestream at all", encoded(1)[:100]]
)
def test_a_frame_that_cannot_be_decoded_says_so_and_goes_out_as_stored(broken):
    remote = multi_frame(frames=[broken], count=1)
    with pytest.raises(CodecError):
        retrieve(remote, (1,), DECODED)
    assert retrieve(remote, (1,), AS_STORED)[1] == [broken]


def test_a_frame_of_another_size_than_declared_is_refused():
    remote = MemoryHealthImaging()
    wrong = {**IMAGE, "Columns": COLUMNS + 1}
    remote.add(
        image_set(STUDY, SERIES, instance(SOP, frames=[encoded(1)], stored=HTJ2K_RPCL, **wrong))
    )
    with pytest.raises(CodecError, match="declares 12x21x1"):
        retrieve(remote, (1,), DECODED)


def test_frames_are_fetched_a_few_ahead_and_no_more():
    remote = multi_frame(count=9, stored=EXPLICIT_LE)

    async def scenario():
        library, compute = Library(remote, settings()), Compute(1)
        service = Frames(library, compute, 3)
        address = Address(DATASTORE, STUDY, SERIES, SOP)
        answer = await service.retrieve(address, (), accept.parse(AS_STORED))
        assert remote.count("frame") == 0
        await anext(answer.frames)
        for _ in range(9):
            await asyncio.sleep(0)
        assert 1 <= remote.count("frame") <= 4
        await answer.frames.aclose()
        await compute.close()
        await library.close()

    asyncio.run(scenario())


def test_a_failure_comes_in_its_turn():
    remote = multi_frame(stored=EXPLICIT_LE)
    remote.failures[f"{2:032x}"] = UpstreamUnavailable("away")  # the third frame's identifier

    async def scenario():
        library, compute = Library(remote, settings()), Compute(1)
        address = Address(DATASTORE, STUDY, SERIES, SOP)
        answer = await Frames(library, compute, 8).retrieve(
            address, (1, 2, 3, 4), accept.parse(AS_STORED)
        )
        assert [await anext(answer.frames), await anext(answer.frames)] == [native(1), native(2)]
        with pytest.raises(UpstreamUnavailable):
            await anext(answer.frames)
        await compute.close()
        await library.close()

    asyncio.run(scenario())
