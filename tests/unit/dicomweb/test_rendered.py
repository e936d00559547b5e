"""Parameters of rendered resources and thumbnails: read completely, or refused by name."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb.rendered import (
    Parameters,
    Viewport,
    Windowing,
    parse,
    parse_thumbnail,
)
from gateway.errors import InvalidRequest

SIDE = 8192


def read(**given):
    return parse(given.items(), SIDE)


def test_without_parameters_the_image_is_shown_as_it_is():
    assert read() == Parameters(None, None, None, (), (), "no", False)


@pytest.mark.parametrize(
    ("value", "viewport"),
    [
        ("512,256", Viewport(512, 256)),
        (" 512 , 256 ", Viewport(512, 256)),
        ("8192,1", Viewport(8192, 1)),
        # The standard's own example: sx and sy are left out and are 0.
        ("512,512,,,512,512", Viewport(512, 512, 0, 0, 512, 512)),
        ("512,512,10,20,30,40", Viewport(512, 512, 10, 20, 30, 40)),
        ("512,512,10,20", Viewport(512, 512, 10, 20)),
        ("512,512,10", Viewport(512, 512, 10)),
        ("512,512,,,,40", Viewport(512, 512, region_height=40)),
        ("512,512,,,,", Viewport(512, 512)),
        ("512,512,1.5,.5,2.25,+3", Viewport(512, 512, 1.5, 0.5, 2.25, 3)),
        ("512,512,-10,-20,30,40", Viewport(512, 512, 10, 20, 30, 40)),
        ("512,512,0,0,-30,40", Viewport(512, 512, 0, 0, 30, 40, mirrored=True)),
        ("512,512,0,0,30,-40", Viewport(512, 512, 0, 0, 30, 40, flipped=True)),
    ],
)
def test_viewports(value, viewport):
    assert read(viewport=value).viewport == viewport


@pytest.mark.parametrize(
    ("value", "window"),
    [
        ("40,400,linear", Windowing(40, 400, "LINEAR")),
        ("-600.5,1500,linear-exact", Windowing(-600.5, 1500, "LINEAR_EXACT")),
        ("1e3,.5,sigmoid", Windowing(1000, 0.5, "SIGMOID")),
        ("0,1,linear", Windowing(0, 1, "LINEAR")),
    ],
)
def test_windows(value, window):
    assert read(window=value).window == window


@pytest.mark.parametrize(
    ("value", "known", "unknown"),
    [
        ("patient", ("patient",), ()),
        ("technique,patient", ("patient", "technique"), ()),
        ("patient, patient", ("patient",), ()),
        ("dose,patient,series-list", ("patient",), ("dose", "series-list")),
        ("dose", (), ("dose",)),
    ],
)
def test_annotations(value, known, unknown):
    found = read(annotation=value)
    assert (found.annotations, found.unsupported) == (known, unknown)


def test_the_other_parameters():
    assert [read(quality=value).quality for value in ("1", "50", "100")] == [1, 50, 100]
    for name in ("no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"):
        assert read(iccprofile=name).profile == name
    assert read(overlays="true").overlays
    assert not read(overlays="false").overlays


def test_parameters_of_content_negotiation_and_of_image_sets_are_not_of_rendering():
    pairs = [("accept", "image/png"), ("charset", "utf-8"), ("imageSetId", "x"), ("versionId", "1")]
    assert parse(pairs, SIDE) == Parameters()
    assert parse_thumbnail(pairs, 128, SIDE) == Parameters(Viewport(128, 128))


def test_a_parameter_may_be_repeated_but_not_contradicted():
    assert parse([("quality", "50"), ("quality", "50")], SIDE).quality == 50
    with pytest.raises(InvalidRequest, match="quality is given twice"):
        parse([("quality", "50"), ("quality", "51")], SIDE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("viewport", value)
            for value in (
                "",
                "512",
                "512,",
                ",512",
                "0,512",
                "-512,512",
                "51.2,512",
                "512,x",
                "512,512,1,2,3,4,5",
                "512,512,a",
                "512,512,,,0,10",
                "512,512,,,10,-0.0",
                "512,512,nan",
                "512,512,inf",
                "512,512,1_0",
                "512,512,\u0663",
                "8193,1",
                "1,99999999999",
            )
        ],
        *[
            ("window", value)
            for value in (
                "",
                "40",
                "40,400",
                "40,400,",
                "40,400,LINEAR",
                "40,400,cubic",
                "40,0,sigmoid",
                "40,-400,linear",
                "40,0.5,linear",
                "x,400,linear",
                "40,nan,linear",
                "1e999,400,linear",
                "40,400,linear,1",
            )
        ],
        *[("quality", value) for value in ("", "0", "101", "-1", "5.5", "high", "1e1", " 50")],
        *[("annotation", value) for value in ("", ",", "patient,", "1st", "a b", "x" * 33, '"')],
        *[("iccprofile", value) for value in ("", "NO", "cmyk", "no,yes")],
        *[("overlays", value) for value in ("", "1", "True")],
        ("windows", "40,400,linear"),
        ("Viewport", "1,1"),
        ("rows", "512"),
    ],
)
def test_what_is_wrong_is_named(name, value):
    with pytest.raises(InvalidRequest) as refused:
        parse([(name, value)], SIDE)
    assert refused.value.parameter == name
    assert name in str(refused.value)


def test_thumbnails_have_a_viewport_and_nothing_else():
    assert parse_thumbnail([], 128, SIDE).viewport == Viewport(128, 128)
    assert parse_thumbnail([("viewport", "256,64")], 128, SIDE).viewport == Viewport(256, 64)
    for name, value in [
        ("viewport", "256"),
        ("viewport", "256,256,,,,"),
        ("viewport", "256,256,0,0,10,10"),
        ("viewport", "0,1"),
        ("viewport", "8193,1"),
        ("window", "40,400,linear"),
        ("quality", "50"),
        ("annotation", "patient"),
    ]:
        with pytest.raises(InvalidRequest) as refused:
            parse_thumbnail([(name, value)], 128, SIDE)
        assert refused.value.parameter == name


NAMES = st.sampled_from(["viewport", "window", "quality", "annotation", "iccprofile", "overlays"])


@given(st.lists(st.tuples(NAMES, st.text("0123456789.,-+eEnaif linearptsg", max_size=30))))
def test_any_text_is_read_or_refused(pairs):
    try:
        found = parse(pairs, SIDE)
    except InvalidRequest as error:
        named = error.parameter
        found = Parameters()
    else:
        named = None
    assert named is None or named in dict(pairs)
    box = found.viewport
    assert box is None or (1 <= box.width <= SIDE and 1 <= box.height <= SIDE)
    assert box is None or (box.left >= 0 and box.top >= 0)
    assert found.window is None or found.window.width > 0
