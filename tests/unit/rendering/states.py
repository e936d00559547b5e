"""Presentation states to apply: made with pydicom, read into the internal form."""

from tests.unit.rendering.documents import made, plain

GRAYSCALE = "1.2.840.10008.5.1.4.1.1.11.1"
COLOR = "1.2.840.10008.5.1.4.1.1.11.2"
PSEUDO_COLOR = "1.2.840.10008.5.1.4.1.1.11.3"
STUDY = "1.2.826.0.1.3680043.10.11"
SERIES = f"{STUDY}.1"
SOP = f"{SERIES}.1"
OTHER = f"{SERIES}.2"


def image(sop=SOP, frames=None, sop_class="1.2.840.10008.5.1.4.1.1.2"):
    one = made(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop)
    if frames:
        one.ReferencedFrameNumber = frames
    return one


def series(*images, uid=SERIES):
    return made(SeriesInstanceUID=uid, ReferencedImageSequence=list(images))


def state(*images, sop_class=GRAYSCALE, **attributes):
    """A state for ``images``, by default for one; without more it presents images as they are."""
    return made(
        SOPClassUID=sop_class,
        StudyInstanceUID=STUDY,
        ReferencedSeriesSequence=[series(*images or (image(),))],
        **{"PresentationLUTShape": "IDENTITY", **attributes},
    )


def layered(*annotations, inks=None, **attributes):
    """A state with annotations in layers; ``inks`` are attributes by the names of layers."""
    layers = [
        made(GraphicLayer=name, GraphicLayerOrder=order, **ink)
        for order, (name, ink) in enumerate((inks or {"ONE": {}}).items(), 1)
    ]
    sequences = {"GraphicLayerSequence": layers}
    if annotations:
        sequences["GraphicAnnotationSequence"] = list(annotations)
    return state(**sequences, **attributes)


def annotation(*graphics, texts=(), layer="ONE", images=()):
    one = made(GraphicLayer=layer)
    if graphics:
        one.GraphicObjectSequence = list(graphics)
    if texts:
        one.TextObjectSequence = list(texts)
    if images:
        one.ReferencedImageSequence = list(images)
    return one


def graphic(kind, *numbers, units="PIXEL", **attributes):
    return made(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(numbers) // 2,
        GraphicData=[float(number) for number in numbers],
        GraphicType=kind,
        **attributes,
    )


def internal(dataset):
    return plain(dataset)
