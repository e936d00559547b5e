"""Part 10 files in other transfer syntaxes: pydicom reads them, and what they say is so."""

import zlib

import numpy as np
import pytest
from pydicom.encaps import generate_frames

from gateway.codecs import openjph
from gateway.codecs.encoders import ENCODERS
from gateway.dicom import transfer_syntaxes as ts, uids
from gateway.errors import CodecError, NotAcceptable
from gateway.imagesets.files import FileWriter
from gateway.imagesets.forms import targets
from tests.unit.codecs.decoders import OTHER, by_pillow
from tests.unit.codecs.images import described, smooth
from tests.unit.imagesets.test_files import parsed, stored, written

ROWS, COLUMNS = 30, 45
SOP = "1.2.3.1.1"
GREY = [smooth((ROWS, COLUMNS), "<u2", 12) // number for number in (1, 2, 3)]
RGB = [smooth((ROWS, COLUMNS, 3), "<u1", 8) // number for number in (1, 2, 3)]
TWELVE = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
EIGHT = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
COLOUR = {
    **EIGHT,
    "SamplesPerPixel": 3,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 0,
}
LOSSLESS = [uid for uid, encoder in ENCODERS.items() if encoder.encode]
LOSSY = [uid for uid, encoder in ENCODERS.items() if encoder.compress]


def instance(samples, count=1, syntax=ts.HTJ2K_LOSSLESS_RPCL, **attributes):
    """An instance of a document, and its stored frames."""
    image = described(samples[0], attributes.get("BitsStored"))
    frames = [
        openjph.encode(one, image) if syntax != ts.EXPLICIT_LE else one.tobytes()
        for one in samples[:count]
    ]
    size = {"Rows": ROWS, "Columns": COLUMNS, "NumberOfFrames": str(count)}
    return stored(frames, syntax, **size, **attributes), frames


def grey(count=1, **more):
    return instance(GREY, count, **TWELVE, **more)


def colour(count=1, **more):
    return instance(RGB, count, **{**COLOUR, **more})


def written_lossily(one, syntax, frames, quality):
    file = FileWriter(one, syntax, quality)
    pieces = [file.add(frame) for frame in frames]
    return parsed(b"".join([*(b"".join(each) for each in pieces), file.end()]))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_files_that_keep_every_sample(syntax, count):
    for (one, frames), samples in [(grey(count), GREY), (colour(count), RGB)]:
        found = parsed(written(one, syntax, frames))
        assert found.file_meta.TransferSyntaxUID == syntax
        assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID == SOP
        assert "LossyImageCompression" not in found
        image = described(samples[0], found.BitsStored)
        sent = list(generate_frames(found.PixelData, number_of_frames=count))
        assert all(len(frame) % 2 == 0 for frame in sent)
        for frame, expected in zip(sent, samples[:count], strict=True):
            assert np.array_equal(OTHER[syntax](frame, image), expected)


@pytest.mark.parametrize(
    ("syntax", "photometric"),
    [
        *[(uid, "YBR_RCT") for uid in LOSSLESS if "2.4.9" in uid or "2.4.20" in uid],
        *[(uid, "RGB") for uid in (ts.JPEG_LS, ts.JPEG_LS_NEAR, ts.JPEG_LOSSLESS, ts.RLE)],
    ],
)
def test_colours_are_described_as_they_are_coded(syntax, photometric):
    one, frames = colour(PlanarConfiguration=1)
    found = parsed(written(one, syntax, frames))
    assert (found.PhotometricInterpretation, found.PlanarConfiguration) == (photometric, 0)
    kept = (found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation)
    assert kept == (8, 8, 7, 0)


@pytest.mark.parametrize("syntax", [ts.RLE, ts.JPEG_2000_LOSSLESS, ts.JPEG_2000])
def test_pydicom_decodes_them_by_what_they_say(syntax):
    one, frames = colour(2)
    found = parsed(written(one, syntax, frames))
    assert np.array_equal(found.pixel_array, np.stack(RGB[:2]))


# Lossily


@pytest.mark.parametrize("syntax", LOSSY)
def test_files_say_that_something_was_lost(syntax):
    samples, (one, frames) = (
        (GREY, grey(2)) if syntax == ts.JPEG_EXTENDED else (RGB, colour(2, ImageType=["ORIGINAL"]))
    )
    found = written_lossily(one, syntax, frames, 70)
    assert found.LossyImageCompression == "01"
    assert found.LossyImageCompressionMethod == ENCODERS[syntax].method
    first = next(generate_frames(found.PixelData, number_of_frames=2))
    assert found.LossyImageCompressionRatio == pytest.approx(
        samples[0].nbytes / len(first), rel=0.1
    )
    assert found.get("ImageType", "DERIVED") == "DERIVED"
    assert found.SOPInstanceUID == uids.derived(SOP, f"{syntax}/70")
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.SourceImageSequence[0].ReferencedSOPInstanceUID == SOP


@pytest.mark.parametrize(
    ("syntax", "photometric"),
    [
        (ts.JPEG_BASELINE, "YBR_FULL_422"),
        (ts.JPEG_2000, "YBR_ICT"),
        (ts.HTJ2K, "YBR_ICT"),
        (ts.JPEG_LS_NEAR, "RGB"),
    ],
)
def test_lossy_colours_are_described_as_they_are_coded(syntax, photometric):
    one, frames = colour()
    found = written_lossily(one, syntax, frames, 80)
    assert (found.PhotometricInterpretation, found.PlanarConfiguration) == (photometric, 0)
    [frame] = generate_frames(found.PixelData, number_of_frames=1)
    decode = by_pillow if syntax == ts.JPEG_BASELINE else OTHER[syntax]
    assert np.abs(decode(frame, described(RGB[0])).astype(int) - RGB[0]).mean() < 6


def test_the_default_quality_is_that_of_90():
    one, frames = colour()
    default, asked = (written_lossily(one, ts.JPEG_BASELINE, frames, q) for q in (None, 90))
    assert default == asked


@pytest.mark.parametrize("quality", [None, 100])
@pytest.mark.parametrize("syntax", [ts.HTJ2K, ts.JPEG_2000, ts.JPEG_LS_NEAR])
def test_without_a_quality_nothing_is_lost_and_nothing_said(syntax, quality):
    one, frames = colour()
    found = written_lossily(one, syntax, frames, quality)
    assert found.SOPInstanceUID == SOP
    assert "LossyImageCompression" not in found


def test_what_lossy_compression_would_garble_is_refused_before_anything_is_given_out():
    beyond = smooth((ROWS, COLUMNS), "<u2", 12) | 0x8000
    one = stored([b""], ts.EXPLICIT_LE, Rows=ROWS, Columns=COLUMNS, **TWELVE)
    with pytest.raises(NotAcceptable):
        FileWriter(one, ts.JPEG_EXTENDED).add(beyond.tobytes())


# Other forms of the data set


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_deflated_file(count):
    one, frames = grey(count) if count else (stored([], ts.EXPLICIT_LE, PatientName="Dö^J"), [])
    content = written(one, ts.DEFLATED_LE, frames)
    found = parsed(content)
    assert found.file_meta.TransferSyntaxUID == ts.DEFLATED_LE
    explicit = parsed(written(one, ts.EXPLICIT_LE, frames))
    assert found == explicit
    meta = 132 + 12 + found.file_meta.FileMetaInformationGroupLength
    assert (len(content) - meta) % 2 == 0
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    assert stream.decompress(content[meta:]).startswith(b"\x08\x00")
    assert stream.eof


@pytest.mark.parametrize("odd", [0, 1, 2, 3, 4, 5])
def test_a_deflated_file_has_an_even_length(odd):
    one = stored([], ts.EXPLICIT_LE, PatientComments="abcdefgh"[:odd])
    assert len(FileWriter(one, ts.DEFLATED_LE).end()) % 2 == 0


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_implicit_file(count):
    one, frames = grey(count) if count else (stored([], ts.EXPLICIT_LE, PatientName="Doe"), [])
    found = parsed(written(one, ts.IMPLICIT_LE, frames))
    assert found.file_meta.TransferSyntaxUID == ts.IMPLICIT_LE
    explicit = parsed(written(one, ts.EXPLICIT_LE, frames))
    assert found.to_json_dict() == explicit.to_json_dict()


@pytest.mark.parametrize("syntax", [ts.EXPLICIT_BE, "1.2.840.10008.1.2.4.100", ""])
def test_what_is_not_written(syntax):
    one, _ = grey()
    with pytest.raises(CodecError):
        FileWriter(one, syntax)


def test_which_files_are_work_for_a_processor():
    one, _ = grey()
    native, _ = grey(syntax=ts.EXPLICIT_LE)
    for syntax in (*targets(one).lossless, *targets(one).lossy):
        assert FileWriter(one, syntax).decodes
    assert FileWriter(native, ts.DEFLATED_LE).decodes
    assert FileWriter(native, ts.JPEG_LS).decodes


def test_strings_behind_the_pixels_are_in_the_character_set_of_the_head():
    made = {"7FE10010": "größer"}
    one = stored([b"\1\2"], ts.EXPLICIT_LE, Rows=1, Columns=1, PatientName="Doe", **made)
    found = parsed(written(one, ts.EXPLICIT_LE, [b"\1\2"]))
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert [element.tag for element in found] == sorted(element.tag for element in found)
