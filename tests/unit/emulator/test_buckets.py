"""Folders as buckets: keys in S3's order, nothing outside of a bucket, whole files only."""

import hashlib
import os

import pytest
from hypothesis import given, settings, strategies as st

from gateway.emulator.buckets import BucketFault, Buckets

# Neighbours of the slash, letters of one to four bytes, and names that begin alike.
segments = st.text("ab!-./0A~ é日\U0001f600\ue000\\&%+\n", min_size=1, max_size=4).filter(
    lambda name: name.replace("/", "") == name and name not in (".", "..")
)
keys = st.lists(segments, min_size=1, max_size=4).map("/".join)


@st.composite
def trees(draw):
    """Keys of which none is a folder of another."""
    kept = []
    for key in draw(st.lists(keys, max_size=12, unique=True)):
        folders = (
            f"{key}/".startswith(f"{one}/") or f"{one}/".startswith(f"{key}/") for one in kept
        )
        if not any(folders):
            kept.append(key)
    return kept


@pytest.fixture
def buckets(tmp_path):
    mount = tmp_path / "mounted"
    mount.mkdir()
    (mount / "file").write_bytes(b"mounted")
    found = Buckets(tmp_path / "s3", {"mount": mount})
    found.create("bucket")
    return found


def put(buckets, key, content=b"content", bucket="bucket"):
    with buckets.writing(bucket, key) as file:
        file.write(content)


def listed(buckets, prefix="", after="", bucket="bucket"):
    return [key for key, _ in buckets.keys(bucket, prefix, after)]


def refused(code, call, *arguments):
    with pytest.raises(BucketFault) as fault:
        call(*arguments)
    assert fault.value.code == code
    return fault.value.status


def utf8(key):
    return key.encode()


