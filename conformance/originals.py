"""The folder of DICOM files that the server holds: read once, values in memory, pixels on disk."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from conformance import values
from conformance.values import Tree, Value

_DEFERRED: Final = "64 KB"
_LARGEST: Final = 4 << 30

STUDY: Final = 0x0020000D
SERIES: Final = 0x0020000E
INSTANCE: Final = 0x00080018
SOP_CLASS: Final = 0x00080016
MODALITY: Final = 0x00080060
_PATIENT: Final = 0x00100020
PIXELS: Final = (0x7FE00010, 0x7FE00008, 0x7FE00009)


@dataclass(frozen=True, eq=False)
class Original:
    """One instance: its file, if there is one, its attributes and its transfer syntax."""

    path: Path | None
    tree: Tree
    syntax: str
    consistent: bool = True
    """Whether the File Meta Information names the same instance as the data set."""

    def text(self, tag: int) -> str:
        """The first value of an attribute as text; empty if it has none."""
        value = self.value(tag)
        return str(value[0]) if value else ""

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of an attribute as an integer."""
        value = self.value(tag)
        return int(value[0]) if value and isinstance(value[0], float) else default

    def value(self, tag: int) -> Value:
        """The value of an attribute; empty if it is not there."""
        return self.tree.get(tag, ("", ()))[1]

    @property
    def uids(self) -> tuple[str, str, str]:
        """Study, series and SOP instance UID."""
        return self.text(STUDY), self.text(SERIES), self.text(INSTANCE)

    @property
    def frames(self) -> int:
        """How many frames it has; 0 of what has no pixels."""
        has_pixels = any(tag in self.tree for tag in PIXELS) and self.number(0x00280010)
        return max(1, self.number(0x00280008, 1)) if has_pixels else 0

    @property
    def address(self) -> str:
        """Its path below a service root."""
        return "/studies/{}/series/{}/instances/{}".format(*self.uids)

    def read(self) -> FileDataset:
        """The file as pydicom reads it, pixels included."""
        if self.path is None:
            raise FileNotFoundError(self.uids[2])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(self.path)


@dataclass(frozen=True)
class Entity:
    """A study, series or instance: its UIDs from the study down, and its files."""

    uids: tuple[str, ...]
    files: tuple[Original, ...]

    @property
    def uid(self) -> str:
        """The UID of its own level."""
        return self.uids[-1]

    def distinct(self, tag: int) -> set[Value]:
        """The different values that its files have for an attribute."""
        return {_frozen(one.value(tag)) for one in self.files}


def _frozen(value: Value) -> Value:
    return tuple(str(sorted(one)) if isinstance(one, dict) else one for one in value)


@dataclass(eq=False)
class Originals:
    """All files that can be compared; ``skipped`` says why others cannot."""

    files: list[Original] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)

    @property
    def given(self) -> bool:
        """Whether there are files, and not only what the server says itself."""
        return any(one.path is not None for one in self.files)

    @cached_property
    def by_uid(self) -> dict[str, list[Original]]:
        """The files by SOP instance UID: several where a folder has an instance twice."""
        found: dict[str, list[Original]] = defaultdict(list)
        for one in self.files:
            found[one.uids[2]].append(one)
        return dict(found)

    def entities(self, depth: int) -> list[Entity]:
        """The studies (1), series (2) or instances (3), in the order of their UIDs."""
        found: dict[tuple[str, ...], list[Original]] = defaultdict(list)
        for one in self.files:
            found[one.uids[:depth]].append(one)
        return [Entity(uids, tuple(files)) for uids, files in sorted(found.items())]

    def only(self, held: Iterable[str]) -> "Originals":
        """Those whose SOP instance UID is in ``held``."""
        known = set(held)
        return Originals([one for one in self.files if one.uids[2] in known], self.skipped)

    def has(self, tag: int, text: str) -> bool:
        """Whether a file has ``text`` as a value of an attribute."""
        return (tag, text) in self._texts

    @cached_property
    def _texts(self) -> set[tuple[int, str]]:
        return {pair for one in self.files for pair in _texts(one.tree)}


def _texts(tree: Tree) -> Iterator[tuple[int, str]]:
    for tag, (vr, value) in tree.items():
        for one in value:
            if vr == "SQ":
                yield from _texts(one)
            elif isinstance(one, str):
                yield tag, one


def load(folder: Path) -> Originals:
    """Read every DICOM file of a folder and those below it."""
    originals = Originals()
    for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        if path.is_file():
            _add(originals, path)
    _leave_out_conflicts(originals)
    return originals


def _add(originals: Originals, path: Path) -> None:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("the file is too large")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, defer_size=_DEFERRED)
            original = _original(path, dataset)
    except (InvalidDicomError, OSError, ValueError, EOFError) as error:
        originals.skipped[path] = str(error) or type(error).__name__
    except Exception as error:
        originals.skipped[path] = f"it cannot be read ({type(error).__name__})"
    else:
        if all(original.uids):
            originals.files.append(original)
        else:
            originals.skipped[path] = "it has no study, series or SOP instance UID"


def _original(path: Path, dataset: FileDataset) -> Original:
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    tree = {}
    for tag in PIXELS:
        if tag in dataset:  # its value stays on disk
            tree[tag] = ("OW", ("pixels",))
            del dataset[tag]
    tree |= values.of_file(dataset)
    meta = dataset.file_meta.get("MediaStorageSOPInstanceUID")
    consistent = meta == dataset.get("SOPInstanceUID")
    return Original(path, tree, syntax, consistent)


def _leave_out_conflicts(originals: Originals) -> None:
    """Leave out what contradicts another file: no server can hold both as DICOM means it.

    An instance is in one series, a series in one study, a study of one patient.
    """
    places: dict[str, set[Any]] = defaultdict(set)
    for one in originals.files:
        study, series, instance = one.uids
        places[instance].add(one.uids)
        places[series].add((study, series))
        places[study].add((study, one.text(_PATIENT)))
    kept = [one for one in originals.files if all(len(places[uid]) == 1 for uid in one.uids)]
    for one in originals.files:
        if one not in kept and one.path is not None:
            originals.skipped[one.path] = "another file contradicts its UIDs or patient"
    originals.files[:] = kept
