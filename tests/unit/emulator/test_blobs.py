"""Files appear as a whole or not at all; where the server keeps what."""

import os
from pathlib import Path

import pytest

from gateway.emulator import blobs


def content(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    with blobs.durable(path) as file:
        file.write(b"one ")
        file.flush()
        assert not path.exists()
        file.write(b"two")
    assert path.read_bytes() == b"one two"
    assert content(tmp_path) == ["a/b/file"]


def write_half(path, error):
    with blobs.durable(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_a_failing_block_leaves_nothing_behind(tmp_path, error):
    with pytest.raises(error):
        write_half(tmp_path / "file", error)
    assert content(tmp_path) == []


def test_a_failing_block_leaves_the_former_file(tmp_path):
    path = tmp_path / "file"
    blobs.write(path, b"former")
    with pytest.raises(ValueError, match="broken"):
        write_half(path, ValueError("broken"))
    assert path.read_bytes() == b"former"
    assert content(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_former_file(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    blobs.write(path, b"former")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="Input/output"):
        blobs.write(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"former"
    assert content(tmp_path) == ["file"]


def test_content_and_directory_are_flushed_before_the_end(tmp_path, monkeypatch):
    real, flushed = os.fsync, []

    def note(descriptor):
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    blobs.write(tmp_path / "file", b"content")
    assert len(flushed) == 2
    assert flushed[0].parent == tmp_path  # the file under its other name
    assert flushed[0].name != "file"
    assert flushed[1] == tmp_path


def test_a_file_is_replaced_while_readers_keep_theirs(tmp_path):
    path = tmp_path / "file"
    blobs.write(path, b"former")
    with path.open("rb") as reader:
        blobs.write(path, b"latter")
        assert reader.read() == b"former"
    assert path.read_bytes() == b"latter"


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    path = tmp_path / "file"
    with blobs.durable(path) as one, blobs.durable(path) as two:
        one.write(b"1111")
        two.write(b"22")
    assert path.read_bytes() == b"1111"
    assert content(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 4, b"0123"), (3, 2, b"34"), (8, 5, b"89"), (10, 1, b""), (99, 1, b""), (2, 0, b"")],
)
def test_a_range_is_read(tmp_path, offset, length, expected):
    blobs.write(tmp_path / "file", b"0123456789")
    assert blobs.read_range(tmp_path / "file", offset, length) == expected


def test_every_file_has_a_place_of_its_own():
    layout = blobs.Layout(Path("/root"))
    name, job, image_set = "ab" * 16, "cd" * 16, "ef" * 16
    places = [
        layout.database,
        layout.pack(name),
        layout.staged(job, name),
        layout.staged_pack(job, name),
        layout.metadata(image_set, 1),
        layout.metadata(image_set, 2),
    ]
    assert len(set(places)) == len(places)
    assert all(place.is_relative_to("/root") for place in places)
    assert layout.frames in layout.pack(name).parents
    for staged in (layout.staged(job, name), layout.staged_pack(job, name)):
        assert staged.parent == layout.staging / job
