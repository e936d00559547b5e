"""How values of settings are written."""

from typing import Final

IDENTIFIER: Final = r"^[0-9a-z]{32}$"
URL: Final = r"^https?://[^/\s]+(/[^\s]*)?$"
