"""Whoever writes is killed at any moment: nothing is lost, nothing is there in part."""

import random
import subprocess
import sys
import time

from gateway.catalog import integrity, progress
from gateway.catalog.database import Database
from gateway.catalog.writer import Writer
from tests.unit.catalog import crashing
from tests.unit.catalog.crashing import BATCHES, STORE, batch
from tests.unit.catalog.dumping import dump

KILLS = {"sqlite": 6, "postgresql": 3}


def killed(url, batches, moment):
    """Run for some ``batches`` and ``moment`` seconds; how many were said to be there."""
    command = [sys.executable, "-m", crashing.__name__, url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = [process.stdout.readline().strip() for _ in range(1 + batches)]
    time.sleep(moment)
    process.kill()
    process.wait(30)
    said += process.stdout.read().split("\n")[:-1]  # whole lines
    process.stdout.close()
    return int([line for line in said if line][-1])


def test_a_writer_that_is_killed_leaves_whole_batches(url):
    draw = random.Random(5)
    database = Database(url)
    database.prepare()
    expected = Database(url)  # another data store of the same database
    model = Writer(expected, "e" * 32, "all")
    model.begin()
    done = 0
    for _ in range(KILLS[database.dialect]):
        said = killed(url, draw.randrange(1, 3), draw.random() * 0.1)
        with database.write() as connection:  # PostgreSQL may still be at what it was told last
            assert list(integrity.faults(connection)) == []
            found = progress.read(connection, STORE)
        there = int(found.watermark) if found else 0
        assert said <= there <= said + 1  # the one after it may have been written but not said
        for number in range(done, there):
            model.apply(*batch(number))
        done = there
        assert dump(database, STORE) == dump(database, "e" * 32)
    assert 0 < done <= BATCHES
    database.close()
    expected.close()
