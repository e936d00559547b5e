"""What the developer guide's Python examples do with boto3: the same calls, the same parameters.

The guide copies a subset of instances from a series named ``imageSetId``; here it is the series'
identifier, as the operation's description asks for.
"""

import datetime
import gzip
import json
import time

import pytest
from botocore.exceptions import ClientError

from tests import files
from tests.running import ROLE

SERIES = "1.2.840.99999999.84710745.943275268089"
SINCE = datetime.datetime(2021, 8, 4, 14, 49, 54, 429000)


def subject(number, **changes):
    return files.ct(
        number,
        **{
            "PatientID": "3524578",
            "StudyDate": "19991122",
            "StudyDescription": "CT CHEST",
            "SeriesInstanceUID": SERIES,
            "SOPInstanceUID": f"{SERIES}.{number}",
            **changes,
        },
    )


class Store:
    """A data store in which every job makes image sets of its own."""

    def __init__(self, server, folder):
        self.server, self.client, self.folder = server, server.imaging, folder
        tags = {"embedded:import-rule": "new-image-sets"}
        self.id = self.client.create_datastore(datastoreName="python", tags=tags)["datastoreId"]

    def import_files(self, *datasets):
        paths = [
            files.write(self.folder / f"{number}.dcm", dataset)
            for number, dataset in enumerate(datasets)
        ]
        prefix = f"python-{self.id}-{time.monotonic_ns()}"
        good, bad = self.server.import_files(paths, prefix, self.id)
        assert not bad
        return [good[path] for path in paths]

    def settled(self, image_set_id):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.client.get_image_set(imageSetId=image_set_id, datastoreId=self.id)
            if found["imageSetState"] != "LOCKED":
                return found
            time.sleep(0.05)
        raise TimeoutError(image_set_id)

    def document(self, image_set_id, **version):
        answer = self.client.get_image_set_metadata(
            imageSetId=image_set_id, datastoreId=self.id, **version
        )
        content = b"".join(answer["imageSetMetadataBlob"].iter_chunks())
        return json.loads(gzip.decompress(content))

    def instances(self, image_set_id):
        [series] = self.document(image_set_id)["Study"]["Series"].values()
        return series["Instances"]


@pytest.fixture
def store(healthimaging, tmp_path):
    """A data store of the test's own."""
    return Store(healthimaging, tmp_path)


@pytest.fixture(scope="module")
def filled(healthimaging, tmp_path_factory):
    """A data store with one image set, which is only read."""
    found = Store(healthimaging, tmp_path_factory.mktemp("python"))
    [found.image_set_id, _] = found.import_files(subject(1), subject(2))
    return found


