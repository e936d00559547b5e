"""A process that fills a catalog until it is killed, and says after each batch that it is there."""

import random
import sys

from gateway.catalog.database import Database
from gateway.catalog.entries import entry
from gateway.catalog.progress import Mark
from gateway.catalog.writer import Writer
from tests.unit.catalog.making import document, summary

STORE = "c" * 32
BATCHES = 200


def batch(number):
    """The entries and deletions of one of the batches, always the same."""
    draw = random.Random(number)
    entries = []
    for name in draw.sample(range(80), 12):
        study = f"1.2.{name % 9}"
        sops = [f"{study}.9.{draw.randrange(30)}" for _ in range(draw.randrange(1, 6))]
        patient = {"PatientName": f"NAME{draw.randrange(500)}^{draw.choice('AB')}"}
        content = document(study, f"{study}.{name}", dict.fromkeys(sops), patient)
        entries.append(entry(summary(f"i{name}", number + 1, 1e9 + number), content))
    gone = [f"i{name}" for name in draw.sample(range(80, 90), 2)]
    return entries, gone


def main(url):
    database = Database(url)
    database.prepare()
    writer = Writer(database, STORE, "all")
    begun = int(writer.begin().watermark)
    sys.stdout.write(f"{begun}\n")
    sys.stdout.flush()
    for number in range(begun, BATCHES):
        writer.apply(*batch(number), mark=Mark(number + 1.0))
        sys.stdout.write(f"{number + 1}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
