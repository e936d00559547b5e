"""Servers and proxies that say what a test tells them, on the loop of the test."""

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """Counts connections and keeps requests; each connection gets all that ``sent`` holds.

    ``sent`` is a list per request: bytes to send, seconds to pause, None to close.
    """

    def __init__(self, *sent):
        self.sent = list(sent)
        self.requests = []
        self.connections = 0
        self.port = 0

    async def handle(self, reader, writer):
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                self.requests.append(await request(reader))
                script = self.sent[min(len(self.requests), len(self.sent)) - 1]
                for step in script:
                    if step is None:
                        return
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    else:
                        await asyncio.sleep(step)


async def request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    line, *fields = head.decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in fields)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return line, headers, body


@asynccontextmanager
async def listening(peer, tls=None):
    """A peer on a port of its own; its connections end with it."""
    tasks = set()

    async def handle(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await peer.handle(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class Proxy:
    """An HTTP proxy that passes everything on to one port, whatever it is asked for."""

    def __init__(self, port):
        self.target = port
        self.heads = []
        self.port = 0

    async def handle(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        there, to = await asyncio.open_connection("127.0.0.1", self.target)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            to.write(head)
        try:
            await asyncio.gather(_pass(reader, to), _pass(there, writer))
        finally:
            to.transport.abort()


async def _pass(source, sink):
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    if sink.can_write_eof():
        with suppress(OSError):
            sink.write_eof()


def certificate(folder):
    """A key and a certificate of 127.0.0.1 signed by itself."""
    paths = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-addext", "basicConstraints=critical,CA:TRUE"]
    command += ["-keyout", str(paths[0]), "-out", str(paths[1])]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return paths


def serving_tls(key, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
