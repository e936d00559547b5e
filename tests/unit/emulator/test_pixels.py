"""Frames at import: found, stored so that another decoder gives the same samples, measured."""

import re
import struct
import zlib
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import imagecodecs
import numpy as np
import openjpeg
import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import metadata, part10, pixels
from gateway.emulator.failures import FileRejected
from tests import files
from tests.unit.emulator import raw

JPEG = ts.JPEG_BASELINE


@dataclass
class Stored:
    image: pixels.Image
    entries: list[dict[str, Any]]
    frames: list[bytes]

    @property
    def entry(self):
        [entry] = self.entries
        return entry

    @property
    def sizes(self):
        levels = self.entry["PixelDataChecksumFromBaseToFullResolution"]
        return [(level["Width"], level["Height"]) for level in levels]


def store(content):
    file = part10.read(memoryview(content))
    converted = metadata.convert(file.dataset)
    image = pixels.describe(file, converted)
    frames = []
    return Stored(image, pixels.store(file, image, converted, frames.append), frames)


def refused(content):
    with pytest.raises(FileRejected) as rejected:
        store(content)
    return str(rejected.value)


def module(rows=8, columns=16, bits=8, *, syntax=ts.EXPLICIT_LE, **changes):
    """The Image Pixel module; keywords change it, None leaves an attribute out."""
    order = ">" if syntax == ts.EXPLICIT_BE else "<"
    numbers = {
        "samples": (0x00280002, 1),
        "planar": (0x00280006, None),
        "rows": (0x00280010, rows),
        "columns": (0x00280011, columns),
        "allocated": (0x00280100, bits),
        "stored": (0x00280101, bits),
        "high": (0x00280102, bits - 1),
        "signed": (0x00280103, 0),
    }
    found = {}
    for name, (tag, value) in numbers.items():
        value = changes.get(name, value)
        if value is not None:
            found[tag] = ("US", struct.pack(f"{order}H", value))
    if "photometric" in changes:
        found[0x00280004] = ("CS", changes["photometric"].encode())
    if "frames" in changes:
        found[0x00280008] = ("IS", str(changes["frames"]).encode())
    return found


def native(rows, columns, bits, data, vr="OW", syntax=ts.EXPLICIT_LE, **changes):
    elements = module(rows, columns, bits, syntax=syntax, **changes)
    return raw.file(elements | {0x7FE00010: (vr, data)}, syntax)


def encapsulated(attributes, *fragments, syntax=JPEG, extra=b""):
    return raw.part10(raw.dataset(attributes) + extra + raw.fragments(*fragments), syntax)


def sizes(rows, columns):
    return store(native(rows, columns, 8, bytes(rows * columns))).sizes


