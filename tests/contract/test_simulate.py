"""Throttles, faults, call log and metrics as boto3 and a bare HTTP client meet them."""

import gzip
import http.client
import json
import stat
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from tests import files
from tests.running import ROLE, HealthImaging

NAME, PATIENT, STUDY = "Muster^Veronika", "PAT-4711", "1.2.826.0.1.3680043.10.99.7"
FAULTS = (
    "GetImageFrame:truncate",
    "GetImageSetMetadata:slow=4kB/s",
    "GetImageSet:error=InternalServerException:rate=0.5",
    "ListTagsForResource:error=503",
)


@pytest.fixture(scope="module")
def throttled(tmp_path_factory):
    server = HealthImaging(tmp_path_factory.mktemp("throttled"), "--simulate", "aws")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A server with a fault per action, and what a client needs to read the one image set."""
    data = tmp_path_factory.mktemp("faulty")
    server = HealthImaging(data)
    path = files.write(data / "ct.dcm", files.ct(size=128))
    good, bad = server.import_files([path], "one")
    assert not bad
    image_set = {"datastoreId": server.datastore_id, "imageSetId": good[path]}
    document = metadata(server, image_set)
    [frame] = frames(document)
    assert server.stop() == 0
    arguments = ["--latency", "ListDatastores=150"]
    arguments += [text for fault in FAULTS for text in ("--fault", fault)]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HEALTHIMAGING_SIMULATION_SEED", "5")
        server = HealthImaging(data, *arguments)
    yield server, image_set, frame
    assert server.stop() == 0


def metadata(server, image_set):
    return server.imaging.get_image_set_metadata(**image_set)["imageSetMetadataBlob"].read()


def frames(document):
    study = json.loads(gzip.decompress(document))["Study"]
    for series in study["Series"].values():
        for instance in series["Instances"].values():
            yield from (frame["ID"] for frame in instance["ImageFrames"])


def signed(server, method, path, body):
    """An answer to a signed request, as a client without any comfort gets it."""
    url = server.known["endpoint_url"]
    request = botocore.awsrequest.AWSRequest(method, url + path, data=json.dumps(body).encode())
    keys = (server.known["aws_access_key_id"], server.known["aws_secret_access_key"])
    credentials = botocore.credentials.Credentials(*keys)
    region = server.known["region_name"]
    botocore.auth.SigV4Auth(credentials, "medical-imaging", region).add_auth(request)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request(method, path, request.data, dict(request.headers))
    return connection


def calls(server):
    """The events of all calls of a server, which ends for it."""
    assert server.stop() == 0
    return [json.loads(line) for line in (server.data / "calls.jsonl").read_bytes().splitlines()]


def samples(server):
    with urllib.request.urlopen(f"{server.known['endpoint_url']}/metrics") as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


def counts(server):
    return {
        (
            sample.labels["operation"],
            sample.labels["datastore"],
            sample.labels["code"],
        ): sample.value
        for sample in samples(server)
        if sample.name == "healthimaging_calls_total"
    }


def test_what_goes_beyond_the_burst_is_throttled(throttled):
    client = throttled.imaging
    client.create_datastore(datastoreName="first")
    with pytest.raises(client.exceptions.ThrottlingException) as caught:
        client.create_datastore(datastoreName="second")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Error"]["Message"] == "Rate exceeded"
    names = {one["datastoreName"] for one in client.list_datastores()["datastoreSummaries"]}
    assert "first" in names
    assert "second" not in names


def test_unsigned_calls_use_up_nothing(throttled):
    stranger = throttled.client("medical-imaging", aws_secret_access_key="wrong")
    for _ in range(20):
        with pytest.raises(ClientError) as caught:
            stranger.delete_datastore(datastoreId="0" * 32)
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    with pytest.raises(throttled.imaging.exceptions.ResourceNotFoundException):
        throttled.imaging.delete_datastore(datastoreId="0" * 32)


def test_retries_of_boto3_get_through(throttled):
    config = Config(inject_host_prefix=False, retries={"mode": "standard", "total_max_attempts": 9})
    with closing(boto3.client("medical-imaging", config=config, **throttled.connection)) as client:
        retried = 0
        for _ in range(5):
            with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
                client.start_dicom_import_job(
                    datastoreId="0" * 32,
                    dataAccessRoleArn=ROLE,
                    inputS3Uri="s3://input/",
                    outputS3Uri="s3://output/",
                )
            retried += caught.value.response["ResponseMetadata"]["RetryAttempts"]
    assert retried > 0
    assert counts(throttled)["StartDICOMImportJob", "other", "ThrottlingException"] == retried


def test_a_truncated_body_is_an_incomplete_read(faulty):
    server, image_set, frame = faulty
    path = f"/datastore/{image_set['datastoreId']}/imageSet/{image_set['imageSetId']}/getImageFrame"
    with closing(signed(server, "POST", path, {"imageFrameId": frame})) as connection:
        answer = connection.getresponse()
        assert answer.status == 200
        announced = int(answer.headers["content-length"])
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
    assert len(caught.value.partial) == announced // 2 > 0


def test_a_truncated_body_fails_in_boto3(faulty):
    server, image_set, frame = faulty
    answer = server.imaging.get_image_frame(
        **image_set, imageFrameInformation={"imageFrameId": frame}
    )
    with pytest.raises(Exception, match=r"IncompleteRead|Connection broken") as caught:
        answer["imageFrameBlob"].read()
    assert caught.type.__module__.partition(".")[0] in ("botocore", "urllib3")


def test_a_slow_body_takes_its_time_and_is_whole(faulty):
    server, image_set, _ = faulty
    path = f"/datastore/{image_set['datastoreId']}/imageSet/{image_set['imageSetId']}"
    with closing(signed(server, "POST", f"{path}/getImageSetMetadata", {})) as connection:
        began = time.monotonic()
        answer = connection.getresponse()
        content = answer.read()
        taken = time.monotonic() - began
    assert len(content) == int(answer.headers["content-length"])
    assert len(list(frames(content))) == 1
    assert len(content) > 800
    assert taken > len(content) // 400 / 10 / 2  # a tenth of a second for 400 bytes, and some slack


def test_latency_is_part_of_a_call(faulty):
    server, _, _ = faulty
    server.imaging.list_datastores()
    [seconds] = [
        one.value
        for one in samples(server)
        if one.name == "healthimaging_call_seconds_sum"
        and one.labels["operation"] == "ListDatastores"
    ]
    assert seconds > 0.14


def test_an_injected_error_is_that_of_the_service(faulty):
    server, image_set, _ = faulty
    statuses = []
    for _ in range(30):
        try:
            statuses.append(server.imaging.get_image_set(**image_set))
        except server.imaging.exceptions.InternalServerException as error:
            statuses.append(error.response)
    found = [one["ResponseMetadata"]["HTTPStatusCode"] for one in statuses]
    assert set(found) == {200, 500}
    assert counts(server)["GetImageSet", image_set["datastoreId"], "OK"] == found.count(200)


def test_an_injected_status_is_none_of_the_services_errors(faulty):
    server, image_set, _ = faulty
    arn = f"arn:aws:medical-imaging:us-east-1:000000000000:datastore/{image_set['datastoreId']}"
    with pytest.raises(ClientError) as caught:
        server.imaging.list_tags_for_resource(resourceArn=arn)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert caught.value.response["Error"]["Code"] == "503"
    assert counts(server)["ListTagsForResource", "", "503"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fault", "GetFrame:truncate"], "The fault GetFrame:truncate "),
        (["--latency", "soon"], "HEALTHIMAGING_LATENCY_MS is wrong: soon "),
        (["--simulate", "gcp"], "HEALTHIMAGING_SIMULATE is wrong: "),
    ],
)
def test_a_wrong_specification_ends_the_start_with_one_sentence(tmp_path, arguments, sentence):
    command = [sys.executable, "-m", "gateway", "healthimaging", "--data", str(tmp_path / "data")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith(sentence)
    assert not (tmp_path / "data").exists()


def use(server, tmp_path):
    """Calls of all kinds that name a patient wherever a call can."""
    dataset = files.ct(PatientName=NAME, PatientID=PATIENT, StudyInstanceUID=STUDY)
    path = files.write(tmp_path / "patient.dcm", dataset)
    good, _ = server.import_files([path], f"{NAME}-{PATIENT}")
    client, store = server.imaging, {"datastoreId": server.datastore_id}
    made = client.create_datastore(datastoreName=PATIENT, tags={PATIENT: NAME})
    for value in ({"DICOMPatientId": PATIENT}, {"DICOMStudyInstanceUID": STUDY}):
        filters = [{"values": [value], "operator": "EQUAL"}]
        found = client.search_image_sets(**store, searchCriteria={"filters": filters})
        assert len(found["imageSetsMetadataSummaries"]) == 1
    image_set = store | {"imageSetId": good[path]}
    [frame] = frames(metadata(server, image_set))
    frame_information = {"imageFrameId": frame}
    client.get_image_frame(**image_set, imageFrameInformation=frame_information)[
        "imageFrameBlob"
    ].read()
    loose = server.client("medical-imaging", loose=True)
    for wrong in (PATIENT, NAME):
        with pytest.raises(ClientError):
            loose.get_image_set(**store, imageSetId=wrong)
    missing = client.exceptions.ResourceNotFoundException
    with pytest.raises(missing) as caught:
        client.get_image_set(**store, imageSetId="f" * 32)
    return made, caught.value.response["ResponseMetadata"]["RequestId"]


def test_the_call_log_tells_of_every_call_and_of_no_patient(fresh, tmp_path):
    began = datetime.now(UTC).replace(microsecond=0)
    made, request_id = use(fresh, tmp_path)
    store, key = fresh.datastore_id, fresh.known["aws_access_key_id"]
    found = calls(fresh)
    text = (fresh.data / "calls.jsonl").read_text()
    assert stat.S_IMODE((fresh.data / "calls.jsonl").stat().st_mode) == 0o600
    for secret in (*NAME.split("^"), PATIENT, STUDY, fresh.known["aws_secret_access_key"]):
        assert secret not in text
    names = [one["eventName"] for one in found]
    assert {"CreateDatastore", "StartDICOMImportJob", "GetDICOMImportJob"} < set(names)
    assert names.count("SearchImageSets") == 2
    assert "GetImageFrame" not in names
    for one in found:
        assert one["userIdentity"]["accessKeyId"] == key
        assert one["sourceIPAddress"] == "127.0.0.1"
        assert one["userAgent"].startswith("Boto3/")
        moment = datetime.fromisoformat(one["eventTime"])
        assert began <= moment <= datetime.now(UTC) + timedelta(seconds=1)
    [failed] = [one for one in found if one["requestID"] == request_id]
    assert failed["errorCode"] == "ResourceNotFoundException"
    assert failed["requestParameters"] == {"datastoreId": store, "imageSetId": "f" * 32}
    [created] = [one for one in found if one["eventName"] == "CreateDatastore"]
    assert created["responseElements"]["datastoreId"] == made["datastoreId"]
    searched = next(one for one in found if one["eventName"] == "SearchImageSets")
    assert searched["requestParameters"]["datastoreId"] == store
    assert searched["responseElements"] is None


def test_frames_are_logged_where_data_events_are(tmp_path, monkeypatch):
    monkeypatch.setenv("HEALTHIMAGING_LOG_DATA_EVENTS", "true")
    server = HealthImaging(tmp_path / "data")
    use(server, tmp_path)
    [frame] = [one for one in calls(server) if one["eventName"] == "GetImageFrame"]
    assert frame["managementEvent"] is False
    assert frame["eventCategory"] == "Data"
    assert set(frame["requestParameters"]["imageFrameInformation"]) == {"imageFrameId"}
    assert server.stop() == 0


def test_calls_are_counted(fresh):
    store = fresh.datastore_id
    for _ in range(3):
        fresh.imaging.search_image_sets(datastoreId=store)
    with pytest.raises(ClientError):
        fresh.imaging.search_image_sets(datastoreId="0" * 32)
    stranger = fresh.client("medical-imaging", aws_secret_access_key="wrong")
    with pytest.raises(ClientError):
        stranger.list_datastores()
    found = counts(fresh)
    assert found["SearchImageSets", store, "OK"] == 3
    assert found["SearchImageSets", "other", "ResourceNotFoundException"] == 1
    assert found["ListDatastores", "", "AccessDeniedException"] == 1
    fresh.s3.create_bucket(Bucket="metrics")
    assert fresh.s3.list_objects_v2(Bucket="metrics")["KeyCount"] == 0
    assert counts(fresh) == found


def test_who_did_not_sign_properly_is_logged_as_nobody(fresh):
    stranger = fresh.client("medical-imaging", aws_secret_access_key="wrong")
    with pytest.raises(ClientError):
        stranger.get_image_set(datastoreId="0" * 32, imageSetId="0" * 32)
    [one] = calls(fresh)
    assert one["userIdentity"]["type"] == "Unknown"
    assert one["errorCode"] == "AccessDeniedException"
    assert one["requestParameters"] is None
