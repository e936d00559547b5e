"""Pages of SearchImageSets, in whatever form they come."""

import orjson
import pytest

from gateway.errors import UpstreamInvalid
from gateway.remote.api import Summary
from gateway.remote.pages import parse

SET = "e" * 32


def page(*items, **more):
    return orjson.dumps({"imageSetsMetadataSummaries": items, **more})


def test_a_summary_holds_what_the_answer_tells():
    told = {
        "imageSetId": SET,
        "version": 3,
        "createdAt": 1700000000.25,
        "updatedAt": 1700000001.5,
        "isPrimary": True,
        "DICOMTags": {"DICOMPatientId": "P1", "DICOMSeriesNumber": 7},
    }
    few = {"imageSetId": SET, "version": 1, "createdAt": 1700000000.25}
    none = {"imageSetId": SET, "version": 1}
    assert parse(page(told, few, none))[0] == [
        Summary(SET, 3, 1700000001.5, True, {"DICOMPatientId": "P1", "DICOMSeriesNumber": 7}),
        Summary(SET, 1, 1700000000.25, None, {}),
        Summary(SET, 1, 0.0, None, {}),
    ]


@pytest.mark.parametrize("moment", [1700000001.5, "2023-11-14T22:13:21.5Z"])
@pytest.mark.parametrize("name", ["updatedAt", "createdAt"])
def test_a_time_comes_in_any_form_that_boto3_reads(name, moment):
    found, _ = parse(page({"imageSetId": SET, "version": 3, name: moment, "DICOMTags": None}))
    assert found == [Summary(SET, 3, 1700000001.5, None, {})]


@pytest.mark.parametrize(("token", "read"), [({}, ""), ({"nextToken": None}, ""),
                                             ({"nextToken": "t/="}, "t/=")])  # fmt: skip
def test_the_token_of_the_next_page(token, read):
    assert parse(page(**token)) == ([], read)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        page({"version": 1}),
        page("text"),
        page({"imageSetId": SET, "updatedAt": "yesterday"}),
        page({"imageSetId": SET, "updatedAt": {"a": 1}}),
    ],
)
def test_what_is_no_page_is_healthimagings_fault(answer):
    with pytest.raises(UpstreamInvalid):
        parse(answer)
