"""Storage tiers, with a day of a fraction of a second: which operations are touches."""

import time

import pytest

from tests import files
from tests.contract.test_import import document, instances
from tests.running import HealthImaging

SECONDS = 2.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    environment = {"HEALTHIMAGING_ARCHIVE_DAYS": str(SECONDS / 86400)}
    running = HealthImaging(tmp_path_factory.mktemp("tiers") / "data", environment=environment)
    yield running
    running.stop()


def shown(server, image_set_id):
    """Last access and tier, the same in both operations that tell them."""
    found = server.imaging.get_image_set(datastoreId=server.datastore_id, imageSetId=image_set_id)
    answer = server.imaging.search_image_sets(datastoreId=server.datastore_id)
    [summary] = [
        one for one in answer["imageSetsMetadataSummaries"] if one["imageSetId"] == image_set_id
    ]
    for name in ("lastAccessedAt", "storageTier"):
        assert summary[name] == found[name]
    return found["lastAccessedAt"], found["storageTier"]


def wait_for_the_archive(server, image_set_id):
    server.imaging.list_image_set_versions(datastoreId=server.datastore_id, imageSetId=image_set_id)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(SECONDS / 4)
        answer = server.imaging.get_image_set(
            datastoreId=server.datastore_id, imageSetId=image_set_id
        )
        if answer["storageTier"] == "ARCHIVE_INSTANT_ACCESS":
            return
    raise TimeoutError


def test_image_sets_move_to_the_archive_and_back(server, tmp_path):
    path = files.write(tmp_path / "one.dcm", files.ct(1))
    good, _ = server.import_files([path], "tiers")
    image_set_id = good[path]
    imported, tier = shown(server, image_set_id)
    assert tier == "FREQUENT_ACCESS"
    wait_for_the_archive(server, image_set_id)  # by asking, which is no touch
    assert shown(server, image_set_id) == (imported, "ARCHIVE_INSTANT_ACCESS")

    tree = document(server, image_set_id)
    read, tier = shown(server, image_set_id)
    assert tier == "FREQUENT_ACCESS"
    assert (read - imported).total_seconds() > SECONDS
    wait_for_the_archive(server, image_set_id)

    [instance] = instances(tree).values()
    frame = {"imageFrameId": instance["ImageFrames"][0]["ID"]}
    server.imaging.get_image_frame(
        datastoreId=server.datastore_id, imageSetId=image_set_id, imageFrameInformation=frame
    )["imageFrameBlob"].read()
    framed, tier = shown(server, image_set_id)
    assert tier == "FREQUENT_ACCESS"
    assert framed > read

    assert server.stop() == 0
    server.start()
    assert shown(server, image_set_id)[0] == framed  # what was noted is on disk
