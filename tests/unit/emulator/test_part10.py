"""Reading Part 10 files: good ones as they are, cut and damaged ones refused with a reason."""

import random
import struct
import tracemalloc
import warnings
import zlib
from contextlib import suppress
from itertools import accumulate

import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import metadata, part10, pixels, rules
from gateway.emulator.failures import FileRejected
from tests import files
from tests.unit.emulator import raw

NATIVE = (ts.IMPLICIT_LE, ts.EXPLICIT_LE, ts.EXPLICIT_BE)
PIXELS = bytes(range(16))


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom tells of what is odd
        yield


def read(content):
    return part10.read(memoryview(content))


def refused(content):
    with pytest.raises(FileRejected) as rejected:
        read(content)
    return str(rejected.value)


def us(number, syntax=ts.EXPLICIT_LE):
    return struct.pack(">H" if syntax == ts.EXPLICIT_BE else "<H", number)


def image(syntax=ts.EXPLICIT_LE):
    return {
        0x00280010: ("US", us(2, syntax)),
        0x00280011: ("US", us(8, syntax)),
        0x00280100: ("US", us(8, syntax)),
        0x00280101: ("US", us(8, syntax)),
    }


@pytest.mark.parametrize("uid", sorted(ts.BY_UID))
def test_every_transfer_syntax_is_read(uid):
    plain = uid if uid in NATIVE else ts.EXPLICIT_LE
    content = raw.part10(raw.dataset({0x00100020: ("LO", b"P1")}, plain), uid)
    file = read(content)
    assert file.syntax is ts.BY_UID[uid]
    assert file.meta.get_item(0x00020010).value.rstrip(b"\0") == uid.encode()
    assert file.dataset.get_item(0x00100020).value == b"P1"
    assert len(file.dataset) == 5
    assert file.pixels is None


@pytest.mark.parametrize(
    "content",
    [b"", b"DICM", bytes(128) + b"DIC", bytes(128) + b"dicm" + bytes(99), b"PNG" * 99],
)
def test_what_has_no_prefix_is_no_part_10_file(content):
    assert refused(content) == "not a DICOM Part 10 file: the prefix DICM is missing"


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.110", "1.2.3"])
def test_another_transfer_syntax_is_refused(uid):
    assert refused(raw.part10(b"", uid)) == f"transfer syntax {uid} is not supported"


@pytest.mark.parametrize("uid", ["", " "])
def test_a_file_without_a_transfer_syntax_is_refused(uid):
    assert refused(raw.part10(b"", uid)) == "DICOM attribute TransferSyntaxUID does not exist"
    assert refused(bytes(128) + b"DICM" + raw.dataset({})) == (
        "DICOM attribute TransferSyntaxUID does not exist"
    )


@pytest.mark.parametrize("syntax", NATIVE)
def test_native_pixels_are_located_and_not_copied(syntax):
    content = memoryview(
        raw.file(image(syntax) | {0x7FE00010: ("OW", PIXELS), 0x7FE10010: ("LO", b"C")}, syntax)
    )
    file = part10.read(content)
    region = file.pixels
    assert (region.tag, region.vr, region.fragments) == (0x7FE00010, "OW", None)
    assert region.buffer is content
    assert bytes(content[region.start : region.end]) == PIXELS
    assert 0x7FE00010 not in file.dataset
    assert file.dataset.get_item(0x7FE10010).value == b"C "  # what stands behind the pixels


@pytest.mark.parametrize(("tag", "vr"), [(0x7FE00008, "OF"), (0x7FE00009, "OD")])
def test_floating_point_pixels_are_located(tag, vr):
    file = read(raw.file(image() | {tag: (vr, PIXELS)}))
    assert (file.pixels.tag, file.pixels.vr) == (tag, vr)
    assert bytes(file.pixels.buffer[file.pixels.start : file.pixels.end]) == PIXELS


def test_deflated_pixels_are_located_in_what_was_inflated():
    content = raw.file(image() | {0x7FE00010: ("OB", PIXELS)}, ts.DEFLATED_LE)
    region = read(content).pixels
    assert bytes(region.buffer[region.start : region.end]) == PIXELS


def test_fragments_are_located():
    pieces = (b"", b"first ", b"", b"third!")
    content = raw.part10(
        raw.dataset(image()) + raw.fragments(*pieces) + raw.element(0x7FE10010, "LO", b"C"), ts.RLE
    )
    file = read(content)
    region = file.pixels
    assert tuple(bytes(content[at : at + size]) for at, size in region.fragments) == pieces
    assert content[: region.end].endswith(raw.sequence_end())
    assert file.dataset.get_item(0x7FE10010).value == b"C "


def test_the_pixels_of_an_icon_are_not_those_of_the_file():
    icon = raw.item(raw.element(0x7FE00010, "OB", b"icon"))
    sequence = raw.element(0x00880200, "SQ", icon)
    plain = raw.dataset(image())
    assert read(raw.part10(plain + sequence)).pixels is None
    file = read(raw.part10(plain + sequence + raw.element(0x7FE00010, "OW", PIXELS)))
    assert file.pixels.end - file.pixels.start == len(PIXELS)


