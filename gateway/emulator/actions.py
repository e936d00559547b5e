"""The names of what can be asked of HealthImaging, for the settings and the log that name them."""

from functools import cache
from typing import Final

from gateway.emulator import model
from gateway.errors import ConfigurationError

DICOMWEB: Final = frozenset(
    {
        "GetDICOMBulkdata",
        "GetDICOMInstance",
        "GetDICOMInstanceFrames",
        "GetDICOMInstanceMetadata",
        "GetDICOMSeriesMetadata",
        "SearchDICOMAllInstances",
        "SearchDICOMAllSeries",
        "SearchDICOMInstances",
        "SearchDICOMSeries",
        "SearchDICOMStudies",
        "SearchDICOMStudyInstances",
        "StoreDICOM",
        "StoreDICOMStudy",
    }
)
"""Actions of the DICOMweb service, which the service model does not describe (developer guide)."""

UNKNOWN: Final = "unknown"
"""Stands for the action of a request that is for none."""

ANY: Final = "*"
"""Stands for every action in the settings."""

_DATA_EVENTS: Final = frozenset({"GetImageFrame"})
_READING: Final = ("Get", "List", "Search")


@cache
def known() -> frozenset[str]:
    """Every action there is: the operations of the service model and those of DICOMweb."""
    return DICOMWEB | frozenset(model.service().operation_names)


def check(name: str, where: str) -> str:
    """``name``, if it is an action or stands for all of them.

    Raises:
        ConfigurationError: it is neither; ``where`` names the setting in the sentence.
    """
    if name != ANY and name not in known():
        raise ConfigurationError(f"{where} is wrong: HealthImaging has no action {name}.")
    return name


def reads(action: str) -> bool:
    """Whether the action changes nothing."""
    return action.startswith(_READING)


def is_data_event(action: str) -> bool:
    """Whether CloudTrail takes the call for a data event (guide, "Creating a trail")."""
    return action in _DATA_EVENTS
