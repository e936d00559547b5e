"""Metadata documents of image sets as trees: read, written, linked, and taken apart by level."""

import gzip
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias
from uuid import uuid4

import orjson

from gateway.dicom import tags
from gateway.emulator import blobs
from gateway.emulator.failures import ChangeFailed

Tree: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, Any]

LEVELS: Final = ("patient", "study", "series")
"""The upper levels as imported instances name them."""

MAX_BYTES: Final = 50 << 20
"""The default quota of a document, not compressed (guide, "Service quotas")."""


def load(layout: blobs.Layout, image_set_id: str, version: int) -> Tree:
    """The document of one version."""
    tree: Tree = orjson.loads(gzip.decompress(layout.metadata(image_set_id, version).read_bytes()))
    return tree


def save(
    layout: blobs.Layout, image_set_id: str, version: int, tree: Tree, limit: int = MAX_BYTES
) -> None:
    """Write the document of a version durably; ``limit`` is its quota in bytes.

    Raises:
        ChangeFailed: it would exceed the quota.
    """
    content = orjson.dumps(tree)
    if len(content) > limit:
        raise ChangeFailed("The image set's metadata would be larger than the quota allows")
    zipped = gzip.compress(content, 6, mtime=0)
    blobs.write(layout.metadata(image_set_id, version), zipped, layout.growing)


def keep(layout: blobs.Layout, image_set_id: str, base: int, version: int) -> None:
    """Give ``version`` the content of ``base``: what a failed change leaves behind."""
    target = layout.metadata(image_set_id, version)
    layout.growing.mkdir(parents=True, exist_ok=True)
    aside = layout.growing / uuid4().hex
    os.link(layout.metadata(image_set_id, base), aside)
    aside.replace(target)
    aside.unlink(missing_ok=True)  # a rename onto another link of the same file does nothing
    blobs.sync_directory(target.parent)


def key(name: str) -> str:
    """The key that documents have for an attribute, which a request may name otherwise.

    It is the keyword of a standard element, eight upper-case digits of a private or repeating one;
    a name that stands for no element is its own key.
    """
    tag = tags.parse_tag(name)
    return name if tag is None else key_of(tag)


def key_of(tag: int) -> str:
    """The key that documents have for an element."""
    attribute = tags.by_tag(tag)
    named = attribute is not None and attribute.keyword and not tags.is_repeater(tag)
    return attribute.keyword if attribute and named else tags.hex8(tag)


def upper(tree: Tree) -> dict[str, Any]:
    """The attributes of Patient, Study and Series, flat; of several series those of the first."""
    series = next(iter(tree["Study"]["Series"].values()))
    return {**tree["Patient"]["DICOM"], **tree["Study"]["DICOM"], **series["DICOM"]}


def instances(tree: Tree) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Series Instance UID, SOP Instance UID and content of each instance."""
    for series_uid, series in tree["Study"]["Series"].items():
        for sop_uid, instance in series["Instances"].items():
            yield series_uid, sop_uid, instance


def below(instance: Mapping[str, Any], common: Mapping[str, Attributes]) -> Attributes:
    """An imported instance's own part of a document whose upper levels are ``common``.

    It keeps those upper attributes that ``common`` does not have, or has otherwise. Merging
    Patient, Study, Series and Instance, as every reader does, then gives back the file's.
    """
    own = {
        key: value
        for level in LEVELS
        for key, value in instance[level].items()
        if key not in common[level] or common[level][key] != value
    }
    content: Attributes = instance["instance"]
    return content | {"DICOM": content["DICOM"] | own} if own else content


def frame_ids(instance: dict[str, Any]) -> list[str]:
    """The identifiers of an instance's frames, in order."""
    return [frame["ID"] for frame in instance.get("ImageFrames") or ()]
