"""Unmodified boto3 against the embedded HealthImaging: operations, pages, errors, signatures."""

import gzip
import json
import stat
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import botocore.auth
import pytest
from botocore.exceptions import ClientError

from tests import files
from tests.running import ROLE


def refused(call, code, status, text=""):
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert text in response["Error"]["Message"]


def test_data_stores_from_creation_to_deletion(healthimaging):
    client = healthimaging.imaging
    made = client.create_datastore(
        datastoreName="a/b#1", tags={"team": "ct"}, clientToken="token-1"
    )
    assert made["datastoreStatus"] == "CREATING"
    again = client.create_datastore(
        datastoreName="a/b#1", tags={"team": "ct"}, clientToken="token-1"
    )
    assert again["datastoreId"] == made["datastoreId"]
    refused(
        lambda: client.create_datastore(datastoreName="other", clientToken="token-1"),
        "ConflictException",
        409,
    )
    found = client.get_datastore(datastoreId=made["datastoreId"])["datastoreProperties"]
    assert found["datastoreName"] == "a/b#1"
    assert found["datastoreStatus"] == "ACTIVE"
    assert found["losslessStorageFormat"] == "HTJ2K"
    assert abs(datetime.now(UTC) - found["createdAt"]) < timedelta(minutes=1)
    assert client.list_tags_for_resource(resourceArn=found["datastoreArn"])["tags"] == {
        "team": "ct"
    }
    gone = client.delete_datastore(datastoreId=made["datastoreId"])
    assert gone["datastoreStatus"] == "DELETING"
    found = client.get_datastore(datastoreId=made["datastoreId"])["datastoreProperties"]
    assert found["datastoreStatus"] == "DELETED"
    refused(
        lambda: client.search_image_sets(datastoreId=made["datastoreId"]),
        "ResourceNotFoundException",
        404,
    )


def test_data_stores_are_listed_in_pages(healthimaging):
    client = healthimaging.imaging
    made = {client.create_datastore(datastoreName=f"page-{n}")["datastoreId"] for n in range(5)}
    pages = client.get_paginator("list_datastores").paginate(PaginationConfig={"PageSize": 2})
    listed = [one["datastoreId"] for page in pages for one in page["datastoreSummaries"]]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))
    active = client.list_datastores(datastoreStatus="DELETED", maxResults=50)
    assert not made & {one["datastoreId"] for one in active["datastoreSummaries"]}


def test_a_data_store_with_image_sets_is_not_deleted(healthimaging, library):
    refused(
        lambda: healthimaging.imaging.delete_datastore(datastoreId=healthimaging.datastore_id),
        "ConflictException",
        409,
    )


def test_tags_of_data_stores_and_image_sets(healthimaging, library):
    client = healthimaging.imaging
    image_set_id = next(iter(library.image_sets.values()))
    arn = client.get_image_set(datastoreId=healthimaging.datastore_id, imageSetId=image_set_id)[
        "imageSetArn"
    ]
    client.tag_resource(resourceArn=arn, tags={"a": "1", "b": ""})
    client.tag_resource(resourceArn=arn, tags={"a": "2"})
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "2", "b": ""}
    client.untag_resource(resourceArn=arn, tagKeys=["b", "unknown"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "2"}
    refused(
        lambda: client.tag_resource(resourceArn=arn, tags={f"k{n}": "" for n in range(51)}),
        "ValidationException",
        400,
        "50",
    )
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "2"}
    unknown = arn[:-32] + "0" * 32
    refused(
        lambda: client.list_tags_for_resource(resourceArn=unknown), "ResourceNotFoundException", 404
    )


