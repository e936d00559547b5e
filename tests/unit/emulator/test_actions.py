"""Names of actions, as settings and the call log use them."""

import pytest

from gateway.emulator import actions, model
from gateway.errors import ConfigurationError


def test_every_operation_of_the_model_and_of_dicomweb_is_known():
    assert set(model.service().operation_names) < actions.known()
    assert actions.known() > actions.DICOMWEB
    assert not actions.DICOMWEB & set(model.service().operation_names)
    assert actions.UNKNOWN not in actions.known()


@pytest.mark.parametrize("name", ["GetImageFrame", "StoreDICOM", "*"])
def test_what_can_be_named(name):
    assert actions.check(name, "SETTING") == name


@pytest.mark.parametrize("name", ["getImageFrame", "GetImageFrames", "unknown", "", "**"])
def test_what_cannot_be_named_is_said_with_the_setting(name):
    with pytest.raises(ConfigurationError, match=r"^SETTING is wrong: .*no action"):
        actions.check(name, "SETTING")


def test_reading_is_what_the_model_does_not_ask_to_change():
    writing = {name for name in actions.known() if not actions.reads(name)}
    assert writing == {
        "CopyImageSet",
        "CreateDatastore",
        "DeleteDatastore",
        "DeleteImageSet",
        "StartDICOMImportJob",
        "StoreDICOM",
        "StoreDICOMStudy",
        "TagResource",
        "UntagResource",
        "UpdateImageSetMetadata",
    }


def test_only_frames_are_data_events():
    assert [name for name in actions.known() if actions.is_data_event(name)] == ["GetImageFrame"]
