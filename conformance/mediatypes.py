"""Media types and their parameters (RFC 9110 8.3.1, PS3.18 8.7.3.5)."""

import re
from dataclasses import dataclass
from typing import Final

JSON: Final = "application/dicom+json"
XML: Final = 'multipart/related; type="application/dicom+xml"'
DICOM: Final = 'multipart/related; type="application/dicom"'
OCTETS: Final = 'multipart/related; type="application/octet-stream"'
STORED: Final = f"{OCTETS}; transfer-syntax=*"
IMPOSSIBLE: Final = "application/x-no-such-type"

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word
_PARAMETER: Final = re.compile(rf'[ \t]*;[ \t]*({_TOKEN})=("(?:[^"\\]|\\.)*"|[^;"\s]*)', re.ASCII)
_NAME: Final = re.compile(rf"[ \t]*({_TOKEN}/{_TOKEN})", re.ASCII)


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type in lower case, and its parameters; ``faults`` is what is not by the grammar."""

    name: str
    parameters: dict[str, str]
    faults: tuple[str, ...] = ()


def parse(value: str) -> MediaType:
    """Read a Content-Type leniently, and say what a strict reader would refuse."""
    head = _NAME.match(value)
    if not head:
        return MediaType(value.split(";")[0].strip().lower(), {}, ("it is not a media type",))
    parameters: dict[str, str] = {}
    faults = []
    at = head.end()
    while at < len(value) and value[at:].strip(" \t;"):
        found = _PARAMETER.match(value, at)
        if not found:
            faults.append(f"its parameters cannot be read from {value[at : at + 20]!r} on")
            break
        name, text = found[1].lower(), found[2]
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        elif not re.fullmatch(_TOKEN, text):
            faults.append(f"the value of {name} must be quoted")
        parameters.setdefault(name, text)
        at = found.end()
    return MediaType(head[1].lower(), parameters, tuple(faults))


def multipart(media_type: str, syntax: str = "") -> str:
    """The range that asks for parts of a media type, in a transfer syntax."""
    ending = f"; transfer-syntax={syntax}" if syntax else ""
    return f'multipart/related; type="{media_type}"{ending}'
