"""Retrieve Metadata: arrays of DICOM JSON or XML documents, large values and pixels as links."""

import asyncio
import base64
import json

import pytest

from gateway.dicomweb.resources import Address
from gateway.errors import NotFound, UpstreamUnavailable
from gateway.services.compute import Compute
from gateway.services.library import Library
from gateway.services.metadata import Metadata
from tests import native_model
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


def pieces(remote, *place, limit=1024, root=ROOT, xml=False):
    padded = (*place, None, None)[:2]

    async def scenario():
        library, compute = Library(remote, settings()), Compute(1)
        service = Metadata(library, compute, limit)
        retrieve = service.documents if xml else service.retrieve
        try:
            return [one async for one in retrieve(Address(DATASTORE, STUDY, *padded), root)]
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(scenario())


def metadata(remote, *place, **options):
    return json.loads(b"".join(pieces(remote, *place, **options)))


def documents(remote, *place, **options):
    return pieces(remote, *place, xml=True, **options)


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


def test_a_large_series_goes_out_bit_by_bit():
    instances = [instance(f"1.2.3.1.{number}", number) for number in range(1, 251)]
    remote = stored(*instances)
    found = pieces(remote)
    assert len(found) == 5
    assert [one["00200013"]["Value"] for one in json.loads(b"".join(found))] == [
        [number] for number in range(1, 251)
    ]


@pytest.mark.parametrize("pin", ["", "?imageSetId=a&versionId=2"])
def test_links_lead_where_the_root_does(pin):
    content = base64.b64encode(bytes(30)).decode()
    image = instance("1.2.3.1.1", frames=[bytes(8)], ICCProfile=content, **PIXELS)
    [found] = metadata(stored(image), limit=20, root=ROOT + pin)
    base = f"{ROOT}/studies/{STUDY}/series/{SERIES}/instances/1.2.3.1.1/bulkdata"
    assert found["00282000"]["BulkDataURI"] == f"{base}/00282000{pin}"
    assert found["7FE00010"]["BulkDataURI"] == f"{base}/7FE00010{pin}"


def test_xml_says_what_json_says():
    content = base64.b64encode(bytes(30)).decode()
    remote = stored(
        instance(
            "1.2.3.1.1",
            frames=[bytes(8)],
            WaveformSequence=[{"WaveformData": content}],
            DigitalSignaturesSequence=[],
            **PIXELS,
        ),
        patient={"PatientName": "Phantom^One=幻^一"},
    )
    links = []
    [document] = documents(remote, limit=20, root=f"{ROOT}?imageSetId=a&versionId=2")
    made = native_model.parse(document, lambda uri: links.append(uri) or bytes(30))
    [expected] = metadata(remote, limit=1024)
    expected["7FE00010"] = {"vr": "OW", "InlineBinary": content}
    found = made.to_json_dict()
    assert found["FFFAFFFA"].pop("Value") == []  # what is empty has none (PS3.18 F.2.5)
    assert found == expected
    base = f"{ROOT}/studies/{STUDY}/series/{SERIES}/instances/1.2.3.1.1/bulkdata"
    pin = "?imageSetId=a&versionId=2"
    assert links == [f"{base}/54000100/1/54001010{pin}", f"{base}/7FE00010{pin}"]


def test_a_study_is_a_document_for_each_instance_in_their_order():
    remote = MemoryHealthImaging()
    for series in (2, 1):
        instances = [instance(f"1.2.3.{series}.{number}", number) for number in range(130, 0, -1)]
        at_series = {"SeriesNumber": str(series)}
        remote.add(image_set(STUDY, f"1.2.3.{series}", *instances, at_series=at_series))
    found = [native_model.parse(one).SOPInstanceUID for one in documents(remote)]
    expected = [f"1.2.3.{series}.{number}" for series in (1, 2) for number in range(1, 131)]
    assert found == expected
    assert len(documents(remote, "1.2.3.2", "1.2.3.2.7")) == 1
    with pytest.raises(NotFound, match="series"):
        documents(remote, "1.2.3.9")


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
