"""OHIF as a person uses it: the list, a search, a study, the wheel of the mouse, what is seen."""

import base64
import contextlib
import io
import json
import os
import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from tests.e2e import browser
from tests.e2e.browser import Browser

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = Path(os.environ.get("GATEWAY_VIEWER_DIR", ROOT / "build" / "viewer"))
SCREENS: Final = ROOT / "build" / "viewer-screens"

_VIEWPORT: Final = "cornerstone.getEnabledElements()[0].viewport"
_SEEN: Final = f"""(() => {{
  if (!window.cornerstone || !cornerstone.getEnabledElements().length) return null;
  const port = {_VIEWPORT};
  const id = port.getCurrentImageId && port.getCurrentImageId();
  if (!id || port.viewportStatus !== 'rendered' || !cornerstone.cache.isLoaded(id)) return null;
  return {{id, width: port.canvas.width, height: port.canvas.height}};
}})()"""
_FRAME: Final = re.compile(r"/instances/([0-9.]+)/frames/(\d+)")
_CLICKED_AWAY: Final = """if (location.protocol.startsWith('http')) {
  sessionStorage.setItem('investigationalUseDialog', 'hidden');
  localStorage.setItem('shownTours', '["basicViewerTour"]');
}"""
_HARMLESS: Final = ()


def missing() -> str | None:
    """What the browser tests cannot do without, in a sentence; None if nothing is missing."""
    if browser.program() is None:
        return "Chromium is not installed (Debian: apt-get install chromium)"
    if not (BUILD / "index.html").is_file():
        return "the viewer is not installed (make viewer)"
    return None


class Shown(NamedTuple):
    """What a viewport shows: the instance, its frame from 1, and the canvas in red, green, blue."""

    instance: str
    frame: int
    canvas: np.ndarray

    def picture(self, width: float, height: float) -> np.ndarray:
        """The canvas where an image of that size lies: as large as fits, in the middle."""
        across, down = self.canvas.shape[1], self.canvas.shape[0]
        scale = min(across / width, down / height)
        x, y = (across - width * scale) / 2, (down - height * scale) / 2
        return self.canvas[
            round(y) : round(y + height * scale), round(x) : round(x + width * scale)
        ]


class Ohif:
    """A tab with the viewer of the gateway at ``url``."""

    def __init__(self, chromium: Browser, url: str) -> None:
        self.url = url
        self.page = chromium.page()
        self.page.before_load(_CLICKED_AWAY)

    def problems(self) -> list[str]:
        """What went wrong since this was last asked."""
        found = [one for one in self.page.problems if not one.startswith(_HARMLESS)]
        self.page.problems.clear()
        return found

    def studies(self) -> None:
        """Open the list of studies."""
        self.page.open(f"{self.url}/viewer/")
        self.page.wait("document.querySelectorAll('tbody tr').length")

    def rows(self) -> list[str]:
        """The first cell of each row: the patients' names."""
        return self.page.evaluate(
            "[...document.querySelectorAll('tbody tr')]"
            ".map(one => one.querySelector('td')?.innerText)"
        )

    def search(self, text: str) -> None:
        """Type into the field above the patients' names."""
        self.page.evaluate("document.querySelector('thead input, table input').focus()")
        self.page.type(text)

    def open(self, study: str, series: str | None = None) -> None:
        """Open a study, at one of its series if that is given."""
        more = f"&initialSeriesInstanceUID={series}" if series else ""
        self.page.open("about:blank")
        self.page.open(f"{self.url}/viewer/viewer?StudyInstanceUIDs={study}{more}")

    def middle(self) -> tuple[float, float]:
        """The middle of the viewport, on the page."""
        box = self.page.evaluate(
            f"(b => [b.x + b.width / 2, b.y + b.height / 2])"
            f"({_VIEWPORT}.canvas.getBoundingClientRect())"
        )
        return box[0], box[1]

    def count(self) -> int:
        """How many pictures the viewport has."""
        return self.page.evaluate(f"{_VIEWPORT}.getImageIds().length")

    def shown(self, seconds: float = 30, instances: Collection[str] = ()) -> Shown:
        """What the first viewport shows once it has loaded and painted it.

        If ``instances`` are given, what is not of them is not waited upon.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = self._shown(seconds)
            if not instances or found.instance in instances or time.monotonic() > deadline:
                return found
            time.sleep(0.2)

    def _shown(self, seconds: float) -> Shown:
        found = self.page.wait(_SEEN, seconds)
        before = b""
        deadline = time.monotonic() + seconds
        while True:  # a picture is there when it is the same twice: nothing of it is on its way
            address = self.page.evaluate(f"{_VIEWPORT}.canvas.toDataURL('image/png')")
            content = base64.b64decode(address.partition(",")[2])
            if content == before:
                break
            before = content
            assert time.monotonic() < deadline, "the picture does not come to rest"
            time.sleep(0.15)
        found = self.page.wait(_SEEN, seconds)
        instance, frame = _FRAME.search(found["id"]).groups()
        canvas = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        return Shown(instance, int(frame), canvas)

    def scroll(self, steps: int) -> None:
        """Turn the wheel over the viewport, one image at a time."""
        x, y = self.middle()
        for _ in range(abs(steps)):
            index = self.page.evaluate(f"{_VIEWPORT}.getCurrentImageIdIndex()")
            self.page.mouse("mouseWheel", x, y, deltaX=0, deltaY=100 if steps > 0 else -100)
            self.page.wait(f"{_VIEWPORT}.getCurrentImageIdIndex() !== {json.dumps(index)}", 10)

    def jump(self, index: int) -> None:
        """Show a picture by its place, from 0."""
        self.page.evaluate(f"{_VIEWPORT}.setImageIdIndex({index}).then(() => 0)")
        self.page.wait(f"{_VIEWPORT}.getCurrentImageIdIndex() === {index}", 10)

    def press(self, text: str, *, count: int = 1) -> None:
        """Click on the last thing on the page that says ``text``."""
        said = json.dumps(text)
        x, y = self.page.wait(
            f"""(() => {{
              const found = [...document.querySelectorAll('*')].filter(
                one => !one.children.length && one.textContent.trim() === {said}).pop();
              const box = found && found.getBoundingClientRect();
              return box && [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        self.page.click(x, y, count)

    def keep(self, name: str) -> None:
        """Keep a picture of the whole window."""
        with contextlib.suppress(OSError):
            self.page.screenshot(SCREENS / f"{name}.png")
