"""Thumbnails: one small picture of whatever is stored, and what fails with it."""

import numpy as np
import pytest

from gateway.codecs import openjph
from gateway.dicom.image import ImagePixel
from gateway.dicomweb.rendered import Parameters, Viewport
from gateway.errors import CodecError, NotAcceptable, NotFound, UpstreamUnavailable
from tests.unit.services.memory import HTJ2K_RPCL, instance
from tests.unit.services.rendering import (
    GREY,
    IDENTITY,
    MP4,
    PARTS,
    PDF,
    SERIES,
    SIZE,
    SOP,
    image,
    opened,
    report,
    retrieve,
    stored,
    thumbnail,
)


def test_thumbnails():
    remote = stored(image(frames=5))
    for place, numbers in (((), ()), ((SERIES,), ()), ((SERIES, SOP), ()), ((SERIES, SOP), (3,))):
        remote.calls.clear()
        part = thumbnail(remote, "image/png", *place, numbers=numbers)
        assert opened(part).size == (16, 16)
        assert part.path.endswith("/frames/3/thumbnail")
        assert remote.count("frame") == 1
    part = thumbnail(remote, "*/*", parameters=Parameters(viewport=Viewport(500, 500)))
    assert opened(part).size == (SIZE, SIZE)
    assert part.media_type == "image/jpeg"
    with pytest.raises(NotAcceptable):
        thumbnail(remote, "text/html")


@pytest.mark.parametrize(
    "one",
    [report(SOP), instance(SOP, **PDF), instance(SOP, frames=[b"x"], stored=MP4), instance(SOP)],
)
def test_what_has_no_pixels_has_a_tile(one):
    remote = stored(one, at_series={"Modality": "SR"})
    for place in ((), (SERIES,), (SERIES, SOP)):
        part = thumbnail(remote, "image/png", *place)
        assert opened(part).size == (16, 16)
        assert part.path == ""
    large = thumbnail(remote, "image/png", parameters=Parameters(viewport=Viewport(8192, 8192)))
    assert opened(large).size == (256, 256)
    assert remote.count("frame") == 0


def test_what_is_not_there():
    remote = stored(image())
    for place in (("9.9",), (SERIES, "9.9")):
        for work in (retrieve, thumbnail):
            with pytest.raises(NotFound):
                work(remote, "*/*", *place)
    for work in (retrieve, thumbnail):
        with pytest.raises(NotFound):
            work(stored(), "*/*")


def test_a_broken_frame_is_an_error_and_no_other_picture():
    remote = stored(instance(SOP, frames=[b"\xff\x4f\xff\x51"], stored=HTJ2K_RPCL, **GREY))
    for work in (retrieve, thumbnail):
        with pytest.raises(CodecError):
            work(remote, "image/png", SERIES, SOP)
    remote = stored(image(frames=3))
    remote.failures[f"{1:032x}"] = UpstreamUnavailable("away")
    with pytest.raises(UpstreamUnavailable):
        retrieve(remote, PARTS, SERIES, SOP)


def test_a_reduced_frame_is_enough_for_a_thumbnail():
    samples = np.random.default_rng(2).integers(0, 200, (256, 256), np.uint8)
    frame = openjph.encode(samples, ImagePixel(256, 256, bits_allocated=8, bits_stored=8))
    attributes = {**GREY, "Rows": 256, "Columns": 256}
    whole = instance(SOP, frames=[frame], stored=HTJ2K_RPCL, **attributes)
    start = instance(SOP, frames=[frame[: len(frame) // 3]], stored=HTJ2K_RPCL, **attributes)
    box = Parameters(viewport=Viewport(32, 32), window=IDENTITY)
    found = [thumbnail(stored(one), "image/png", parameters=box).content for one in (whole, start)]
    assert found[0] == found[1]
