"""Retrieve Instances: Part 10 files that pydicom reads, as stored or native."""

import asyncio
import io

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from gateway.codecs import openjph
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.dicomweb import accept
from gateway.dicomweb.resources import Address
from gateway.errors import NotAcceptable, NotFound, UpstreamUnavailable
from gateway.services.compute import Compute
from gateway.services.instances import Instances
from gateway.services.library import Library
from tests.unit.codecs.decoders import OTHER
from tests.unit.services.memory import (
    CT_STORAGE,
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
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
NATIVE = 'multipart/related; type="application/dicom"'
ROWS, COLUMNS = 10, 14
IMAGE = {**PIXELS, "Rows": ROWS, "Columns": COLUMNS}


def native(number):
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return (x * 31 + y * 7 + number * 1000).astype("<u2").tobytes()


def encoded(number):
    samples = np.frombuffer(native(number), "<u2").reshape(ROWS, COLUMNS)
    return openjph.encode(samples, ImagePixel(ROWS, COLUMNS))


def stored(*instances, **levels):
    remote = MemoryHealthImaging()
    remote.add(image_set(STUDY, SERIES, *instances, **levels))
    return remote


def image(sop=SOP, number=1, frames=1, stored_syntax=HTJ2K_RPCL, **attributes):
    make = native if stored_syntax == EXPLICIT_LE else encoded
    content = [make(number * 10 + at) for at in range(frames)]
    count = {"NumberOfFrames": str(frames)} if frames > 1 else {}
    given = {**IMAGE, **count, **attributes}
    return instance(sop, number, frames=content, stored=stored_syntax, **given)


async def _read(answer):
    return [
        (file.syntax, b"".join([piece async for piece in file.pieces]))
        async for file in answer.files
    ]


def retrieve(remote, header, *place, quality=None):
    """Syntax and content of each file."""
    padded = (*place, None, None)[:2]

    async def scenario():
        library, compute = Library(remote, settings()), Compute(2)
        try:
            address = Address(DATASTORE, STUDY, *padded)
            service = Instances(library, compute, 4)
            return await _read(await service.retrieve(address, accept.parse(header), quality))
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(scenario())


def read(content):
    return pydicom.dcmread(io.BytesIO(content))


@pytest.mark.parametrize("frames", [1, 3])
def test_a_file_as_stored_holds_the_frames_as_they_are(frames):
    [(syntax, content)] = retrieve(stored(image(frames=frames)), AS_STORED)
    found = read(content)
    assert syntax == found.file_meta.TransferSyntaxUID == HTJ2K_RPCL
    kept = list(generate_frames(found.PixelData, number_of_frames=frames))
    expected = [encoded(10 + at) for at in range(frames)]
    assert [one[: len(frame)] for one, frame in zip(kept, expected, strict=True)] == expected
    assert all(len(one) - len(frame) in (0, 1) for one, frame in zip(kept, expected, strict=True))


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("syntax", [HTJ2K_RPCL, EXPLICIT_LE])
def test_a_native_file_holds_the_samples(frames, syntax):
    remote = stored(image(frames=frames, stored_syntax=syntax))
    [(given, content)] = retrieve(remote, NATIVE)
    found = read(content)
    assert given == found.file_meta.TransferSyntaxUID == EXPLICIT_LE
    assert found.PixelData == b"".join(native(10 + at) for at in range(frames))
    assert found["PixelData"].VR == "OW"
    assert not found["PixelData"].is_undefined_length


def test_the_file_says_who_it_is_and_carries_all_attributes():
    [(_, content)] = retrieve(
        stored(
            image(ImageType=["ORIGINAL", "PRIMARY"], RescaleSlope="1.5 "),
            patient={"PatientName": "Phantom^One", "PatientBirthDate": None},
            at_series={"SeriesDescription": "Axial"},
        ),
        NATIVE,
    )
    assert content[:132] == bytes(128) + b"DICM"
    found = read(content)
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID == SOP
    assert found.file_meta.MediaStorageSOPClassUID == found.SOPClassUID == CT_STORAGE
    assert (found.StudyInstanceUID, found.SeriesInstanceUID) == (STUDY, SERIES)
    assert (str(found.PatientName), found.PatientBirthDate) == ("Phantom^One", "")
    assert (found.SeriesDescription, found.RescaleSlope) == ("Axial", 1.5)
    assert list(found.ImageType) == ["ORIGINAL", "PRIMARY"]
    listed = [element.tag for element in found]
    assert listed == sorted(listed)


def test_a_file_without_pixels():
    [(syntax, content)] = retrieve(stored(instance(SOP, ContentLabel="X")), AS_STORED)
    assert syntax == EXPLICIT_LE
    found = read(content)
    assert found.ContentLabel == "X"
    assert "PixelData" not in found


def test_pixel_data_of_an_odd_length_are_padded():
    three = {"Rows": 1, "Columns": 3, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    pixels = {**PIXELS, **three}
    remote = stored(instance(SOP, frames=[b"\1\2\3"], **pixels))
    [(_, content)] = retrieve(remote, NATIVE)
    found = read(content)
    assert found.PixelData == b"\1\2\3\0"
    assert found["PixelData"].VR == "OB"


def test_packed_frames_are_joined_bit_by_bit():
    bits = {"Rows": 3, "Columns": 3, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    pixels = {**PIXELS, **bits, "NumberOfFrames": "3"}
    samples = np.random.default_rng(1).integers(0, 2, (3, 9), np.uint8)
    frames = [np.packbits(one, bitorder="little").tobytes() for one in samples]
    [(_, content)] = retrieve(stored(instance(SOP, frames=frames, **pixels)), NATIVE)
    joined = np.unpackbits(np.frombuffer(read(content).PixelData, np.uint8), bitorder="little")
    assert np.array_equal(joined[:27], samples.reshape(-1))
    assert len(joined) == 32


@pytest.mark.parametrize("header", [AS_STORED, NATIVE])
def test_elements_behind_the_pixels_stay_behind_them(header):
    remote = stored(image(DigitalSignaturesSequence=[{"MACIDNumber": 1}]))
    [(_, content)] = retrieve(remote, header)
    found = read(content)
    assert found.DigitalSignaturesSequence[0].MACIDNumber == 1
    assert [element.keyword for element in found][-2:] == ["PixelData", "DigitalSignaturesSequence"]


def test_offset_tables_of_the_source_are_not_passed_on():
    remote = stored(image(ExtendedOffsetTable="AAAAAAAAAAA=", ExtendedOffsetTableLengths="AAAA"))
    [(_, content)] = retrieve(remote, AS_STORED)
    assert not {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"} & set(read(content).dir())


def test_a_study_is_all_of_its_instances_in_order():
    remote = MemoryHealthImaging()
    for series in (2, 1):
        remote.add(
            image_set(
                STUDY,
                f"1.2.3.{series}",
                image(f"1.2.3.{series}.2", 2, frames=2),
                image(f"1.2.3.{series}.1", 1),
                instance(f"1.2.3.{series}.3", 3),
                at_series={"SeriesNumber": str(series)},
            )
        )
    for header in (AS_STORED, NATIVE):
        found = [read(content) for _, content in retrieve(remote, header)]
        assert [str(one.SOPInstanceUID) for one in found] == [
            f"1.2.3.{series}.{number}" for series in (1, 2) for number in (1, 2, 3)
        ]
    native_pixels = [one.get("PixelData") for one in found]
    assert native_pixels[:3] == [native(10), native(20) + native(21), None]
    only = retrieve(remote, NATIVE, "1.2.3.2", "1.2.3.2.2")
    assert [read(content).SOPInstanceUID for _, content in only] == ["1.2.3.2.2"]


def test_each_file_as_stored_has_its_own_syntax():
    remote = stored(image("1.2.3.1.1", 1), image("1.2.3.1.2", 2, stored_syntax=EXPLICIT_LE))
    found = retrieve(remote, AS_STORED)
    assert [syntax for syntax, _ in found] == [HTJ2K_RPCL, EXPLICIT_LE]
    for syntax, content in found:
        assert read(content).file_meta.TransferSyntaxUID == syntax


def test_nothing_there_is_told_before_anything_goes_out():
    with pytest.raises(NotFound, match="series"):
        retrieve(stored(image()), NATIVE, "1.2.3.9")


def test_a_form_that_cannot_be_had_is_refused_before_a_frame_is_fetched():
    remote = stored(image())
    with pytest.raises(NotAcceptable):
        retrieve(remote, 'multipart/related; type="application/dicom+xml"')
    with pytest.raises(NotAcceptable):
        retrieve(remote, "application/dicom")  # a study is no single file
    assert remote.count("frame") == 0
    assert len(retrieve(remote, "application/dicom", SERIES, SOP)) == 1


def in_syntax(syntax):
    return f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'


@pytest.mark.parametrize("syntax", [ts.JPEG_LS, ts.JPEG_2000_LOSSLESS, ts.RLE, ts.HTJ2K_LOSSLESS])
def test_files_in_another_syntax(syntax):
    remote = stored(
        image("1.2.3.1.1", 1, frames=2), image("1.2.3.1.2", 2, stored_syntax=EXPLICIT_LE)
    )
    found = retrieve(remote, in_syntax(syntax))
    assert [one for one, _ in found] == [syntax, syntax]
    numbers = iter([10, 11, 20])
    for _, content in found:
        dataset = read(content)
        assert dataset.file_meta.TransferSyntaxUID == syntax
        frames = int(dataset.get("NumberOfFrames", 1))
        for frame in generate_frames(dataset.PixelData, number_of_frames=frames):
            samples = OTHER[syntax](frame, ImagePixel(ROWS, COLUMNS))
            assert samples.tobytes() == native(next(numbers))


def test_the_quality_of_files():
    found = [
        read(retrieve(stored(image()), in_syntax(ts.JPEG_2000), quality=quality)[0][1])
        for quality in (None, 90, 50)
    ]
    sizes = [len(one.PixelData) for one in found]
    assert sizes[0] > sizes[1] > sizes[2]
    assert [one.get("LossyImageCompression") for one in found] == [None, "01", "01"]


def test_what_not_all_can_be_had_in_is_refused():
    bits = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    binary = image("1.2.3.1.2", 2, stored_syntax=EXPLICIT_LE, **bits)
    remote = stored(image("1.2.3.1.1", 1), binary)
    with pytest.raises(NotAcceptable) as caught:
        retrieve(remote, in_syntax(ts.JPEG_LS))
    assert any("1.2.840.10008.1.2.1" in one for one in caught.value.available)
    assert not any(ts.JPEG_LS in one for one in caught.value.available)
    assert len(retrieve(remote, NATIVE)) == 2
    assert len(retrieve(remote, in_syntax(ts.JPEG_LS), SERIES, "1.2.3.1.1")) == 1


def test_documents_are_deflated_and_go_as_they_are_among_images():
    report = instance("1.2.3.1.2", 2, ContentLabel="X")
    [(syntax, content)] = retrieve(stored(report), in_syntax(ts.DEFLATED_LE), SERIES, "1.2.3.1.2")
    assert syntax == read(content).file_meta.TransferSyntaxUID == ts.DEFLATED_LE
    found = retrieve(stored(image(), report), in_syntax(ts.JPEG_LS))
    assert [one for one, _ in found] == [ts.JPEG_LS, EXPLICIT_LE]


def test_frames_are_fetched_once_and_ahead_across_files():
    remote = stored(*(image(f"1.2.3.1.{number}", number) for number in range(1, 7)))

    async def scenario():
        library, compute = Library(remote, settings()), Compute(1)
        service = Instances(library, compute, 3)
        answer = await service.retrieve(Address(DATASTORE, STUDY), accept.parse(AS_STORED))
        first = await anext(answer.files)
        await anext(first.pieces)
        for _ in range(9):
            await asyncio.sleep(0)
        assert 2 <= remote.count("frame") <= 4
        await first.pieces.aclose()
        await answer.files.aclose()
        await compute.close()
        await library.close()

    asyncio.run(scenario())


def test_a_missing_frame_breaks_the_file():
    remote = stored(image(frames=3))
    remote.failures[f"{2:032x}"] = UpstreamUnavailable("away")
    with pytest.raises(UpstreamUnavailable):
        retrieve(remote, AS_STORED)


def test_red_green_and_blue_are_restated_as_they_are_stored():
    colour = {
        **IMAGE,
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 1,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
    }
    samples = np.random.default_rng(2).integers(0, 255, (ROWS, COLUMNS, 3), np.uint8)
    pixel = ImagePixel(ROWS, COLUMNS, 3, 8, 8, photometric="RGB")
    frame = openjph.encode(samples, pixel)
    remote = stored(instance(SOP, frames=[frame], stored=HTJ2K_RPCL, **colour))
    [(_, content)] = retrieve(remote, AS_STORED)
    kept = read(content)
    assert (kept.PhotometricInterpretation, kept.PlanarConfiguration) == ("YBR_RCT", 0)
    [(_, content)] = retrieve(remote, NATIVE)
    found = read(content)
    assert found.PhotometricInterpretation == "RGB"
    planes = np.frombuffer(found.PixelData, np.uint8)
    expected = np.moveaxis(samples, 2, 0) if found.PlanarConfiguration else samples
    assert np.array_equal(planes, expected.reshape(-1))
