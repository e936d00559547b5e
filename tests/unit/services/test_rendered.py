"""Rendered instances and frames: the media types and parts that go out for what is stored."""

import numpy as np
import pytest

from gateway.dicomweb.rendered import Parameters, Viewport, Windowing
from gateway.errors import ConfigurationError, InvalidRequest, NotAcceptable, NotFound
from gateway.rendering import colour_spaces
from tests.unit.services.memory import EXPLICIT_LE, PIXELS, instance
from tests.unit.services.rendering import (
    GREY,
    MP4,
    PARTS,
    PDF,
    PLAIN,
    SERIES,
    SIZE,
    SOP,
    STUDY,
    image,
    levels,
    opened,
    retrieve,
    stored,
    thumbnail,
)


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/gif", "image/webp"])
def test_one_frame_is_one_picture(media_type):
    multipart, [part] = retrieve(stored(image()), media_type, SERIES, SOP)
    assert not multipart
    assert part.media_type == media_type
    assert opened(part).size == (SIZE, SIZE)
    assert abs(levels([part])[0] - 100) <= 1
    assert part.path == f"/studies/{STUDY}/series/{SERIES}/instances/{SOP}/rendered"


def test_one_frame_in_an_envelope():
    multipart, [part] = retrieve(stored(image()), PARTS, SERIES, SOP)
    assert multipart
    assert levels([part]) == [100]


def test_of_several_frames_the_middle_one_stands_for_all_or_each_is_a_part():
    remote = stored(image(frames=5))
    multipart, [part] = retrieve(remote, "image/png", SERIES, SOP)
    assert not multipart
    assert levels([part]) == [102]
    assert part.path.endswith(f"/instances/{SOP}/frames/3/rendered")
    assert remote.count("frame") == 1
    multipart, parts = retrieve(remote, PARTS, SERIES, SOP)
    assert multipart
    assert levels(parts) == [100, 101, 102, 103, 104]
    assert [part.path.split("/")[-2] for part in parts] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("media_type", ["image/gif", "image/webp"])
def test_an_animation_has_all_frames_and_their_time(media_type):
    remote = stored(image(frames=4, step=20, FrameTime="50"))
    multipart, [part] = retrieve(remote, media_type, SERIES, SOP)
    assert not multipart
    found = opened(part)
    assert found.n_frames == 4
    shown = []
    for number in range(4):
        found.seek(number)
        shown.append(round(np.asarray(found.convert("L")).mean()))
        assert found.info["duration"] == 50
    assert np.abs(np.array(shown) - [100, 120, 140, 160]).max() <= 1


def test_an_animation_of_some_frames():
    _, [part] = retrieve(stored(image(frames=9)), "image/gif", SERIES, SOP, numbers=(9, 1))
    found = opened(part)
    assert found.n_frames == 2
    assert round(np.asarray(found.convert("L")).mean()) == 108


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({"animation_max_frames": 4}, PLAIN),
        ({"animation_max_megapixels": 1}, Parameters(viewport=Viewport(500, 500))),
    ],
)
def test_an_animation_is_bounded(changes, parameters):
    remote = stored(image(frames=5))
    given = {"parameters": parameters, **changes}
    with pytest.raises(NotAcceptable, match=r"an animation has \d+ frames and \d+ million") as no:
        retrieve(remote, "image/gif", SERIES, SOP, **given)
    assert "image/gif" not in no.value.available
    assert remote.count("frame") == 0
    _, [part] = retrieve(remote, "image/gif, image/png;q=0.5", SERIES, SOP, **given)
    assert part.media_type == "image/png"
    _, parts = retrieve(remote, 'multipart/related; type="image/gif"', SERIES, SOP, **given)
    assert len(parts) == 5


def test_frames_by_their_numbers():
    remote = stored(image(frames=5))
    multipart, parts = retrieve(remote, "*/*", SERIES, SOP, numbers=(4, 2))
    assert multipart
    assert [part.media_type for part in parts] == ["image/jpeg"] * 2
    assert np.abs(np.array(levels(parts)) - [103, 101]).max() <= 1
    multipart, parts = retrieve(remote, "image/png", SERIES, SOP, numbers=(4,))
    assert (multipart, levels(parts)) == (False, [103])
    with pytest.raises(NotAcceptable) as refused:
        retrieve(remote, "image/png", SERIES, SOP, numbers=(4, 2))
    assert PARTS in refused.value.available
    for work in (retrieve, thumbnail):
        with pytest.raises(NotFound, match="Frame 6 does not exist; there are 5"):
            work(remote, "*/*", SERIES, SOP, numbers=(1, 6))