def test_the_published_values_of_the_sample():
    [path] = [path for path in files.AHI_PAIR if ".888." in path.name]
    stored = store(path.read_bytes())
    checksums = stored.entry.pop("PixelDataChecksumFromBaseToFullResolution")
    assert [level["Checksum"] for level in checksums] == [2598394845, 1227709180]
    full, half = checksums[1], checksums[0]
    assert (half["Width"], half["Height"]) == (-(-full["Width"] // 2), -(-full["Height"] // 2))
    assert stored.entry["MinPixelValue"] == 451
    assert stored.entry["MaxPixelValue"] == 1466
    assert stored.entry["FrameSizeInBytes"] == 384000
    assert (stored.image.syntax, stored.image.checksum_type) == (
        ts.HTJ2K_LOSSLESS_RPCL,
        "DECOMPRESSED",
    )


def test_a_real_document_has_these_levels():
    assert sizes(512, 512) == [(128, 128), (256, 256), (512, 512)]
    assert sizes(480, 640) == [(160, 120), (320, 240), (640, 480)]


def test_sides_are_halved_and_rounded_up():
    assert sizes(401, 301) == [(151, 201), (301, 401)]
    assert sizes(30, 700) == [(700, 30)]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("syntax", [ts.IMPLICIT_LE, ts.EXPLICIT_LE, ts.EXPLICIT_BE, ts.DEFLATED_LE])
def test_native_frames_are_stored_without_loss(bits, signed, syntax):
    kind = f"{'i' if signed else 'u'}{bits // 8}"
    limits = np.iinfo(kind)
    random = np.random.default_rng(bits + signed)
    samples = random.integers(limits.min, limits.max, (2, 6, 9), kind, endpoint=True)
    samples[0, 0, :2] = limits.min, limits.max
    data = samples.astype(f"{'>' if syntax == ts.EXPLICIT_BE else '<'}{kind}").tobytes()
    vr = "OB" if bits == 8 else "OW"
    stored = store(native(6, 9, bits, data, vr, syntax, signed=signed, frames=2))
    assert stored.image.syntax == ts.HTJ2K_LOSSLESS_RPCL
    for frame, entry, expected in zip(stored.frames, stored.entries, samples, strict=True):
        assert np.array_equal(openjpeg.decode(frame), expected)
        assert (entry["MinPixelValue"], entry["MaxPixelValue"]) == (expected.min(), expected.max())
        assert entry["FrameSizeInBytes"] == 6 * 9 * bits // 8
        assert entry["PixelDataChecksumFromBaseToFullResolution"] == [
            {"Width": 9, "Height": 6, "Checksum": zlib.crc32(expected.astype(f"<{kind}").tobytes())}
        ]
    identifiers = [entry["ID"] for entry in stored.entries]
    assert len(set(identifiers)) == 2
    assert all(re.fullmatch(r"[0-9a-z]{32}", one) for one in identifiers)


def test_bytes_in_big_endian_words_are_put_in_order():
    samples = np.arange(3 * 5 * 3, dtype="u1").reshape(3, 3, 5)
    data = samples.tobytes() + b"\0"
    words = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    stored = store(native(3, 5, 8, words, "OW", ts.EXPLICIT_BE, frames=3))
    assert np.array_equal([openjpeg.decode(frame) for frame in stored.frames], samples)
    stored = store(native(3, 5, 8, data, "OB", ts.EXPLICIT_BE, frames=3))
    assert np.array_equal([openjpeg.decode(frame) for frame in stored.frames], samples)


@pytest.mark.parametrize("planar", [0, 1])
def test_colours_by_pixel_and_by_plane(planar):
    samples = np.random.default_rng(1).integers(0, 256, (2, 5, 8, 3), "u1")
    data = (np.moveaxis(samples, 3, 1) if planar else samples).tobytes()
    changes = {"samples": 3, "planar": planar, "photometric": "RGB", "frames": 2}
    stored = store(native(5, 8, 8, data, "OB", **changes))
    assert np.array_equal([openjpeg.decode(frame) for frame in stored.frames], samples)
    # The checksum is over the samples by pixel, however they were laid out.
    for entry, expected in zip(stored.entries, samples, strict=True):
        [level] = entry["PixelDataChecksumFromBaseToFullResolution"]
        assert level["Checksum"] == zlib.crc32(expected.tobytes())


def test_chroma_for_two_pixels_is_repeated():
    pairs = np.random.default_rng(2).integers(0, 256, (4, 3, 4), "u1")  # Y1 Y2 Cb Cr
    changes = {"samples": 3, "planar": 0, "photometric": "YBR_FULL_422"}
    stored = store(native(4, 6, 8, pairs.tobytes(), "OB", **changes))
    expected = np.empty((4, 6, 3), "u1")
    expected[:, 0::2, 0], expected[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
    for half in (0, 1):
        expected[:, half::2, 1:] = pairs[..., 2:]
    assert np.array_equal(openjpeg.decode(stored.frames[0]), expected)
    assert (stored.entry["MinPixelValue"], stored.entry["MaxPixelValue"]) == (
        expected.min(),
        expected.max(),
    )
    assert stored.entry["FrameSizeInBytes"] == 4 * 6 * 2


def test_chroma_for_two_pixels_needs_an_even_number_of_columns():
    changes = {"samples": 3, "planar": 0, "photometric": "YBR_FULL_422"}
    reason = refused(native(4, 5, 8, bytes(40), "OB", **changes))
    assert reason == "frame 1 of 1: an image with subsampled chroma has an odd number of columns"


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 7),
    columns=st.integers(1, 9),
    frames=st.integers(1, 5),
    big=st.booleans(),
    vr=st.sampled_from(["OB", "OW"]),
    seed=st.integers(0, 99),
)
def test_packed_frames_begin_at_a_byte_of_their_own(rows, columns, frames, big, vr, seed):
    bits = np.random.default_rng(seed).integers(0, 2, (frames, rows * columns), "u1")
    data = np.packbits(bits.ravel(), bitorder="little").tobytes()
    data += bytes(len(data) % 2)
    syntax = ts.EXPLICIT_BE if big else ts.EXPLICIT_LE
    if big and vr == "OW":
        data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    stored = store(native(rows, columns, 1, data, vr, syntax, frames=frames))
    assert stored.image.syntax == ts.EXPLICIT_LE
    assert stored.image.checksum_type is None
    expected = [np.packbits(frame, bitorder="little").tobytes() for frame in bits]
    assert stored.frames == expected
    for entry, frame in zip(stored.entries, expected, strict=True):
        assert entry["PixelDataChecksumFromBaseToFullResolution"] == [
            {"Width": columns, "Height": rows, "Checksum": zlib.crc32(frame)}
        ]
        assert (entry["MinPixelValue"], entry["MaxPixelValue"]) == (None, None)
        assert entry["FrameSizeInBytes"] == len(frame)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("tag", "vr", "kind"),
    [
        (0x7FE00010, "OW", "u4"),
        (0x7FE00010, "OW", "i4"),
        (0x7FE00010, "OV", "u8"),
        (0x7FE00008, "OF", "f4"),
        (0x7FE00009, "OD", "f8"),
    ],
)
def test_wide_samples_are_stored_as_little_endian_bytes(tag, vr, kind, big):
    samples = np.random.default_rng(3).integers(0, 1 << 30, (2, 3, 4)).astype(kind)
    order, syntax = (">", ts.EXPLICIT_BE) if big else ("<", ts.EXPLICIT_LE)
    bits = int(kind[1]) * 8
    signed = {"signed": int(kind[0] == "i")}
    if kind[0] == "f":
        signed = {"signed": None, "stored": None, "high": None}
    elements = module(3, 4, bits, syntax=syntax, frames=2, **signed)
    elements[tag] = (vr, samples.astype(f"{order}{kind}").tobytes())
    stored = store(raw.file(elements, syntax))
    assert stored.frames == [frame.astype(f"<{kind}").tobytes() for frame in samples]
    assert stored.image.syntax == ts.EXPLICIT_LE
    assert stored.image.pixel.floating == (kind[0] == "f")
    assert [entry["MinPixelValue"] for entry in stored.entries] == [None, None]


