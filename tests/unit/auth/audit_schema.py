"""The schema of audit messages (PS3.15 A.5.1), written down anew: what may stand where, in order.

``check`` says what is wrong with a message, and nothing of what the gateway does.
"""

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree import ElementTree

TOKEN = re.compile(r"\S(?:.*\S)?|", re.DOTALL)
CODES = {"csd-code": "token!", "codeSystemName": "token!", "displayName": "token"}
CODED = CODES | {"originalText": "token!"}


@dataclass
class Rule:
    """Attributes by name, with ``!`` where required; children in order with how often."""

    attributes: dict = field(default_factory=dict)
    children: tuple = ()
    text: str | None = None


def enumerated(*values):
    return "|".join(values)


RULES = {
    "AuditMessage": Rule(
        children=(
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, None),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, None),
        )
    ),
    "EventIdentification": Rule(
        {
            "EventActionCode": enumerated("C", "R", "U", "D", "E"),
            "EventDateTime": "dateTime!",
            "EventOutcomeIndicator": enumerated("0", "4", "8", "12") + "!",
        },
        (("EventID", 1, 1), ("EventTypeCode", 0, None), ("EventOutcomeDescription", 0, 1)),
    ),
    "EventID": Rule(CODED),
    "EventTypeCode": Rule(CODED),
    "EventOutcomeDescription": Rule(text="text"),
    "ActiveParticipant": Rule(
        {
            "UserID": "text!",
            "AlternativeUserID": "text",
            "UserName": "text",
            "UserIsRequestor": enumerated("true", "false") + "!",
            "NetworkAccessPointID": "token",
            "NetworkAccessPointTypeCode": enumerated(*"12345"),
        },
        (("RoleIDCode", 0, None), ("MediaIdentifier", 0, 1)),
    ),
    "RoleIDCode": Rule(CODED),
    "AuditSourceIdentification": Rule(
        {"AuditEnterpriseSiteID": "token", "AuditSourceID": "token!"},
        (("AuditSourceTypeCode", 0, None),),
    ),
    "AuditSourceTypeCode": Rule({"csd-code": enumerated(*"123456789") + "!"}),
    "ParticipantObjectIdentification": Rule(
        {
            "ParticipantObjectID": "token!",
            "ParticipantObjectTypeCode": enumerated(*"1234"),
            "ParticipantObjectTypeCodeRole": enumerated(*map(str, range(1, 27))),
            "ParticipantObjectDataLifeCycle": enumerated(*map(str, range(1, 16))),
            "ParticipantObjectSensitivity": "token",
        },
        (
            ("ParticipantObjectIDTypeCode", 1, 1),
            ("ParticipantObjectName", 0, 1),
            ("ParticipantObjectQuery", 0, 1),
            ("ParticipantObjectDetail", 0, None),
            ("ParticipantObjectDescription", 0, None),
        ),
    ),
    "ParticipantObjectIDTypeCode": Rule(CODED),
    "ParticipantObjectName": Rule(text="token"),
    "ParticipantObjectQuery": Rule(text="base64"),
    "ParticipantObjectDetail": Rule({"type": "token!", "value": "base64!"}),
}


def check(text):
    """The mistakes of a message, a sentence each."""
    root = ElementTree.fromstring(text)
    assert root.tag == "AuditMessage", root.tag
    return list(_mistakes(root))


def _mistakes(element):
    rule = RULES.get(element.tag)
    if rule is None:
        yield f"{element.tag} is not in the schema"
        return
    yield from _attributes(element, rule)
    if not _fits(element.text or "", rule.text or ""):
        yield f"the text of {element.tag} is wrong"
    yield from _order(element, rule)
    if element.tag == "ParticipantObjectIdentification":
        named = [one for one in element if one.tag.endswith(("Name", "Query"))]
        if len(named) != 1:
            yield "an object has either a name or a query"
    for child in element:
        yield from _mistakes(child)


def _attributes(element, rule):
    for name, kind in rule.attributes.items():
        if name in element.attrib:
            if not _fits(element.attrib[name], kind.removesuffix("!")):
                yield f"{element.tag}@{name} is wrong"
        elif kind.endswith("!"):
            yield f"{element.tag}@{name} is missing"
    for name in element.attrib.keys() - rule.attributes:
        yield f"{element.tag}@{name} is not in the schema"


def _order(element, rule):
    tags = [child.tag for child in element]
    names = [name for name, *_ in rule.children]
    if [tag for name in names for tag in tags if tag == name] != tags:
        yield f"{element.tag} has {tags}"
    for name, least, most in rule.children:
        if not least <= tags.count(name) <= (most or len(tags)):
            yield f"{element.tag} has {tags.count(name)} {name}"


def _fits(value, kind):
    match kind:
        case "text":
            return True
        case "token":
            return TOKEN.fullmatch(value) is not None and not re.search(r"\s\s|[\t\n\r]", value)
        case "base64":
            return base64.b64decode(value, validate=True) is not None
        case "dateTime":
            return datetime.fromisoformat(value).tzinfo is not None
        case _:
            return value in kind.split("|")
