"""Reading the Native DICOM Model by the book (PS3.19 A.1), for tests: XML to pydicom data sets."""

import base64
import re
import warnings
from collections.abc import Callable
from xml.etree import ElementTree

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import Tag

NAMESPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
SPACE = "{http://www.w3.org/XML/1998/namespace}space"
GROUPS = ["Alphabetic", "Ideographic", "Phonetic"]
COMPONENTS = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"]
BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
INTEGERS = {"SL", "SS", "SV", "UL", "US", "UV"}
VRS = {*BINARY, *INTEGERS, "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT",
       "PN", "SH", "SQ", "ST", "TM", "UC", "UI", "UR", "UT"}  # fmt: skip


def parse(content: bytes, fetch: Callable[[str], bytes] | None = None) -> Dataset:
    """The data set of a document that meets the schema; ``fetch`` gives the bytes of bulk data."""
    assert content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    root = ElementTree.fromstring(content)
    assert root.tag == NAMESPACE + "NativeDicomModel"
    assert root.attrib == {SPACE: "preserve"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pydicom says of values that were so in the file
        return _dataset(root, fetch)


def _dataset(node, fetch) -> Dataset:
    made = Dataset()
    for child in node:
        assert child.tag == NAMESPACE + "DicomAttribute"
        assert re.fullmatch("[0-9A-F]{8}", child.get("tag"))
        assert child.get("vr") in VRS
        assert set(child.attrib) <= {"tag", "vr", "keyword", "privateCreator"}
        tag = _tag(child, made)
        assert tag not in made
        assert child.get("keyword", "") == keyword_for_tag(tag)
        made.add_new(tag, child.get("vr"), _value(child, fetch))
    return made


def _tag(node, made: Dataset) -> Tag:
    """The tag with its block put back; a private one without a creator is as it was written."""
    tag, creator = Tag(int(node.get("tag"), 16)), node.get("privateCreator")
    if creator is None:
        return tag
    assert tag.is_private
    assert tag.element < 0x100
    blocks = [at for at in range(0x10, 0x100) if made.get((tag.group, at)) is not None]
    [block] = [at for at in blocks if made[tag.group, at].value == creator]
    return Tag(tag.group, block << 8 | tag.element)


def _value(node, fetch):
    vr, children = node.get("vr"), list(node)
    if not children:
        return [] if vr == "SQ" else b"" if vr in BINARY else None
    kinds = {child.tag.removeprefix(NAMESPACE) for child in children}
    if kinds <= {"BulkData", "InlineBinary"}:
        [child] = children
        return _binary(child, vr, fetch)
    assert [child.attrib for child in children] == [
        {"number": str(number)} for number in range(1, len(children) + 1)
    ]
    if vr == "SQ":
        assert kinds == {"Item"}
        return [_dataset(child, fetch) for child in children]
    assert kinds == {"PersonName" if vr == "PN" else "Value"}
    values = [_person(child) if vr == "PN" else _plain(child, vr) for child in children]
    return values[0] if len(values) == 1 else values


def _binary(node, vr, fetch):
    if node.tag == NAMESPACE + "BulkData":
        assert set(node.attrib) == {"uri"}
        assert not node.text
        content = fetch(node.get("uri"))
        return content if vr in BINARY else content.decode()
    assert vr in BINARY
    assert not node.attrib
    content = base64.b64decode(node.text, validate=True)
    return content + bytes(len(content) % 2)


def _plain(node, vr):
    assert not list(node)
    text = node.text or ""
    if vr == "AT":
        assert re.fullmatch("[0-9A-F]{8}", text)
        return int(text, 16)
    if vr in INTEGERS:
        return int(text)
    return float(text) if vr in ("FL", "FD") else text


def _person(node) -> str:
    names = [group.tag.removeprefix(NAMESPACE) for group in node]
    assert names == [name for name in GROUPS if name in names]
    found = {name: _components(group) for name, group in zip(names, node, strict=True)}
    return "=".join(found.get(name, "") for name in GROUPS).rstrip("=")


def _components(node) -> str:
    names = [part.tag.removeprefix(NAMESPACE) for part in node]
    assert names == [name for name in COMPONENTS if name in names]
    found = {name: part.text or "" for name, part in zip(names, node, strict=True)}
    return "^".join(found.get(name, "") for name in COMPONENTS).rstrip("^")
