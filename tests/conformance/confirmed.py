"""How each finding of Orthanc was confirmed by hand."""

BY_HAND: dict[str, str] = {}
