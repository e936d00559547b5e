"""Data stores, tags and idempotency tokens as rows."""

import pytest

from gateway.emulator import image_sets, jobs, model, resources
from gateway.emulator.faults import Fault
from gateway.emulator.store import Database

REGION = "us-east-1"
JOB = {"dataAccessRoleArn": "r", "inputS3Uri": "s3://in/", "outputS3Uri": "s3://out/"}


@pytest.fixture
def db(tmp_path):
    with Database(tmp_path / "test.sqlite").write() as connection:
        yield connection


@pytest.fixture
def datastore_id(db):
    return resources.create_datastore(db, {"datastoreName": "name"}, REGION)


def add_image_set(db, datastore_id, image_set_id="e" * 32):
    image_sets.insert(db, image_sets.NewImageSet(image_set_id, datastore_id, {}, 1), 1.0)
    return image_set_id


def refused(code, call, *arguments):
    with pytest.raises(Fault) as fault:
        call(*arguments)
    assert fault.value.code == code
    return str(fault.value)


def test_a_new_data_store_is_active(db, datastore_id):
    row = resources.datastore(db, datastore_id)
    assert resources.active_datastore(db, datastore_id)["id"] == row["id"]
    found = resources.datastore_properties(row, REGION)
    assert found == {
        "datastoreId": datastore_id,
        "datastoreName": "name",
        "datastoreStatus": "ACTIVE",
        "datastoreArn": f"arn:aws:medical-imaging:us-east-1:000000000000:datastore/{datastore_id}",
        "createdAt": row["created_at"],
        "updatedAt": row["created_at"],
        "losslessStorageFormat": "HTJ2K",
    }
    assert row["created_at"] > 1.7e9


def test_what_a_data_store_was_made_with_is_shown(db):
    wanted = {"kmsKeyArn": "arn:kms", "lambdaAuthorizerArn": "arn:lambda"}
    row = resources.datastore(db, resources.create_datastore(db, wanted, REGION))
    assert wanted.items() <= resources.datastore_properties(row, REGION).items()


def test_a_data_store_without_a_name_gets_one_that_the_model_allows(db):
    ids = [resources.create_datastore(db, {}, REGION) for _ in range(2)]
    names = [resources.datastore(db, one)["name"] for one in ids]
    assert len({*ids, *names}) == 4
    for one, name in zip(ids, names, strict=True):
        operation, at = model.match("GET", f"/datastore/{one}")
        assert model.parse(operation, at, "", b"").parameters == {"datastoreId": one}
        operation, at = model.match("POST", "/datastore")
        body = f'{{"clientToken":"t","datastoreName":"{name}"}}'.encode()
        assert model.parse(operation, at, "", body).parameters["datastoreName"] == name


def test_a_summary_is_a_part_of_the_properties(db, datastore_id):
    row = resources.datastore(db, datastore_id)
    summary = resources.datastore_summary(row, REGION)
    assert summary.items() <= resources.datastore_properties(row, REGION).items()
    allowed = model.service().shape_for("DatastoreSummary").members
    assert summary.keys() <= allowed.keys()


def test_an_unknown_data_store_is_not_found(db):
    for find in (resources.datastore, resources.active_datastore, resources.delete_datastore):
        assert "x" * 32 in refused("ResourceNotFoundException", find, db, "x" * 32)


def test_a_deleted_data_store_stays_visible_and_is_not_used(db, datastore_id):
    resources.delete_datastore(db, datastore_id)
    row = resources.datastore(db, datastore_id)
    assert row["status"] == "DELETED"
    assert row["updated_at"] >= row["created_at"]
    for call in (resources.active_datastore, resources.delete_datastore):
        refused("ResourceNotFoundException", call, db, datastore_id)


def test_a_data_store_with_image_sets_is_not_deleted(db, datastore_id):
    other = resources.create_datastore(db, {}, REGION)
    add_image_set(db, datastore_id)
    refused("ConflictException", resources.delete_datastore, db, datastore_id)
    assert resources.active_datastore(db, datastore_id)
    resources.delete_datastore(db, other)


@pytest.mark.parametrize(
    ("status", "deleted"),
    [("SUBMITTED", False), ("IN_PROGRESS", False), ("COMPLETED", True), ("FAILED", True)],
)
def test_a_data_store_with_a_running_job_is_not_deleted(db, datastore_id, status, deleted):
    jobs.submit(db, {"datastoreId": datastore_id, **JOB})
    db.execute("UPDATE job SET status = ?", (status,))
    if deleted:
        resources.delete_datastore(db, datastore_id)
    else:
        refused("ConflictException", resources.delete_datastore, db, datastore_id)
    assert resources.datastore(db, datastore_id)["status"] == ("DELETED" if deleted else "ACTIVE")


def test_tags_are_added_replaced_and_removed(db, datastore_id):
    arn = resources.arn(REGION, datastore_id)
    resources.put_tags(db, arn, {"b": "1", "a": "2"})
    resources.put_tags(db, arn, {"b": "3", "c": ""})
    assert list(resources.tags(db, arn).items()) == [("a", "2"), ("b", "3"), ("c", "")]
    resources.remove_tags(db, arn, ["a", "unknown", "c"])
    assert resources.tags(db, arn) == {"b": "3"}
    assert resources.tags(db, resources.arn(REGION, "x" * 32)) == {}


