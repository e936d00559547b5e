"""Keys for machines: made once, kept as digests, read again when their file changes."""

import hashlib
import re

import pytest

from gateway.auth import apikeys
from gateway.auth.apikeys import ApiKeys
from gateway.auth.grants import Action
from gateway.cli import main
from gateway.errors import ConfigurationError

STORE = "d" * 32
DAY = 86_400


def test_a_key_is_long_random_and_not_in_its_line():
    made = [apikeys.make("pacs", ["*:read"]) for _ in range(2)]
    keys = [key for key, _ in made]
    assert keys[0] != keys[1]
    for key, line in made:
        assert re.fullmatch(r"dgk_[A-Za-z0-9_-]{43}", key)
        assert key not in line
        assert hashlib.sha256(key.encode()).hexdigest() in line


class Kept:
    """A file of keys and a clock."""

    def __init__(self, folder, *lines):
        self.path = folder / "keys"
        self.now = 1_000_000_000.0
        self.write(*lines)
        self.keys = ApiKeys(self.path, STORE, lambda: self.now)

    def write(self, *lines):
        aside = self.path.with_suffix(".new")
        aside.write_text("\n".join(lines))
        aside.replace(self.path)

    def find(self, key):
        return self.keys.find(key.encode())


def test_who_has_a_key_may_do_what_its_line_grants(tmp_path):
    key, line = apikeys.make("pacs-1", ["default:rendered", f"{'e' * 32}:search,metrics"])
    kept = Kept(tmp_path, "# comment", "", f"{line} # in use")
    caller = kept.find(key)
    assert (caller.principal.name, caller.principal.kind) == ("pacs-1", "key")
    held = {
        (action, store)
        for action in Action
        for store in (STORE, "e" * 32, "f" * 32)
        if caller.holds(action, store)
    }
    assert held == {
        (Action.RENDERED, STORE),
        (Action.LOOK, STORE),
        (Action.SEARCH, "e" * 32),
        (Action.LOOK, "e" * 32),
        (Action.METRICS, "e" * 32),
    }
    for other in (key[:-1], key + "x", key.upper(), "dgk_", ""):
        assert kept.find(other) is None
    assert key not in repr(caller)
    assert hashlib.sha256(key.encode()).digest() not in repr(caller).encode()


def test_the_file_is_read_again_when_it_changes_and_only_then(tmp_path):
    (one, first), (two, second) = (apikeys.make(name, ["*:read"]) for name in "ab")
    kept = Kept(tmp_path, first)
    kept.write(second)
    assert kept.find(one)  # looked at each second
    kept.now += 1
    assert (kept.find(one), kept.find(two).principal.name) == (None, "b")
    kept.write("nonsense")
    kept.now += 1
    assert kept.find(two)
    kept.path.unlink()
    kept.now += 1
    assert kept.find(two)
    kept.write(first, second)
    kept.now += 1
    assert kept.find(one)
    assert kept.find(two)


def test_a_key_has_a_last_day(tmp_path):
    key, line = apikeys.make("pacs", ["*:read"])
    kept = Kept(tmp_path, f"{line} until=2001-09-09")  # the clock's day, at 01:46:40 UTC
    assert kept.find(key)
    kept.now += DAY
    assert kept.find(key) is None
    kept.now -= 2 * DAY
    assert kept.find(key)


DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    "line",
    [
        "pacs",
        f"pacs {DIGEST}",
        f"pacs {'a' * 64} *:read",
        f"pacs sha256:{'a' * 63} *:read",
        f"pacs sha1:{'a' * 64} *:read",
        f"p/cs {DIGEST} *:read",
        f"pacs {DIGEST} *",
        f"pacs {DIGEST} *:",
        f"pacs {DIGEST} *:write",
        f"pacs {DIGEST} *:look",
        f"pacs {DIGEST} store:read",
        f"pacs {DIGEST} *:read until=tomorrow",
        f"pacs {DIGEST} *:read until=2027-01-01 until=2028-01-01",
        f"pacs {DIGEST} *:read\npacs sha256:{'b' * 64} *:read",
        f"pacs {DIGEST} *:read\nother {DIGEST} *:read",
    ],
)
def test_a_line_that_makes_no_sense_is_named(tmp_path, line):
    with pytest.raises(ConfigurationError, match=r"GATEWAY_API_KEYS_FILE is wrong. Line [12]: "):
        Kept(tmp_path, line)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="GATEWAY_API_KEYS_FILE cannot be read"):
        ApiKeys(tmp_path / "none", STORE)


def test_the_command_makes_what_the_file_takes(tmp_path, capsys):
    assert main(["key", "pacs-1", "--grant", "*:search,read", "--until", "2099-01-31"]) == 0
    _, key, _, line = capsys.readouterr().out.splitlines()
    assert Kept(tmp_path, line).find(key).principal.name == "pacs-1"
    assert main(["key", "pacs-1", "--grant", "everything"]) == 1
    assert "DATASTORE:ACTIONS" in capsys.readouterr().err
