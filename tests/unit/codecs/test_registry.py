"""Which codec serves which transfer syntax, and what its samples are said to mean."""

import imagecodecs
import numpy as np
import openjpeg
import pytest
from pydicom.pixels import pixel_array

from gateway.codecs import native, registry
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests import files
from tests.unit.codecs.images import described, native as native_samples, of_file, smooth

RGB = smooth((16, 24, 3), "<u1", 8)
JPEG_2000 = [
    ts.JPEG_2000_LOSSLESS,
    ts.JPEG_2000,
    ts.HTJ2K_LOSSLESS,
    ts.HTJ2K_LOSSLESS_RPCL,
    ts.HTJ2K,
]
JPEG = [ts.JPEG_BASELINE, ts.JPEG_EXTENDED, ts.JPEG_LOSSLESS, ts.JPEG_LOSSLESS_SV1]


def colour(photometric, planar=0, samples=3):
    return ImagePixel(16, 24, samples, 8, 8, photometric=photometric, planar=planar)


def jpeg_2000(**options):
    settings = {"codecformat": "j2k", "reversible": True, "mct": True, **options}
    return bytes(imagecodecs.jpeg2k_encode(RGB, **settings))


RCT = jpeg_2000()
ICT = jpeg_2000(reversible=False, level=40)
PLAIN = jpeg_2000(mct=False)


def syntax_of(name):
    return str(files.read(files.GENERATED / f"{name}.dcm").file_meta.TransferSyntaxUID)


# Decoding


@pytest.mark.parametrize("uid", list(ts.BY_UID))
def test_what_can_be_decoded(uid):
    only_in_files = {ts.IMPLICIT_LE, ts.DEFLATED_LE, ts.EXPLICIT_BE}
    assert registry.decodes(uid) is (uid not in only_in_files)


@pytest.mark.parametrize("uid", ["", "1.2.3", "1.2.840.10008.1.2.4.100"])
def test_unknown_syntaxes(uid):
    assert not registry.decodes(uid)
    with pytest.raises(CodecError, match=f"no decoder for transfer syntax {uid}"):
        registry.decode(uid, bytes(8), ImagePixel(2, 2))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("grey16_rle", "native_grey16"),
        ("grey16_jls80", "native_grey16"),
        ("grey16_jpeg57_sv1", "native_grey16"),
        ("grey16_jpeg57_sv6", "native_grey16"),
        ("grey12_jpeg70", "native_grey12"),
        ("rgb_rle", "native_rgb"),
        ("rgb_jls80_line", "native_rgb"),
        ("rgb_jpeg57", "native_rgb"),
        ("rgb_jpeg70", "native_rgb"),
    ],
)
def test_files_that_dcmtk_compressed(name, source):
    image, [frame] = of_file(name)
    [expected] = native_samples(source)
    found = registry.decode(syntax_of(name), frame, image)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", ["htj2k_201", "htj2k_202", "htj2k_203", "jpeg2000_rgb"])
def test_files_that_openjpeg_decodes(name):
    image, frames = of_file(name)
    for frame in frames:
        found = registry.decode(syntax_of(name), frame, image)
        assert np.array_equal(found, openjpeg.decode(frame))


@pytest.mark.parametrize(
    "name", ["native_grey16", "signed8", "planar_rgb", "multiframe_grey10", "grey32"]
)
def test_native_files(name):
    image, frames = of_file(name)
    dataset = files.read(files.GENERATED / f"{name}.dcm")
    expected = pixel_array(dataset, raw=True)
    found = [registry.decode(ts.EXPLICIT_LE, frame, image) for frame in frames]
    assert np.array_equal(found if len(found) > 1 else found[0], expected)


@pytest.mark.parametrize(
    ("name", "source"), [("grey12_jpeg51", "native_grey12"), ("grey12_jls81", "native_grey12")]
)
def test_lossy_files(name, source):
    image, [frame] = of_file(name)
    [expected] = native_samples(source)
    found = registry.decode(syntax_of(name), frame, image)
    assert 0 < np.abs(found.astype(int) - expected).max() < 100