def test_pixels_have_the_form_of_the_transfer_syntax():
    native = raw.dataset(image() | {0x7FE00010: ("OB", PIXELS)})
    for uid, syntax in ts.BY_UID.items():
        if syntax.encapsulated:
            assert "not encapsulated although" in refused(raw.part10(native, uid))


@pytest.mark.parametrize("length", [1, 7])
def test_zeros_behind_the_data_set_are_padding(length):
    file = read(raw.file({}, tail=bytes(length)))
    assert len(file.dataset) == 4


def test_anything_else_behind_the_data_set_is_refused():
    for tail in (b"\0\1", b"\x10\0\x20\0LO", b"\xff" * 5):
        assert refused(raw.file({}, tail=tail)) == (
            "the file ends inside the header of a data element"
        )


@pytest.mark.parametrize(("size", "good"), [(1 << 16, True), ((1 << 16) + 2, False)])
def test_a_deflated_data_set_is_inflated_up_to_a_limit(monkeypatch, size, good):
    head = raw.dataset({})
    value = bytes(size - len(head) - 12)
    content = raw.part10(head + raw.element(0x7FE10010, "OB", value), ts.DEFLATED_LE)
    monkeypatch.setattr(part10, "_MAX_INFLATED", 1 << 16)
    if good:
        assert len(read(content).dataset) == 5
    else:
        assert refused(content).startswith("the deflated data set is")