def test_documents_and_videos_go_out_as_they_are():
    video = instance("1.2.3.9", 2, frames=[b"ftypmp42"], stored=MP4, **GREY)
    remote = stored(instance(SOP, **PDF), video)
    for header, multipart in (("*/*", False), ("application/pdf", False), (
        'multipart/related; type="application/pdf"', True)):  # fmt: skip
        found, [part] = retrieve(remote, header, SERIES, SOP)
        assert (found, part.media_type, part.content) == (
            multipart,
            "application/pdf",
            b"%PDF-1.7 x",
        )
    _, [part] = retrieve(remote, "*/*", SERIES, "1.2.3.9")
    assert (part.media_type, part.content) == ("video/mp4", b"ftypmp42")
    for sop, header, available in (
        (SOP, "image/jpeg", "application/pdf"),
        ("1.2.3.9", "image/jpeg", "video/mp4"),
    ):
        with pytest.raises(NotAcceptable) as refused:
            retrieve(remote, header, SERIES, sop)
        assert available in refused.value.available
    with pytest.raises(NotAcceptable):
        retrieve(remote, "*/*", SERIES, "1.2.3.9", numbers=(1,))


@pytest.mark.parametrize("stated", ["", "no type", "text/html\r\nX-Y: z", "Model/STL"])
def test_a_document_of_an_odd_type(stated):
    odd = {**PDF, "MIMETypeOfEncapsulatedDocument": stated}
    _, [part] = retrieve(stored(instance(SOP, **odd)), "*/*", SERIES, SOP)
    assert part.media_type == ("model/stl" if "/" in stated[:6] and " " not in stated else
                               "application/octet-stream")  # fmt: skip


def test_parameters_that_do_not_go_with_the_media_type_or_the_image():
    remote = stored(image(frames=3))
    profile = Parameters(profile="srgb")
    for header in ("image/gif", "image/jp2", 'multipart/related; type="image/gif"'):
        with pytest.raises(InvalidRequest) as refused:
            retrieve(remote, header, SERIES, SOP, parameters=profile)
        assert refused.value.parameter == "iccprofile"
    outside = Parameters(viewport=Viewport(8, 8, SIZE))
    for place in ((), (SERIES, SOP)):
        with pytest.raises(InvalidRequest) as refused:
            retrieve(remote, "*/*", *place, parameters=outside)
        assert refused.value.parameter == "viewport"


def test_quality_and_profile_reach_the_picture():
    noise = np.random.default_rng(1).integers(0, 255, SIZE * SIZE, np.uint8).tobytes()
    remote = stored(instance(SOP, frames=[noise], **GREY))
    sizes = []
    for quality in (5, 95):
        given = Parameters(quality=quality)
        _, [part] = retrieve(remote, "image/jpeg", SERIES, SOP, parameters=given)
        assert "icc_profile" not in opened(part).info
        sizes.append(len(part.content))
    assert sizes[0] * 2 < sizes[1]
    given = Parameters(profile="srgb")
    _, [part] = retrieve(remote, "image/jpeg", SERIES, SOP, parameters=given)
    assert opened(part).info["icc_profile"] == colour_spaces.profile("srgb")


def test_the_font_of_the_settings(tmp_path):
    font = tmp_path / "font.ttf"
    font.write_bytes(b"none")
    with pytest.raises(ConfigurationError, match="GATEWAY_ANNOTATION_FONT"):
        retrieve(stored(image()), "*/*", SERIES, SOP, annotation_font=font)


def test_what_is_stored_natively_in_sixteen_bits():
    frame = np.full((SIZE, SIZE), 1000, "<u2").tobytes()
    attributes = {**PIXELS, "Rows": SIZE, "Columns": SIZE}
    remote = stored(instance(SOP, frames=[frame], stored=EXPLICIT_LE, **attributes))
    window = Parameters(window=Windowing(1000.0, 1000.0, "LINEAR_EXACT"))
    assert levels(retrieve(remote, "image/png", SERIES, SOP, parameters=window)[1]) == [128]
