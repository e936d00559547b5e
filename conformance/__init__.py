"""A black-box conformance suite for the Studies Service of DICOMweb (PS3.18 chapter 10)."""

from typing import Final

VERSION: Final = "1.0"
EDITION: Final = "PS3.18 2025a"
