"""The table of the guide, and how a setting changes it."""

import botocore.session
import pytest

from gateway.emulator.throttles import LIMITS as SERVED
from gateway.errors import ConfigurationError
from gateway.remote.quotas import LIMITS, Limit, parse, share

MODEL = botocore.session.get_session().get_service_model("medical-imaging")


def test_the_limits_are_of_actions_that_exist_and_no_more_than_are_served():
    assert set(LIMITS) <= set(MODEL.operation_names)
    for action, limit in LIMITS.items():
        assert (limit.rate, limit.burst) == (SERVED[action].rate, SERVED[action].burst)


def test_a_setting_changes_what_it_names():
    found = parse(" GetImageFrame=2000, SearchImageSets = 0.4 ,")
    assert found == {
        **LIMITS,
        "GetImageFrame": Limit(2000, 4000),
        "SearchImageSets": Limit(0.4, 1),
    }
    assert parse("") == LIMITS


def test_workers_share_the_rates():
    found = share(LIMITS, 4)
    assert found["GetImageFrame"] == Limit(250, 2000)
    assert found.keys() == LIMITS.keys()
    assert share(LIMITS, 1) == LIMITS


@pytest.mark.parametrize(
    "text",
    [
        "GetImageFrames=1",
        "GetImageFrame",
        "GetImageFrame=",
        "GetImageFrame=fast",
        "GetImageFrame=0",
        "GetImageFrame=-1",
        "GetImageFrame=nan",
        "GetImageFrame=inf",
        "=5",
    ],
)
def test_mistakes_are_told(text):
    with pytest.raises(ConfigurationError, match="GATEWAY_QUOTAS is wrong"):
        parse(text)
