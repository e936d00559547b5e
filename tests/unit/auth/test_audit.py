"""Audit messages: as the schema of PS3.15 A.5.1 has them, whatever is put into them."""

import base64
import json
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies as st

from gateway.auth import audit
from gateway.auth.audit import Node, Outcome, Source, Transfer
from tests.unit.auth import audit_schema

SOURCE = Source(Node("4711", "gateway.example", "dicomweb-gateway"), "gw-1", "St. Mary")
CLIENT = Node("dr.who", "2001:db8::7")
FAILED = Outcome(audit.MINOR_FAILURE, "HTTP status 404")
TRANSFER = Transfer("d" * 32, "1.2.3", "P-1", 7, 8_000, 1_700_000_000.0, 1_700_000_059.5)

MESSAGES = {
    "query": audit.query(SOURCE, CLIENT, FAILED, 0.0, "d" * 32, "/studies?PatientName=Doe^J*"),
    "transfer": audit.transferred(SOURCE, CLIENT, Outcome(), TRANSFER),
    "alert": audit.alert(SOURCE, CLIENT, FAILED, 0.0, audit.NODE_AUTHENTICATION, {"Status": "401"}),
    "nobody's alert": audit.alert(SOURCE, None, FAILED, 0.0, audit.RECORDING_STOPPED, {}),
    "start": audit.activity(SOURCE, 0.0, audit.START),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_as_the_schema_has_them(name):
    assert audit_schema.check(audit.xml(MESSAGES[name])) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_xml_and_json_tell_the_same(name):
    again = json.loads(json.dumps(MESSAGES[name]))
    assert audit.xml(again) == audit.xml(MESSAGES[name])


@given(st.text(), st.text(), st.text())
def test_what_clients_write_never_breaks_a_message(user, target, study):
    client = Node(user, "10.0.0.1")
    transfer = Transfer("d", study, user, 1, 1, 0.0, 0.0)
    for made in (
        audit.query(SOURCE, client, Outcome(), 0.0, "d", target),
        audit.transferred(SOURCE, client, Outcome(), transfer),
    ):
        root = ElementTree.fromstring(audit.xml(made))
        assert next(one.tag for one in root) == "EventIdentification"
        assert len(root.findall("ActiveParticipant")) == 2


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda d: d["EventIdentification"].pop("EventDateTime"), "EventDateTime is missing"),
        (lambda d: d.update(ActiveParticipant=[]), "0 ActiveParticipant"),
        (
            lambda d: d["EventIdentification"].update(EventActionCode="X"),
            "EventActionCode is wrong",
        ),
        (lambda d: d.update(EventIdentification=d.pop("EventIdentification")), "AuditMessage has"),
        (
            lambda d: d["ParticipantObjectIdentification"][0].pop("ParticipantObjectQuery"),
            "either a name or a query",
        ),
    ],
)
def test_the_check_finds_mistakes(change, mistake):
    made = json.loads(json.dumps(MESSAGES["query"]))
    change(made)
    assert any(mistake in one for one in audit_schema.check(audit.xml(made)))


def details(one):
    return {
        detail["type"]: base64.b64decode(detail["value"]).decode()
        for detail in one["ParticipantObjectDetail"]
    }


def test_a_query_says_who_asked_what_from_where_and_how_it_ended():
    made = MESSAGES["query"]
    event, (client, gateway) = made["EventIdentification"], made["ActiveParticipant"]
    assert event["EventID"]["csd-code"] == "110112"
    assert (event["EventActionCode"], event["EventOutcomeIndicator"]) == ("E", "4")
    assert event["EventOutcomeDescription"] == "HTTP status 404"
    assert (client["UserID"], client["NetworkAccessPointID"]) == ("dr.who", "2001:db8::7")
    assert client["RoleIDCode"][0]["csd-code"] == "110153"
    assert client["NetworkAccessPointTypeCode"] == "2"
    assert gateway["RoleIDCode"][0]["csd-code"] == "110152"
    assert gateway["NetworkAccessPointTypeCode"] == "1"
    (asked,) = made["ParticipantObjectIdentification"]
    assert base64.b64decode(asked["ParticipantObjectQuery"]) == b"/studies?PatientName=Doe^J*"
    assert "Doe" not in asked["ParticipantObjectID"]


def test_a_transfer_says_whose_study_went_where_how_often():
    made = MESSAGES["transfer"]
    event, (gateway, client) = made["EventIdentification"], made["ActiveParticipant"]
    assert event["EventID"]["csd-code"] == "110104"
    assert event["EventDateTime"] == "2023-11-14T22:14:19.500+00:00"
    assert (event["EventActionCode"], event["EventOutcomeIndicator"]) == ("R", "0")
    assert gateway["RoleIDCode"][0]["csd-code"] == "110153"
    assert (client["UserIsRequestor"], client["RoleIDCode"][0]["csd-code"]) == (True, "110152")
    study, patient = made["ParticipantObjectIdentification"]
    types = ("ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole")
    assert [study[one] for one in types] == ["2", "3"]
    assert study["ParticipantObjectIDTypeCode"]["csd-code"] == "110180"
    assert study["ParticipantObjectID"] == "1.2.3"
    assert details(study)["Requests"] == "7"
    assert details(study)["Bytes"] == "8000"
    assert [patient[one] for one in types] == ["1", "1"]
    assert patient["ParticipantObjectID"] == "P-1"