def test_an_image_set_its_metadata_frames_and_versions(healthimaging, library):
    client = healthimaging.imaging
    image_set_id = library.image_sets[files.AHI_PAIR[0]]
    where = {"datastoreId": healthimaging.datastore_id, "imageSetId": image_set_id}
    properties = client.get_image_set(**where)
    assert properties["versionId"] == "1"
    assert properties["imageSetState"] == "ACTIVE"
    answer = client.get_image_set_metadata(**where, versionId="1")
    assert (answer["contentType"], answer["contentEncoding"]) == ("application/json", "gzip")
    document = json.loads(gzip.decompress(answer["imageSetMetadataBlob"].read()))
    assert document["ImageSetID"] == image_set_id
    [series] = document["Study"]["Series"].values()
    instance = series["Instances"]["1.2.840.113619.2.30.1.1762295590.1623.978668949.888"]
    [frame] = instance["ImageFrames"]
    assert frame["PixelDataChecksumFromBaseToFullResolution"] == [
        {"Width": 256, "Height": 188, "Checksum": 2598394845},
        {"Width": 512, "Height": 375, "Checksum": 1227709180},
    ]
    assert (frame["MinPixelValue"], frame["MaxPixelValue"]) == (451, 1466)
    assert frame["FrameSizeInBytes"] == 384000
    got = client.get_image_frame(**where, imageFrameInformation={"imageFrameId": frame["ID"]})
    assert got["contentType"] == "image/jph"
    assert got["imageFrameBlob"].read().startswith(b"\xff\x4f")
    versions = client.list_image_set_versions(**where)["imageSetPropertiesList"]
    assert [one["versionId"] for one in versions] == ["1"]
    assert versions[0]["ImageSetWorkflowStatus"] == "CREATED"
    refused(
        lambda: client.get_image_set_metadata(**where, versionId="2"),
        "ResourceNotFoundException",
        404,
    )
    other = {**where, "imageSetId": "0" * 32}
    refused(lambda: client.get_image_set(**other), "ResourceNotFoundException", 404)
    refused(
        lambda: client.get_image_frame(**where, imageFrameInformation={"imageFrameId": "0" * 32}),
        "ResourceNotFoundException",
        404,
    )


def test_search_filters_sorts_and_pages(healthimaging, library):
    client = healthimaging.imaging
    paginator = client.get_paginator("search_image_sets")

    def search(**criteria):
        pages = paginator.paginate(
            datastoreId=healthimaging.datastore_id,
            searchCriteria=criteria,
            PaginationConfig={"PageSize": 7},
        )
        return [one for page in pages for one in page["imageSetsMetadataSummaries"]]

    everything = search()
    assert {one["imageSetId"] for one in everything} >= set(library.image_sets.values())
    assert len({one["imageSetId"] for one in everything}) == len(everything)
    updated = [one["updatedAt"] for one in everything]
    assert updated == sorted(updated, reverse=True)
    mister = search(filters=[{"values": [{"DICOMPatientId": "2178309"}], "operator": "EQUAL"}])
    assert [one["DICOMTags"]["DICOMPatientName"] for one in mister] == ["MISTER^CT"]
    between = [
        {"DICOMStudyDateAndTime": {"DICOMStudyDate": "20010105", "DICOMStudyTime": "083501"}},
        {"DICOMStudyDateAndTime": {"DICOMStudyDate": "20010105", "DICOMStudyTime": "083502"}},
    ]
    found = search(
        filters=[
            {"values": between, "operator": "BETWEEN"},
            {"values": [{"DICOMPatientId": "2178309"}], "operator": "EQUAL"},
        ],
        sort={"sortField": "DICOMStudyDateAndTime", "sortOrder": "ASC"},
    )
    assert found == mister
    now = datetime.now(UTC)
    window = [{"createdAt": now - timedelta(hours=1)}, {"createdAt": now}]
    assert len(search(filters=[{"values": window, "operator": "BETWEEN"}])) >= len(everything)


def test_search_refuses_what_the_service_does_not_offer(healthimaging):
    client = healthimaging.imaging

    def search(**arguments):
        return lambda: client.search_image_sets(datastoreId=healthimaging.datastore_id, **arguments)

    ids = [{"DICOMPatientId": "a"}, {"DICOMPatientId": "b"}]
    flags = [{"isPrimary": False}, {"isPrimary": True}]
    between = {"filters": [{"values": flags, "operator": "BETWEEN"}]}
    refused(search(searchCriteria=between), "ValidationException", 400, "BETWEEN")
    equal = {"filters": [{"values": ids, "operator": "EQUAL"}]}
    refused(search(searchCriteria=equal), "ValidationException", 400, "EQUAL")
    refused(search(nextToken="bm9wZQ=="), "ValidationException", 400, "nextToken")
    loose = healthimaging.client("medical-imaging", loose=True)
    refused(
        lambda: loose.search_image_sets(datastoreId=healthimaging.datastore_id, maxResults=51),
        "ValidationException",
        400,
        "maxResults",
    )
    refused(lambda: loose.get_datastore(datastoreId="UPPER"), "ValidationException", 400, "pattern")


