"""Events of calls: CloudTrail's form, and nothing of a patient in them."""

import json
import re

import pytest

from gateway.emulator import actions, calls, model
from gateway.emulator.calls import HIDDEN, Call
from gateway.emulator.faults import Fault

ID = "0123456789abcdef0123456789abcdef"


def ended(status=200, **values):
    call = Call("192.0.2.1", "Boto3/1", **values)
    call.end(status)
    return call


def event(call):
    return json.loads(json.dumps(calls.event(call, "000000000000", "eu-west-1")))


def sensitive(shape, name="", seen=frozenset()):
    """The names of all members below ``shape`` that the model marks as sensitive."""
    if shape.metadata.get("sensitive"):
        yield name
    if shape.name in seen:
        return
    seen |= {shape.name}
    if shape.type_name == "structure":
        for member, inner in shape.members.items():
            yield from sensitive(inner, member, seen)
    elif shape.type_name == "list":
        yield from sensitive(shape.member, name, seen)


def shapes():
    for name in model.service().operation_names:
        operation = model.service().operation_model(name)
        yield operation.input_shape
        yield operation.output_shape


def filled(shape, name="", seen=frozenset()):
    """A value of ``shape`` that has all members, with a patient's name in every text."""
    if shape.type_name == "structure" and shape.name not in seen:
        members = shape.members.items()
        return {key: filled(inner, key, seen | {shape.name}) for key, inner in members}
    if shape.type_name == "list":
        return [filled(shape.member, name, seen | {shape.name})]
    if shape.type_name == "map":
        return {"Muster^Anna": "Muster^Anna"}
    return b"Muster^Anna" if shape.type_name == "blob" else "Muster^Anna"


def test_nothing_that_the_model_calls_sensitive_can_be_shown():
    marked = {name for shape in shapes() for name in sensitive(shape)}
    assert {"DICOMPatientId", "DICOMPatientName", "copiableAttributes"} <= marked
    assert not marked & (calls._SHOWN.keys() | calls._OPENED)


def test_no_text_of_any_parameter_or_result_is_shown_unless_it_looks_like_an_identifier():
    for shape in shapes():
        text = json.dumps(calls.shown(filled(shape)))
        assert "Muster" not in text


def test_what_is_shown_of_parameters():
    assert calls.shown(
        {
            "datastoreId": ID,
            "imageSetId": "Muster^Anna",
            "imageFrameInformation": {"imageFrameId": ID},
            "searchCriteria": {"filters": [{"values": [{"DICOMPatientId": "P1"}]}]},
            "tags": {"P1": "P1"},
            "maxResults": 50,
            "force": True,
            "resourceArn": f"arn:aws:medical-imaging:us-east-1:000000000000:datastore/{ID}",
            "inputS3Uri": "s3://input/Muster/",
        }
    ) == {
        "datastoreId": ID,
        "imageSetId": HIDDEN,
        "imageFrameInformation": {"imageFrameId": ID},
        "searchCriteria": HIDDEN,
        "tags": HIDDEN,
        "maxResults": 50,
        "force": True,
        "resourceArn": f"arn:aws:medical-imaging:us-east-1:000000000000:datastore/{ID}",
        "inputS3Uri": HIDDEN,
    }


def test_an_event_has_the_fields_of_the_guides_example():
    call = ended(
        action="GetDICOMImportJob",
        parameters={"jobId": ID, "datastoreId": ID},
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        verified=True,
        received_at=1666972950.75,
    )
    found = event(call)
    assert re.fullmatch(r"[0-9a-f-]{36}", found.pop("eventID"))
    assert found == {
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "Root",
            "principalId": "000000000000",
            "arn": "arn:aws:iam::000000000000:root",
            "accountId": "000000000000",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        },
        "eventTime": "2022-10-28T16:02:30Z",
        "eventSource": "medical-imaging.amazonaws.com",
        "eventName": "GetDICOMImportJob",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "Boto3/1",
        "requestParameters": {"jobId": ID, "datastoreId": ID},
        "responseElements": None,
        "requestID": call.request_id,
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "000000000000",
        "eventCategory": "Management",
    }


def test_a_changing_call_tells_what_it_answered():
    call = ended(
        action="DeleteDatastore", result={"datastoreId": ID, "datastoreStatus": "DELETING"}
    )
    found = event(call)
    assert found["readOnly"] is False
    assert found["responseElements"] == {"datastoreId": ID, "datastoreStatus": "DELETING"}


def test_a_frame_is_a_data_event_and_logged_on_demand():
    call = ended(action="GetImageFrame")
    found = event(call)
    assert (found["managementEvent"], found["eventCategory"]) == (False, "Data")
    assert not calls.is_logged(call, data_events=False)
    assert calls.is_logged(call, data_events=True)


@pytest.mark.parametrize("data_events", [True, False])
def test_a_request_for_no_action_is_not_logged(data_events):
    assert not calls.is_logged(ended(), data_events)
    assert calls.is_logged(ended(action="GetImageSet"), data_events)


def test_an_error_has_its_code_and_message():
    call = Call("", "", action="GetImageSet")
    call.fail(Fault("ThrottlingException", "Rate exceeded"))
    call.end(429)
    found = event(call)
    assert (found["errorCode"], found["errorMessage"]) == ("ThrottlingException", "Rate exceeded")
    assert found["requestParameters"] is None


def test_an_error_message_names_no_study():
    call = Call("", "", action="GetDICOMInstance")
    call.fail(Fault("ResourceNotFoundException", "Study 1.2.840.99.4711.1 does not exist"))
    assert event(call)["errorMessage"] == f"Study {HIDDEN} does not exist"


def test_a_status_without_an_error_of_the_service_is_the_code():
    found = event(ended(503, action="GetImageSet"))
    assert found["errorCode"] == "503"
    assert "errorMessage" not in found
    assert "errorCode" not in event(ended(200, action="GetImageSet"))


def test_who_did_not_sign_properly_is_not_known():
    found = event(ended(403, action="GetImageSet", access_key_id="AKIAIOSFODNN7EXAMPLE"))
    assert found["userIdentity"] == {"type": "Unknown", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"}
    found = event(ended(403, action="GetImageSet", access_key_id="Muster Anna"))
    assert found["userIdentity"] == {"type": "Unknown", "accessKeyId": HIDDEN}


def test_a_user_agent_is_cut():
    call = Call("", "x" * 5000, action="GetImageSet")
    assert len(event(call)["userAgent"]) == 512


@pytest.mark.parametrize(
    ("parameters", "result", "expected"),
    [
        ({"datastoreId": ID}, None, ID),
        ({"datastoreName": "new"}, {"datastoreId": ID}, ID),
        ({"datastoreId": "Muster^Anna"}, None, ""),
        ({"resourceArn": "arn:aws:x"}, None, ""),
        (None, None, ""),
    ],
)
def test_the_data_store_of_a_call(parameters, result, expected):
    assert ended(parameters=parameters, result=result).datastore_id == expected


def test_every_call_has_an_identifier_of_its_own():
    assert len({Call("", "").request_id for _ in range(100)}) == 100
    assert all(event(ended(action=name))["eventName"] == name for name in actions.known())
