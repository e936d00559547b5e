"""The process that fills the catalog is killed at random moments while the data store changes.

``python -m tests.soak --rounds 50``, or ``make soak-catalog``; some rounds are in the suite.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from botocore.exceptions import ClientError

from gateway.catalog import progress
from gateway.catalog.database import Database
from tests import files
from tests.running import HealthImaging, Store, environment, serve


def say(text):
    print(text, flush=True)  # noqa: T201


class Serving:
    """``python -m gateway serve`` on a data store, with a catalog at ``url``."""

    def __init__(self, server, datastore_id, url, **settings):
        self._server = server
        self._settings = {
            "datastore_id": datastore_id,
            "log_level": "info",
            "catalog": "on",
            "catalog_url": url,
            "catalog_interval": 0.2,
            "catalog_reconcile": 1,
            **settings,
        }
        self.process = None
        self.root = self.url = ""

    def start(self, *, wait=True):
        self.process = serve(self._server, subprocess.PIPE, **self._settings)
        self._lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self.root = self.process.stdout.readline().split()[-1]
            self.url = self.root.removesuffix("/dicomweb")
        return self

    def _read(self):
        self._lines.extend(self.process.stderr)

    @property
    def log(self):
        return "".join(self._lines)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(40)
        self._reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def command(self, *arguments):
        """``python -m gateway catalog …`` with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", "catalog", *arguments],
            capture_output=True,
            text=True,
            env=environment(self._server, **self._settings),
            timeout=100,
        )


class Changing(threading.Thread):
    """Imports, updates and deletes until it is told to end."""

    def __init__(self, store, folder, seed):
        super().__init__()
        self.store, self._folder, self._random = store, folder, random.Random(seed)
        self._ended = threading.Event()
        self._sets, self._made, self.changes = {}, 0, 0
        self.error = None

    def run(self):
        try:
            while not self._ended.is_set():
                self._random.choice([self._bring, self._bring, self._update, self._delete])()
                self.changes += 1
        except Exception as error:
            self.error = error

    def end(self):
        self._ended.set()
        self.join(60)
        assert self.error is None, self.error

    def _bring(self):
        paths = []
        for _ in range(self._random.randint(1, 12)):
            self._made += 1
            study = f"1.2.3.{self._made // 3}"
            made = files.ct(
                size=8,
                PatientName=f"Soak^Number{self._made % 7}",
                PatientID=f"P{self._made // 3}",
                StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.{self._made % 3}",
                SOPInstanceUID=f"{study}.{self._made % 3}.1",
            )
            paths.append(files.write(self._folder / f"{self._made}.dcm", made))
        self._sets |= dict.fromkeys(self.store.bring(*paths), 1)

    def _update(self):
        for name in self._random.sample(sorted(self._sets), min(2, len(self._sets))):
            change = {"Study": {"DICOM": {"StudyID": str(self._random.randint(0, 99))}}}
            try:
                self.store.update(name, self._sets[name], updatable=change, force=True)
                self._sets[name] = int(self.store.settled(name)["versionId"])
            except ClientError as error:
                if error.response["Error"]["Code"] == "ThrottlingException":
                    time.sleep(0.1)

    def _delete(self):
        for name in self._random.sample(sorted(self._sets), min(3, len(self._sets))):
            self.store.call("delete_image_set", imageSetId=name)
            self._sets.pop(name)


def state(url, datastore_id):
    """The progress in the catalog."""
    with closing(Database(url)) as database, database.read() as connection:
        return progress.read(connection, datastore_id)


def wait(check, seconds=60):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def soak(server, url, folder, rounds, seed):
    """So many kills; what ``verify`` says at the end."""
    store = Store(server)
    chance = random.Random(seed)
    changing = Changing(store, folder, seed)
    changing.start()
    serving = Serving(server, store.id, url)
    try:
        for number in range(rounds):
            serving.start()
            time.sleep(chance.random() * 1.5)
            serving.end(signal.SIGKILL)
            say(f"round {number + 1}: {changing.changes} changes")
    finally:
        changing.end()
    serving.start()
    try:
        now = time.time()
        wait(lambda: (found := state(url, store.id)) and (found.reconciled_at or 0) > now)
        wait(lambda: (state(url, store.id).synced_at or 0) > now)
        return serving.command("verify", "--deep")
    finally:
        assert serving.end() == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    chosen = parser.parse_args()
    say(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = HealthImaging(folder / "data")
        try:
            url = f"sqlite:///{folder / 'catalog.sqlite'}"
            found = soak(server, url, folder, chosen.rounds, chosen.seed)
        finally:
            server.stop()
    say(found.stdout + found.stderr)
    return found.returncode


if __name__ == "__main__":
    sys.exit(main())
