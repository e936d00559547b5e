"""Presentation states in the service: what there is of their images, alone and among others."""

import pytest

from gateway.dicomweb import accept
from gateway.dicomweb.rendered import Parameters, Viewport, Windowing
from gateway.dicomweb.resources import Address
from gateway.errors import InvalidRequest, NotAcceptable, NotFound
from gateway.services.rendered import Wanted
from tests.unit.services.memory import DATASTORE, instance
from tests.unit.services.rendering import (
    PARTS,
    SERIES,
    SOP,
    STORAGE,
    STUDY,
    THUMBNAIL,
    image,
    levels,
    opened,
    retrieve,
    run,
    stored,
    thumbnail,
    with_series,
)

STATES = f"{STUDY}.2"
STATE = f"{STATES}.1"
PLAIN = Parameters()
PLACE = (STATES, STATE)
INVERSE = {"PresentationLUTShape": "INVERSE"}


def state(*images, sop=STATE, family="11.1", **attributes):
    """A presentation state for ``images``: UIDs, and frame numbers where there are any."""
    referenced = [
        {"ReferencedSOPInstanceUID": uid, **({"ReferencedFrameNumber": frames} if frames else {})}
        for uid, *frames in images
    ]
    series = [{"SeriesInstanceUID": SERIES, "ReferencedImageSequence": referenced}]
    given = {**INVERSE, "ReferencedSeriesSequence": series, **attributes}
    return instance(sop, SOPClassUID=STORAGE + family, **given)


def holding(*states, images=()):
    remote = stored(*(images or [image(level=100)]))
    with_series(remote, 2, "PR", *states)
    return remote


def ask(remote, header, *place, parameters=PLAIN, **more):
    return retrieve(remote, header, *(place or PLACE), parameters=parameters, **more)


def test_an_image_as_its_state_has_it():
    multipart, [part] = ask(holding(state((SOP,))), "image/png")
    assert not multipart
    assert levels([part]) == [155]
    assert part.path == f"/studies/{STUDY}/series/{STATES}/instances/{STATE}/rendered"


def test_frames_in_the_order_of_the_state():
    images = [image(frames=5, level=10), image("1.2.3.1.2", 2, level=50)]
    remote = holding(state((SOP, 4, 2, 9), ("1.2.3.1.2",), ("1.2.3.1.7",)), images=images)
    multipart, parts = ask(remote, PARTS)
    assert multipart
    assert levels(parts) == [255 - 13, 255 - 11, 205]
    assert [part.path for part in parts] == ["", "", ""]


def test_the_first_of_several_frames_stands_for_all_unless_the_client_is_taken_at_its_word():
    remote = holding(state((SOP,)), images=[image(frames=3, level=10)])
    multipart, [part] = ask(remote, "image/gif")
    assert not multipart
    assert levels([part]) == [245]
    assert remote.count("frame") == 1
    with pytest.raises(NotAcceptable):
        ask(remote, "image/gif", strict=True)
    single = holding(state((SOP, 2)), images=[image(frames=3, level=10)])
    assert levels(ask(single, "image/gif", strict=True)[1]) == [244]


@pytest.mark.parametrize("images", [(), (("1.2.3.1.7",),), ((SOP, 4),)])
def test_a_state_of_nothing_that_is_stored(images):
    with pytest.raises(NotFound, match="None of the images"):
        ask(holding(state(*images)), "image/png")


@pytest.mark.parametrize(
    "parameters",
    [Parameters(window=Windowing(1, 2, "LINEAR")), Parameters(overlays=True)],
)
def test_what_a_state_decides_is_no_parameter(parameters):
    remote = holding(state((SOP,)))
    with pytest.raises(InvalidRequest, match="presentation state"):
        ask(remote, "image/png", parameters=parameters)
    multipart, parts = retrieve(remote, PARTS, parameters=parameters)
    assert multipart
    assert len(parts) == 1  # the image itself


def test_a_state_that_cannot_be_shown_keeps_nothing_else_back():
    states = (state((SOP,), family="11.4"), state((SOP,), sop=f"{STATES}.2"), state(sop="1.9"))
    remote = holding(*states)
    _, parts = retrieve(remote, PARTS, parameters=PLAIN)
    assert levels(parts[1:]) == [155]
    with pytest.raises(NotAcceptable, match=r"11\.4 cannot be rendered"):
        ask(remote, "image/png")
    _, [alone] = ask(remote, "image/png", STATES)
    assert levels([alone]) == [155]
    with pytest.raises(NotAcceptable, match=r"11\.4"):
        ask(holding(states[0]), PARTS, STATES)


def test_thumbnails():
    shown = thumbnail(holding(state((SOP,))), "image/png", *PLACE)
    assert levels([shown]) == [155]
    assert opened(shown).size == (16, 16)
    assert shown.path.endswith(f"/instances/{STATE}/thumbnail")
    missing = thumbnail(holding(state(("1.2.3.1.7",))), "image/png", *PLACE)
    assert missing.path == ""
    assert opened(missing).size == (16, 16)
    assert levels([thumbnail(holding(state((SOP,))), "image/png", parameters=THUMBNAIL)]) != [155]


def applied(remote, sop=SOP, state_address=PLACE, parameters=PLAIN):
    async def work(service):
        by = Address(DATASTORE, STUDY, *state_address)
        address = Address(DATASTORE, STUDY, SERIES, sop)
        header = accept.parse("image/png")
        answer = await service.retrieve(Wanted(address, header, parameters, state=by))
        await answer.rest.aclose()
        return answer.first

    return run(remote, work)


def test_a_state_applied_to_an_image():
    remote = holding(state((SOP, 2)), images=[image(frames=3, level=10)])
    part = applied(remote)
    assert levels([part]) == [244]
    assert part.path == ""


def test_a_state_applied_to_what_it_is_not_for():
    images = [image(), image("1.2.3.1.2", 2)]
    remote = holding(state((SOP,)), images=images)
    for sop, by, error in (
        ("1.2.3.1.2", PLACE, InvalidRequest),
        (SOP, (SERIES, SOP), InvalidRequest),
        (SOP, (STATES, "1.2.9"), NotFound),
    ):
        with pytest.raises(error):
            applied(remote, sop, by)
    with pytest.raises(InvalidRequest, match="window"):
        applied(remote, parameters=Parameters(window=Windowing(1, 2, "LINEAR")))


def test_the_size_that_a_region_is_one_of():
    area = {
        "DisplayedAreaTopLeftHandCorner": [1, 1],
        "DisplayedAreaBottomRightHandCorner": [20, 10],
        "PresentationSizeMode": "SCALE TO FIT",
    }
    remote = holding(state((SOP,), DisplayedAreaSelectionSequence=[area], ImageRotation=90))

    async def work(service):
        found = await service._library.instance(Address(DATASTORE, STUDY, SERIES, SOP))
        by = Address(DATASTORE, STUDY, *PLACE)
        return await service.size(found, None), await service.size(found, by)

    assert run(remote, work) == ((32, 32), (20, 10))
    _, [part] = ask(remote, "image/png", parameters=Parameters(Viewport(10, 10, 0, 10, 10, 10)))
    assert opened(part).size == (10, 10)
