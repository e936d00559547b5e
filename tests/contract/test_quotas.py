"""The service's quotas on a server of the test's own, made small by its setting."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from gateway import cli
from gateway.emulator import quotas
from tests import files
from tests.contract.test_healthimaging import refused
from tests.running import ROLE, HealthImaging


@contextmanager
def server(folder, limits):
    running = HealthImaging(folder / "data", environment={"HEALTHIMAGING_QUOTAS": limits})
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server whose jobs take 4 files, 40 KB in all, 8 KB in one, and 5 folders."""
    limits = "files=4,total-size=40KB,file-size=10KB,folders=5,metadata-size=4KB"
    with server(tmp_path_factory.mktemp("small"), limits) as running:
        running.s3.create_bucket(Bucket="input")
        yield running


def put(server, contents):
    for key, content in contents.items():
        server.s3.put_object(Bucket="input", Key=key, Body=content)


def failed(server, uri):
    job = server.wait(server.start_job(uri))
    assert job["jobStatus"] == "FAILED", job
    return job["message"]


def test_a_job_with_too_many_files_fails(small):
    put(small, {f"many/{number}": b"x" for number in range(5)})
    reason = failed(small, "s3://input/many/")
    assert reason == ("The quota is exceeded: Maximum number of files in a DICOM import job, 4")
    small.s3.delete_object(Bucket="input", Key="many/4")
    assert small.wait(small.start_job("s3://input/many/"))["jobStatus"] == "COMPLETED"


def test_a_job_that_is_too_large_in_all_fails(tmp_path):
    with server(tmp_path, "total-size=25KB,file-size=10KB") as running:
        running.s3.create_bucket(Bucket="input")
        put(running, {f"large/{number}": bytes(10 << 10) for number in range(3)})
        assert "size of all files in a DICOM import job, 25 KB" in failed(
            running, "s3://input/large/"
        )


def test_nested_folders_are_counted_below_the_prefix(small):
    put(small, {"deep/er/a/b/c/1": b"x", "deep/er/a/d/2": b"x", "deep/er/e/3": b"x"})
    assert small.wait(small.start_job("s3://input/deep/er/"))["jobStatus"] == "COMPLETED"
    assert "nested folders" in failed(small, "s3://input/deep/")  # one more: er


def test_a_file_that_is_too_large_is_a_failed_file(small, tmp_path):
    small_file = files.write(tmp_path / "small.dcm", files.ct(1, size=16))
    large = files.write(tmp_path / "large.dcm", files.ct(2, size=160))
    assert large.stat().st_size > 40 << 10  # it does not count to the size of all files either
    good, bad = small.import_files([small_file, large], "sizes")
    assert list(good) == [small_file]
    assert list(bad) == [large]
    assert bad[large] == (
        "The quota is exceeded: Maximum size of each DICOM P10 file in a DICOM import job, 10 KB"
    )


def test_metadata_that_are_too_large_are_a_failed_file(small, tmp_path):
    path = files.write(tmp_path / "wordy.dcm", files.ct(1, size=16, ImageComments="x" * 5000))
    good, bad = small.import_files([path], "wordy")
    assert not good
    assert "ImageSetMetadata" in bad[path]


def test_data_stores_and_jobs_of_one_data_store(tmp_path):
    paths = [files.write(tmp_path / f"{n}.dcm", files.ct(n, size=512)) for n in range(20)]
    with server(tmp_path, "datastores=2,import-jobs=2") as running:
        client = running.imaging
        other = client.create_datastore(datastoreName="second")["datastoreId"]
        refused(
            lambda: client.create_datastore(datastoreName="third"),
            "ServiceQuotaExceededException",
            402,
            "Maximum data stores, 2",
        )
        client.delete_datastore(datastoreId=other)
        other = client.create_datastore(datastoreName="third")["datastoreId"]
        running.upload(paths, "busy")
        under_way = [running.start_job("s3://input/busy/") for _ in range(2)]
        refused(
            lambda: running.start_job("s3://input/busy/"),
            "ServiceQuotaExceededException",
            402,
            "Maximum concurrent import jobs per data store, 2",
        )
        running.start_job("s3://input/nothing/", other)  # each data store has its own hundred
        for job_id in under_way:
            assert running.wait(job_id)["jobStatus"] == "COMPLETED"
        assert running.wait(running.start_job("s3://input/busy/"))["jobStatus"] == "COMPLETED"


