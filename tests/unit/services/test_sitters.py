"""Sitters: what an instance says is read once, of that very instance, and of few at a time."""

import numpy as np

from gateway.services.sitters import Sitters
from tests.unit.rendering.test_painter import GREY, parsed

FUNCTIONAL_GROUPS = {"PerFrameFunctionalGroupsSequence": [{"FrameContentSequence": [{}]}] * 300}


def test_an_instance_is_read_once():
    kept, one = Sitters(), parsed(**GREY)
    found = kept.of(one)
    assert kept.of(one) is found
    assert found.instance is one
    assert found.dataset == one.dataset()
    assert found.image == one.pixel()


def test_another_version_of_an_instance_is_read_anew():
    kept = Sitters()
    before, after = parsed(**GREY), parsed(**GREY, WindowCenter="7", WindowWidth="9")
    samples = np.arange(16, dtype=np.uint8).reshape(4, 4)
    pictures = [kept.of(one).display.frame(1, samples, one.pixel()) for one in (before, after)]
    assert not np.array_equal(*pictures)
    assert kept.of(before).instance is before


def test_no_more_are_kept_than_there_is_room_for():
    small, large = parsed(**GREY), parsed(**GREY, **FUNCTIONAL_GROUPS)
    size = Sitters().of(small).size
    assert Sitters().of(large).size > 300 * 256
    kept = Sitters(size * 2)
    assert kept.of(small) is kept.of(small)
    assert kept.of(large) is not kept.of(large)
    kept = Sitters(size * 2 - 1)
    assert kept.of(small) is not kept.of(small)
