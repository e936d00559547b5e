"""Part 10 files written frame by frame: pydicom reads them, and nothing is held back."""

import io
import json

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from gateway.codecs import openjph
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from gateway.imagesets import document
from gateway.imagesets.files import FileWriter
from tests.unit.services.memory import EXPLICIT_LE, HTJ2K_RPCL, PIXELS, image_set, instance

SOP = "1.2.3.1.1"


def stored(frames, syntax, **attributes):
    made = instance(SOP, frames=frames, stored=syntax, **{**PIXELS, **attributes})
    made["ImageFrames"] = [{"ID": str(number)} for number, _ in enumerate(frames)]
    content = json.dumps(image_set("1.2.3", "1.2.3.1", made)).encode()
    return document.parse("e" * 32, content).instances[SOP]


def written(one, syntax, frames):
    file = FileWriter(one, syntax)
    pieces = [file.add(frame) for frame in frames]
    return b"".join([*(b"".join(each) for each in pieces), file.end()])


def parsed(content):
    return pydicom.dcmread(io.BytesIO(content))


def samples(number, rows=6, columns=10):
    y, x = np.mgrid[0:rows, 0:columns]
    return (x * 31 + y * 7 + number * 1000).astype("<u2")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_htj2k_frames_decoded_and_as_stored(count):
    native = [samples(number) for number in range(count)]
    frames = [openjph.encode(one, ImagePixel(6, 10)) for one in native]
    one = stored(frames, HTJ2K_RPCL, Rows=6, Columns=10, NumberOfFrames=str(count))
    decoded = parsed(written(one, EXPLICIT_LE, frames))
    assert decoded.file_meta.TransferSyntaxUID == EXPLICIT_LE
    assert decoded.PixelData == b"".join(each.tobytes() for each in native)
    kept = parsed(written(one, HTJ2K_RPCL, frames))
    found = list(generate_frames(kept.PixelData, number_of_frames=count))
    assert [each[: len(frame)] for each, frame in zip(found, frames, strict=True)] == frames


def test_the_head_comes_with_the_first_frame_and_each_frame_at_once():
    frames = [samples(number).tobytes() for number in range(3)]
    file = FileWriter(
        stored(frames, EXPLICIT_LE, Rows=6, Columns=10, NumberOfFrames="3"), EXPLICIT_LE
    )
    first = file.add(frames[0])
    assert b"".join(first).startswith(bytes(128) + b"DICM")
    assert first[-1] == frames[0]
    assert [file.add(frame) for frame in frames[1:]] == [[frames[1]], [frames[2]]]
    assert file.end() == b""


def test_an_odd_number_of_bytes_is_padded_once():
    frames = [bytes(range(n, n + 3)) for n in range(3)]
    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    one = stored(frames, EXPLICIT_LE, Rows=1, Columns=3, NumberOfFrames="3", **eight)
    assert parsed(written(one, EXPLICIT_LE, frames)).PixelData == b"".join(frames) + b"\0"


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("columns", [1, 5, 8, 13])
def test_bits_of_frames_follow_each_other_without_gaps(count, columns):
    rng = np.random.default_rng(columns)
    bits = rng.integers(0, 2, (count, 3, columns), dtype=np.uint8)
    frames = [np.packbits(one, bitorder="little").tobytes() for one in bits]
    binary = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    one = stored(frames, EXPLICIT_LE, Rows=3, Columns=columns, NumberOfFrames=str(count), **binary)
    content = parsed(written(one, EXPLICIT_LE, frames)).PixelData
    assert len(content) % 2 == 0
    found = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    assert np.array_equal(found[: bits.size], bits.ravel())
    assert not found[bits.size :].any()


def test_an_instance_without_frames_is_all_end():
    one = stored([], EXPLICIT_LE, PatientName="Doe^Jane")
    file = FileWriter(one, EXPLICIT_LE)
    found = parsed(file.end())
    assert (found.SOPInstanceUID, "PixelData" in found) == (SOP, False)


def test_which_files_are_work_for_a_processor():
    frame = openjph.encode(samples(1), ImagePixel(6, 10))
    encoded = stored([frame], HTJ2K_RPCL, Rows=6, Columns=10)
    native = stored([samples(1).tobytes()], EXPLICIT_LE, Rows=6, Columns=10)
    assert FileWriter(encoded, EXPLICIT_LE).decodes
    assert not FileWriter(encoded, HTJ2K_RPCL).decodes
    assert not FileWriter(native, EXPLICIT_LE).decodes


def test_a_frame_that_cannot_be_decoded_gives_nothing_out():
    file = FileWriter(stored([b"x"], HTJ2K_RPCL, Rows=6, Columns=10), EXPLICIT_LE)
    with pytest.raises(CodecError):
        file.add(b"no codestream")
