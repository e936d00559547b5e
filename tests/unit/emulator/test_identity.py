"""healthimaging.json: what boto3 needs, readable by its owner alone."""

import json
import os
import re

import pytest

from gateway.emulator import identity

KNOWN = identity.Identity("http://127.0.0.1:1", "us-east-1", "d" * 32, "AKIA", "secret")


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_there_is_none_before_the_first_start(tmp_path):
    assert identity.load(tmp_path) is None


def test_it_comes_back(tmp_path):
    identity.save(tmp_path, KNOWN)
    assert identity.load(tmp_path) == KNOWN


def test_its_members_are_keyword_arguments_of_boto3_but_for_the_data_store(tmp_path):
    identity.save(tmp_path, KNOWN)
    assert json.loads((tmp_path / "healthimaging.json").read_text()) == {
        "endpoint_url": "http://127.0.0.1:1",
        "region_name": "us-east-1",
        "datastoreId": "d" * 32,
        "aws_access_key_id": "AKIA",
        "aws_secret_access_key": "secret",
    }


@pytest.mark.usefixtures("umask")
def test_only_the_owner_can_read_it(tmp_path):
    identity.save(tmp_path, KNOWN)
    assert mode(identity.path(tmp_path)) & 0o077 == 0


def test_it_has_mode_0600_even_where_a_readable_one_was_left_behind(tmp_path):
    path = identity.path(tmp_path)
    for left in (path, path.with_suffix(".part")):
        left.write_text("{}")
        left.chmod(0o666)
    identity.save(tmp_path, KNOWN)
    assert mode(path) == 0o600
    assert identity.load(tmp_path) == KNOWN
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_saving_through_a_link_does_not_write_elsewhere(tmp_path):
    target = tmp_path / "target"
    target.write_text("untouched")
    data = tmp_path / "data"
    data.mkdir()
    identity.path(data).with_suffix(".part").symlink_to(target)
    identity.save(data, KNOWN)
    assert target.read_text() == "untouched"
    assert identity.load(data) == KNOWN


def test_a_failing_disk_leaves_the_old_file(tmp_path, monkeypatch):
    identity.save(tmp_path, KNOWN)

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    another = identity.Identity("http://127.0.0.1:2", "us-east-1", "e" * 32, "AKIB", "other")
    with pytest.raises(OSError, match="No space"):
        identity.save(tmp_path, another)
    monkeypatch.undo()
    assert identity.load(tmp_path) == KNOWN
    identity.save(tmp_path, another)
    assert identity.load(tmp_path) == another


def test_new_keys_look_like_those_of_aws_and_are_new():
    pairs = [identity.new_keys() for _ in range(20)]
    for identifier, secret in pairs:
        assert re.fullmatch(r"AKIA[A-Z2-7]{16}", identifier)
        assert re.fullmatch(r"[A-Za-z0-9]{40}", secret)
    assert len({part for pair in pairs for part in pair}) == 40
