"""One leader at a time, and another one as soon as it is gone, however it went."""

import subprocess
import sys
import time

from sqlalchemy import create_engine, text

from gateway.catalog import dialects
from gateway.catalog.election import election

HOLD = """
import sys, time
from gateway.catalog.election import election
mine = election(sys.argv[1])
print(mine.won(), flush=True)
time.sleep(100)
"""


def test_one_leads_until_it_leaves(url):
    one, two = election(url), election(url)
    assert [one.won(), two.won(), one.won(), two.won()] == [True, False, True, False]
    one.leave()
    assert [two.won(), one.won()] == [True, False]
    two.leave()
    two.leave()
    assert one.won()
    one.leave()


def test_a_killed_leader_leads_no_more(url):
    process = subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "True\n"
        mine = election(url)
        assert not mine.won()
        process.kill()
        process.wait(20)
        deadline = time.monotonic() + 60
        while not mine.won():  # PostgreSQL has to notice that somebody has gone
            assert time.monotonic() < deadline, "the lock of a killed process stays"
            time.sleep(0.05)
        mine.leave()


def test_a_folder_that_cannot_be_written_has_no_leader(tmp_path):
    assert not election(f"sqlite:///{tmp_path / 'missing' / 'catalog.sqlite'}").won()


def test_a_lock_goes_with_its_connection(url):
    if url.startswith("sqlite"):
        return  # a file's does not get lost
    one, two = election(url), election(url)
    assert one.won()
    engine = create_engine(dialects.parsed(url))
    with engine.begin() as connection:
        ended = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'dicomweb-gateway-leader' "
                "AND datname = current_database()"
            )
        ).scalar()
    engine.dispose()
    assert ended == 1
    assert two.won()
    assert not one.won()
    assert not one.won()  # nor does it believe so later
    two.leave()
    assert one.won()
    one.leave()
