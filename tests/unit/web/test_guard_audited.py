"""Who proved to be whom is who is written down, whatever way the answer went."""

from urllib.parse import quote

import pytest

from gateway.auth import apikeys
from tests.unit.services.memory import HTJ2K_RPCL, PIXELS, MemoryHealthImaging, image_set, instance
from tests.unit.web import test_auditing as trail


@pytest.fixture
def remote():
    remote = MemoryHealthImaging()
    stored = instance("1.2.3.1.1", frames=[trail.FRAME], stored=HTJ2K_RPCL, **PIXELS)
    remote.add(image_set(trail.STUDY, "1.2.3.1", stored), primary=True)
    return remote


def test_the_trail_names_who_asks_and_knows_no_link(remote, tmp_path):
    key, line = apikeys.make("pacs-7", ["*:read"])
    (tmp_path / "keys").write_text(line)

    async def scenario(asking):
        mine = {"x-api-key": key}
        assert (await asking.get(trail.ONE, headers=mine)).status_code == 200
        assert asking.app.ready(asking.scope(trail.ONE, headers=mine)) is not None
        made = await asking.get(f"/links?url={quote(trail.ONE)}", headers=mine)
        link = made.json()["links"][0]["url"].partition("gateway.example")[2]
        assert (await asking.get(link)).status_code == 200
        scope = asking.scope(link)
        assert asking.app.ready(scope) is not None
        assert b"link" not in scope["query_string"]
        assert (await asking.get(f"{link}x")).status_code == 401
        assert (await asking.get(trail.ONE)).status_code == 401

    settings = {"api_keys_file": tmp_path / "keys", "search_ttl": 60}
    told = trail.audited(remote, tmp_path, scenario, **settings)
    transfers = [one for one in told if trail.kind(one) == "110104"]
    assert len(transfers) == 4
    assert all("pacs-7" in str(one) for one in transfers)
    refusals = [one for one in told if one not in transfers]
    assert len(refusals) == 2
    assert not any("pacs-7" in str(one) for one in refusals)
    assert "link=" not in str(told)
    assert key not in str(told)