def rle(frame):
    """An RLE frame without any run (PS3.5 annex G): segments from the highest byte down."""
    planes = np.moveaxis(frame.view("u1").reshape(-1, frame.itemsize), 1, 0)[::-1]
    segments = []
    for plane in planes:
        pieces = (plane[at : at + 128].tobytes() for at in range(0, len(plane), 128))
        segment = b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)
        segments.append(segment + bytes(len(segment) % 2))
    starts = list(accumulate(map(len, segments), initial=64))[:-1]
    head = struct.pack("<16I", len(segments), *starts, *[0] * (15 - len(segments)))
    return head + b"".join(segments)


def test_wide_compressed_samples_are_decoded_and_stored():
    samples = np.random.default_rng(4).integers(0, 1 << 32, (2, 6, 7), "<u4")
    attributes = module(6, 7, 32, frames=2)
    stored = store(encapsulated(attributes, b"", *map(rle, samples), syntax=ts.RLE))
    assert stored.image.syntax == ts.EXPLICIT_LE
    assert stored.frames == [frame.tobytes() for frame in samples]


def jpegs(count, rows=8, columns=16):
    random = np.random.default_rng(count)
    for _ in range(count):
        frame = imagecodecs.jpeg8_encode(random.integers(0, 256, (rows, columns), "u1"))
        yield bytes(frame) + bytes(len(frame) % 2)


