"""Warning headers: code, agent and quoted text (RFC 7234 5.5), with the numbers they are about."""

import re

import pytest

from gateway.dicomweb import warnings


@pytest.mark.parametrize(
    "text",
    [warnings.remaining(7), warnings.truncated(10_000), warnings.not_supported("fuzzymatching")],
)
def test_the_form_of_a_warning(text):
    assert re.fullmatch(r'299 [!-~]+ "[^"\\]+"', text)
    assert text.isascii()


def test_what_is_left_is_counted_in_the_words_of_the_standard():
    expected = '299 dicomweb-gateway "There are 7 additional results that can be requested"'
    assert warnings.remaining(7) == expected


def test_a_search_that_was_ended_says_after_how_much():
    assert " 10000 image sets" in warnings.truncated(10_000)


def test_fuzzy_matching_is_refused_in_the_words_of_the_standard():
    assert (
        "The fuzzymatching parameter is not supported. Only literal matching has been performed."
        in warnings.not_supported("fuzzymatching")
    )
