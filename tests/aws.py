"""An EventBridge bus and an SQS queue over HTTP: as much of them as boto3 needs to deliver."""

import hashlib
import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        bus = self.server.bus
        with bus.lock:
            bus.requests.append((self.headers["x-amz-target"], request))
            bus.signatures.append(self.headers["authorization"])
            plan = bus.plan.popleft() if bus.plan else bus.always
        if plan == "stall":
            bus.closed.wait(60)
        if plan in ("stall", "hang up"):
            self.close_connection = True
            return
        status, body = bus.answer(self.headers["x-amz-target"], request, plan)
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: a test says what went wrong."""


class Bus:
    """Takes events by PutEvents or SendMessageBatch; ``plan`` says how requests are answered.

    One answer of the plan is used for each request, then ``always``: "take" all entries, a set of
    the numbers of entries to refuse, a status, "hang up", "stall" until it is closed, "garble".
    """

    def __init__(self, port=0):
        self.lock = threading.Lock()  # guards: the lists below
        self.requests, self.signatures, self.taken = [], [], []
        self.plan, self.always = deque(), "take"
        self.closed = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.bus = self
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.queue_url = f"{self.url}/000000000000/changes"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def answer(self, target, request, plan):
        if plan == "garble":
            return 200, b"<html>"
        if isinstance(plan, int):
            return plan, json.dumps({"__type": "ServiceUnavailable", "message": "x"}).encode()
        refused = plan if isinstance(plan, set) else set()
        entries = request["Entries"]
        with self.lock:
            self.taken += [one for n, one in enumerate(entries) if n not in refused]
        put = {"AWSEvents.PutEvents": _put, "AmazonSQS.SendMessageBatch": _sent}[target]
        return 200, json.dumps(put(entries, refused)).encode()

    def close(self):
        self.closed.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(30)


def _put(entries, refused):
    failure = {"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}
    results = [
        failure if number in refused else {"EventId": str(uuid4())}
        for number in range(len(entries))
    ]
    return {"FailedEntryCount": results.count(failure), "Entries": results}


def _sent(entries, refused):
    good = [one for number, one in enumerate(entries) if number not in refused]
    bad = [one for number, one in enumerate(entries) if number in refused]
    return {
        "Successful": [
            {
                "Id": one["Id"],
                "MessageId": str(uuid4()),
                "MD5OfMessageBody": hashlib.md5(one["MessageBody"].encode()).hexdigest(),
            }
            for one in good
        ],
        "Failed": [{"Id": one["Id"], "Code": "InternalError", "SenderFault": False} for one in bad],
    }