def test_data_stores(healthimaging):
    client = healthimaging.imaging
    datastore_id = client.create_datastore(datastoreName="my_data_store")["datastoreId"]
    found = client.get_datastore(datastoreId=datastore_id)["datastoreProperties"]
    assert (found["datastoreName"], found["datastoreStatus"]) == ("my_data_store", "ACTIVE")
    summaries = []
    for page in client.get_paginator("list_datastores").paginate():
        summaries.extend(page["datastoreSummaries"])
    assert datastore_id in {one["datastoreId"] for one in summaries}
    arn = found["datastoreArn"]
    client.tag_resource(resourceArn=arn, tags={"Deployment": "Development"})
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"Deployment": "Development"}
    client.untag_resource(resourceArn=arn, tagKeys=["Deployment"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    client.delete_datastore(datastoreId=datastore_id)
    found = client.get_datastore(datastoreId=datastore_id)["datastoreProperties"]
    assert found["datastoreStatus"] == "DELETED"


def test_import_jobs_and_their_image_sets(store):
    s3 = store.server.s3
    s3.create_bucket(Bucket="python-data")
    path = files.write(store.folder / "one.dcm", subject(1))
    s3.upload_file(str(path), "python-data", f"input/{store.id}/one.dcm")
    job = store.client.start_dicom_import_job(
        jobName="examplejob",
        datastoreId=store.id,
        dataAccessRoleArn=ROLE,
        inputS3Uri=f"s3://python-data/input/{store.id}/",
        outputS3Uri="s3://python-data/output/",
    )
    store.server.wait(job["jobId"], store.id)
    answer = store.client.get_dicom_import_job(datastoreId=store.id, jobId=job["jobId"])
    properties = answer["jobProperties"]
    assert (properties["jobName"], properties["jobStatus"]) == ("examplejob", "COMPLETED")
    summaries = []
    pages = store.client.get_paginator("list_dicom_import_jobs").paginate(datastoreId=store.id)
    for page in pages:
        summaries.extend(page["jobSummaries"])
    assert [one["jobId"] for one in summaries] == [job["jobId"]]
    # The image sets of a job, by the manifest at the place that its properties tell.
    output = properties["outputS3Uri"]
    bucket, key = output.split("/")[2], "/".join(output.split("/")[3:])
    body = s3.get_object(Bucket=bucket, Key=key + "job-output-manifest.json")["Body"]
    [made] = json.load(body)["jobSummary"]["imageSetsSummary"]
    assert store.client.get_image_set(imageSetId=made["imageSetId"], datastoreId=store.id)


def equal(name, value):
    return {"operator": "EQUAL", "values": [{name: value}]}


def between(name, low, high):
    return {"operator": "BETWEEN", "values": [{name: low}, {name: high}]}


TOMORROW = datetime.datetime.now() + datetime.timedelta(days=1)
STUDY_DATES = [
    {"DICOMStudyDate": date, "DICOMStudyTime": "000000"} for date in ("19900101", "20230101")
]


@pytest.mark.parametrize(
    ("criteria", "count"),
    [
        ({"filters": [equal("DICOMPatientId", "3524578")]}, 1),
        ({"filters": [equal("DICOMPatientId", "unknown")]}, 0),
        ({"filters": [between("DICOMStudyDateAndTime", *STUDY_DATES)]}, 1),
        ({"filters": [between("createdAt", SINCE, TOMORROW)]}, 1),
        (
            {
                "filters": [
                    between("updatedAt", SINCE, TOMORROW),
                    equal("DICOMSeriesInstanceUID", SERIES),
                ],
                "sort": {"sortOrder": "ASC", "sortField": "updatedAt"},
            },
            1,
        ),
    ],
)
def test_searches(filled, criteria, count):
    pages = filled.client.get_paginator("search_image_sets").paginate(
        datastoreId=filled.id, searchCriteria=criteria
    )
    found = []
    for page in pages:
        found.extend(page["imageSetsMetadataSummaries"])
    assert [one["imageSetId"] for one in found] == [filled.image_set_id] * count


def test_image_sets_their_metadata_versions_and_frames(filled):
    where = {"imageSetId": filled.image_set_id, "datastoreId": filled.id}
    found = filled.client.get_image_set(**where)
    assert found["imageSetState"] == "ACTIVE"
    again = filled.client.get_image_set(**where, versionId=found["versionId"])
    assert again["createdAt"] == found["createdAt"]
    document = filled.document(filled.image_set_id)
    assert filled.document(filled.image_set_id, versionId="1") == document
    versions = []
    for page in filled.client.get_paginator("list_image_set_versions").paginate(**where):
        versions.extend(page["imageSetPropertiesList"])
    assert [one["versionId"] for one in versions] == ["1"]
    frames = [
        frame["ID"]
        for series in document["Study"]["Series"].values()
        for instance in series["Instances"].values()
        for frame in instance["ImageFrames"]
    ]
    assert len(frames) == 2
    for frame_id in frames:
        answer = filled.client.get_image_frame(
            datastoreId=filled.id,
            imageSetId=filled.image_set_id,
            imageFrameInformation={"imageFrameId": frame_id},
        )
        content = b"".join(chunk for chunk in answer["imageFrameBlob"].iter_chunks() if chunk)
        assert content.startswith(b"\xff\x4f")
        assert content.endswith(b"\xff\xd9")


def update(store, image_set_id, version, metadata):
    answer = store.client.update_image_set_metadata(
        imageSetId=image_set_id,
        datastoreId=store.id,
        latestVersionId=str(version),
        updateImageSetMetadataUpdates=metadata,
        force=False,
    )
    assert answer["latestVersionId"] == str(version + 1)
    assert (answer["imageSetState"], answer["imageSetWorkflowStatus"]) == ("LOCKED", "UPDATING")
    found = store.settled(image_set_id)
    assert (found["imageSetState"], found["imageSetWorkflowStatus"]) == ("ACTIVE", "UPDATED")


def test_updates(store):
    image_set_id, _ = store.import_files(subject(1), subject(2))
    before = store.document(image_set_id)
    described = json.dumps(
        {"SchemaVersion": 1.1, "Study": {"DICOM": {"StudyDescription": "CT HEAD"}}}, indent=4
    )
    update(store, image_set_id, 1, {"DICOMUpdates": {"updatableAttributes": described}})
    assert store.document(image_set_id)["Study"]["DICOM"]["StudyDescription"] == "CT HEAD"
    update(store, image_set_id, 2, {"DICOMUpdates": {"removableAttributes": described}})
    assert "StudyDescription" not in store.document(image_set_id)["Study"]["DICOM"]
    removed = {"Series": {SERIES: {"Instances": {f"{SERIES}.1": {}}}}}
    removable = json.dumps({"SchemaVersion": 1.1, "Study": removed}, indent=4)
    update(store, image_set_id, 3, {"DICOMUpdates": {"removableAttributes": removable}})
    assert list(store.instances(image_set_id)) == [f"{SERIES}.2"]
    update(store, image_set_id, 4, {"revertToVersionId": "1"})
    assert store.document(image_set_id)["Study"] == before["Study"]
    assert store.document(image_set_id, versionId="2") != before


def copy(store, source, subsets=(), destination=None):
    """The destination of a copy, settled."""
    information = {"sourceImageSet": {"latestVersionId": "1"}}
    if destination:
        information["destinationImageSet"] = {"imageSetId": destination, "latestVersionId": "1"}
    if subsets:
        instances = {"Instances": {subset: {} for subset in subsets}}
        copiable = {"SchemaVersion": "1.1", "Study": {"Series": {SERIES: instances}}}
        information["sourceImageSet"]["DICOMCopies"] = {"copiableAttributes": json.dumps(copiable)}
    answer = store.client.copy_image_set(
        datastoreId=store.id,
        sourceImageSetId=source,
        copyImageSetInformation=information,
        force=False,
    )
    made = answer["destinationImageSetProperties"]
    assert (made["imageSetState"], made["imageSetWorkflowStatus"]) == ("LOCKED", "COPYING")
    found = store.settled(made["imageSetId"])
    assert (found["imageSetState"], found["imageSetWorkflowStatus"]) == ("ACTIVE", "COPIED")
    assert store.settled(source)["imageSetState"] == "ACTIVE"
    return made["imageSetId"]


def test_copies(store):
    source, _ = store.import_files(subject(1), subject(2))
    [other] = store.import_files(subject(3))
    whole = copy(store, source)
    assert store.instances(whole).keys() == store.instances(source).keys()
    part = copy(store, source, [f"{SERIES}.2"])
    assert list(store.instances(part)) == [f"{SERIES}.2"]
    assert copy(store, source, destination=other) == other
    assert set(store.instances(other)) == {f"{SERIES}.{number}" for number in (1, 2, 3)}


def test_deletion(store):
    [image_set_id] = store.import_files(subject(1))
    answer = store.client.delete_image_set(imageSetId=image_set_id, datastoreId=store.id)
    assert (answer["imageSetState"], answer["imageSetWorkflowStatus"]) == ("LOCKED", "DELETING")
    deadline = time.monotonic() + 60
    while not deleted(store, image_set_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert deleted(store, image_set_id)


def deleted(store, image_set_id):
    try:
        found = store.client.get_image_set(imageSetId=image_set_id, datastoreId=store.id)
    except ClientError as error:
        return error.response["Error"]["Code"] == "ResourceNotFoundException"
    return found["imageSetState"] == "DELETED"
