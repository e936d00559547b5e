"""Parameters of WADO-URI: read completely, or refused by name."""

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import accept
from gateway.dicomweb.rendered import Parameters, Viewport, Windowing
from gateway.dicomweb.uri import Asked, PresentationState, Region, parse
from gateway.errors import InvalidRequest

UIDS = {"requestType": "WADO", "studyUID": "1.2", "seriesUID": "1.2.3", "objectUID": "1.2.3.4"}
ANY = accept.parse("")
MOST = 4096
STATE = {"presentationSeriesUID": "1.5", "presentationUID": "1.5.6"}


def read(header="", charsets="", strict=False, **given):
    return parse((UIDS | given).items(), accept.parse(header, strict=strict), charsets, MOST)


def refused(**given):
    with pytest.raises(InvalidRequest) as caught:
        read(**given)
    assert caught.value.parameter in str(caught.value)
    return caught.value.parameter


def test_the_least_that_can_be_asked():
    assert read() == Asked("1.2", "1.2.3", "1.2.3.4", ANY)


@pytest.mark.parametrize("name", UIDS)
def test_what_is_mandatory(name):
    rest = {key: value for key, value in UIDS.items() if key != name}
    for pairs in (rest, rest | {name: ""}):
        with pytest.raises(InvalidRequest, match=f"{name} is missing") as caught:
            parse(pairs.items(), ANY, "", MOST)
        assert caught.value.parameter == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requestType", "wado"),
        ("requestType", "WADO2"),
        ("studyUID", "x"),
        ("seriesUID", "1..2"),
        ("objectUID", "1.2 "),
        ("objectUID", "1." * 130),
        ("transferSyntax", "jpeg"),
        ("transferSyntax", "1.2.840.10008.1.2,1.2.840.10008.1.2.1"),
        ("transferSyntax", ""),
        ("anonymize", "yes"),
        ("anonymize", "no"),
        ("anonymize", ""),
        ("contentType", ""),
        ("contentType", "jpeg"),
        ("contentType", "application/dicom;transfer-syntax=1.2.840.10008.1.2.1"),
        ("contentType", "image/png, text/html;charset=utf-8"),
        ("charset", ""),
        ("charset", "utf-8;level=1"),
        ("charset", "utf-8,,"),
        ("frameNumber", "0"),
        ("frameNumber", "1,2"),
        ("frameNumber", "-1"),
        ("frameNumber", ""),
        ("rows", "0"),
        ("rows", "12.5"),
        ("rows", "4097"),
        ("columns", "+1"),
        ("columns", "99999999999"),
        ("imageQuality", "0"),
        ("imageQuality", "101"),
        ("imageQuality", "best"),
        ("annotation", ""),
        ("annotation", "patient,,technique"),
        ("imageAnnotation", "patient;technique"),
        ("region", "0,0,1"),
        ("region", "0,0,1,1,1"),
        ("region", "0,0,0,1"),
        ("region", "0,.5,1,.5"),
        ("region", "-0.1,0,1,1"),
        ("region", "0,0,1,1.01"),
        ("region", "a,b,c,d"),
        ("region", "0,0,1,nan"),
        ("region", "0,0,1,1e999"),
        ("region", ""),
        ("windowcenter", "40"),
        ("window", "40,400,linear"),
        ("accept", "image/png"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name, value):
    assert refused(**{name: value}) == name


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"windowCenter": "40"}, "windowWidth"),
        ({"windowWidth": "400"}, "windowCenter"),
        ({"windowCenter": "x", "windowWidth": "400"}, "windowCenter"),
        ({"windowCenter": "40", "windowWidth": "1e"}, "windowWidth"),
        ({"windowCenter": "40", "windowWidth": "0.9"}, "windowWidth"),
        ({"windowCenter": "40", "windowWidth": "-400"}, "windowWidth"),
        ({"windowCenter": "40\\50", "windowWidth": "400\\350"}, "windowCenter"),
        ({"presentationUID": "1.5.6"}, "presentationSeriesUID"),
        ({"presentationSeriesUID": "1.5"}, "presentationUID"),
        ({**STATE, "presentationUID": "x"}, "presentationUID"),
        ({**STATE, "windowCenter": "40", "windowWidth": "400"}, "windowCenter"),
        ({**STATE, "frameNumber": "1"}, "frameNumber"),
        ({"contentType": "application/dicom", "rows": "10"}, "rows"),
        (
            {"contentType": "application/dicom", "windowCenter": "40", "windowWidth": "400"},
            "windowCenter",
        ),
        ({"contentType": "Application/DICOM", "frameNumber": "1"}, "frameNumber"),
        ({"transferSyntax": "1.2.840.10008.1.2.1", "imageQuality": "90"}, "imageQuality"),
    ],
)
def test_what_goes_together(given, parameter):
    assert refused(**given) == parameter


