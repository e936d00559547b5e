"""HEALTHIMAGING_FAULTS: what it may say, and which calls it strikes."""

import pytest

from gateway.emulator import faults, model
from gateway.emulator.injections import (
    Error,
    Injections,
    Reset,
    Rule,
    Slow,
    Stalled,
    Status,
    Truncated,
    parse,
)
from gateway.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (
            "GetImageFrame:error=InternalServerException:rate=0.1",
            (Rule("GetImageFrame", Error("InternalServerException"), 0.1),),
        ),
        ("GetImageSet:error=503", (Rule("GetImageSet", Status(503)),)),
        ("GetDICOMInstance:slow=500B/s", (Rule("GetDICOMInstance", Slow(500)),)),
        ("*:slow=64kB/s:rate=.5", (Rule("*", Slow(64_000), 0.5),)),
        ("*:stall=10s:rate=0.5", (Rule("*", Stalled(10.0), 0.5),)),
        ("*:stall=0.25s", (Rule("*", Stalled(0.25)),)),
        ("GetImageFrame:reset", (Rule("GetImageFrame", Reset()),)),
        ("*:slow=2MB/s:rate=1", (Rule("*", Slow(2_000_000)),)),
        (
            "GetImageSetMetadata:truncate:rate=0.05, GetImageFrame:truncate",
            (
                Rule("GetImageSetMetadata", Truncated(), 0.05),
                Rule("GetImageFrame", Truncated()),
            ),
        ),
    ],
)
def test_what_the_setting_means(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize("name", sorted(shape.name for shape in model.service().error_shapes))
def test_every_error_of_the_model_can_be_injected(name):
    assert parse(f"*:error={name}") == (Rule("*", Error(name)),)
    assert name in faults.STATUS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("GetFrame:truncate", "no action GetFrame"),
        (":truncate", "no action"),
        ("GetImageFrame", "its kind is not"),
        ("GetImageFrame:", "its kind is not"),
        ("GetImageFrame:explode", "its kind is not"),
        ("GetImageFrame:truncate=10", "its kind is not"),
        ("GetImageFrame:error", "an error is one of"),
        ("GetImageFrame:error=Bad", "an error is one of"),
        ("GetImageFrame:error=200", "an error is one of"),
        ("GetImageFrame:error=600", "an error is one of"),
        ("GetImageFrame:slow", "slow takes a speed"),
        ("GetImageFrame:slow=0B/s", "slow takes a speed"),
        ("GetImageFrame:slow=10", "slow takes a speed"),
        ("GetImageFrame:stall", "stall takes seconds"),
        ("GetImageFrame:stall=s", "stall takes seconds"),
        ("GetImageFrame:stall=-1s", "stall takes seconds"),
        ("GetImageFrame:reset=1", "its kind is not"),
        ("GetImageFrame:truncate:rate=0", "the rate has to be"),
        ("GetImageFrame:truncate:rate=1.01", "the rate has to be"),
        ("GetImageFrame:truncate:rate=", "the rate has to be"),
        ("GetImageFrame:truncate:rate=-1", "the rate has to be"),
        ("GetImageFrame:truncate:often", "often is not rate=SHARE"),
        ("GetImageFrame:truncate:rate=1:rate=1", "more than one option"),
    ],
)
def test_what_it_cannot_mean_is_said_in_one_sentence(text, reason):
    with pytest.raises(ConfigurationError, match=reason) as caught:
        parse(f"*:truncate,{text}")
    assert text in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def drawn(text, seed, names):
    injections = Injections(parse(text), seed)
    return [injections.draw(name) for name in names]


def test_a_rule_strikes_its_action_alone():
    kinds = drawn("GetImageFrame:truncate", 1, ["GetImageFrame", "GetImageSet", "GetImageFrame"])
    assert kinds == [Truncated(), None, Truncated()]


def test_the_first_rule_that_strikes_wins():
    assert drawn("GetImageSet:error=500,*:error=503", 1, ["GetImageSet", "ListDatastores"]) == [
        Status(500),
        Status(503),
    ]


def test_the_rate_is_the_share_of_calls():
    struck = [kind for kind in drawn("*:truncate:rate=0.2", 5, ["GetImageSet"] * 10_000) if kind]
    assert 1800 < len(struck) < 2200


def test_a_seed_repeats_the_run_whatever_other_calls_come_between():
    text = "GetImageFrame:truncate:rate=0.3,GetImageSet:error=500:rate=0.3"
    alone = drawn(text, 11, ["GetImageFrame"] * 50)
    mixed = drawn(text, 11, ["GetImageFrame", "GetImageSet", "ListDatastores"] * 50)
    assert mixed[::3] == alone
    assert alone != drawn(text, 12, ["GetImageFrame"] * 50)


def test_rules_with_one_seed_do_not_strike_together():
    injections = Injections(parse("*:truncate:rate=0.5,*:error=500:rate=0.5"), 1)
    kinds = [injections.draw("GetImageSet") for _ in range(200)]
    assert {Truncated(), Status(500), None} == set(kinds)