def test_a_wrong_setting_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("HEALTHIMAGING_QUOTAS", "fils=3")
    command = [sys.executable, "-m", "gateway", "healthimaging", "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == ("HEALTHIMAGING_QUOTAS is wrong: fils is no quota. Did you mean files?\n")


def test_the_owner_of_the_bucket_is_checked(healthimaging, datastore, tmp_path):
    path = files.write(tmp_path / "one.dcm", files.ct(1))
    healthimaging.upload([path], f"owner-{datastore}")

    def start(owner):
        answer = healthimaging.imaging.start_dicom_import_job(
            datastoreId=datastore,
            dataAccessRoleArn=ROLE,
            inputS3Uri=f"s3://input/owner-{datastore}/",
            outputS3Uri="s3://output/results/",
            inputOwnerAccountId=owner,
        )
        return healthimaging.wait(answer["jobId"], datastore)

    healthimaging.s3.create_bucket(Bucket="output")
    stranger = start("111122223333")
    assert stranger["jobStatus"] == "FAILED"
    assert stranger["message"] == (
        "s3://input cannot be listed as a bucket of account 111122223333: AccessDenied"
    )
    assert start("000000000000")["jobStatus"] == "COMPLETED"


def test_a_large_folder_is_imported_in_several_jobs(fresh, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "studies"
    (folder / "deep").mkdir(parents=True)
    for number in range(5):
        files.write(folder / "deep" / f"{number}.dcm", files.ct(number, size=16))
    monkeypatch.setitem(quotas.TABLE, "files", quotas.Quota(2, "files"))
    assert cli.main(["import", str(folder), "--data", str(fresh.data)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("Uploaded")] == [
        "Uploaded 2 files.",
        "Uploaded 2 files.",
        "Uploaded 1 files.",
    ]
    assert said[-1] == "Imported 5 of 5 files."
    jobs = fresh.imaging.list_dicom_import_jobs(datastoreId=fresh.datastore_id)["jobSummaries"]
    assert [job["jobStatus"] for job in jobs] == ["COMPLETED"] * 3


def test_an_import_beyond_the_quotas_is_told(small, tmp_path, capsys):
    folder = tmp_path / "studies"
    folder.mkdir()
    for number in range(5):
        (folder / str(number)).write_bytes(b"x")
    assert cli.main(["import", str(folder), "--data", str(small.data)]) == 1
    assert "Maximum number of files in a DICOM import job, 4" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_waiting_jobs_survive_a_restart(tmp_path):
    paths = [files.write(tmp_path / f"{n}.dcm", files.ct(n, size=256)) for n in range(30)]
    with server(tmp_path, "") as running:
        running.upload(paths, "waiting")
        good = [running.start_job("s3://input/waiting/") for _ in range(4)]
        stranger = running.imaging.start_dicom_import_job(
            datastoreId=running.datastore_id,
            dataAccessRoleArn=ROLE,
            inputS3Uri="s3://input/waiting/",
            outputS3Uri="s3://output/results/",
            inputOwnerAccountId="111122223333",
        )["jobId"]
        running.kill()
        running.start()
        for job_id in good:
            assert running.wait(job_id)["jobStatus"] == "COMPLETED"
            assert running.manifest(job_id)["numberOfImportedFiles"] == len(paths)
        assert "AccessDenied" in running.wait(stranger)["message"]
