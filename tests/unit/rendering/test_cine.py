"""How long frames are shown."""

import pytest

from gateway.rendering.cine import durations

TAGS = {
    "time": (0x00181063, "DS"),
    "vector": (0x00181065, "DS"),
    "display": (0x00082144, "IS"),
    "cine": (0x00180040, "IS"),
    "pointer": (0x00280009, "AT"),
}
UNEVEN = ["0", "10", "20", "30"]


def shown(numbers=(1, 2, 3), **given):
    return durations(sorted((*TAGS[name], value) for name, value in given.items()), numbers)


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [
        ({}, 100),
        ({"time": ["33.3"]}, 33.3),
        ({"display": ["25"]}, 40),
        ({"cine": ["15"]}, 1000 / 15),
        ({"time": ["33"], "display": ["25"], "cine": ["15"]}, 33),
        ({"display": ["25"], "cine": ["15"]}, 40),
        ({"time": ["0"], "cine": ["20"]}, 50),
        ({"time": ["fast"], "display": ["-1"], "cine": ["20"]}, 50),
        ({"time": []}, 100),
        ({"time": ["1e30"]}, 60_000),
        ({"cine": ["0.000001"]}, 60_000),
        ({"time": ["50"], "vector": UNEVEN}, 50),
        ({"time": ["50"], "vector": UNEVEN, "pointer": ["00181063"]}, 50),
        ({"vector": ["0"]}, 100),
    ],
)
def test_frames_of_the_same_time(given, milliseconds):
    assert shown(**given) == [pytest.approx(milliseconds)] * 3


def test_frames_of_different_times():
    """A vector holds the time since the frame before (PS3.3 C.7.6.5.1.2)."""
    for given in ({}, {"time": ["50"], "pointer": ["00181065"]}):
        assert shown((1, 2, 3, 4), vector=UNEVEN, **given) == [10, 20, 30, 30]
        assert shown((3, 1), vector=UNEVEN, **given) == [30, 10]


def test_a_vector_that_is_too_short_or_broken():
    assert shown((1, 2, 3, 4, 5), vector=["0", "10", "x", "30"]) == [10, 100, 30, 30, 100]
    given = {"time": ["50"], "pointer": ["00181065"]}
    assert shown((2, 5), vector=["0", "10", "-1", "30"], **given) == [50, 50]
