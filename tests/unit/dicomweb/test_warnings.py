"""Warning headers: code, agent and quoted text (RFC 7234 5.5), with the numbers they are about."""

import re

import pytest

from gateway.dicomweb import warnings


@pytest.mark.parametrize(
    "text",
    [
        warnings.remaining(7),
        warnings.at_least(7),
        warnings.truncated(10_000),
        warnings.left_out("NumberOfPatientRelatedStudies"),
    ],
)
def test_the_form_of_a_warning(text):
    assert re.fullmatch(r'299 [!-~]+ "[^"\\]+"', text)
    assert text.isascii()


def test_what_is_left_is_counted_in_the_words_of_the_standard():
    expected = '299 dicomweb-gateway "There are 7 additional results that can be requested"'
    assert warnings.remaining(7) == expected


def test_a_search_that_was_ended_says_after_how_much():
    assert " 10000 image sets" in warnings.truncated(10_000)


def test_what_is_not_counted_exactly_is_not_said_to_be():
    assert "There are at least 7 additional results" in warnings.at_least(7)


def test_what_is_left_out_is_named():
    assert "NumberOfPatientRelatedStudies" in warnings.left_out("NumberOfPatientRelatedStudies")