def test_tags_given_at_creation_belong_to_the_data_store(db):
    one = resources.create_datastore(db, {"tags": {"k": "v"}}, REGION)
    other = resources.create_datastore(db, {"tags": {"k": "w"}}, REGION)
    assert resources.tags(db, resources.arn(REGION, one)) == {"k": "v"}
    assert resources.tags(db, resources.arn(REGION, other)) == {"k": "w"}


def test_a_resource_has_fifty_tags_at_most(db, datastore_id):
    arn = resources.arn(REGION, datastore_id)
    resources.put_tags(db, arn, {f"k{number}": "" for number in range(50)})
    resources.put_tags(db, arn, {"k0": "replaced"})
    assert "50 tags" in refused("ValidationException", resources.put_tags, db, arn, {"more": ""})
    many = {"tags": {f"k{number}": "" for number in range(51)}}
    refused("ValidationException", resources.create_datastore, db, many, REGION)


def test_too_many_tags_leave_nothing_behind(tmp_path):
    database = Database(tmp_path / "test.sqlite")
    many = {"tags": {f"k{number}": "" for number in range(51)}}
    with pytest.raises(Fault), database.write() as db:
        resources.create_datastore(db, many, REGION)
    with database.read() as db:
        assert db.execute("SELECT count(*) FROM datastore").fetchone()[0] == 0
        assert db.execute("SELECT count(*) FROM tag").fetchone()[0] == 0


def test_a_resource_is_a_data_store_or_an_image_set_that_is_there(db, datastore_id):
    image_set_id = add_image_set(db, datastore_id)
    resources.check_resource(db, resources.arn(REGION, datastore_id), REGION)
    resources.check_resource(db, resources.arn(REGION, datastore_id, image_set_id), REGION)


@pytest.mark.parametrize(
    "change",
    [
        ("us-east-1", "eu-west-1"),
        ("000000000000", "111111111111"),
        ("arn:aws:", "arn:aws-cn:"),
        ("d" * 32, "x" * 32),
        ("e" * 32, "x" * 32),
    ],
)
def test_any_other_resource_is_not_found(db, datastore_id, change):
    image_set_id = add_image_set(db, datastore_id)
    for arn in (
        resources.arn(REGION, datastore_id),
        resources.arn(REGION, datastore_id, image_set_id),
    ):
        changed = arn.replace(datastore_id, "d" * 32) if "d" * 32 in change else arn
        changed = changed.replace(*change)
        if changed != arn:
            refused("ResourceNotFoundException", resources.check_resource, db, changed, REGION)


def test_an_image_set_of_another_data_store_is_not_found(db, datastore_id):
    other = resources.create_datastore(db, {}, REGION)
    arn = resources.arn(REGION, other, add_image_set(db, datastore_id))
    refused("ResourceNotFoundException", resources.check_resource, db, arn, REGION)


def test_the_resources_of_a_deleted_data_store_are_not_found(db, datastore_id):
    resources.delete_datastore(db, datastore_id)
    arn = resources.arn(REGION, datastore_id)
    refused("ResourceNotFoundException", resources.check_resource, db, arn, REGION)


def test_arns_fit_the_model():
    for arn in (resources.arn(REGION, "d" * 32), resources.arn(REGION, "d" * 32, "e" * 32)):
        operation, at = model.match("GET", f"/tags/{arn.replace('/', '%2F')}")
        assert model.parse(operation, at, "", b"").parameters == {"resourceArn": arn}


def test_a_repeated_token_gives_the_first_result(db):
    calls = []

    def do():
        calls.append(1)
        return {"number": len(calls), "at": 1.25}

    parameters = {"clientToken": "t", "datastoreName": "n", "tags": {"b": "1", "a": "2"}}
    first = resources.once(db, "CreateDatastore", parameters, do)
    again = dict(reversed(parameters.items())) | {"tags": {"a": "2", "b": "1"}}
    assert resources.once(db, "CreateDatastore", again, do) == first == {"number": 1, "at": 1.25}
    assert len(calls) == 1


def test_a_token_with_other_parameters_is_a_conflict(db):
    resources.once(db, "CreateDatastore", {"clientToken": "t"}, dict)
    changed = {"clientToken": "t", "datastoreName": "n"}
    message = refused("ConflictException", resources.once, db, "CreateDatastore", changed, dict)
    assert "client token" in message


def test_tokens_are_of_one_operation(db):
    resources.once(db, "CreateDatastore", {"clientToken": "t"}, lambda: {"a": 1})
    assert resources.once(db, "Other", {"clientToken": "t", "b": 1}, lambda: {"a": 2}) == {"a": 2}
    assert resources.once(db, "Other", {"clientToken": "u"}, lambda: {"a": 3}) == {"a": 3}


def fail():
    raise Fault("ValidationException", "failed")


def test_what_failed_is_done_again(tmp_path):
    database = Database(tmp_path / "test.sqlite")
    with pytest.raises(Fault), database.write() as db:
        resources.once(db, "CreateDatastore", {"clientToken": "t"}, fail)
    with database.write() as db:
        found = resources.once(db, "CreateDatastore", {"clientToken": "t"}, lambda: {"a": 1})
    assert found == {"a": 1}
