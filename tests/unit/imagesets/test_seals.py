"""What the stored bytes of frames are known by, as documents tell it."""

import json

import pytest

from gateway.dicom import transfer_syntaxes as ts
from gateway.imagesets import document
from gateway.imagesets.document import Seal

JPEG = "1.2.840.10008.1.2.4.50"


def frame(checksum=7, size=100, **more):
    levels = [{"Width": 1, "Height": 1, "Checksum": 3}, {"Checksum": checksum}]
    entry = {"ID": "f" * 32, "FrameSizeInBytes": size}
    return entry | {"PixelDataChecksumFromBaseToFullResolution": levels} | more


def seals(entries, stored=JPEG, **more):
    one = {
        "DICOM": {"SOPInstanceUID": "1.1"},
        "StoredTransferSyntaxUID": stored,
        "ImageFrames": entries,
        **more,
    }
    tree = {
        "Patient": {"DICOM": {}},
        "Study": {"DICOM": {}, "Series": {"1": {"DICOM": {}, "Instances": {"1.1": one}}}},
    }
    instance = document.parse("i" * 32, json.dumps(tree).encode()).instances["1.1"]
    return [instance.seal(number) for number in range(1, len(entries) + 1)]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([frame(7, 100), frame(0xFFFFFFFF, 0xFFFFFFFF)], [(100, 7), (0xFFFFFFFF, 0xFFFFFFFF)]),
        ([frame(0, 1)], [(1, 0)]),
        ([frame(7, None)], [(0, 7)]),
        ([frame(7, -1)], [(0, 7)]),
        ([frame(7, "100")], [(0, 7)]),
        ([frame(7, 1 << 32)], [(0, 7)]),
    ],
)
@pytest.mark.parametrize("stored", [JPEG, ts.HTJ2K, ts.EXPLICIT_LE])
def test_frames_that_are_stored_as_they_came_have_length_and_checksum(entries, expected, stored):
    assert seals(entries, stored) == [Seal(*one) for one in expected]


@pytest.mark.parametrize(
    ("stored", "more"),
    [
        (ts.HTJ2K_LOSSLESS_RPCL, {}),
        (ts.HTJ2K_LOSSLESS, {}),
        (None, {}),
        (JPEG, {"ChecksumType": "DECOMPRESSED"}),
    ],
)
def test_checksums_of_decoded_pixels_say_nothing_of_the_stored_bytes(stored, more):
    assert seals([frame(), frame()], stored, **more) == [None, None]


@pytest.mark.parametrize(
    "odd",
    [
        {"PixelDataChecksumFromBaseToFullResolution": []},
        {"PixelDataChecksumFromBaseToFullResolution": None},
        {"PixelDataChecksumFromBaseToFullResolution": [{}]},
        {"PixelDataChecksumFromBaseToFullResolution": [{"Checksum": -1}]},
        {"PixelDataChecksumFromBaseToFullResolution": [{"Checksum": 1 << 32}]},
        {"PixelDataChecksumFromBaseToFullResolution": [{"Checksum": True}]},
    ],
)
def test_none_where_a_frame_has_no_checksum(odd):
    assert seals([frame(), frame(**odd)]) == [None, None]
