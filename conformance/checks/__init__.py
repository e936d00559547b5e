"""The checks, a module for each concern; ``registry`` finds them."""

from typing import Final

GROUPS: Final = {
    "http": "HTTP",
    "multipart": "Multipart",
    "json": "DICOM JSON",
    "search": "Search (QIDO-RS)",
    "match": "Attribute matching",
    "page": "Paging",
    "negotiate": "Content negotiation",
    "metadata": "Metadata",
    "instance": "Instances",
    "frame": "Frames",
    "bulkdata": "Bulk data",
    "rendered": "Rendered images",
    "error": "Errors",
    "option": "Optional features",
    "viewer": "Requests of viewers",
    "store": "Storing (STOW-RS)",
}
"""The groups of checks, by the first word of their identifiers."""