@pytest.mark.parametrize(
    "name", ["grey16_jls80", "grey16_jpeg57_sv1", "htj2k_202", "jpeg2000_rgb", "rgb_jpeg50"]
)
@pytest.mark.parametrize(("rows", "columns"), [(1, 0), (0, 1), (-1, -1), (1000, 1000)])
def test_a_frame_of_another_size_is_refused_by_its_header(name, rows, columns):
    image, frames = of_file(name)
    other = ImagePixel(
        image.rows + rows, image.columns + columns, image.samples, image.bits_allocated
    )
    found = f"{image.rows}x{image.columns}x{image.samples}"
    with pytest.raises(CodecError, match=f"the frame is {found}, the data set declares"):
        registry.decode(syntax_of(name), frames[0], other)


@pytest.mark.parametrize("name", ["grey16_jls80", "rgb_jpeg50", "jpeg2000_rgb"])
def test_a_frame_of_other_components_is_refused_by_its_header(name):
    image, frames = of_file(name)
    other = ImagePixel(image.rows, image.columns, 4 - image.samples, 8, 8)
    with pytest.raises(CodecError, match="the data set declares"):
        registry.decode(syntax_of(name), frames[0], other)


def test_a_header_of_a_huge_image_is_refused_before_it_is_decoded():
    frame = bytearray(RCT)
    frame[8:16] = frame[24:32] = b"\x7f\xff\xff\xff" * 2
    with pytest.raises(CodecError, match="2147483647x2147483647x3"):
        registry.decode(ts.JPEG_2000, bytes(frame), colour("RGB"))


@pytest.mark.parametrize("syntax", [ts.EXPLICIT_LE, ts.RLE, ts.JPEG_LS, ts.HTJ2K, ts.JPEG_BASELINE])
@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (ImagePixel(65535, 65535), "larger than 2 GiB"),
        (ImagePixel(32768, 32768, 3, 8, 8), "larger than 2 GiB"),
        (ImagePixel(0, 10), "zero"),
        (ImagePixel(10, 0), "zero"),
    ],
    ids=str,
)
def test_sizes_that_are_refused(syntax, image, reason):
    with pytest.raises(CodecError, match=reason):
        registry.decode(syntax, b"", image)


@pytest.mark.parametrize(
    "image", [ImagePixel(32768, 32768), ImagePixel(1, 1, bits_allocated=1)], ids=str
)
def test_sizes_that_are_not(image):
    registry.check_size(image)


@pytest.mark.parametrize("syntax", [uid for uid in ts.BY_UID if registry.decodes(uid)])
@pytest.mark.parametrize("frame", [b"", b"\0", b"\xff\xd8", b"\xff\x4f\xff\x51", b"x" * 50])
def test_what_is_no_frame_is_an_error(syntax, frame):
    with pytest.raises(CodecError):
        registry.decode(syntax, frame, ImagePixel(16, 24))


def damaged(frame, count, start):
    """The frame with bytes of its coded data changed, and cut at several places."""
    random = np.random.default_rng(5)
    for _ in range(count):
        changed = bytearray(frame)
        for at in random.integers(start, len(frame), 4):
            changed[at] = random.integers(256)
        yield bytes(changed)
        yield frame[: random.integers(start, len(frame))]


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (ts.JPEG_BASELINE, "rgb_jpeg50"),
        (ts.JPEG_LOSSLESS, "grey16_jpeg57_sv1"),
        (ts.JPEG_2000, "jpeg2000_rgb"),
        (ts.HTJ2K, "htj2k_203"),
        (ts.RLE, "grey16_rle"),
    ],
)
def test_a_damaged_frame_gives_samples_or_an_error(syntax, name):
    image, frames = of_file(name)
    for frame in damaged(frames[0], 60, 120):
        try:
            found = registry.decode(syntax, frame, image)
        except CodecError:
            continue
        assert found.shape == image.shape
        assert found.dtype == np.dtype(image.dtype)