FRAMES = list(jpegs(4))


def offsets(groups, code="I"):
    """The offset table for frames of so many fragments each."""
    lengths = [sum(8 + len(piece) for piece in group) for group in groups]
    return struct.pack(f"<{len(groups)}{code}", *list(accumulate(lengths, initial=0))[:-1])


@st.composite
def divided(draw):
    """Frames cut into fragments of an even number of bytes."""
    groups = []
    for frame in FRAMES[: draw(st.integers(1, len(FRAMES)))]:
        cuts = draw(st.sets(st.integers(1, len(frame) // 2 - 1), max_size=3))
        places = [0, *sorted(2 * cut for cut in cuts), len(frame)]
        groups.append([frame[first:last] for first, last in pairwise(places)])
    return groups


def extended(groups):
    lengths = struct.pack(f"<{len(groups)}Q", *(sum(map(len, group)) for group in groups))
    return raw.element(0x7FE00001, "OV", offsets(groups, "Q")) + raw.element(
        0x7FE00002, "OV", lengths
    )


@settings(deadline=None, max_examples=60)
@given(groups=divided(), table=st.sampled_from(["basic", "extended", "none"]))
def test_fragments_are_joined_to_frames(groups, table):
    pieces = [piece for group in groups for piece in group]
    known = len(groups) == 1 or len(pieces) == len(groups)
    basic = offsets(groups) if table == "basic" else b""
    extra = extended(groups) if table == "extended" else b""
    attributes = module(8, 16, frames=len(groups))
    content = encapsulated(attributes, basic, *pieces, extra=extra)
    if table == "none" and not known:
        assert refused(content) == (
            f"{len(pieces)} fragments cannot be assigned to {len(groups)} frames: "
            "there is no valid offset table"
        )
        return
    stored = store(content)
    assert stored.frames == FRAMES[: len(groups)]
    assert stored.image.syntax == JPEG
    assert stored.image.checksum_type is None
    for entry, frame in zip(stored.entries, stored.frames, strict=True):
        assert entry["FrameSizeInBytes"] == len(frame)
        assert (entry["MinPixelValue"], entry["MaxPixelValue"]) == (None, None)
        [level] = entry["PixelDataChecksumFromBaseToFullResolution"]
        assert level == {"Width": 16, "Height": 8, "Checksum": zlib.crc32(frame)}


HALVES = [[frame[:100], frame[100:]] for frame in FRAMES[:2]]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([0], "no valid offset table"),
        ([0, 0], "not in ascending order"),
        ([1, 0], "no valid offset table"),
        ([0, 10], "no valid offset table"),
        ([0, 1 << 31], "no valid offset table"),
        ([0, 108, 216], "no valid offset table"),
    ],
)
def test_a_wrong_offset_table_is_refused(table, reason):
    pieces = [piece for group in HALVES for piece in group]
    content = struct.pack(f"<{len(table)}I", *table)
    assert reason in refused(encapsulated(module(8, 16, frames=2), content, *pieces))


def test_a_descending_offset_table_is_refused():
    pieces = [piece for group in HALVES for piece in group]
    first, second = struct.unpack("<2I", offsets(HALVES))
    table = struct.pack("<2I", second, first)
    assert "ascending" in refused(encapsulated(module(8, 16, frames=2), table, *pieces))


def test_encapsulated_pixel_data_need_items():
    attributes = module(8, 16)
    assert refused(encapsulated(attributes)) == (
        "the encapsulated pixel data have no Basic Offset Table"
    )
    assert refused(encapsulated(attributes, b"")) == "the encapsulated pixel data are empty"


def test_a_kept_frame_has_to_be_decodable():
    damaged = FRAMES[1][:40] + bytes(len(FRAMES[1]) - 40)
    reason = refused(encapsulated(module(8, 16, frames=2), b"", FRAMES[0], damaged))
    assert reason.startswith("frame 2 of 2: ")


def test_a_kept_frame_has_the_size_that_is_declared():
    assert refused(encapsulated(module(16, 16), b"", FRAMES[0])) == (
        "frame 1 of 1: the frame is 8x16x1, the data set declares 16x16x1"
    )


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("rows", "Rows"),
        ("columns", "Columns"),
        ("allocated", "BitsAllocated"),
        ("stored", "BitsStored"),
    ],
)
def test_the_image_pixel_module_is_complete(name, keyword):
    elements = module(**{name: None}) | {0x7FE00010: ("OW", bytes(4))}
    assert refused(raw.file(elements)) == f"DICOM attribute {keyword} does not exist"


