"""The developer guide's AWS CLI examples, run by the AWS CLI.

The commands are the guide's; its identifiers, and nothing else of them, become those of the test.
Where the guide shows no valid command, the test says what stands in its place. The client is
version 1, which has no option ``--cli-binary-format raw-in-base64-out`` and takes blobs as text
without it: that option is left out.
"""

import gzip
import json
import os
import shlex
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests import files
from tests.forked import AWS, Done, run
from tests.running import HealthImaging

DATASTORE = "12345678901234567890123456789012"
JOB = "09876543210987654321098765432109"
ARN = f"arn:aws:medical-imaging:us-east-1:123456789012:datastore/{DATASTORE}"
IMAGE_SET = "ea92b0d8838c72a3f25d00d13616f87e"
TAGGED = "18f88ac7870584f58d56256646b4d92b"
SERIES = "1.2.840.99999999.84710745.943275268089"

# Not imported, because that would set the variable for all tests.
DATA = str(Path(*find_spec("awscli").submodule_search_locations) / "data")

pytestmark = pytest.mark.timeout(300)


@dataclass
class Shell:
    """Runs the guide's commands in a folder; ``names`` are identifiers of the guide and of ours."""

    server: HealthImaging
    datastore_id: str
    folder: Path
    names: dict[str, str] = field(default_factory=dict)

    def start(self, command: str) -> Done:
        for guides, ours in self.names.items():
            command = command.replace(guides, ours)
        program, *arguments = shlex.split(command.replace("\\\n", ""))
        assert program == "aws"
        known = self.server.known
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),  # no configuration but this
            "AWS_ACCESS_KEY_ID": known["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": known["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": known["region_name"],
            "AWS_DATA_PATH": DATA,  # as importing awscli sets it
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }
        endpoint = ["--endpoint-url", known["endpoint_url"]]
        return run(AWS, *arguments, *endpoint, environment=environment, folder=self.folder)

    def text(self, command: str) -> str:
        done = self.start(command)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def run(self, command: str, **contents: object) -> dict:
        """The JSON that a command prints; ``contents`` are files it reads, by stem."""
        for stem, content in contents.items():
            text = json.dumps(content)
            for guides, ours in self.names.items():
                text = text.replace(guides, ours)
            (self.folder / f"{stem.replace('_', '-')}.json").write_text(text)
        return json.loads(self.text(command))

    def import_files(self, *datasets) -> list[str]:
        """The image sets of data sets, in their order."""
        paths = [
            files.write(self.folder / f"{number}.dcm", dataset)
            for number, dataset in enumerate(datasets)
        ]
        prefix = f"{self.datastore_id}-{time.monotonic_ns()}"
        good, bad = self.server.import_files(paths, prefix, self.datastore_id)
        assert not bad
        return [good[path] for path in paths]

    def properties(self, image_set_id: str) -> dict:
        return self.server.imaging.get_image_set(
            datastoreId=self.datastore_id, imageSetId=image_set_id
        )

    def settled(self, image_set_id: str) -> dict:
        """The properties of an image set once it is no longer locked."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.properties(image_set_id)
            if found["imageSetState"] != "LOCKED":
                return found
            time.sleep(0.05)
        raise TimeoutError(image_set_id)

    def document(self, image_set_id: str) -> dict:
        answer = self.server.imaging.get_image_set_metadata(
            datastoreId=self.datastore_id, imageSetId=image_set_id
        )
        return json.loads(gzip.decompress(answer["imageSetMetadataBlob"].read()))

    def instances(self, image_set_id: str) -> dict:
        [series] = self.document(image_set_id)["Study"]["Series"].values()
        return series["Instances"]


def subject(number=1, **changes):
    """An instance of the study that the guide's outputs show."""
    return files.ct(
        number,
        **{
            "PatientID": "SUBJECT08701",
            "PatientName": "Melissa844^Huel628",
            "StudyID": "2011201407",
            "StudyDate": "19991122",
            "StudyTime": "140728",
            "StudyDescription": "CHEST",
            "SeriesInstanceUID": SERIES,
            "SOPInstanceUID": f"{SERIES}.{number}",
            **changes,
        },
    )


def new_shell(server, folder):
    made = server.imaging.create_datastore(
        datastoreName="guide", tags={"embedded:import-rule": "new-image-sets"}
    )
    datastore_id = made["datastoreId"]
    arn = server.imaging.get_datastore(datastoreId=datastore_id)["datastoreProperties"]
    return Shell(server, datastore_id, folder, {ARN: arn["datastoreArn"], DATASTORE: datastore_id})


@pytest.fixture
def shell(healthimaging, tmp_path):
    """A data store of the test's own."""
    return new_shell(healthimaging, tmp_path)


@pytest.fixture(scope="module")
def filled(healthimaging, tmp_path_factory):
    """A data store with an image set of two instances, for tests that only read."""
    shell = new_shell(healthimaging, tmp_path_factory.mktemp("guide"))
    image_set_id, same = shell.import_files(subject(1), subject(2))
    assert image_set_id == same
    shell.names |= {IMAGE_SET: image_set_id, TAGGED: image_set_id}
    return shell


def test_verify_the_setup(shell):
    """The page of the command's help, without a terminal to page it on."""
    done = shell.start("aws medical-imaging help")
    assert done.returncode == 0
    assert "start-dicom-import-job" in done.stdout


def test_create_a_data_store(shell):
    made = shell.run('aws medical-imaging create-datastore \\\n    --datastore-name "my-datastore"')
    assert made.keys() == {"datastoreId", "datastoreStatus"}
    assert made["datastoreStatus"] == "CREATING"
    text = shell.text(
        'aws medical-imaging create-datastore --datastore-name "my-datastore" '
        "--output text --query 'datastoreId'"
    )
    found = shell.server.imaging.get_datastore(datastoreId=text.strip())
    assert found["datastoreProperties"]["datastoreName"] == "my-datastore"


def test_get_a_data_stores_properties(shell):
    found = shell.run(f"aws medical-imaging get-datastore --datastore-id {DATASTORE}")
    assert found["datastoreProperties"].keys() >= {
        "datastoreId",
        "datastoreName",
        "datastoreStatus",
        "datastoreArn",
        "createdAt",
        "updatedAt",
    }
    text = shell.text(
        f'aws medical-imaging get-datastore --datastore-id "{DATASTORE}" --output text '
        '--query "[ datastoreProperties.datastoreName, datastoreProperties.datastoreId, '
        "datastoreProperties.datastoreStatus, datastoreProperties.datastoreArn, "
        'datastoreProperties.createdAt, datastoreProperties.updatedAt]"'
    )
    name, datastore_id, status, arn, created, updated = text.split()
    assert (name, datastore_id, status) == ("guide", shell.datastore_id, "ACTIVE")
    assert arn == shell.names[ARN]
    assert float(created) <= float(updated)


def test_list_data_stores(shell):
    listed = shell.run("aws medical-imaging list-datastores")["datastoreSummaries"]
    assert shell.datastore_id in {one["datastoreId"] for one in listed}
    assert len(listed) == len({one["datastoreId"] for one in listed})
    text = shell.text(
        "aws medical-imaging list-datastores --output text "
        '--query "datastoreSummaries[*][datastoreName, datastoreId, datastoreStatus]"'
    )
    assert ["guide", shell.datastore_id, "ACTIVE"] in [line.split() for line in text.splitlines()]


def test_delete_a_data_store(shell):
    gone = shell.run(f'aws medical-imaging delete-datastore --datastore-id "{DATASTORE}"')
    assert gone == {"datastoreId": shell.datastore_id, "datastoreStatus": "DELETING"}


def test_start_get_and_list_import_jobs(shell):
    s3 = shell.server.s3
    for bucket in ("medical-imaging-dicom-input", "medical-imaging-output"):
        s3.create_bucket(Bucket=bucket)
    path = files.write(shell.folder / "one.dcm", subject())
    s3.upload_file(str(path), "medical-imaging-dicom-input", "dicom_input/one.dcm")
    started = shell.run(
        f"""aws medical-imaging start-dicom-import-job \\
          --job-name "my-job" \\
          --datastore-id "{DATASTORE}" \\
          --input-s3-uri "s3://medical-imaging-dicom-input/dicom_input/" \\
          --output-s3-uri "s3://medical-imaging-output/job_output/" \\
          --data-access-role-arn "arn:aws:iam::123456789012:role/ImportJobDataAccessRole"
        """
    )
    assert started.keys() == {"datastoreId", "jobId", "jobStatus", "submittedAt"}
    assert started["jobStatus"] == "SUBMITTED"
    shell.names[JOB] = started["jobId"]
    shell.server.wait(started["jobId"], shell.datastore_id)
    job = shell.run(
        f"""aws medical-imaging get-dicom-import-job \\
          --datastore-id "{DATASTORE}" \\
          --job-id "{JOB}"
        """
    )["jobProperties"]
    assert job["submittedAt"] <= job["endedAt"]
    del job["submittedAt"], job["endedAt"]
    assert job == {
        "jobId": started["jobId"],
        "jobName": "my-job",
        "jobStatus": "COMPLETED",
        "datastoreId": shell.datastore_id,
        "dataAccessRoleArn": "arn:aws:iam::123456789012:role/ImportJobDataAccessRole",
        "inputS3Uri": "s3://medical-imaging-dicom-input/dicom_input/",
        "outputS3Uri": "s3://medical-imaging-output/job_output/"
        f"{shell.datastore_id}-DicomImport-{started['jobId']}/",
    }
    listed = shell.run(f'aws medical-imaging list-dicom-import-jobs --datastore-id "{DATASTORE}"')[
        "jobSummaries"
    ]
    assert [one["jobId"] for one in listed] == [started["jobId"]]
    assert listed[0].keys() == {
        "jobId",
        "jobName",
        "jobStatus",
        "datastoreId",
        "dataAccessRoleArn",
        "endedAt",
        "submittedAt",
    }


def between(name, low, high):
    return {"values": [{name: low}, {name: high}], "operator": "BETWEEN"}


EQUAL = {"values": [{"DICOMPatientId": "SUBJECT08701"}], "operator": "EQUAL"}
STUDIES = between(
    "DICOMStudyDateAndTime",
    {"DICOMStudyDate": "19900101", "DICOMStudyTime": "000000"},
    {"DICOMStudyDate": "20230101", "DICOMStudyTime": "000000"},
)
CREATED = between("createdAt", "1985-04-12T23:20:50.52Z", "2022-04-12T23:20:50.52Z")
UPDATED = between(
    "updatedAt", "2024-03-11T15:00:05.074000-07:00", "2024-03-11T16:00:05.074000-07:00"
)
IN_SERIES = {"values": [{"DICOMSeriesInstanceUID": SERIES}], "operator": "EQUAL"}
SORTED = {"sort": {"sortField": "updatedAt", "sortOrder": "ASC"}}


@pytest.mark.parametrize(
    ("criteria", "count"),
    [
        ({"filters": [EQUAL]}, 1),
        ({"filters": [STUDIES]}, 1),
        ({"filters": [CREATED]}, 0),  # nothing that a test imports is so old
        ({"filters": [UPDATED, IN_SERIES], **SORTED}, 0),
        ({"filters": [between("updatedAt", "2024-03-11", "2200-01-01"), IN_SERIES], **SORTED}, 1),
    ],
)
def test_search_image_sets(filled, criteria, count):
    found = filled.run(
        f"""aws medical-imaging search-image-sets \\
          --datastore-id {DATASTORE} \\
          --search-criteria file://search-criteria.json
        """,
        search_criteria=criteria,
    )["imageSetsMetadataSummaries"]
    assert len(found) == count
    for one in found:
        assert one["imageSetId"] == filled.names[IMAGE_SET]
        assert one["version"] == 1
        assert one["createdAt"] <= one["updatedAt"]
        expected = {
            "DICOMStudyId": "2011201407",
            "DICOMStudyDate": "19991122",
            "DICOMStudyDescription": "CHEST",
            "DICOMPatientId": "SUBJECT08701",
            "DICOMNumberOfStudyRelatedInstances": 2,
            "DICOMNumberOfStudyRelatedSeries": 1,
            "DICOMStudyTime": "140728",
        }
        assert one["DICOMTags"].items() >= expected.items()


def test_get_image_set_properties(filled):
    found = filled.run(
        f"""aws medical-imaging get-image-set \\
          --datastore-id {DATASTORE} \\
          --image-set-id {TAGGED} \\
          --version-id 1
        """
    )
    expected = {
        "versionId": "1",
        "imageSetWorkflowStatus": "CREATED",
        "imageSetId": filled.names[TAGGED],
        "imageSetState": "ACTIVE",
        "datastoreId": filled.datastore_id,
    }
    assert found.items() >= expected.items()
    assert found.keys() >= {"createdAt", "updatedAt"}


@pytest.mark.parametrize("version", ["", "--version-id 1"])
def test_get_image_set_metadata(filled, version):
    outfile = filled.folder / "studymetadata.json.gz"
    outfile.unlink(missing_ok=True)
    found = filled.run(
        f"""aws medical-imaging get-image-set-metadata \\
          --datastore-id {DATASTORE} \\
          --image-set-id {IMAGE_SET} {version} \\
          studymetadata.json.gz
        """
    )
    assert found == {"contentType": "application/json", "contentEncoding": "gzip"}
    document = json.loads(gzip.decompress(outfile.read_bytes()))
    assert document["ImageSetID"] == filled.names[IMAGE_SET]


def test_get_image_set_pixel_data(filled):
    instance = filled.instances(filled.names[IMAGE_SET])[f"{SERIES}.1"]
    filled.names |= {
        "98765412345612345678907890789012": filled.names[IMAGE_SET],
        "3abf5d5d7ae72f80a0ec81b2c0de3ef4": instance["ImageFrames"][0]["ID"],
    }
    filled.text(
        f"""aws medical-imaging get-image-frame \\
          --datastore-id "{DATASTORE}" \\
          --image-set-id "98765412345612345678907890789012" \\
          --image-frame-information imageFrameId=3abf5d5d7ae72f80a0ec81b2c0de3ef4 \\
          imageframe.jpg
        """
    )
    assert (filled.folder / "imageframe.jpg").read_bytes().startswith(b"\xff\x4f")


def test_list_image_set_versions(filled):
    found = filled.run(
        f"""aws medical-imaging list-image-set-versions \\
          --datastore-id {DATASTORE} \\
          --image-set-id {IMAGE_SET}
        """
    )
    [one] = found["imageSetPropertiesList"]
    assert (one["versionId"], one["ImageSetWorkflowStatus"]) == ("1", "CREATED")
    assert one["imageSetState"] == "ACTIVE"


@pytest.mark.parametrize("resource", [ARN, f"{ARN}/imageset/{TAGGED}"])
def test_tag_list_and_untag(filled, resource):
    """A shell takes the quotes from the guide's ``--tag-keys ["Deployment"]``: here they stay."""
    before = filled.run(f'aws medical-imaging list-tags-for-resource --resource-arn "{resource}"')
    done = filled.text(
        f"""aws medical-imaging tag-resource \\
          --resource-arn "{resource}" \\
          --tags '{{"Deployment":"Development"}}'
        """
    )
    assert done == ""
    listed = filled.run(f'aws medical-imaging list-tags-for-resource --resource-arn "{resource}"')
    assert listed["tags"] == before["tags"] | {"Deployment": "Development"}
    done = filled.text(
        f"""aws medical-imaging untag-resource \\
          --resource-arn "{resource}" \\
          --tag-keys '["Deployment"]'
        """
    )
    assert done == ""
    assert before == filled.run(
        f'aws medical-imaging list-tags-for-resource --resource-arn "{resource}"'
    )


def update(shell, image_set_id, version, updates, *, force=False):
    """Run the guide's update of an image set and check what it answers; the settled properties."""
    shell.names[IMAGE_SET] = image_set_id
    answer = shell.run(
        f"""aws medical-imaging update-image-set-metadata \\
          --datastore-id {DATASTORE} \\
          --image-set-id {IMAGE_SET} \\
          --latest-version-id {version} {"--force" if force else ""} \\
          --update-image-set-metadata-updates file://metadata-updates.json
        """,
        metadata_updates=updates,
    )
    check_updating(shell, answer, version)
    found = shell.settled(image_set_id)
    assert found["imageSetState"] == "ACTIVE"
    assert found["imageSetWorkflowStatus"] == "UPDATED", found
    assert found["versionId"] == str(version + 1)
    return found


def check_updating(shell, answer, version):
    expected = {
        "latestVersionId": str(version + 1),
        "imageSetWorkflowStatus": "UPDATING",
        "imageSetState": "LOCKED",
        "imageSetId": shell.names[IMAGE_SET],
        "datastoreId": shell.datastore_id,
    }
    assert answer.items() >= expected.items()
    assert answer["createdAt"] <= answer["updatedAt"]


def attributes(**levels):
    return json.dumps({"SchemaVersion": 1.1, **levels})


def of_instance(content, number=1):
    """The attributes of one instance, in the guide's nesting."""
    sop = f"{SERIES}.{number}"
    return attributes(Study={"Series": {SERIES: {"Instances": {sop: content}}}})


def test_update_insert_and_revert_an_attribute(shell):
    [image_set_id] = shell.import_files(subject())
    before = shell.document(image_set_id)
    name = attributes(Patient={"DICOM": {"PatientName": "MX^MX"}})
    update(shell, image_set_id, 1, {"DICOMUpdates": {"updatableAttributes": name}})
    assert shell.document(image_set_id)["Patient"]["DICOM"]["PatientName"] == "MX^MX"
    answer = shell.run(
        f"""aws medical-imaging update-image-set-metadata \\
          --datastore-id {DATASTORE} \\
          --image-set-id {IMAGE_SET} \\
          --latest-version-id 2 \\
          --update-image-set-metadata-updates '{{"revertToVersionId": "1"}}'
        """
    )
    check_updating(shell, answer, 2)
    found = shell.settled(image_set_id)
    assert (found["imageSetState"], found["imageSetWorkflowStatus"]) == ("ACTIVE", "UPDATED")
    after = shell.document(image_set_id)
    assert (after["Patient"], after["Study"]) == (before["Patient"], before["Study"])


def test_update_removing_an_attribute(shell):
    [image_set_id] = shell.import_files(subject())
    removed = attributes(Study={"DICOM": {"StudyDescription": "CHEST"}})
    update(shell, image_set_id, 1, {"DICOMUpdates": {"removableAttributes": removed}})
    assert "StudyDescription" not in shell.document(image_set_id)["Study"]["DICOM"]


def test_update_removing_an_instance(shell):
    image_set_id, _ = shell.import_files(subject(1), subject(2))
    update(shell, image_set_id, 1, {"DICOMUpdates": {"removableAttributes": of_instance({})}})
    assert list(shell.instances(image_set_id)) == [f"{SERIES}.2"]


def test_update_adding_and_changing_a_private_element(shell):
    [image_set_id] = shell.import_files(subject())
    added = of_instance({"DICOM": {"001910F9": "97"}, "DICOMVRs": {"001910F9": "DS"}})
    update(shell, image_set_id, 1, {"DICOMUpdates": {"updatableAttributes": added}}, force=True)
    [instance] = shell.instances(image_set_id).values()
    assert instance["DICOM"]["001910F9"] == "97"
    assert instance["DICOMVRs"]["001910F9"] == "DS"
    changed = of_instance({"DICOM": {"001910F9": "98"}})
    update(shell, image_set_id, 2, {"DICOMUpdates": {"updatableAttributes": changed}}, force=True)
    [instance] = shell.instances(image_set_id).values()
    assert instance["DICOM"]["001910F9"] == "98"


def test_update_of_a_sop_instance_uid_by_force(shell):
    [image_set_id] = shell.import_files(subject())
    changed = of_instance({"DICOM": {"SOPInstanceUID": f"{SERIES}.9"}})
    update(shell, image_set_id, 1, {"DICOMUpdates": {"updatableAttributes": changed}}, force=True)
    assert list(shell.instances(image_set_id)) == [f"{SERIES}.9"]


def copy(shell, source, information, options=""):
    """Run the guide's copy and check what it answers; the destination, settled."""
    shell.names[IMAGE_SET] = source
    answer = shell.run(
        f"""aws medical-imaging copy-image-set \\
          --datastore-id {DATASTORE} \\
          --source-image-set-id {IMAGE_SET} \\
          --copy-image-set-information '{information}' {options}
        """
    )
    assert answer["datastoreId"] == shell.datastore_id
    of_source = answer["sourceImageSetProperties"]
    expected = {
        "latestVersionId": "1",
        "imageSetWorkflowStatus": "COPYING_WITH_READ_ONLY_ACCESS",
        "imageSetId": source,
        "imageSetState": "LOCKED",
    }
    assert of_source.items() >= expected.items()
    target = answer["destinationImageSetProperties"]
    assert (target["imageSetState"], target["imageSetWorkflowStatus"]) == ("LOCKED", "COPYING")
    found = shell.settled(target["imageSetId"])
    assert (found["imageSetState"], found["imageSetWorkflowStatus"]) == ("ACTIVE", "COPIED")
    assert shell.settled(source)["imageSetState"] == "ACTIVE"
    return target


def test_copy_without_a_destination(shell):
    source, _ = shell.import_files(subject(1), subject(2))
    made = copy(shell, source, '{"sourceImageSet": {"latestVersionId": "1" } }')
    assert made["imageSetId"] != source
    assert shell.instances(made["imageSetId"]).keys() == shell.instances(source).keys()


def test_copy_with_a_destination(shell):
    [source], [target] = shell.import_files(subject(1)), shell.import_files(subject(2))
    shell.names["b9a06fef182a5f992842f77f8e0868e5"] = target
    made = copy(
        shell,
        source,
        '{"sourceImageSet": {"latestVersionId": "1" }, "destinationImageSet": '
        '{ "imageSetId": "b9a06fef182a5f992842f77f8e0868e5", "latestVersionId": "1"} }',
    )
    assert (made["imageSetId"], made["latestVersionId"]) == (target, "2")
    assert set(shell.instances(target)) == {f"{SERIES}.1", f"{SERIES}.2"}


def test_copy_of_one_instance_by_force(shell):
    """The guide's JSON lost its escapes on the page; copiable attributes are JSON in a string."""
    source, _ = shell.import_files(subject(1), subject(2))
    [target] = shell.import_files(subject(3, PatientID="SUBJECT2", PatientName="Other^Name"))
    shell.names["b9eb50d8ee682eb9fcf4acbf92f62bb7"] = target
    instances = {"Instances": {f"{SERIES}.2": {}}}
    subset = json.dumps({"SchemaVersion": "1.1", "Study": {"Series": {SERIES: instances}}})
    made = copy(
        shell,
        source,
        '{"sourceImageSet": {"latestVersionId": "1", "DICOMCopies": {"copiableAttributes": '
        + json.dumps(subset)
        + '}}, "destinationImageSet": {"imageSetId": "b9eb50d8ee682eb9fcf4acbf92f62bb7", '
        '"latestVersionId": "1"}}',
        "--force",
    )
    assert (made["imageSetId"], made["latestVersionId"]) == (target, "2")
    assert set(shell.instances(target)) == {f"{SERIES}.2", f"{SERIES}.3"}
    assert set(shell.instances(source)) == {f"{SERIES}.1", f"{SERIES}.2"}


def is_deleted(shell, image_set_id):
    try:
        return shell.properties(image_set_id)["imageSetState"] == "DELETED"
    except ClientError as error:
        return error.response["Error"]["Code"] == "ResourceNotFoundException"


def test_delete_an_image_set(shell):
    [image_set_id] = shell.import_files(subject())
    shell.names[IMAGE_SET] = image_set_id
    answer = shell.run(
        f"""aws medical-imaging delete-image-set \\
          --datastore-id {DATASTORE} \\
          --image-set-id {IMAGE_SET}
        """
    )
    assert answer == {
        "imageSetWorkflowStatus": "DELETING",
        "imageSetId": image_set_id,
        "imageSetState": "LOCKED",
        "datastoreId": shell.datastore_id,
    }
    deadline = time.monotonic() + 60
    while not is_deleted(shell, image_set_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_deleted(shell, image_set_id)
    found = shell.server.imaging.search_image_sets(datastoreId=shell.datastore_id)
    assert found["imageSetsMetadataSummaries"] == []