def test_two_values():
    pairs = [*UIDS.items(), ("rows", "10"), ("rows", "10")]
    assert parse(pairs, ANY, "", MOST).rows == 10
    with pytest.raises(InvalidRequest, match="rows is given twice"):
        parse([*pairs, ("rows", "11")], ANY, "", MOST)


def test_parameters_of_the_gateways_own_are_read_elsewhere():
    assert read(imageSetId="a" * 32, versionId="2") == read()


def test_what_the_client_accepts():
    header = "image/png, image/jpeg;q=0.5"
    assert [one.type for one in read(header).accept] == ["image/png", "image/jpeg"]
    found = read(header, contentType="text/html;q=0.5,application/dicom").accept
    assert [one.type for one in found] == ["application/dicom", "text/html"]
    assert read(header, strict=True, contentType="image/gif").accept.strict
    browser = read("multipart/related; type=application/octet-stream; transfer-syntax=*")
    assert browser.accept[0].type == "multipart/related"


def test_pictures():
    asked = read(
        frameNumber="3",
        rows="100",
        columns="200",
        region="0.25,0,0.75,.5",
        windowCenter="-40.5",
        windowWidth="4e2",
        imageQuality="90",
        annotation="patient",
        imageAnnotation="logo, technique",
        contentType="image/jpeg",
    )
    assert asked.frame == 3
    assert (asked.rows, asked.columns) == (100, 200)
    assert asked.region == Region(0.25, 0, 0.75, 0.5)
    assert asked.pictured
    assert asked.parameters(512, 1024, MOST) == Parameters(
        Viewport(200, 100, 256, 0, 512, 256),
        Windowing(-40.5, 400, "LINEAR"),
        90,
        ("patient", "technique"),
        ("logo",),
    )


@pytest.mark.parametrize(
    ("given", "viewport"),
    [
        ({}, None),
        ({"imageQuality": "5"}, None),
        ({"rows": "64"}, Viewport(MOST, 64, 0, 0, 300, 200)),
        ({"columns": "64"}, Viewport(64, MOST, 0, 0, 300, 200)),
        ({"region": "0,0,1,1"}, Viewport(300, 200, 0, 0, 300, 200)),
        ({"region": "0.5,0.25,1,0.75"}, Viewport(150, 100, 150, 50, 150, 100)),
        ({"region": "0,0,0.001,0.001"}, Viewport(1, 1, 0, 0, 0.3, 0.2)),
        ({"region": "0.5,0,1,1", "rows": "10"}, Viewport(MOST, 10, 150, 0, 150, 200)),
    ],
)
def test_boxes(given, viewport):
    assert read(**given).parameters(200, 300, MOST).viewport == viewport


def test_a_region_of_an_image_larger_than_a_picture_may_be():
    asked = read(region="0,0,1,1")
    assert asked.parameters(9000, 5000, MOST).viewport == Viewport(MOST, MOST, 0, 0, 5000, 9000)


def test_files():
    asked = read(contentType="application/dicom", transferSyntax="*")
    assert (asked.syntax, asked.pictured) == ("*", "")
    assert read(transferSyntax="1.2.840.10008.1.2.4.50").syntax == "1.2.840.10008.1.2.4.50"


def test_presentation_states():
    assert read(**STATE, rows="9", region="0,0,1,1").state == PresentationState("1.5", "1.5.6")


@pytest.mark.parametrize(
    ("charset", "header", "taken"),
    [
        (None, "", True),
        (None, "utf-8", True),
        (None, "ISO-8859-1,utf-8;q=0.7,*;q=0.7", True),
        (None, "iso-8859-1", False),
        (None, "iso-8859-1, *;q=0.1", True),
        (None, "utf-8;q=0, *", False),
        (None, "(nonsense)", True),
        ("UTF-8", "iso-8859-1", True),
        ("iso-8859-1", "utf-8", False),
        ("us-ascii, utf-8;q=0.5", "", True),
    ],
)
def test_character_sets(charset, header, taken):
    given = {} if charset is None else {"charset": charset}
    assert read(charsets=header, **given).utf_8 is taken


NAMES = ["rows", "region", "charset", "contentType", "annotation", "windowWidth", "transferSyntax"]


@given(st.dictionaries(st.sampled_from([*NAMES, "x"]), st.text()))
def test_anything_is_read_or_refused(given):
    found = None
    with suppress(InvalidRequest):
        found = read(**given)
    if found is not None:
        assert "x" not in given
        assert found.parameters(10, 10, MOST)
