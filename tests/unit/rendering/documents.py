"""Structured reports to render: content items made with pydicom, read into the internal form."""

from html.parser import HTMLParser

from pydicom import config
from pydicom.dataset import Dataset

from tests.unit.dicom.datasets import from_pydicom

UID = "1.2.826.0.1.3680043.10.9"
VOID = {"br", "meta", "link", "img", "hr"}
NOT_IN_PARAGRAPHS = {"p", "dl", "dt", "dd", "section", "table", "h1", "h2", "h3", "header", "div"}


def made(**attributes):
    """A pydicom data set with these attributes."""
    dataset = Dataset()
    with config.disable_value_validation():
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
    return dataset


def code(meaning, value="C1", scheme="99TEST"):
    return made(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def item(kind, name="", relationship="CONTAINS", below=(), **attributes):
    """A content item with what is below it."""
    dataset = made(RelationshipType=relationship, ValueType=kind, **attributes)
    if name:
        dataset.ConceptNameCodeSequence = [code(name)]
    if below:
        dataset.ContentSequence = list(below)
    return dataset


def text(value, name="Finding", **more):
    return item("TEXT", name, TextValue=value, **more)


def number(value, unit="mm", name="Diameter", **more):
    measured = made(NumericValue=value, MeasurementUnitsCodeSequence=[code(unit, unit, "UCUM")])
    return item("NUM", name, MeasuredValueSequence=[measured], **more)


def reference(sop, sop_class="1.2.840.10008.5.1.4.1.1.2", **more):
    return made(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop, **more)


def image(sop, name="Image", frames=None, **more):
    one = reference(sop)
    if frames:
        one.ReferencedFrameNumber = frames
    return item("IMAGE", name, ReferencedSOPSequence=[one], **more)


def by_reference(*position, relationship="INFERRED FROM"):
    return made(RelationshipType=relationship, ReferencedContentItemIdentifier=list(position))


def evidence(study, series, *sops):
    """An item of Current Requested Procedure Evidence Sequence."""
    held = made(SeriesInstanceUID=series, ReferencedSOPSequence=[reference(sop) for sop in sops])
    return made(StudyInstanceUID=study, ReferencedSeriesSequence=[held])


def report(*below, title="Imaging Report", **attributes):
    """A report as a data set of pydicom's."""
    root = item("CONTAINER", title, below=below, **attributes)
    del root.RelationshipType
    root.SOPClassUID = attributes.get("SOPClassUID", "1.2.840.10008.5.1.4.1.1.88.33")
    return root


def plain(dataset):
    """A data set of pydicom's in the internal form."""
    return from_pydicom(dataset)


class Page(HTMLParser):
    """An HTML page walked strictly: tags balanced and nested well, identifiers and links."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.headings, self.words = [], [], [], [], []
        self.started = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_decl(self, decl):
        assert decl == "DOCTYPE html"

    def handle_starttag(self, tag, attributes):
        assert not ("p" in self.open and tag in NOT_IN_PARAGRAPHS), (tag, self.open)
        assert not (tag in ("dt", "dd") and self.open[-1] not in ("dl", "div")), self.open
        assert not (self.open and self.open[-1] == "dl" and tag not in ("dt", "dd", "div"))
        assert tag not in ("script", "iframe", "object", "img")
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names)
        assert not any(name.startswith("on") for name in names)
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.started.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append([tag, ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
        if self.headings and self.open and self.headings[-1][0] in self.open:
            self.headings[-1][1] += data

    def unknown_decl(self, data):
        raise AssertionError(data)

    def handle_comment(self, data):
        raise AssertionError(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())
