"""An SQS queue over HTTP that hands messages out, as much of it as boto3 needs to receive."""

import hashlib
import json
import time
from uuid import uuid4

from tests.aws import Bus


class Queue(Bus):
    """A standard queue: what is not deleted within ``visibility`` seconds comes again.

    ``dead`` has the messages that were handed out ``most`` times, as a redrive policy puts aside.
    """

    def __init__(self, visibility: float = 1.0, most: int = 3) -> None:
        super().__init__()
        self._visibility, self._most = visibility, most
        self._hidden, self._handed, self._receipts = {}, {}, {}
        self.waiting, self.dead, self.deleted = {}, [], []

    def put(self, body) -> None:
        with self.lock:
            self.waiting[str(uuid4())] = body if isinstance(body, str) else json.dumps(body)

    def answer(self, target, request, plan):
        if plan == "take" and target == "AmazonSQS.ReceiveMessage":
            return 200, json.dumps({"Messages": self._receive(request)}).encode()
        if plan == "take" and target == "AmazonSQS.DeleteMessageBatch":
            return 200, json.dumps(self._delete(request["Entries"])).encode()
        status, body = super().answer(target, request, plan)
        if target == "AmazonSQS.SendMessageBatch" and status == 200:
            for one in request["Entries"]:
                self.put(one["MessageBody"])
        return status, body

    def _receive(self, request):
        until = time.monotonic() + request.get("WaitTimeSeconds", 0)
        while True:
            found = self._handed_out(request["MaxNumberOfMessages"])
            if found or time.monotonic() >= until or self.closed.wait(0.05):
                return found

    def _handed_out(self, most):
        now, found = time.monotonic(), []
        with self.lock:
            for name, body in list(self.waiting.items()):
                if len(found) == most or self._hidden.get(name, 0) > now:
                    continue
                if self._handed.get(name, 0) >= self._most:
                    self.dead.append(self.waiting.pop(name))
                    continue
                self._handed[name] = self._handed.get(name, 0) + 1
                self._hidden[name] = now + self._visibility
                receipt = str(uuid4())
                self._receipts[receipt] = name
                md5 = hashlib.md5(body.encode()).hexdigest()
                found.append(
                    {"MessageId": name, "ReceiptHandle": receipt, "Body": body, "MD5OfBody": md5}
                )
        return found

    def _delete(self, entries):
        with self.lock:
            for one in entries:
                name = self._receipts[one["ReceiptHandle"]]
                if self.waiting.pop(name, None) is not None:
                    self.deleted.append(name)
        return {"Successful": [{"Id": one["Id"]} for one in entries], "Failed": []}
