"""Archives of files that pydicom reads; one that is broken off is none."""

import asyncio
import io
import zipfile
import zlib
from functools import cache

import numpy as np
import pydicom
import pytest

from gateway.codecs import openjph
from gateway.dicom.image import ImagePixel
from gateway.dicomweb import accept
from gateway.dicomweb.resources import Address
from gateway.errors import UpstreamUnavailable
from gateway.services.archives import Archives
from gateway.services.compute import Compute
from gateway.services.instances import Instances
from gateway.services.library import Library
from tests.unit.services.memory import (
    DATASTORE,
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)

STUDY = "1.2.3"
ROWS, COLUMNS = 300, 400
IMAGE = {**PIXELS, "Rows": ROWS, "Columns": COLUMNS}
NATIVE, AS_STORED = "application/zip", "application/zip; transfer-syntax=*"


@cache
def native(number):
    """Noise, which no codec makes small."""
    return np.random.default_rng(number).integers(0, 1 << 16, ROWS * COLUMNS, "<u2").tobytes()


@cache
def encoded(number):
    samples = np.frombuffer(native(number), "<u2").reshape(ROWS, COLUMNS)
    return openjph.encode(samples, ImagePixel(ROWS, COLUMNS))


def study():
    """Two series with two images of two frames, and a document."""
    remote = MemoryHealthImaging()
    for series in (2, 1):
        images = [
            instance(
                f"1.2.3.{series}.{number}",
                number,
                frames=[encoded(series * 10 + number), encoded(series * 10 + number + 5)],
                stored=HTJ2K_RPCL,
                NumberOfFrames="2",
                **IMAGE,
            )
            for number in (2, 1)
        ]
        at_series = {"SeriesNumber": str(series), "Modality": "US"}
        remote.add(image_set(STUDY, f"1.2.3.{series}", *images, at_series=at_series))
    document = instance("1.2.3.9.1", 1, EncapsulatedDocument="AAAA" * 10_000)
    at_series = {"SeriesNumber": "9", "Modality": "DOC"}
    remote.add(image_set(STUDY, "1.2.3.9", document, at_series=at_series))
    return remote


async def pieces(remote, header, take=None, sent=None):
    """The pieces of an archive of the study, the first ones only if ``take`` says how many."""
    found = [] if sent is None else sent
    library, compute = Library(remote, settings()), Compute(2)
    try:
        instances = Instances(library, compute, 4)
        answer = await instances.retrieve(Address(DATASTORE, STUDY), accept.parse(header))
        assert answer.representation.media_type == "application/zip"
        source = Archives(compute).pack(answer.files)
        async for piece in source:
            found.append(piece)
            if len(found) == take:
                await source.aclose()
        return found
    finally:
        await compute.close()
        await library.close()


def archive(remote, header):
    return zipfile.ZipFile(io.BytesIO(b"".join(asyncio.run(pieces(remote, header)))))


NAMES = [
    "0001_US_1.2.3.1/00001_1.2.3.1.1.dcm",
    "0001_US_1.2.3.1/00002_1.2.3.1.2.dcm",
    "0002_US_1.2.3.2/00001_1.2.3.2.1.dcm",
    "0002_US_1.2.3.2/00002_1.2.3.2.2.dcm",
    "0009_DOC_1.2.3.9/00001_1.2.3.9.1.dcm",
]


def test_files_come_out_native():
    found = archive(study(), NATIVE)
    assert found.testzip() is None
    assert found.namelist() == NAMES
    for name, first in zip(NAMES, (11, 12, 21, 22), strict=False):
        dataset = pydicom.dcmread(io.BytesIO(found.read(name)))
        assert dataset.SOPInstanceUID == name.split("_")[-1].removesuffix(".dcm")
        assert dataset.PixelData == native(first) + native(first + 5)


def test_compressed_frames_are_not_compressed_again_but_a_document_is():
    found = archive(study(), AS_STORED)
    *images, document = found.infolist()
    assert all(info.file_size < info.compress_size < info.file_size * 1.001 for info in images)
    assert document.compress_size < document.file_size / 10
    for info, first in zip(images, (11, 12, 21, 22), strict=True):
        content = found.read(info)
        assert zlib.crc32(content) == info.CRC
        assert pydicom.dcmread(io.BytesIO(content)).file_meta.TransferSyntaxUID == HTJ2K_RPCL
        assert encoded(first) in content
        assert encoded(first + 5) in content


def test_an_archive_goes_out_while_it_is_made():
    made = asyncio.run(pieces(study(), AS_STORED))
    assert len(made) > 4
    assert max(map(len, made)) < (256 << 10) + len(encoded(1)) + 10_000


@pytest.mark.parametrize("take", [1, 2])
def test_a_client_that_leaves_leaves_nothing_behind(take):
    found = asyncio.run(pieces(study(), NATIVE, take))
    assert len(found) == take
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(found)))


def test_a_source_that_fails_makes_no_archive():
    remote = study()
    fetch, calls = remote.open_frame, []

    async def frame(*names):
        calls.append(names)
        if len(calls) > 6:
            raise UpstreamUnavailable("away")
        return await fetch(*names)

    remote.open_frame = frame
    sent = []
    with pytest.raises(UpstreamUnavailable):
        asyncio.run(pieces(remote, AS_STORED, sent=sent))
    content = b"".join(sent)
    assert content.startswith(b"PK")
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(content))
