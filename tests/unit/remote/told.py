"""A server that answers what it is told, and keeps what it was asked."""

import asyncio
import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from gateway.remote.client import HealthImagingClient
from gateway.settings import GatewaySettings

STORE, SET, FRAME = "d" * 32, "e" * 32, "f" * 32
KEYS = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "secret"}


def settings(url, **changes):
    values = {"max_attempts": 1, "read_timeout": 5, "region": "us-east-1", **changes}
    return GatewaySettings(datastore_id=STORE, endpoint_url=url, **values)


@dataclass
class Answer:
    """What the server says; ``sent`` bytes of the body go out, ``delay`` seconds before them."""

    body: bytes | dict = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    delay: float = 0


def fault(code, status):
    return Answer({"message": "PHANTOM^NAME"}, status, {"x-amzn-ErrorType": code})


class Server:
    """Answers requests in their order and keeps them; the last answer is given again."""

    def __init__(self):
        self.answers, self.requests = [], []
        self.running, self.most = 0, 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                parts = urlsplit(self.path)
                with outer.lock:
                    outer.requests.append((parts.path, parse_qs(parts.query), body))
                    answer = outer.answers[min(len(outer.requests), len(outer.answers)) - 1]
                    outer.running += 1
                    outer.most = max(outer.most, outer.running)
                self.answer(answer)

            do_GET = do_POST

            def answer(self, answer):
                content = answer.body
                if isinstance(content, dict):
                    content = json.dumps(content).encode()
                time.sleep(answer.delay)
                with outer.lock:
                    outer.running -= 1
                with suppress(OSError):
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content[: answer.sent])
                self.close_connection = answer.sent is not None

            def log_message(self, *_):
                pass

        self.clients = {}
        self.runner = asyncio.Runner()  # a client is of one loop
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def expect(self, *answers):
        self.answers, self.requests, self.most = list(answers), [], 0

    def client(self, **changes):
        """A client for this server, the same for the same settings: making one takes a while."""
        key = tuple(changes.items())
        if key not in self.clients:
            self.clients[key] = HealthImagingClient(settings(self.url, **changes), **KEYS)
        return self.clients[key]

    def close(self):
        for client in self.clients.values():
            self.runner.run(client.close())
        self.runner.close()
        self.server.shutdown()
        self.server.server_close()
