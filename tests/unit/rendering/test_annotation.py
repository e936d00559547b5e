"""Text on pictures: what is written, where, and that it stays within the picture."""

import numpy as np
import pytest
from PIL import Image

from gateway.rendering import annotation, placeholder
from gateway.rendering.lettering import Lettering

LETTERING = Lettering()
MARKS = [
    (0x00080020, "DA", ["20240131"]),
    (0x00080030, "TM", ["101112.5"]),
    (0x00080060, "CS", ["CT"]),
    (0x0008103E, "LO", ["Thorax axial"]),
    (0x00100010, "PN", ["Müller^Jörg^K^Dr"]),
    (0x00100020, "LO", ["P-1"]),
    (0x00100030, "DA", ["19700102"]),
    (0x00100040, "CS", ["M"]),
    (0x00200011, "IS", ["3"]),
    (0x00200013, "IS", ["12"]),
    (0x00200032, "DS", ["-1.5", "2", "3"]),
]


def burnt(keywords, dataset=MARKS, size=(256, 256), frame=(1, 1), like=0):
    picture = np.full(size, like, np.uint8)
    return annotation.burn(picture, keywords, dataset, frame, LETTERING)


def test_patient_and_procedure():
    assert annotation.patient(MARKS, LETTERING) == ["Müller, Jörg K, Dr", "P-1", "1970-01-02  M"]
    assert annotation.technique(MARKS, 1, 1) == [
        "Thorax axial",
        "CT  Series 3  Image 12",
        "Position -1.5 \\ 2 \\ 3",
        "2024-01-31  10:11:12.5",
    ]


def test_a_frame_says_which_and_where_it_is():
    plane = [(0x00209113, "SQ", [[(0x00200032, "DS", ["7", "8", "9"])]])]
    dataset = [*MARKS, (0x52009230, "SQ", [[], plane])]
    lines = annotation.technique(dataset, 2, 40)
    assert lines[1:3] == ["CT  Series 3  Image 12  Frame 2/40", "Position 7 \\ 8 \\ 9"]


def test_attributes_without_values_leave_no_line():
    dataset = [(0x00100010, "PN", []), (0x00100020, "LO", ["P-1"]), (0x00080020, "DA", ["1.1.24"])]
    assert annotation.patient(dataset, LETTERING) == ["P-1"]
    assert annotation.technique(dataset, 1, 1) == ["1.1.24"]
    assert not burnt(("patient", "technique"), []).any()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe", "Doe"),
        ("^Jane", "Jane"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou"),
        ("=山田^太郎", "山田, 太郎"),
        ("山田^太郎=Yamada^Tarou", "Yamada, Tarou"),
        ("Иванов^Иван", "Иванов, Иван"),
        ("^^^^", ""),
    ],
)
def test_of_a_names_writings_one_that_can_be_drawn(name, shown):
    lines = annotation.patient([(0x00100010, "PN", [name])], LETTERING)
    assert lines == ([shown] if shown else [])


def test_what_cannot_be_written_on_a_line():
    dataset = [(0x00100010, "PN", ["Doe\n^J\x00ane\t"]), (0x00100020, "LO", ["P\r\n1\x1b"])]
    assert annotation.patient(dataset, LETTERING) == ["Doe, Jane", "P 1"]


def test_what_is_asked_for_is_written_and_nothing_else():
    patient, technique = burnt(("patient",)), burnt(("technique",))
    assert patient.any()
    assert technique.any()
    both = burnt(("patient", "technique"))
    assert np.array_equal(both, np.maximum(patient, technique))
    assert not burnt(()).any()


@pytest.mark.parametrize("like", [0, 255, 128])
def test_text_can_be_read_on_black_and_on_white(like):
    found = burnt(("patient",), like=like)
    assert (found > 230).sum() > 50
    assert (found < 25).sum() > 50


def test_where_the_text_stands():
    top = np.nonzero(burnt(("patient",)))[0]
    bottom = np.nonzero(burnt(("technique",)))[0]
    assert top.max() < 100
    assert bottom.min() > 150
    assert bottom.max() < 256


def test_colour_stays_colour():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 2] = 200
    found = annotation.burn(picture, ("patient",), MARKS, (1, 1), LETTERING)
    assert found.shape == picture.shape
    assert (found > 230).all(2).any()
    assert (found[-1] == picture[-1]).all()


def inked_rows(picture):
    return int(picture.any(1).sum())


def test_a_long_name_is_wrapped():
    short, long = ([(0x00100010, "PN", ["Longname" * times])] for times in (1, 8))
    one, many = (inked_rows(burnt(("patient",), name, (200, 64))) for name in (short, long))
    assert many > 3 * one


def test_the_procedure_never_covers_the_patient():
    size = (60, 200)
    patient, both = burnt(("patient",), size=size), burnt(("patient", "technique"), size=size)
    height = np.nonzero(patient)[0].max() + 1
    assert np.array_equal(both[:height], patient[:height])
    assert inked_rows(burnt(("technique",), size=size)) > inked_rows(both[height:])


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (16, 16)])
def test_a_tiny_picture_keeps_its_size(size):
    assert burnt(("patient", "technique"), size=size).shape == size


def test_the_picture_that_was_given_is_left_alone():
    picture = np.zeros((64, 64), np.uint8)
    picture.setflags(write=False)
    annotation.burn(picture, ("patient",), MARKS, (1, 1), LETTERING)
    assert not picture.any()


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("Müller, Ñandú", True),
        ("Ελένη Иван", True),
        ("שלום محمد", True),
        ("山田", False),
        ("", True),
    ],
)
def test_which_letters_there_are(text, drawn):
    assert LETTERING.draws(text) == drawn


def test_what_is_no_font_is_an_error():
    with pytest.raises(OSError, match="stream"):
        Lettering(b"no font at all")


def test_a_placeholder_shows_the_modality():
    plain = placeholder.draw("", 128, 128, LETTERING)
    for modality in ("SR", "PR", "RTSTRUCT", "M3D"):
        found = placeholder.draw(modality, 128, 128, LETTERING)
        assert found.shape == (128, 128)
        ink = np.nonzero(found != plain)
        assert ink[0].size > 40
        assert 30 < ink[0].mean() < 98
        assert 50 < ink[1].mean() < 78
        assert min(ink[1].min(), 127 - ink[1].max()) > 8


@pytest.mark.parametrize("modality", ["", "a name", "X" * 17, "Müller^Jörg", "\n"])
def test_nothing_but_a_modality_is_shown(modality):
    plain = placeholder.draw("", 64, 64, LETTERING)
    assert np.array_equal(placeholder.draw(modality, 64, 64, LETTERING), plain)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (300, 20)])
def test_placeholders_of_any_size(size):
    found = placeholder.draw("RTPLAN", *size, LETTERING)
    assert found.shape == size[::-1]
    assert Image.fromarray(found).mode == "L"
