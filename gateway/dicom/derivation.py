"""What a data set says of an image that was compressed lossily from another (PS3.3 C.7.6.1.1.5)."""

from dataclasses import dataclass
from typing import Final

from gateway.dicom import elements, uids
from gateway.dicom.elements import DataSet, Element

_IMAGE_TYPE: Final = 0x00080008
_SOP_CLASS: Final = 0x00080016
_SOP_INSTANCE: Final = 0x00080018
_FRAME_TYPE: Final = 0x00089007
_DESCRIPTION: Final = 0x00082111
_SOURCE_IMAGES: Final = 0x00082112
_DERIVATION_CODES: Final = 0x00089215
_LOSSY: Final = 0x00282110
_RATIO: Final = 0x00282112
_METHOD: Final = 0x00282114
_FUNCTIONAL_GROUPS: Final = frozenset({0x52009229, 0x52009230})
_EXTREMES: Final = frozenset({0x00280106, 0x00280107})
_LONGEST: Final = 1024  # of a Short Text


@dataclass(frozen=True, slots=True)
class LossyStep:
    """One lossy compression: ``method`` is a term of PS3.3 C.7.6.1.1.5.1, ``ratio`` so many to 1.

    ``name`` tells it from other compressions of the same instance.
    """

    method: str
    ratio: float
    name: str


def lossily_compressed(dataset: DataSet, step: LossyStep) -> DataSet:
    """``dataset`` of the image that ``step`` makes of the one that it describes.

    It is another instance, derived from the first, and has a SOP Instance UID of its own: the same
    one whenever the same step is taken. Its smallest and largest values are not known any more.
    """
    source = elements.text(dataset, _SOP_INSTANCE)
    known = {one[0]: one for one in dataset if one[0] not in _EXTREMES}
    said: list[Element] = [
        (_SOP_INSTANCE, "UI", [uids.derived(source, step.name)]),
        (_DESCRIPTION, "ST", _described(known, step)),
        (_SOURCE_IMAGES, "SQ", [*_items(known, _SOURCE_IMAGES), _source(dataset, source)]),
        (_DERIVATION_CODES, "SQ", [*_items(known, _DERIVATION_CODES), _COMPRESSION]),
        (_LOSSY, "CS", ["01"]),
        *_steps(known, step),
    ]
    found = known | {one[0]: one for one in said}
    return [_derived(found[tag]) for tag in sorted(found)]


def _code(value: str, meaning: str) -> DataSet:
    return [
        (0x00080100, "SH", [value]),
        (0x00080102, "SH", ["DCM"]),
        (0x00080104, "LO", [meaning]),
    ]


_COMPRESSION: Final = _code("113040", "Lossy Compression")
_PREDECESSOR: Final = _code("121320", "Uncompressed predecessor")


def _source(dataset: DataSet, instance: str) -> DataSet:
    return [
        (0x00081150, "UI", [elements.text(dataset, _SOP_CLASS)]),
        (0x00081155, "UI", [instance]),
        (0x0040A170, "SQ", [_PREDECESSOR]),
    ]


def _items(known: dict[int, Element], tag: int) -> list[DataSet]:
    return list(known[tag][2]) if tag in known else []


def _described(known: dict[int, Element], step: LossyStep) -> list[str]:
    before = "; ".join(known[_DESCRIPTION][2]) if _DESCRIPTION in known else ""
    said = f"Lossy compression, {step.method}, ratio {step.ratio:.1f}:1"
    whole = f"{before}; {said}" if before else said
    return [whole if len(whole) <= _LONGEST else said]


def _steps(known: dict[int, Element], step: LossyStep) -> list[Element]:
    """Ratios and methods, one for each step: those taken before, of which one may be unknown."""
    ratios = list(known[_RATIO][2]) if _RATIO in known else []
    methods = list(known[_METHOD][2]) if _METHOD in known else []
    count = max(len(ratios), len(methods))
    ratios += [""] * (count - len(ratios))
    methods += [""] * (count - len(methods))
    return [
        (_RATIO, "DS", [*ratios, f"{step.ratio:.2f}"]),
        (_METHOD, "CS", [*methods, step.method]),
    ]


def _derived(element: Element) -> Element:
    """Image Type, or the Frame Types in functional groups, with DERIVED as their first value."""
    tag, vr, value = element
    if tag in (_IMAGE_TYPE, _FRAME_TYPE) and value:
        return tag, vr, ["DERIVED", *value[1:]]
    if tag in _FUNCTIONAL_GROUPS:
        groups = [[_with_frame_type(group) for group in item] for item in value]
        return tag, vr, groups
    return element


def _with_frame_type(group: Element) -> Element:
    tag, vr, value = group
    if vr != "SQ":
        return group
    return tag, vr, [[_derived(one) for one in item] for item in value]