def test_requests_without_a_valid_signature_are_refused(healthimaging, monkeypatch):
    def list_with(**changes):
        return healthimaging.client("medical-imaging", **changes).list_datastores

    code = ("AccessDeniedException", 403)
    refused(list_with(aws_access_key_id="AKIAUNKNOWN"), *code, "invalid")
    refused(list_with(aws_secret_access_key="wrong"), *code, "signature")
    refused(list_with(region_name="eu-west-1"), *code, "region")
    late = datetime.now(UTC) - timedelta(minutes=6)
    with monkeypatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: late.replace(tzinfo=None))
        refused(list_with(), *code, "expired")
    assert list_with()()


def test_a_tampered_body_is_refused(healthimaging):
    client = healthimaging.client("medical-imaging")

    def tamper(request, **_):
        request.body = (request.body or b"").replace(b"honest", b"forged")

    client.meta.events.register("before-send", tamper)
    refused(lambda: client.create_datastore(datastoreName="honest"), "AccessDeniedException", 403)
    names = [one["datastoreName"] for one in client.list_datastores()["datastoreSummaries"]]
    assert "forged" not in names


def test_an_unsigned_request_is_refused(healthimaging):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(healthimaging.known["endpoint_url"] + "/datastore")
    assert caught.value.code == 403
    assert caught.value.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert "Missing" in json.loads(caught.value.read())["message"]


def test_the_identity_file_is_private_and_stable(fresh):
    path = fresh.data / "healthimaging.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(fresh.known) == {
        "endpoint_url",
        "region_name",
        "datastoreId",
        "aws_access_key_id",
        "aws_secret_access_key",
    }
    before = fresh.known
    assert fresh.stop() == 0
    fresh.start()
    assert fresh.known == before


def test_buckets_beside_the_service(healthimaging, tmp_path):
    s3 = healthimaging.s3
    s3.create_bucket(Bucket="files")
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(range(256)) * (40 << 12))  # 40 MiB: boto3 uploads it in parts
    s3.upload_file(str(big), "files", "a/b/big.bin")
    s3.put_object(Bucket="files", Key="a/ü n.txt", Body=b"text")
    assert s3.get_object(Bucket="files", Key="a/b/big.bin")["Body"].read() == big.read_bytes()
    part = s3.get_object(Bucket="files", Key="a/b/big.bin", Range="bytes=255-257")
    assert part["Body"].read() == b"\xff\x00\x01"
    listed = s3.list_objects_v2(Bucket="files", Prefix="a/")["Contents"]
    assert [(one["Key"], one["Size"]) for one in listed] == [
        ("a/b/big.bin", 40 << 20),
        ("a/ü n.txt", 4),
    ]
    folders = s3.list_objects_v2(Bucket="files", Prefix="a/", Delimiter="/")
    assert [one["Prefix"] for one in folders["CommonPrefixes"]] == ["a/b/"]
    s3.delete_object(Bucket="files", Key="a/b/big.bin")
    refused(lambda: s3.get_object(Bucket="files", Key="a/b/big.bin"), "NoSuchKey", 404)
    refused(lambda: s3.list_objects_v2(Bucket="missing"), "NoSuchBucket", 404)
    refused(lambda: s3.put_object(Bucket="files", Key="../x", Body=b""), "InvalidArgument", 400)
    stranger = healthimaging.client("s3", aws_secret_access_key="wrong")
    refused(lambda: stranger.list_buckets(), "AccessDenied", 403)


def test_roles_and_uris_are_checked(healthimaging):
    client = healthimaging.imaging
    loose = healthimaging.client("medical-imaging", loose=True)
    good = {
        "datastoreId": healthimaging.datastore_id,
        "dataAccessRoleArn": ROLE,
        "inputS3Uri": "s3://input/",
        "outputS3Uri": "s3://output/",
    }
    for name, value in {"inputS3Uri": "http://x/", "dataAccessRoleArn": "role"}.items():
        refused(
            lambda name=name, value=value: loose.start_dicom_import_job(**{**good, name: value}),
            "ValidationException",
            400,
            name,
        )
    refused(
        lambda: client.start_dicom_import_job(**{**good, "datastoreId": "0" * 32}),
        "ResourceNotFoundException",
        404,
    )