def test_a_deflate_bomb_takes_no_more_memory_than_the_limit(monkeypatch):
    bomb = raw.header(ts.DEFLATED_LE) + _deflated_zeros(64 << 20)
    assert len(bomb) < 1 << 17
    monkeypatch.setattr(part10, "_MAX_INFLATED", 1 << 20)
    tracemalloc.start()
    try:
        assert refused(bomb) == "the deflated data set is larger than 4 GiB"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def _deflated_zeros(size):
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    pieces = [deflater.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join(pieces) + deflater.flush()


def test_a_corrupt_or_cut_deflated_data_set_is_refused():
    content = raw.file({0x00100020: ("LO", b"P1" * 30)}, ts.DEFLATED_LE)
    start = len(raw.header(ts.DEFLATED_LE))
    for end in range(start, len(content)):
        assert refused(content[:end]) == "the deflated data set is cut short"
    assert refused(content[:start] + b"\xff" * 20) == "the deflated data set is corrupt"


def nested(syntax):
    """Elements with sequences of every form, and what each is called."""
    order = ">" if syntax == ts.EXPLICIT_BE else "<"

    def code(meaning):
        return raw.element(0x00080104, "LO", meaning, syntax=syntax)

    inner = raw.item(code(b"inner"), order=order)
    both = code(b"outer") + raw.element(0x0040A168, "SQ", inner, syntax=syntax)
    loose = raw.item(both, order=order, undefined=True) + raw.sequence_end(order)
    return [
        *(raw.element(tag, *raw.IDENTITY[tag], syntax=syntax) for tag in (0x00080016, 0x00080018)),
        raw.element(0x00081110, "SQ", raw.item(both, order=order), syntax=syntax),
        raw.element(0x00081115, "SQ", loose, syntax=syntax, length=raw.UNDEFINED),
        raw.element(0x00081140, "SQ", b"", syntax=syntax),
        raw.element(0x00090010, "LO", b"CREATOR", syntax=syntax),
        raw.element(0x00091001, "OB", b"\1\2\3\4", syntax=syntax),
        raw.element(0x00100020, "LO", b"P1", syntax=syntax),
        *(raw.element(tag, *raw.IDENTITY[tag], syntax=syntax) for tag in (0x0020000D, 0x0020000E)),
        raw.element(0x0040A043, "SQ", raw.item(both, order=order), syntax=syntax),
        raw.element(0x0040A168, "SQ", loose, syntax=syntax, length=raw.UNDEFINED),
        raw.element(0x0040A730, "SQ", loose, syntax=syntax),
    ]


def plain(syntax):
    """An image with something behind its pixels."""
    elements = raw.IDENTITY | image(syntax) | {0x00280103: ("US", us(0, syntax))}
    elements |= {0x7FE00010: ("OW", PIXELS), 0x7FE10010: ("LO", b"C"), 0xFFFCFFFC: ("OB", bytes(8))}
    return [raw.element(tag, *elements[tag], syntax=syntax) for tag in sorted(elements)]


@pytest.mark.parametrize("elements", [nested, plain])
@pytest.mark.parametrize("syntax", NATIVE)
def test_a_file_cut_anywhere_is_refused_or_holds_whole_elements(elements, syntax):
    pieces = elements(syntax)
    start = raw.header(syntax)
    content = start + b"".join(pieces)
    whole = read(content)
    expected = list(metadata.convert(whole.dataset).attributes.items())
    ends = list(accumulate(map(len, pieces), initial=len(start)))
    padding = ends[-2] if elements is plain else len(content)
    reasons = {}
    for cut in range(len(content)):
        last = max((end for end in ends if end <= cut), default=0)
        try:
            file = read(content[:cut])
            metadata.convert(file.meta)
            converted = metadata.convert(file.dataset)
            rules.check(converted)
        except FileRejected as rejected:
            reasons[cut] = str(rejected)
            continue
        found = list(converted.attributes.items())
        # Whole elements only, and behind them nothing but zeros or padding.
        assert cut >= len(start)
        assert not any(content[last:cut]) or cut > padding
        assert found == expected[: len(found)]
        visible = [one for one in ends[1:] if one <= cut]
        located = file.pixels is not None
        assert len(found) + located == len(visible)
    assert all(reasons.values())
    # Between two elements, only a missing attribute is a reason.
    between = [reasons[cut] for cut in ends[:-1] if cut in reasons]
    assert all("does not exist" in reason for reason in between)
    assert len(between) < len(ends) - 1


def imported(content):
    """What an import makes of a file: its attributes, and how many frames."""
    file = read(content)
    meta = metadata.convert(file.meta)
    converted = metadata.convert(file.dataset)
    rules.check(converted)
    frames = []
    if file.pixels is not None:
        pixels.store(file, pixels.describe(file, converted), converted, frames.append)
    return dict(meta.attributes.values()) | dict(converted.attributes.values()), frames


CUT = (
    "attributes_explicit",
    "attributes_implicit",
    "big_endian_8_in_words",
    "fragments",
    "segmentation_unaligned",
    "signed8",
)


@pytest.mark.parametrize("name", CUT)
def test_a_real_file_cut_anywhere_gives_a_reason_or_true_attributes(name):
    content = (files.GENERATED / f"{name}.dcm").read_bytes()
    attributes, frames = imported(content)
    accepted, reasons = 0, []
    for cut in range(len(content)):
        try:
            found, kept = imported(content[:cut])
        except FileRejected as rejected:
            reasons.append(str(rejected))
            continue
        accepted += 1
        assert found.items() <= attributes.items()
        assert kept in ([], frames)
    # No more than one place for each element behind those that have to be there, and a zero byte.
    assert accepted <= 2 * len(attributes)
    assert all(reasons)


SMALL = [
    path for path in files.collection() if path.suffix == ".dcm" and path.stat().st_size < 20_000
]


@pytest.mark.parametrize("path", SMALL[::3], ids=lambda path: path.name)
def test_a_damaged_file_is_read_or_refused(path):
    content = path.read_bytes()
    rng = random.Random(path.name)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(
                min(132, len(damaged) - 1), min(len(damaged), rng.choice((400, 4000)))
            )
            damaged[at] = rng.choice(
                (0, 255, damaged[at] ^ 1 << rng.randrange(8), rng.randrange(256))
            )
        with suppress(FileRejected):
            assert read(damaged).syntax.uid in ts.BY_UID


texts = st.binary(max_size=12)
VALUES = {
    0x00080005: (
        "CS",
        st.sampled_from([b"", b"ISO_IR 100", b"ISO 2022 IR 87", b"?", b"\\\\"]) | texts,
    ),
    0x00080008: ("CS", texts),
    0x00080018: ("UI", texts),
    0x00080020: ("DA", texts),
    0x00100010: ("PN", texts),
    0x00100020: ("LO", texts),
    0x00181020: ("LO", texts),
    0x0020000D: ("UI", texts | st.just(b"1.2")),
    0x00200013: ("IS", texts),
    0x00201208: ("IS", texts),
    0x00209165: ("AT", texts),
    0x00280002: ("US", texts),
    0x00280004: ("CS", texts | st.sampled_from([b"RGB", b"YBR_FULL_422"])),
    0x00280006: ("US", texts),
    0x00280008: ("IS", texts),
    0x00280010: ("US", texts | st.just(us(2))),
    0x00280011: ("US", texts | st.just(us(2))),
    0x00280100: ("US", texts | st.just(us(8))),
    0x00280101: ("US", texts | st.just(us(8))),
    0x00280103: ("US", texts),
    0x00281052: ("DS", texts),
    0x00283002: ("US", texts),
    0x00091001: ("FD", texts),
    0x7FE00010: ("OW", texts),
}


@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries({}, optional={tag: value for tag, (_, value) in VALUES.items()}),
    st.sampled_from([*NATIVE, ts.DEFLATED_LE]),
)
def test_any_values_are_imported_or_refused(values, syntax):
    elements = {tag: (VALUES[tag][0], value) for tag, value in values.items()}
    with suppress(FileRejected):
        attributes, _ = imported(raw.file(elements, syntax))
        assert attributes["SOPInstanceUID"]