def test_some_attributes_have_defaults():
    content = native(2, 2, 8, b"\1\2\3\4", samples=None, signed=None, high=None, frames="")
    stored = store(content)
    assert np.array_equal(openjpeg.decode(stored.frames[0]), [[1, 2], [3, 4]])
    assert len(store(native(2, 2, 8, b"\1\2\3\4", frames=0)).frames) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rows": 0}, "Rows or Columns is zero"),
        ({"columns": 0}, "Rows or Columns is zero"),
        ({"samples": 0}, "Rows or Columns is zero"),
        ({"allocated": 12}, "BitsAllocated (0028,0100) of 12 is not supported"),
        ({"allocated": 0}, "BitsAllocated (0028,0100) of 0 is not supported"),
        ({"stored": 0}, "BitsStored (0028,0101) is larger than BitsAllocated (0028,0100)"),
        ({"stored": 9}, "BitsStored (0028,0101) is larger than BitsAllocated (0028,0100)"),
        ({"frames": "many"}, "NumberOfFrames is not a whole number"),
        ({"frames": "1\\2"}, "NumberOfFrames is not a whole number"),
        ({"frames": "-1"}, "NumberOfFrames is negative"),
        ({"frames": 3}, "the pixel data hold 8 bytes, 12 are expected"),
        ({"frames": 10**12}, "the pixel data hold 8 bytes, 4000000000000 are expected"),
        ({"rows": 5}, "the pixel data hold 8 bytes, 10 are expected"),
        (
            {"rows": 65535, "columns": 65535},
            "a frame of 4294836225 bytes is larger than 2 GiB",
        ),
    ],
)
def test_an_image_that_makes_no_sense_is_refused(changes, reason):
    changed = {"rows": 2, "columns": 2} | changes
    rows, columns = changed.pop("rows"), changed.pop("columns")
    assert refused(native(rows, columns, 8, bytes(8), **changed)) == reason


def test_bytes_behind_the_last_frame_are_padding():
    assert (
        store(native(2, 2, 8, b"\1\2\3\4\5\6")).frames == store(native(2, 2, 8, b"\1\2\3\4")).frames
    )


def test_what_does_not_decode_to_its_samples_is_not_stored(monkeypatch):
    encode, written = pixels.openjph.encode, []

    def wrong(samples, image):
        changed = samples.copy()
        changed.flat[-1] ^= len(written)  # the first frame is right
        return encode(changed, image)

    monkeypatch.setattr(pixels.openjph, "encode", wrong)
    file = part10.read(memoryview(native(2, 2, 8, bytes(8), frames=2)))
    converted = metadata.convert(file.dataset)
    image = pixels.describe(file, converted)
    with pytest.raises(pixels.VerificationFailed, match="failed at frame 2"):
        pixels.store(file, image, converted, written.append)
    assert len(written) == 1


def test_each_frame_is_written_before_the_next_is_read():
    content = encapsulated(module(8, 16, frames=2), b"", FRAMES[0], bytes(10))
    file = part10.read(memoryview(content))
    converted = metadata.convert(file.dataset)
    image, written = pixels.describe(file, converted), []
    with pytest.raises(FileRejected, match="frame 2 of 2"):
        pixels.store(file, image, converted, written.append)
    assert written == FRAMES[:1]
