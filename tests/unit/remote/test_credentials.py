"""Credentials that expire, refreshed beside the loop."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import Credentials as Static, RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError, NoCredentialsError

from gateway.remote.credentials import Credentials
from gateway.remote.signing import Keys


class Source:
    """Hands out keys that hold for so many seconds; notes in which thread, and can be slow."""

    def __init__(self, *seconds, delay=0.0, failing=False):
        self.seconds, self.delay, self.failing = list(seconds), delay, failing
        self.threads = []

    def metadata(self):
        number = len(self.threads)
        self.threads.append(threading.current_thread())
        time.sleep(self.delay)
        if self.failing and number:
            raise CredentialRetrievalError(provider="test", error_msg="away")
        end = datetime.now(UTC) + timedelta(seconds=self.seconds[number])
        return {
            "access_key": f"key{number}",
            "secret_key": "secret",
            "token": f"token{number}",
            "expiry_time": end.isoformat(),
        }

    def find(self):
        return RefreshableCredentials.create_from_metadata(self.metadata(), self.metadata, "test")


def asked(source, *moments, find=None):
    """The keys at these moments of a clock, with time for a refresh after each."""

    async def main():
        now = 0.0
        found = []
        credentials = Credentials(find or source.find, lambda: now)
        for moment in moments:
            now = moment
            found.append(await credentials.keys())
            await credentials.close()
        return found

    return asyncio.run(main())


def names(found):
    return [keys.access for keys in found]


def test_keys_that_hold_are_found_once_in_a_thread():
    source = Source(7200)
    assert asked(source, 0, 1, 5, 3000) == [Keys("key0", "secret", "token0")] * 4
    assert len(source.threads) == 1
    assert source.threads[0] is not threading.main_thread()


def test_keys_that_expire_soon_are_replaced_meanwhile():
    source = Source(800, 7200)  # botocore's advisory time is 900 seconds, the mandatory one 600
    assert names(asked(source, 0, 2, 4)) == ["key1", "key1", "key1"]
    source = Source(800, 800, 7200)
    assert names(asked(source, 0, 2, 4, 6)) == ["key1", "key1", "key2", "key2"]
    assert all(thread is not threading.main_thread() for thread in source.threads)


def test_keys_that_have_expired_are_waited_for():
    source = Source(900.5, 500, 7200)
    assert names(asked(source, 0))[0] == "key0"
    source = Source(100, 100, 7200)
    assert names(asked(source, 0, 2, 4)) == ["key1", "key2", "key2"]


def test_one_refresh_is_enough_for_all_and_the_loop_goes_on():
    source = Source(7200, delay=0.2)

    async def main():
        credentials = Credentials(source.find)
        calls = [asyncio.create_task(credentials.keys()) for _ in range(20)]
        ticks = 0
        while not all(call.done() for call in calls):
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 1
    assert len(source.threads) == 1


def test_whoever_leaves_does_not_end_the_refresh_of_others():
    source = Source(7200, delay=0.1)

    async def main():
        credentials = Credentials(source.find)
        one, other = (asyncio.create_task(credentials.keys()) for _ in range(2))
        await asyncio.sleep(0.02)
        one.cancel()
        return await other

    assert asyncio.run(main()).access == "key0"


def test_a_refresh_that_fails_early_changes_nothing():
    assert names(asked(Source(800, failing=True), 0, 2, 4)) == ["key0"] * 3


def test_a_refresh_that_fails_late_is_an_error():
    with pytest.raises(CredentialRetrievalError):
        asked(Source(100, failing=True), 0)


def test_new_keys_that_have_expired_are_an_error():
    with pytest.raises(CredentialRetrievalError):
        asked(Source(100, -5), 0)


@pytest.mark.parametrize("found", [None, Static("", "")])
def test_no_keys(found):
    with pytest.raises(NoCredentialsError):
        asked(None, 0, find=lambda: found)


def test_what_was_missing_may_come():
    answers = [None, Static("id", "secret")]

    async def main():
        credentials = Credentials(lambda: answers.pop(0))
        with pytest.raises(NoCredentialsError):
            await credentials.keys()
        return await credentials.keys()

    assert asyncio.run(main()) == Keys("id", "secret")
