"""What is computed from the documents of a search: counts, modalities, places (PS3.18 10.6.3.3)."""

from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from typing import assert_never

from gateway.dicom.bulkdata import BulkLink
from gateway.dicom.elements import Element
from gateway.dicomweb import attributes, resources
from gateway.dicomweb.query import Level
from gateway.imagesets import forms
from gateway.imagesets.document import Instance


class Scope:
    """The instances that were read together, and what is computed from them.

    They are a whole study if ``whole``, else at least whole series of one, of whose study ``facts``
    are known, or nothing beside them. ``root`` is the service root of URLs, which may be pinned to
    an image set. Of equal SOP instances the first counts.
    """

    def __init__(
        self,
        instances: Collection[Instance],
        root: str,
        whole: bool,
        facts: Iterable[Element] = (),
    ) -> None:
        self._root = root
        preferred: dict[str, Instance] = {}
        for one in instances:
            preferred.setdefault(one.sop, one)
        self._instances = list(preferred.values())
        self._series = Counter(series for series, _ in {(one.series, one.sop) for one in instances})
        self._facts = {element[0]: element for element in facts}
        self.whole = whole

    def computed(
        self, wanted: Iterable[int], level: Level, instance: Instance
    ) -> dict[int, Element]:
        """The ``wanted`` attributes of the study, series or instance that ``instance`` is of."""
        found: dict[int, Element] = {}
        for tag in wanted:
            element = self._element(tag, level, instance)
            if element is not None and element[2]:  # present without a value it breaks viewers
                found[tag] = element
        return found

    def _element(self, tag: int, level: Level, instance: Instance) -> Element | None:
        if tag in attributes.COMPUTED_OF_STUDY:
            return self._of_study(tag) if self.whole else self._facts.get(tag)
        if tag == attributes.SERIES_RELATED_INSTANCES:
            return self._facts.get(tag) or (tag, "IS", [str(self._series[instance.series])])
        if tag == attributes.INSTANCE_AVAILABILITY:
            return tag, "CS", ["ONLINE"]
        if tag == attributes.AVAILABLE_TRANSFER_SYNTAX:
            return tag, "UI", _syntaxes(instance)
        return tag, "UR", [self._url(level, instance)]

    def _of_study(self, tag: int) -> Element:
        if tag == attributes.MODALITIES_IN_STUDY:
            return tag, "CS", sorted({one.modality for one in self._instances} - {""})
        if tag == attributes.SOP_CLASSES_IN_STUDY:
            return tag, "UI", sorted({one.sop_class for one in self._instances} - {""})
        if tag == attributes.STUDY_RELATED_SERIES:
            return tag, "IS", [str(len(self._series))]
        return tag, "IS", [str(len(self._instances))]

    def _url(self, level: Level, one: Instance) -> str:
        match level:
            case Level.STUDY:
                return resources.study_url(self._root, one.study)
            case Level.SERIES:
                return resources.series_url(self._root, one.study, one.series)
            case Level.INSTANCE:
                return resources.instance_url(self._root, one.study, one.series, one.sop)
            case _:
                assert_never(level)

    def link(self, one: Instance) -> BulkLink:
        """The URLs of binary values of an instance."""
        return partial(resources.bulk_data_url, self._root, one.study, one.series, one.sop)


def _syntaxes(instance: Instance) -> list[str]:
    """What an instance can be retrieved in without a loss, the stored form first."""
    return [instance.stored_syntax, *forms.targets(instance).lossless]
