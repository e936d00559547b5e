"""Query strings of QIDO-RS, as tests write them."""

from urllib.parse import parse_qsl

import pytest

from gateway.dicomweb import query
from gateway.dicomweb.query import Level
from gateway.errors import InvalidRequest

STUDY, SERIES = 0x0020000D, 0x0020000E


def parse(text, level=Level.STUDY, uids=()):
    return query.parse(level, parse_qsl(text, keep_blank_values=True), dict(uids))


def refused(text, level=Level.STUDY):
    with pytest.raises(InvalidRequest) as caught:
        parse(text, level)
    assert caught.value.parameter
    assert caught.value.parameter in str(caught.value)
    return caught.value.parameter


def keyed(text):
    """The keys of a query of one attribute."""
    [(path, keys)] = parse(text).matches.items()
    return [f"{tag:08X}" for tag in path], list(keys)
