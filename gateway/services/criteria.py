"""A query made ready for its search: compiled once, used on every search result and document."""

from dataclasses import dataclass

from gateway.dicom import matching, tags
from gateway.dicom.matching import Matcher
from gateway.dicomweb import attributes, selection
from gateway.dicomweb.query import Level, Query
from gateway.dicomweb.selection import Selection


@dataclass(frozen=True, slots=True)
class Criteria:
    """The keys and fields of ``query``.

    ``whole`` are all keys, ``of_study`` those on attributes that are computed from a whole study
    (``modalities`` those on Modalities in Study), ``within`` the others. ``stored`` are the
    attributes that decide and are not computed, ``names`` the keys by which a document has them.
    """

    query: Query
    selection: Selection
    whole: Matcher
    of_study: Matcher
    modalities: Matcher
    within: Matcher
    stored: frozenset[int]
    names: frozenset[str]

    @property
    def needs_studies(self) -> bool:
        """Whether single series do not do, and studies have to be found as a whole."""
        return self.query.level is Level.STUDY or bool(self.of_study.conditions)

    @property
    def wants_facts(self) -> bool:
        """Whether results below the study level say what is computed from their study."""
        wanted = self.selection.computed & attributes.COMPUTED_OF_STUDY
        return self.query.level is not Level.STUDY and bool(wanted)


def criteria(query: Query) -> Criteria:
    """The criteria of ``query``."""
    whole = matching.matcher(query.matches, query.modes, query.every)
    stored = whole.tags - attributes.COMPUTED
    return Criteria(
        query,
        selection.selection(query),
        whole,
        whole.on(attributes.COMPUTED_OF_STUDY),
        whole.on(frozenset({attributes.MODALITIES_IN_STUDY})),
        whole.without(attributes.COMPUTED_OF_STUDY),
        stored,
        frozenset(name for tag in stored for name in _names(tag)),
    )


def _names(tag: int) -> tuple[str, ...]:
    attribute = tags.by_tag(tag)
    digits = tags.hex8(tag)
    return (*((attribute.keyword,) if attribute else ()), digits, digits.lower())
