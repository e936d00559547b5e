"""HEALTHIMAGING_LATENCY_MS: what it may say, and the time that follows from it."""

from random import Random

import pytest

from gateway.emulator.latencies import Latencies, Latency, parse
from gateway.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("20", {"*": Latency(20)}),
        ("0.5", {"*": Latency(0.5)}),
        ("20~5", {"*": Latency(20, 5)}),
        ("*=20", {"*": Latency(20)}),
        (
            "GetImageFrame=20,SearchImageSets=80~10",
            {"GetImageFrame": Latency(20), "SearchImageSets": Latency(80, 10)},
        ),
        (" 5 , GetDICOMInstance=20 ,", {"*": Latency(5), "GetDICOMInstance": Latency(20)}),
    ],
)
def test_what_the_setting_means(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text", ["fast", "-1", "1e3", "GetImageFrame", "GetImageFrame=", "GetImageFrame:20",
             "Nothing=1", "5~", "60001", "59000~2000", "1,2", "GetImageSet=1,GetImageSet=1"],
)  # fmt: skip
def test_what_it_cannot_mean_is_said_in_one_sentence(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert str(caught.value).startswith("HEALTHIMAGING_LATENCY_MS is wrong: ")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_an_action_has_its_own_latency_or_that_of_all():
    latencies = Latencies(parse("10,GetImageFrame=250"), Random(1))
    assert latencies.seconds("GetImageFrame") == 0.25
    assert latencies.seconds("GetImageSet") == 0.01
    assert Latencies(parse("GetImageFrame=250"), Random(1)).seconds("GetImageSet") == 0


def test_jitter_goes_both_ways_and_never_below_nothing():
    latencies = Latencies(parse("GetImageFrame=20~5,GetImageSet=1~50"), Random(7))
    frames = [latencies.seconds("GetImageFrame") for _ in range(500)]
    assert 0.015 <= min(frames) < 0.017 < 0.023 < max(frames) <= 0.025
    sets = [latencies.seconds("GetImageSet") for _ in range(500)]
    assert min(sets) == 0
    assert 0.04 < max(sets) <= 0.051


def test_the_same_seed_gives_the_same_jitter():
    def drawn(seed):
        latencies = Latencies(parse("20~5"), Random(seed))
        return [latencies.seconds("GetImageSet") for _ in range(20)]

    assert drawn(3) == drawn(3) != drawn(4)
