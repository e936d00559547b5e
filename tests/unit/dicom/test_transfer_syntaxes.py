"""The table of transfer syntaxes, against the developer guide's and pydicom's."""

import pytest
from pydicom.uid import UID

from gateway.dicom import transfer_syntaxes as ts

OCTETS = "application/octet-stream"
# UID, media type of one frame (PS3.18 tables 8.7.3-2 to 8.7.3-5), kept as it is at import.
TABLE = [
    ("1.2.840.10008.1.2", OCTETS, False),
    ("1.2.840.10008.1.2.1", OCTETS, False),
    ("1.2.840.10008.1.2.1.99", OCTETS, False),
    ("1.2.840.10008.1.2.2", OCTETS, False),
    ("1.2.840.10008.1.2.4.50", "image/jpeg", True),
    ("1.2.840.10008.1.2.4.51", "image/jpeg", False),
    ("1.2.840.10008.1.2.4.57", "image/jpeg", False),
    ("1.2.840.10008.1.2.4.70", "image/jpeg", False),
    ("1.2.840.10008.1.2.4.80", "image/jls", False),
    ("1.2.840.10008.1.2.4.81", "image/jls", False),
    ("1.2.840.10008.1.2.4.90", "image/jp2", False),
    ("1.2.840.10008.1.2.4.91", "image/jp2", True),
    ("1.2.840.10008.1.2.4.201", "image/jphc", False),
    ("1.2.840.10008.1.2.4.202", "image/jphc", False),
    ("1.2.840.10008.1.2.4.203", "image/jphc", True),
    ("1.2.840.10008.1.2.5", "image/dicom-rle", False),
]


def test_these_and_no_others():
    assert list(ts.BY_UID) == [row[0] for row in TABLE]


@pytest.mark.parametrize(("uid", "media_type", "retained"), TABLE)
def test_row(uid, media_type, retained):
    found = ts.BY_UID[uid]
    assert (found.uid, found.media_type, found.retained) == (uid, media_type, retained)
    assert found.name


@pytest.mark.parametrize("uid", [row[0] for row in TABLE])
def test_encoding_is_what_pydicom_knows(uid):
    found, known = ts.BY_UID[uid], UID(uid)
    assert known.is_transfer_syntax
    assert found.implicit_vr == known.is_implicit_VR
    assert found.big_endian == (not known.is_little_endian)
    assert found.deflated == known.is_deflated
    assert found.encapsulated == known.is_encapsulated == ts.is_encapsulated(uid)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.100", "1.2.3", ""])
def test_an_unknown_transfer_syntax_is_taken_as_encapsulated(uid):
    assert uid not in ts.BY_UID
    assert ts.is_encapsulated(uid)


def test_what_can_be_sent_beside_what_is_imported():
    assert {uid: ts.SENT[uid] for uid in ts.BY_UID} == ts.BY_UID
    more = {uid: ts.SENT[uid].media_type for uid in ts.SENT if uid not in ts.BY_UID}
    assert more == dict.fromkeys((ts.JPEG_2000_PART_2_LOSSLESS, ts.JPEG_2000_PART_2), "image/jpx")
    for uid in more:
        assert ts.SENT[uid].encapsulated
        assert not ts.SENT[uid].retained


@pytest.mark.parametrize(
    ("constant", "name"),
    [
        (ts.IMPLICIT_LE, "Implicit VR Little Endian"),
        (ts.EXPLICIT_LE, "Explicit VR Little Endian"),
        (ts.DEFLATED_LE, "Deflated Explicit VR Little Endian"),
        (ts.EXPLICIT_BE, "Explicit VR Big Endian"),
        (ts.JPEG_BASELINE, "JPEG Baseline (Process 1)"),
        (ts.JPEG_EXTENDED, "JPEG Extended (Process 2 and 4)"),
        (ts.JPEG_LOSSLESS, "JPEG Lossless, Non-Hierarchical (Process 14)"),
        (ts.JPEG_LOSSLESS_SV1, "JPEG Lossless, Non-Hierarchical, First-Order Prediction"),
        (ts.JPEG_LS, "JPEG-LS Lossless Image Compression"),
        (ts.JPEG_LS_NEAR, "JPEG-LS Lossy (Near-Lossless) Image Compression"),
        (ts.JPEG_2000_LOSSLESS, "JPEG 2000 Image Compression (Lossless Only)"),
        (ts.JPEG_2000, "JPEG 2000 Image Compression"),
        (
            ts.JPEG_2000_PART_2_LOSSLESS,
            "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)",
        ),
        (ts.JPEG_2000_PART_2, "JPEG 2000 Part 2 Multi-component Image Compression"),
        (ts.HTJ2K_LOSSLESS, "High-Throughput JPEG 2000 Image Compression (Lossless Only)"),
        (ts.HTJ2K_LOSSLESS_RPCL, "High-Throughput JPEG 2000 with RPCL Options Image Compression"),
        (ts.HTJ2K, "High-Throughput JPEG 2000 Image Compression"),
        (ts.RLE, "RLE Lossless"),
    ],
)
def test_constants_name_what_they_say(constant, name):
    assert UID(constant).name.startswith(name)
