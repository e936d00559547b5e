"""How a server ends: what has to be told before it is out of reach is told before."""

import asyncio
import http.client
import threading
import time
from contextlib import asynccontextmanager, closing

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from gateway import cli, serving, workers


def test_before_the_end_it_still_answers():
    seen = []
    listening = serving.listen("127.0.0.1", 0, "PORT")
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    running = serving.server(app, lambda: seen.append(httpx.get(url).text))
    thread = threading.Thread(target=serving.run, args=(running, listening))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    running.should_exit = True
    thread.join(30)
    assert seen == ["here"]
    listening.close()


def test_a_connection_whose_answer_had_begun_is_told_of_the_end_before_it_is_closed():
    async def pieces():
        yield b"begun "
        while not running._watch.ending:  # noqa: ASYNC110  it has nothing to wait for
            await asyncio.sleep(0.01)
        yield b"and ended"

    listening = serving.listen("127.0.0.1", 0, "PORT")
    here = Route("/", lambda _: PlainTextResponse("here"))
    app = Starlette(routes=[here, Route("/slow", lambda _: StreamingResponse(pieces()))])
    running = serving.server(app)
    thread = threading.Thread(target=serving.run, args=(running, listening))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    client = http.client.HTTPConnection(*listening.getsockname(), timeout=10)
    answers = []
    for path in ("/slow", "/"):
        client.request("GET", path)
        answer = client.getresponse()
        running.should_exit = True
        answers.append((answer.read(), answer.will_close))
    thread.join(30)
    assert answers == [(b"begun and ended", False), (b"here", True)]
    client.close()
    listening.close()


def test_nobody_is_told_that_a_connection_ends_while_a_new_one_could_be_had():
    told = []
    listening = serving.listen("127.0.0.1", 0, "PORT")
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    running = serving.server(app)
    thread = threading.Thread(target=serving.run, args=(running, listening))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    client = http.client.HTTPConnection(*listening.getsockname(), timeout=10)
    client.connect()
    running.should_exit = True
    while not any(told):
        client.request("GET", "/")
        answer = client.getresponse()
        assert answer.read() == b"here"
        told.append(answer.will_close)
    with pytest.raises(ConnectionRefusedError):
        client.connect()
    thread.join(30)
    listening.close()


def test_the_end_of_the_embedded_server_interrupts_its_jobs_first(tmp_path, monkeypatch):
    stopped = []

    def run(running, _):
        pool = running.before_end.__self__._importer.pool
        stopped.append(pool.stopped)
        running.before_end()
        stopped.append(pool.stopped)

    monkeypatch.setattr(serving, "end_on_signals", lambda _: None)
    monkeypatch.setattr(serving, "run", run)
    assert cli.main(["healthimaging", "--data", str(tmp_path), "--port", "0"]) == 0
    assert stopped == [False, True]


@pytest.mark.parametrize("fails", ["start", "end", "nowhere"])
def test_what_cannot_begin_or_end_says_so(monkeypatch, fails):
    """The exit status of a gateway whose parts do not start, or do not stop."""

    @asynccontextmanager
    async def lifespan(_):
        if fails == "start":
            raise OSError
        yield
        if fails == "end":
            raise OSError

    monkeypatch.setattr(serving, "end_on_signals", lambda _: None)
    listening = serving.listen("127.0.0.1", 0, "PORT")
    alone = workers.Alone(listening, lambda: Starlette(lifespan=lifespan))
    alone.end()  # as soon as it has begun
    with closing(listening):
        try:
            status = alone.run()
        except SystemExit as end:  # uvicorn's own
            status = end.code
    assert bool(status) == (fails != "nowhere")