# What the samples are once they are native


@pytest.mark.parametrize(
    ("syntax", "source", "photometric", "expected"),
    [
        *[
            (syntax, ts.EXPLICIT_LE, photometric, "RGB")
            for syntax in JPEG_2000
            for photometric in ("RGB", "YBR_RCT", "YBR_ICT")
        ],
        *[(syntax, syntax, "YBR_FULL", "YBR_FULL") for syntax in JPEG_2000],
        (ts.HTJ2K_LOSSLESS_RPCL, ts.EXPLICIT_LE, "YBR_FULL_422", "YBR_FULL_422"),
        (ts.HTJ2K_LOSSLESS_RPCL, ts.IMPLICIT_LE, "YBR_FULL_422", "YBR_FULL_422"),
        (ts.HTJ2K_LOSSLESS_RPCL, ts.EXPLICIT_BE, "YBR_PARTIAL_422", "YBR_PARTIAL_422"),
        (ts.HTJ2K_LOSSLESS_RPCL, ts.JPEG_EXTENDED, "YBR_FULL_422", "YBR_FULL"),
        (ts.HTJ2K_LOSSLESS_RPCL, ts.RLE, "YBR_FULL_422", "YBR_FULL"),
        (ts.HTJ2K_LOSSLESS_RPCL, "", "YBR_FULL_422", "YBR_FULL"),
        (ts.HTJ2K_LOSSLESS_RPCL, ts.JPEG_2000_LOSSLESS, "YBR_RCT", "RGB"),
        (ts.RLE, ts.RLE, "RGB", "RGB"),
        (ts.JPEG_LS, ts.JPEG_LS, "YBR_FULL", "YBR_FULL"),
        (ts.EXPLICIT_LE, ts.EXPLICIT_LE, "YBR_FULL_422", "YBR_FULL_422"),
    ],
)
def test_uncompressed(syntax, source, photometric, expected):
    found = registry.uncompressed(syntax, RCT, colour(photometric, planar=1), source)
    assert found == colour(expected, planar=1)


BY_JFIF = bytes(imagecodecs.jpeg8_encode(RGB))
BY_ADOBE = bytes(imagecodecs.jpeg8_encode(RGB, colorspace="RGB", outcolorspace="RGB"))
# Without the segment that tells of the components: JFIF's and Adobe's become comments.
UNTOLD = BY_JFIF.replace(b"\xff\xe0", b"\xff\xfe", 1)


@pytest.mark.parametrize("syntax", JPEG)
@pytest.mark.parametrize(
    ("frame", "photometric", "expected"),
    [
        (BY_JFIF, "YBR_FULL_422", "YBR_FULL"),
        (BY_JFIF, "YBR_FULL", "YBR_FULL"),
        (BY_JFIF, "RGB", "YBR_FULL"),
        (BY_ADOBE, "RGB", "RGB"),
        (BY_ADOBE, "YBR_FULL_422", "RGB"),
        (UNTOLD, "RGB", "RGB"),
        (UNTOLD, "YBR_FULL_422", "YBR_FULL"),
        (UNTOLD, "YBR_FULL", "YBR_FULL"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_uncompressed_jpeg(syntax, frame, photometric, expected):
    found = registry.uncompressed(syntax, frame, colour(photometric), syntax)
    assert found == colour(expected)


@pytest.mark.parametrize("syntax", [ts.HTJ2K, ts.JPEG_BASELINE, ts.RLE])
@pytest.mark.parametrize("samples", [1, 4])
def test_only_colours_are_converted(syntax, samples):
    image = colour("YBR_RCT", samples=samples, planar=1)
    assert registry.uncompressed(syntax, RCT, image, syntax) == image
    assert registry.encapsulated(syntax, RCT, image) == image


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rgb_jpeg50", "YBR_FULL"),
        ("fragments", "YBR_FULL"),
        ("rgb_jpeg70", "RGB"),
        ("jpeg2000_rgb", "RGB"),
        ("htj2k_203", "RGB"),
        ("rgb_rle", "RGB"),
    ],
)
def test_uncompressed_files(name, expected):
    image, frames = of_file(name)
    syntax = syntax_of(name)
    found = registry.uncompressed(syntax, frames[0], image, syntax)
    assert found.photometric == expected
    content = native.encode(registry.decode(syntax, frames[0], image), found)
    assert len(content) == found.frame_bytes == image.rows * image.columns * 3


def test_subsampled_pixels_come_back_as_they_were():
    image = ImagePixel(4, 6, 3, 8, 8, photometric="YBR_FULL_422")
    frame = bytes(range(48))
    samples = native.decode(frame, image)
    stored = bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(samples), reversible=True))
    found = registry.decode(ts.HTJ2K_LOSSLESS_RPCL, stored, image)
    out = registry.uncompressed(ts.HTJ2K_LOSSLESS_RPCL, stored, image, ts.EXPLICIT_LE)
    assert native.encode(found, out) == frame