@settings(deadline=None, max_examples=150)
@given(tree=trees(), prefix=keys | st.just(""), after=keys | st.just(""), data=st.data())
def test_keys_come_in_the_order_of_their_bytes(tmp_path_factory, tree, prefix, after, data):
    buckets = Buckets(tmp_path_factory.mktemp("tree"), {})
    for key in tree:
        path = buckets.root / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(utf8(key))
    buckets.create("bucket")
    everything = sorted(tree, key=utf8)
    assert listed(buckets) == everything
    if tree:
        one = data.draw(st.sampled_from(tree))
        prefix = data.draw(st.sampled_from([prefix, one[: len(one) // 2 + 1], one]))
        after = data.draw(st.sampled_from([after, one, one[:-1], one + "/"]))
    assert listed(buckets, prefix, after) == [
        key for key in everything if key.startswith(prefix) and utf8(key) > utf8(after)
    ]
    for key, status in buckets.keys("bucket", "", ""):
        assert buckets.find("bucket", key).read_bytes() == utf8(key)
        assert status.st_size == len(utf8(key))


def test_only_folders_that_can_hold_a_wanted_key_are_read(buckets, monkeypatch):
    for key in ("a/b/1", "a/c/1", "b/1", "c/d/1", "c/e/1"):
        put(buckets, key)
    real, read = os.scandir, []
    root = buckets.folder("bucket")

    def scandir(folder):
        read.append(str(folder.relative_to(root)))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert listed(buckets, prefix="a/b") == ["a/b/1"]
    assert read == [".", "a", "a/b"]
    read.clear()
    assert listed(buckets, after="c/d/1") == ["c/e/1"]
    assert read == [".", "c", "c/d", "c/e"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An empty bucket with files called ``a`` around it."""
    found = Buckets(tmp_path_factory.mktemp("outside") / "s3", {})
    found.create("bucket")
    for folder in (found.root, *list(found.root.parents)[:2]):
        (folder / "a").write_bytes(b"secret")
    return found


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(codec="utf-8"), max_size=30) | st.text("./\\a\0", max_size=12))
def test_no_key_leads_out_of_its_bucket(empty, key):
    try:
        found = empty.find("bucket", key)
    except BucketFault as fault:
        assert fault.code in ("NoSuchKey", "InvalidArgument")  # noqa: PT017  both are allowed
    else:
        raise AssertionError(found)


BAD_KEYS = [
    "",
    "/",
    "..",
    ".",
    "../a",
    "a/../b",
    "a/./b",
    "a//b",
    "/a",
    "a/",
    "a/..",
    "\0",
    "a/\0b",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_is_no_path_is_refused(tmp_path, buckets, key):
    outside = tmp_path / "a"
    outside.write_bytes(b"secret")
    assert refused("InvalidArgument", buckets.find, "bucket", key) == 400
    assert refused("InvalidArgument", put, buckets, key) == 400
    buckets.delete("bucket", key)
    assert outside.read_bytes() == b"secret"
    assert listed(buckets) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "A-bucket",
        "-bucket",
        "bucket-",
        "..",
        "../s3",
        ".uploads",
        "a/b",
        "b\0c",
        "x" * 64,
    ],
)
def test_a_bucket_has_a_valid_name(buckets, name):
    (buckets.root / ".uploads").mkdir()
    assert refused("InvalidBucketName", buckets.create, name) == 400
    for call in (buckets.folder, lambda name: listed(buckets, bucket=name)):
        assert refused("NoSuchBucket", call, name) == 404
    assert refused("NoSuchBucket", buckets.find, name, "a") == 404
    assert refused("NoSuchBucket", put, buckets, "a", b"", name) == 404


@pytest.mark.parametrize("name", ["abc", "a-b.c", "0" * 63])
def test_a_bucket_is_made_once_and_kept(buckets, name):
    buckets.create(name)
    put(buckets, "a", bucket=name)
    buckets.create(name)
    assert listed(buckets, bucket=name) == ["a"]
    assert name in buckets.names()


def test_the_names_of_all_buckets(buckets):
    assert Buckets(buckets.root / "not-there", {}).names() == []
    buckets.create("another")
    buckets.begin_upload()
    (buckets.root / "file").write_bytes(b"")
    (buckets.root / "No-Bucket").mkdir()
    assert buckets.names() == ["another", "bucket", "mount"]


def test_a_mounted_folder_is_for_reading_only(buckets):
    assert listed(buckets, bucket="mount") == ["file"]
    assert buckets.find("mount", "file").read_bytes() == b"mounted"
    buckets.create("mount")
    assert not (buckets.root / "mount").exists()
    assert refused("AccessDenied", put, buckets, "new", b"", "mount") == 403
    assert refused("AccessDenied", buckets.delete, "mount", "file") == 403
    assert listed(buckets, bucket="mount") == ["file"]


def test_a_mounted_folder_hides_a_bucket_of_the_same_name(tmp_path, buckets):
    put(buckets, "own")
    mounted = Buckets(buckets.root, {"bucket": tmp_path / "mounted"})
    assert listed(mounted) == ["file"]
    gone = Buckets(buckets.root, {"bucket": tmp_path / "gone"})
    assert refused("NoSuchBucket", gone.folder, "bucket") == 404


def test_an_object_appears_when_it_is_complete(buckets):
    with buckets.writing("bucket", "a/b") as file:
        file.write(b"half")
        assert refused("NoSuchKey", buckets.find, "bucket", "a/b") == 404
    assert buckets.find("bucket", "a/b").read_bytes() == b"half"
    put(buckets, "a/b", b"replaced")
    assert buckets.find("bucket", "a/b").read_bytes() == b"replaced"
    assert listed(buckets) == ["a/b"]


def put_half(buckets, key):
    with buckets.writing("bucket", key) as file:
        file.write(b"half")
        raise ConnectionAbortedError


def test_an_upload_that_breaks_off_leaves_no_object(buckets):
    with pytest.raises((ConnectionAbortedError, BucketFault)):
        put_half(buckets, "a/b")
    assert listed(buckets) == []
    put(buckets, "c/d", b"kept")
    with pytest.raises((ConnectionAbortedError, BucketFault)):
        put_half(buckets, "c/d")
    assert buckets.find("bucket", "c/d").read_bytes() == b"kept"


@pytest.mark.parametrize("key", ["file/below", "folder"])
def test_a_name_is_a_file_or_a_folder(buckets, key):
    put(buckets, "file")
    put(buckets, "folder/file")
    assert refused("InvalidArgument", put, buckets, key) == 400
    assert refused("NoSuchKey", buckets.find, "bucket", key) == 404
    assert listed(buckets) == ["file", "folder/file"]


def test_objects_are_deleted_and_folders_are_not(buckets):
    put(buckets, "a/b")
    for key in ("a", "a/c", "none"):
        buckets.delete("bucket", key)
    assert listed(buckets) == ["a/b"]
    for _ in range(2):
        buckets.delete("bucket", "a/b")
    assert listed(buckets) == []


def test_names_that_are_no_utf8_are_listed_and_readable(buckets):
    folder = os.fsencode(buckets.folder("bucket"))
    names = {b"caf\xe9": "caf\\xe9", b"d\xff/\xfe\xfd": "d\\xff/\\xfe\\xfd", b"plain": "plain"}
    (buckets.folder("bucket") / os.fsdecode(b"d\xff")).mkdir()
    for name in names:
        with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123  the name is bytes
            file.write(name)
    assert listed(buckets) == sorted(names.values())
    for name, key in names.items():
        assert buckets.find("bucket", key).read_bytes() == name
    assert listed(buckets, prefix="d\\xff/") == ["d\\xff/\\xfe\\xfd"]
    buckets.delete("bucket", "d\\xff/\\xfe\\xfd")
    assert listed(buckets) == ["caf\\xe9", "plain"]


def test_links_are_followed_to_files_but_not_to_folders(tmp_path, buckets):
    put(buckets, "file", b"linked")
    folder = buckets.folder("bucket")
    (folder / "link").symlink_to(folder / "file")
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere").symlink_to(tmp_path / "none")
    os.mkfifo(folder / "pipe")
    assert [(key, status.st_size) for key, status in buckets.keys("bucket", "", "")] == [
        ("file", 6),
        ("link", 6),
    ]
    assert refused("NoSuchKey", buckets.find, "bucket", "pipe") == 404


def test_parts_become_an_object(buckets):
    upload = buckets.begin_upload()
    contents = {1: b"one", 2: b"two", 10: b"ten"}
    for number, content in reversed(contents.items()):
        buckets.part(upload, number).write_bytes(content)
    tag = buckets.complete_upload("bucket", "a/b", upload, [1, 2, 10])
    assert buckets.find("bucket", "a/b").read_bytes() == b"onetwoten"
    digests = b"".join(hashlib.md5(content).digest() for content in contents.values())
    assert tag == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert refused("NoSuchUpload", buckets.part, upload, 1) == 404


def test_a_missing_part_is_noticed(buckets):
    upload = buckets.begin_upload()
    buckets.part(upload, 1).write_bytes(b"one")
    assert refused("InvalidPart", buckets.complete_upload, "bucket", "a", upload, [1, 2]) == 400
    assert listed(buckets) == []
    buckets.complete_upload("bucket", "a", upload, [1])
    assert listed(buckets) == ["a"]


def test_an_upload_is_aborted(buckets):
    kept, upload = buckets.begin_upload(), buckets.begin_upload()
    buckets.part(upload, 1).write_bytes(b"one")
    buckets.abort_upload(upload)
    assert refused("NoSuchUpload", buckets.abort_upload, upload) == 404
    assert refused("NoSuchUpload", buckets.complete_upload, "bucket", "a", upload, [1]) == 404
    assert buckets.part(kept, 1).parent.is_dir()


@pytest.mark.parametrize(
    "upload", ["", "..", "../bucket", ".", "0" * 32, "x" * 32, "0" * 31 + "\n"]
)
def test_an_unknown_upload_is_refused(buckets, upload):
    put(buckets, "a")
    assert refused("NoSuchUpload", buckets.part, upload, 1) == 404
    assert refused("NoSuchUpload", buckets.abort_upload, upload) == 404
    assert listed(buckets) == ["a"]
