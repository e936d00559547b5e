"""Beginnings of bodies, fit to be shown: no names of patients, no bytes that are not text."""

import re
from typing import Final

from conformance.model import Answer

_LENGTH: Final = 1200
_TEXT: Final = ("json", "xml", "text/", "html")
_PERSONAL: Final = ("00100010", "00100020", "00100030", "00080090", "00081048", "00081050",
                    "00081060", "00081070", "00100040", "00101040", "00102154")  # fmt: skip
_IN_JSON: Final = re.compile(
    rf'("(?:{"|".join(_PERSONAL)})"\s*:\s*\{{)([^{{}}]*(?:\{{[^{{}}]*\}}[^{{}}]*)*)'
)
_IN_XML: Final = re.compile(
    rf'(<DicomAttribute[^>]*tag="(?:{"|".join(_PERSONAL)})".*?>)(.*?)(</DicomAttribute>)', re.DOTALL
)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')
_KEPT: Final = frozenset({"PN", "LO", "DA", "CS", "SH", "UN"})


def excerpt(answer: Answer) -> str:
    """The first characters of a body; of one that is no text, how many bytes it has."""
    kind = (answer.header("content-type") or "").lower()
    if not answer.body:
        return ""
    if kind.startswith("multipart/"):
        head = answer.body[:400].split(b"\r\n\r\n")[0].decode("latin-1")
        return f"{head}\n… {len(answer.body)} bytes"
    if not any(one in kind for one in _TEXT):
        return f"{len(answer.body)} bytes"
    text = mask(answer.body[: 8 * _LENGTH].decode("utf-8", "replace"))
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}… ({len(answer.body)} bytes)"


def mask(text: str) -> str:
    """The same text with the letters of personal values replaced; its form can still be seen."""
    text = _IN_JSON.sub(lambda found: found[1] + _QUOTED.sub(_masked, found[2]), text)
    return _IN_XML.sub(lambda f: f[1] + re.sub(r">[^<]*<", ">…<", f[2]) + f[3], text)


def _masked(found: re.Match[str]) -> str:
    if found[2] or found[1] in _KEPT:
        return found[0]
    return f'"{re.sub(r"[^^= ]", "x", found[1])}"'
