"""A headless Chromium, driven by the DevTools protocol over a pair of pipes."""

import base64
import contextlib
import itertools
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--window-size=1280,900",
    "--remote-debugging-pipe",
)
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SECONDS: Final = 60.0


def program() -> str | None:
    """Where Chromium is, if anywhere."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """A process of Chromium with an empty profile."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        inward, self._out = os.pipe()
        self._in, outward = os.pipe()
        run = f'exec "$@" 3<&{inward} 4>&{outward}'
        command = [program(), *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", run, "chromium", *command],
            pass_fds=(inward, outward),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(inward)
        os.close(outward)
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._answers: dict[int, queue.Queue[dict]] = {}
        self._pages: dict[str, Page] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        held = b""
        with os.fdopen(self._in, "rb", buffering=0) as pipe:
            while piece := pipe.read(1 << 20):
                *whole, held = (held + piece).split(b"\0")
                for text in whole:
                    self._take(json.loads(text))

    def _take(self, message: dict) -> None:
        if "id" in message:
            self._answers.pop(message["id"]).put(message)
        elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
            page.take(message["method"], message["params"])

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict:
        """The result of a method of the protocol."""
        found = self._send(method, session, parameters).get(timeout=_SECONDS)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def _send(self, method: str, session: str | None, parameters: dict) -> queue.Queue[dict]:
        answer: queue.Queue[dict] = queue.Queue()
        with self._sending:
            number = next(self._numbers)
            self._answers[number] = answer
            message = {"id": number, "method": method, "params": parameters}
            if session:
                message["sessionId"] = session
            content = json.dumps(message).encode() + b"\0"
            while content:
                content = content[os.write(self._out, content) :]
        return answer

    def adopt(self, session: str, page: "Page") -> None:
        """Let what happens in a worker be told to its page; called by the thread that reads."""
        self._pages[session] = page
        self._send("Network.enable", session, {})

    def page(self) -> "Page":
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        made = self._pages[session] = Page(self, session, target)
        made.start()
        return made

    def close(self) -> None:
        """End the process and remove its profile."""
        with contextlib.suppress(queue.Empty, OSError, RuntimeError):
            self.call("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        self._reader.join(10)
        shutil.rmtree(self._profile, ignore_errors=True)


class Page:
    """A tab: what it asked for, what it complained of, what it shows."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session
        self._urls: dict[str, str] = {}
        self.requests: list[tuple[str, int]] = []
        """URL and status of all that was answered, in order."""
        self.problems: list[str] = []
        """Failed loads, statuses from 400 on, errors on the console, exceptions."""

    def start(self) -> None:
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call(
            "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True
        )

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)

    def call(self, method: str, **parameters: Any) -> dict:
        return self._browser.call(method, self._session, **parameters)

    def take(self, method: str, event: dict) -> None:
        match method:
            case "Target.attachedToTarget":  # a worker, whose requests are this page's as well
                self._browser.adopt(event["sessionId"], self)
            case "Network.requestWillBeSent":
                self._urls[event["requestId"]] = event["request"]["url"]
            case "Network.responseReceived":
                url, status = event["response"]["url"], event["response"]["status"]
                self.requests.append((url, status))
                if status >= 400:
                    self.problems.append(f"{status} {url}")
            case "Network.loadingFailed" if not event.get("canceled"):
                url = self._urls.get(event["requestId"], "?")
                self.problems.append(f"failed: {event['errorText']} {url}")
            case "Runtime.exceptionThrown":
                details = event["exceptionDetails"]
                said = details.get("exception", {}).get("description") or details["text"]
                self.problems.append(f"exception: {said}")
            case "Runtime.consoleAPICalled" if event["type"] == "error":
                words = [one.get("value") or one.get("description") for one in event["args"]]
                self.problems.append("console: " + " ".join(map(str, words)))
            case "Log.entryAdded" if event["entry"]["level"] == "error":
                self.problems.append(f"log: {event['entry']['text']} {event['entry'].get('url')}")

    def before_load(self, script: str) -> None:
        """Have ``script`` run in each document before its own."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        found = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = _SECONDS) -> Any:
        """The value of an expression once it is true."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(RuntimeError):  # the document may be on its way out
                if found := self.evaluate(expression):
                    return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.problems or 'no problem is known'}; {expression}")
            time.sleep(0.1)

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x: float, y: float, count: int = 1) -> None:
        for number in range(1, count + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.mouse(kind, x, y, button="left", clickCount=number)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)
