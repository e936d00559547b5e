"""The process that the tests' servers are forked from outlives whoever asks it."""

import os
import socket
from multiprocessing import forkserver

from tests.forked import GATEWAY, run


def test_a_client_that_is_killed_while_it_asks_ends_nothing_but_itself(tmp_path):
    def ask():
        return run(GATEWAY, "--help", environment=os.environ, folder=tmp_path)

    assert ask().returncode == 0
    server = forkserver._forkserver._forkserver_pid
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(forkserver._forkserver._forkserver_address)
    assert ask().returncode == 0
    assert forkserver._forkserver._forkserver_pid == server
