"""Archives made piece by piece, read back by the standard library and by unzip's rules."""

import io
import re
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicomweb import archives
from gateway.dicomweb.archives import Archive
from gateway.dicomweb.resources import Address

UID = "1.2.840.10008." + "1" * 50
LONGEST = (1 << 31) - 1


def write(archive, name, pieces, **options):
    given = {"compress": False, "large": False, **options}
    with archive.entry(name, **given) as entry:
        for piece in pieces:
            entry.write(piece)


def opened(content):
    found = zipfile.ZipFile(io.BytesIO(content))
    assert found.testzip() is None
    return found


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.binary(max_size=300), max_size=4), st.booleans(), st.booleans()),
        max_size=6,
    )
)
def test_what_is_put_in_comes_out(files):
    archive = Archive()
    taken = []
    for number, (pieces, compress, large) in enumerate(files):
        write(archive, f"{number}.dcm", pieces, compress=compress, large=large)
        taken.append(archive.take())
        assert archive.waiting == 0
    taken.append(archive.close())
    found = opened(b"".join(taken))
    assert [found.read(name) for name in found.namelist()] == [b"".join(one) for one, *_ in files]


def test_pieces_can_be_taken_while_an_entry_is_written():
    archive = Archive()
    taken = [archive.take()]
    frame = bytes(100_000)
    with archive.entry("a", compress=False, large=False) as entry:
        for _ in range(10):
            entry.write(frame)
            assert len(frame) - (1 << 16) < archive.waiting < len(frame) + (1 << 17)
            taken.append(archive.take())
    taken.append(archive.close())
    assert opened(b"".join(taken)).read("a") == frame * 10


def test_what_is_not_to_be_compressed_is_not():
    archive = Archive()
    frame = bytes(1 << 20)
    write(archive, "a", [frame])
    write(archive, "b", [frame], compress=True)
    stored, compressed = opened(archive.close()).infolist()
    assert len(frame) < stored.compress_size < len(frame) * 1.001
    assert compressed.compress_size < len(frame) / 100


def test_a_reader_finds_the_end_of_an_entry_without_the_directory():
    archive = Archive()
    write(archive, "a", [b"first", b"second"])
    content = archive.take()
    flags, method, name, extra = struct.unpack("<6xHH16xHH", content[:30])
    assert (flags, method, extra) == (8, 8, 0)
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    assert inflater.decompress(content[30 + name :]) == b"firstsecond"
    assert inflater.eof
    crc, size = zlib.crc32(b"firstsecond"), len(b"firstsecond")
    compressed = len(content) - 30 - name - 16
    assert inflater.unused_data == b"PK\7\x08" + struct.pack("<3I", crc, compressed, size)


def test_equal_archives_are_equal_bytes():
    made = []
    for _ in range(2):
        archive = Archive()
        write(archive, "a", [b"content"], compress=True)
        made.append(archive.close())
    assert made[0] == made[1]


def test_what_is_not_closed_is_no_archive():
    archive = Archive()
    write(archive, "a", [b"content"])
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(archive.take()))


def test_a_directory_of_more_entries_than_the_old_format_counts():
    archive = Archive()
    for number in range(66_000):
        write(archive, f"{number}", [b"x"])
    found = zipfile.ZipFile(io.BytesIO(archive.close()))
    assert len(found.namelist()) == 66_000
    assert found.read("65999") == b"x"


@pytest.mark.parametrize(
    ("size", "large"), [(0, False), (500 << 20, False), (896 << 20, True), (4 << 30, True)]
)
def test_files_that_may_exceed_what_the_old_format_counts(size, large):
    assert archives.may_exceed(size) is large


def test_names_tell_the_order_and_the_uids():
    name = archives.entry_name((3, "CT", "1.2.3"), (17, "1.2.3.4"))
    assert name == "0003_CT_1.2.3/00017_1.2.3.4.dcm"
    assert archives.entry_name((0, "", "1.2"), (-5, "1.3")) == "0000_1.2/00000_1.3.dcm"


@given(
    st.tuples(st.integers(-(10**12), 10**12), st.text(max_size=16), st.just(UID)),
    st.tuples(st.integers(-(10**12), 10**12), st.text(max_size=64)),
)
def test_names_are_legal_everywhere(series, one):
    name = archives.entry_name(series, one)
    assert re.fullmatch(r"[0-9A-Za-z_.]+/[0-9A-Za-z_.]+\.dcm", name)
    assert not re.search(r"\.(/|$)|(^|/)\.", name)
    assert all(len(part) <= 100 for part in name.split("/"))


def test_names_of_the_longest_uids_leave_room_for_a_folder():
    name = archives.entry_name((LONGEST, "M" * 16, UID), (LONGEST, UID))
    assert len(name) <= 180


@pytest.mark.parametrize(
    ("place", "uid"), [((), "1.2"), (("1.2.3",), "1.2.3"), (("1.2.3", "1.2.3.4"), "1.2.3.4")]
)
def test_the_archive_has_the_name_of_what_is_in_it(place, uid):
    found = archives.disposition(Address("store", "1.2", *place))
    assert found == f'attachment; filename="{uid}.zip"'
