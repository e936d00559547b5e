"""API calls as CloudTrail tells of them (CloudTrail user guide, "Record contents").

No event carries patient data: of a call's parameters only those below are shown, and only where
they have the form of an identifier; all others are there by name alone.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from gateway.emulator import actions
from gateway.emulator.faults import Fault

HIDDEN: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""What CloudTrail writes in place of a value that must not be logged."""

_IDENTIFIER: Final = r"[0-9a-z]{32}"
_NUMBER: Final = r"\d{1,12}"
_WORD: Final = r"[A-Z_]{1,64}"
_ARN: Final = r"arn:aws[\w:/+=,.@-]{1,1000}"
_SHOWN: Final = {
    name: re.compile(pattern)
    for pattern, names in {
        _IDENTIFIER: "datastoreId imageSetId sourceImageSetId jobId imageFrameId",
        _NUMBER: "versionId latestVersionId maxResults inputOwnerAccountId",
        _WORD: "datastoreStatus jobStatus imageSetState imageSetWorkflowStatus",
        _ARN: "resourceArn imageSetArn dataAccessRoleArn kmsKeyArn lambdaAuthorizerArn",
        r"True|False": "force promoteToPrimary includeStudyImageSets isPrimary",
        r"\d{1,10}(\.\d{1,9})?": "createdAt updatedAt submittedAt",
    }.items()
    for name in names.split()
}
_OPENED: Final = {
    "imageFrameInformation",
    "copyImageSetInformation",
    "sourceImageSet",
    "destinationImageSet",
    "sourceImageSetProperties",
    "destinationImageSetProperties",
}
_KEY: Final = re.compile(r"[A-Z0-9]{16,128}")
_UID: Final = re.compile(r"\d+(?:\.\d+){3,}")
_LONGEST: Final = 512  # of a User-Agent, a client's to choose


@dataclass(slots=True)
class Call:
    """One request as it becomes known; ``parameters`` and ``result`` are named as in the model."""

    source: str
    agent: str
    action: str = actions.UNKNOWN
    parameters: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    access_key_id: str = ""
    verified: bool = False
    error_code: str = ""
    error_message: str = ""
    request_id: str = field(default_factory=lambda: str(uuid4()))
    received_at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    def fail(self, fault: Fault) -> None:
        """The call is answered with an error."""
        self.error_code, self.error_message = fault.code, str(fault)

    def end(self, status: int) -> None:
        """The answer is there; ``status`` tells of an error that nothing else has told of."""
        self.seconds = time.perf_counter() - self.began
        if status >= 400 and not self.error_code:
            self.error_code = str(status)

    @property
    def datastore_id(self) -> str:
        """The data store that was asked for; empty without one."""
        for values in (self.parameters, self.result):
            value = values and values.get("datastoreId")
            if isinstance(value, str) and _SHOWN["datastoreId"].fullmatch(value):
                return value
        return ""


def is_logged(call: Call, data_events: bool) -> bool:
    """Whether CloudTrail would tell of the call: it is for an action, and not one left out."""
    if call.action == actions.UNKNOWN:
        return False
    return data_events or not actions.is_data_event(call.action)


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """What may be logged of parameters or of a result."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        pattern = _SHOWN.get(name)
        if name in _OPENED and isinstance(value, Mapping):
            found[name] = shown(value)
        elif pattern and isinstance(value, str | int | float) and pattern.fullmatch(str(value)):
            found[name] = value
        else:
            found[name] = HIDDEN
    return found


def event(call: Call, account: str, region: str) -> dict[str, Any]:
    """The event of a call that has ended."""
    moment = datetime.fromtimestamp(call.received_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = actions.is_data_event(call.action)
    message = _UID.sub(HIDDEN, call.error_message)
    error = {"errorCode": call.error_code, "errorMessage": message}
    return {
        "eventVersion": "1.08",
        "userIdentity": _identity(call, account),
        "eventTime": moment,
        "eventSource": "medical-imaging.amazonaws.com",
        "eventName": call.action,
        "awsRegion": region,
        "sourceIPAddress": call.source,
        "userAgent": call.agent[:_LONGEST],
        **{name: value for name, value in error.items() if value},
        "requestParameters": None if call.parameters is None else shown(call.parameters),
        "responseElements": None if call.result is None else shown(call.result),
        "requestID": call.request_id,
        "eventID": str(uuid4()),
        "readOnly": actions.reads(call.action),
        "eventType": "AwsApiCall",
        "managementEvent": not data,
        "recipientAccountId": account,
        "eventCategory": "Data" if data else "Management",
    }


def _identity(call: Call, account: str) -> dict[str, str]:
    """The one pair of keys is the account's own; without a valid signature nobody is known."""
    key = call.access_key_id if _KEY.fullmatch(call.access_key_id) else HIDDEN
    if not call.verified:
        return {"type": "Unknown", "accessKeyId": key if call.access_key_id else ""}
    return {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": key,
    }
