"""Decoded frames: kept by the byte, never written to, the same for every thread."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from prometheus_client import CollectorRegistry

from gateway.codecs import openjph
from gateway.dicom.image import ImagePixel
from gateway.dicomweb.rendered import Parameters, Viewport, Windowing
from gateway.services.decoded import Decoded
from gateway.telemetry.metrics import Metrics
from tests.unit.services.memory import HTJ2K_RPCL, instance
from tests.unit.services.rendering import GREY, SERIES, SIZE, SOP, run, stored, wanted

MIB = 1 << 20


class Decoder:
    """Counts how often it decodes."""

    def __init__(self, side=16):
        self.side = side
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return np.full((self.side, self.side), self.calls, np.uint16)


def made(size=MIB):
    metrics = Metrics(CollectorRegistry())
    return Decoded(size, metrics), metrics


def count(metrics, name):
    return metrics.registry.get_sample_value(name, {"tier": "decoded"})


def test_a_frame_is_decoded_once():
    (kept, metrics), decode = made(), Decoder()
    first = kept.get("a", decode)
    assert kept.get("a", decode) is first
    assert kept.get("b", decode)[0, 0] == 2
    assert decode.calls == 2
    assert count(metrics, "gateway_cache_hits_total") == 1
    assert count(metrics, "gateway_cache_misses_total") == 2
    assert count(metrics, "gateway_cache_read_bytes_total") == 512
    assert count(metrics, "gateway_cache_written_bytes_total") == 1024
    assert count(metrics, "gateway_cache_limit_bytes") == MIB


def test_what_is_kept_cannot_be_changed():
    kept, _ = made()
    for found in (kept.get("a", Decoder()), kept.get("a", Decoder())):
        with pytest.raises(ValueError, match="read-only"):
            found[0, 0] = 9


def test_the_least_used_makes_room():
    (kept, metrics), decode = made(), Decoder(256)  # of 128 KiB
    for key in (0, 1, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 8, 0):
        kept.get(key, decode)
    assert decode.calls == 9
    assert count(metrics, "gateway_cache_bytes") <= MIB
    assert count(metrics, "gateway_cache_evictions_total") == 2
    kept.get(1, decode)
    assert decode.calls == 10


def test_what_is_too_large_is_given_but_not_kept():
    (kept, metrics), decode = made(), Decoder(512)
    assert kept.get("a", decode).shape == (512, 512)
    kept.get("a", decode)
    assert decode.calls == 2
    assert count(metrics, "gateway_cache_bytes") == 0
    assert count(metrics, "gateway_cache_dropped_total") == 2


def test_a_part_does_not_keep_the_whole():
    kept, _ = made()
    whole = np.zeros((1024, 1024), np.uint8)
    found = kept.get("a", lambda: whole[:8, :8])
    assert found.base is None
    assert found.shape == (8, 8)
    assert whole.flags.writeable


def test_what_fails_is_tried_again():
    kept, _ = made()

    def fail():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        kept.get("a", fail)
    assert kept.get("a", Decoder())[0, 0] == 1


def test_threads_share_it():
    (kept, metrics), keys = made(), [number * 7 % 40 for number in range(2000)]

    def asked(key):
        found = kept.get(key, lambda: np.full((128, 128), key, np.uint16))
        return int(found.min()) == int(found.max()) == key

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(asked, keys))
    names = ("gateway_cache_hits_total", "gateway_cache_misses_total")
    assert sum(count(metrics, name) for name in names) == len(keys)
    assert count(metrics, "gateway_cache_bytes") <= MIB


def test_another_window_needs_no_decoder(monkeypatch):
    """A frame is fetched and decoded for its first picture, and looks the same ever after."""
    samples = (np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 251).astype(np.uint8)
    frame = openjph.encode(samples, ImagePixel(SIZE, SIZE, 1, 8, 8))
    remote = stored(instance(SOP, frames=[frame], stored=HTJ2K_RPCL, **GREY))
    windows = [Windowing(center, 100.0, "LINEAR_EXACT") for center in (60.0, 90.0, 60.0)]
    decodings = []
    real = openjph._decode
    monkeypatch.setattr(openjph, "_decode", lambda *given: decodings.append(given) or real(*given))

    async def work(service):
        found = []
        for window in windows:
            for box in (None, Viewport(8, 8)):
                given = Parameters(window=window, viewport=box)
                asked = wanted("image/png", (SERIES, SOP), given, (), False)
                found.append((await service.retrieve(asked)).first.content)
        return found

    pictures = run(remote, work)
    assert len(decodings) == 2  # at full resolution and at a lower one
    assert pictures[:2] == pictures[4:]
    assert len(set(pictures)) == 4
    for content, window in zip(pictures[::2], windows, strict=True):
        expected = np.clip((samples - window.center) / window.width + 0.5, 0, 1) * 255
        found = np.asarray(Image.open(BytesIO(content)))
        assert np.abs(found - expected).max() <= 0.51