# What the samples are while they stay as stored


@pytest.mark.parametrize("syntax", JPEG_2000)
@pytest.mark.parametrize(
    ("frame", "photometric", "expected"),
    [
        (RCT, "RGB", "YBR_RCT"),
        (RCT, "YBR_RCT", "YBR_RCT"),
        (RCT, "YBR_ICT", "YBR_RCT"),
        (ICT, "RGB", "YBR_ICT"),
        (ICT, "YBR_ICT", "YBR_ICT"),
        (ICT, "YBR_RCT", "YBR_ICT"),
        (PLAIN, "RGB", "RGB"),
        (PLAIN, "YBR_RCT", "RGB"),
        (PLAIN, "YBR_ICT", "RGB"),
        (PLAIN, "YBR_FULL", "YBR_FULL"),
        (PLAIN, "YBR_FULL_422", "YBR_FULL"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_encapsulated_jpeg_2000(syntax, frame, photometric, expected):
    found = registry.encapsulated(syntax, frame, colour(photometric, planar=1))
    assert found == colour(expected, planar=0)


@pytest.mark.parametrize("syntax", [ts.JPEG_BASELINE, ts.JPEG_LS, ts.RLE])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_other_frames_stay_what_they_are(syntax, photometric):
    found = registry.encapsulated(syntax, BY_JFIF, colour(photometric, planar=1))
    assert found == colour(photometric, planar=0)


@pytest.mark.parametrize(
    ("syntax", "image", "expected"),
    [
        (ts.HTJ2K_LOSSLESS_RPCL, colour("RGB"), True),
        (ts.HTJ2K_LOSSLESS_RPCL, colour("YBR_FULL"), True),
        (ts.HTJ2K_LOSSLESS_RPCL, colour("RGB", planar=1), False),
        (ts.HTJ2K_LOSSLESS_RPCL, colour("YBR_FULL_422"), False),
        (ts.JPEG_2000, colour("YBR_PARTIAL_422"), False),
        (ts.JPEG_2000, colour("MONOCHROME2", planar=1, samples=1), True),
        (ts.JPEG_BASELINE, colour("YBR_FULL_422"), True),
        (ts.EXPLICIT_LE, colour("RGB", planar=1), True),
        (ts.RLE, colour("RGB", planar=1), True),
    ],
)
def test_whether_the_attributes_describe_the_stored_frames(syntax, image, expected):
    assert registry.is_described(syntax, image) is expected


@pytest.mark.parametrize("planar", [0, 1])
def test_encode_and_decode_through_the_registry(planar):
    image = described(RGB, planar=planar)
    frame = native.encode(RGB, image)
    assert np.array_equal(registry.decode(ts.EXPLICIT_LE, frame, image), RGB)
