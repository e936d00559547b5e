"""Retrieve Metadata: whole arrays of DICOM JSON, large values and pixels as links."""

import asyncio
import base64
import json

import pytest

from gateway.dicomweb.resources import Address
from gateway.errors import NotFound, UpstreamUnavailable
from gateway.services.compute import Compute
from gateway.services.library import Library
from gateway.services.metadata import Metadata
from tests.unit.services.memory import (
    DATASTORE,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)

ROOT = "https://gateway.example/dicomweb"
STUDY, SERIES = "1.2.3", "1.2.3.1"


def pieces(remote, *place, limit=1024):
    padded = (*place, None, None)[:2]

    async def scenario():
        library, compute = Library(remote, settings()), Compute(1)
        service = Metadata(library, compute, limit)
        try:
            return [one async for one in service.retrieve(Address(DATASTORE, STUDY, *padded), ROOT)]
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(scenario())


def metadata(remote, *place, **options):
    return json.loads(b"".join(pieces(remote, *place, **options)))


def uids(found):
    return [one["00080018"]["Value"] for one in found]


def stored(*instances, **levels):
    remote = MemoryHealthImaging()
    remote.add(image_set(STUDY, SERIES, *instances, **levels))
    return remote


def test_attributes_of_all_levels_stand_in_one_object():
    remote = stored(
        instance("1.2.3.1.1", 7, ImageType=["ORIGINAL", "PRIMARY"]),
        patient={"PatientBirthDate": "19700101", "PatientName": "Phantom^One=幻^一"},
        at_study={"ReferringPhysicianName": None},
        at_series={"SeriesDescription": "Axial "},
    )
    [found] = metadata(remote)
    assert found["00100010"] == {
        "vr": "PN",
        "Value": [{"Alphabetic": "Phantom^One", "Ideographic": "幻^一"}],
    }
    assert found["00100030"] == {"vr": "DA", "Value": ["19700101"]}
    assert found["0020000D"] == {"vr": "UI", "Value": [STUDY]}
    assert found["00080090"] == {"vr": "PN"}
    assert found["0008103E"] == {"vr": "LO", "Value": ["Axial"]}
    assert found["0020000E"] == {"vr": "UI", "Value": [SERIES]}
    assert found["00200013"] == {"vr": "IS", "Value": [7]}
    assert found["00080008"] == {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY"]}
    assert list(found) == sorted(found)


def test_neither_file_meta_information_nor_links_to_no_pixels():
    [found] = metadata(stored(instance("1.2.3.1.1")))
    assert not [tag for tag in found if tag < "0008"]
    assert "7FE00010" not in found


@pytest.mark.parametrize(("bits", "vr"), [(1, "OB"), (8, "OB"), (16, "OW"), (32, "OW")])
def test_pixel_data_are_a_link_to_the_instance(bits, vr):
    attributes = {**PIXELS, "BitsAllocated": bits, "DigitalSignaturesSequence": []}
    [found] = metadata(stored(instance("1.2.3.1.1", frames=[bytes(8)], **attributes)))
    assert found["7FE00010"] == {
        "vr": vr,
        "BulkDataURI": f"{ROOT}/studies/{STUDY}/series/{SERIES}/instances/1.2.3.1.1"
        "/bulkdata/7FE00010",
    }
    assert list(found) == sorted(found)
    assert list(found)[-2:] == ["7FE00010", "FFFAFFFA"]


@pytest.mark.parametrize(("size", "inline"), [(1, True), (30, True), (31, False), (3000, False)])
def test_binary_values_are_inline_up_to_the_limit(size, inline):
    content = base64.b64encode(bytes(size)).decode()
    remote = stored(
        instance(
            "1.2.3.1.1", EncapsulatedDocument=content, WaveformSequence=[{"WaveformData": content}]
        )
    )
    [found] = metadata(remote, limit=30)
    base = f"{ROOT}/studies/{STUDY}/series/{SERIES}/instances/1.2.3.1.1/bulkdata"
    [item] = found["54000100"]["Value"]
    if inline:
        assert found["00420011"] == {"vr": "OB", "InlineBinary": content}
        assert item["54001010"]["InlineBinary"] == content
    else:
        assert found["00420011"] == {"vr": "OB", "BulkDataURI": f"{base}/00420011"}
        assert item["54001010"]["BulkDataURI"] == f"{base}/54000100/1/54001010"


def test_a_study_is_one_array_whatever_it_is_made_of():
    remote = MemoryHealthImaging()
    for series in (2, 1):
        for number in (2, 1):
            remote.add(
                image_set(
                    STUDY,
                    f"1.2.3.{series}",
                    instance(f"1.2.3.{series}.{number}", number),
                    at_series={"SeriesNumber": str(series)},
                )
            )
    expected = [["1.2.3.1.1"], ["1.2.3.1.2"], ["1.2.3.2.1"], ["1.2.3.2.2"]]
    assert uids(metadata(remote)) == expected
    assert uids(metadata(remote, "1.2.3.2")) == expected[2:]
    assert uids(metadata(remote, "1.2.3.2", "1.2.3.2.1")) == expected[2:3]


def test_a_series_goes_out_before_the_next_is_read():
    remote = MemoryHealthImaging()
    for number in range(9):
        remote.add(image_set(STUDY, f"1.2.3.{number}", instance(f"1.2.3.{number}.1")))
    found = pieces(remote)
    assert len(found) == 10
    assert found[0].startswith(b"[")
    assert found[-1] == b"]"


def test_what_does_not_exist_is_told_before_anything_goes_out():
    remote = stored(instance("1.2.3.1.1"))
    with pytest.raises(NotFound, match="series"):
        pieces(remote, "1.2.3.9")


def test_a_failure_in_the_middle_leaves_no_whole_array():
    remote = MemoryHealthImaging()
    for number in (1, 2):
        name = remote.add(
            image_set(
                STUDY,
                f"1.2.3.{number}",
                instance(f"1.2.3.{number}.1"),
                at_series={"SeriesNumber": str(number)},
            )
        )
    remote.failures[name] = UpstreamUnavailable("away")

    async def scenario():
        library, compute = Library(remote, settings()), Compute(1)
        source = Metadata(library, compute, 1024).retrieve(Address(DATASTORE, STUDY), ROOT)
        first = await anext(source)
        with pytest.raises(UpstreamUnavailable):
            await anext(source)
        await compute.close()
        return first

    first = asyncio.run(scenario())
    assert first.startswith(b"[{")
    assert not first.endswith(b"]")
