"""A gateway's answers on a connection that stays open: each ends where it says that it ends."""

import http.client
import threading
import time

from gateway import serving
from gateway.app import create_app
from tests.unit.services.memory import (
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)

SERIES = "/dicomweb/studies/1.2.3/series/1.2.3.1"
PART_10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
TARGETS = {
    f"{SERIES}/metadata": "application/dicom+json",
    f"{SERIES}/instances/1.2.3.1.1/metadata": "application/dicom+json",
    f"{SERIES}/instances/1.2.3.1.1/frames/1": 'multipart/related; type="image/jphc"',
    "/dicomweb/studies": "application/dicom+json",
    f"{SERIES}/instances": "application/dicom+json",
    f"{SERIES}/instances/1.2.3.1.1": PART_10,
}


def test_answers_given_again_end_on_a_connection_that_stays_open():
    remote = MemoryHealthImaging()
    one = instance("1.2.3.1.1", frames=[b"frame" * 999], stored=HTJ2K_RPCL, **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", one), primary=True)
    listening = serving.listen("127.0.0.1", 0, "PORT")
    running = serving.server(create_app(settings(search_ttl=60.0), remote))
    thread = threading.Thread(target=serving.run, args=(running, listening))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=30)
    try:
        for path, accept in TARGETS.items():
            bodies = set()
            for _ in range(4):
                connection.request("GET", path, headers={"Accept": accept})
                response = connection.getresponse()
                assert response.status == 200, path
                bodies.add(response.read())
            assert len(bodies) == 1, path
    finally:
        connection.close()
        running.should_exit = True
        thread.join(30)
        listening.close()
