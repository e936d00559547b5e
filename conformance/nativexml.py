"""The Native DICOM Model (PS3.19 A.1), read into values that can be compared."""

import base64
import binascii
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from conformance.values import BINARY, Elsewhere, Tree, normal

NAMESPACE: Final = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_PARTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_LARGEST: Final = 256 << 20


def parse(content: bytes) -> tuple[Tree, str]:
    """The attributes of a document, and what is wrong with it; empty if nothing is."""
    if len(content) > _LARGEST or b"<!ENTITY" in content[:4096]:
        return {}, "The document is too large, or defines entities"
    try:
        root = fromstring(content)  # noqa: S314 - entities were refused
    except ParseError as error:
        return {}, f"It is not well-formed XML (line {error.position[0]})"
    if _local(root) != "NativeDicomModel":
        return {}, "The document is not a NativeDicomModel"
    space = root.tag.partition("}")[0].lstrip("{") if "}" in root.tag else ""
    problem = "" if space in ("", NAMESPACE) else f"The namespace is {space}"
    try:
        return _tree(root), problem
    except (ValueError, binascii.Error) as error:
        return {}, f"An attribute cannot be read ({error})"


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _tree(element: Element) -> Tree:
    tree: Tree = {}
    for child in element:
        # Private attributes are named without their block (PS3.19 A.1.2).
        if _local(child) == "DicomAttribute" and not child.get("privateCreator"):
            tag, vr = child.get("tag", ""), child.get("vr", "")
            tree[int(tag, 16)] = (vr, _value(vr, list(child)))
    return tree


def _value(vr: str, children: list[Element]) -> tuple[Any, ...]:
    ordered = sorted(children, key=lambda one: int(one.get("number", "1")))
    if vr == "SQ":
        return tuple(_tree(one) for one in ordered if _local(one) == "Item")
    for child in ordered:
        if _local(child) == "BulkData":
            return (Elsewhere(child.get("uri") or child.get("uuid") or ""),)
        if _local(child) == "InlineBinary":
            content = base64.b64decode("".join((child.text or "").split()), validate=True)
            return (content,) if content else ()
    if vr in BINARY:
        return ()
    if vr == "PN":
        return normal(vr, [_name(one) for one in ordered if _local(one) == "PersonName"])
    return normal(vr, [one.text or "" for one in ordered if _local(one) == "Value"])


def _name(element: Element) -> dict[str, str]:
    groups = {}
    for group in element:
        parts = {_local(part): (part.text or "").strip() for part in group}
        groups[_local(group)] = "^".join(parts.get(one, "") for one in _PARTS).rstrip("^")
    return {key: text for key, text in groups.items() if key in _GROUPS}
