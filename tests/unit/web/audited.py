"""Applications that tell an audit trail, and what stands in its messages."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

from gateway.app import create_app
from gateway.auth.principals import STATE
from tests.unit.services.memory import settings
from tests.unit.web import asgi

STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


class Audited:
    """An application whose messages go to a file; those of requests are read from it."""

    def __init__(self, remote, folder, **changes):
        self.file = folder / "audit.jsonl"
        given = {"audit": "json", "audit_file": self.file, "audit_spool_dir": folder / "spool"}
        self.app = create_app(settings(**{**given, "audit_window": 0, **changes}), remote)

    @asynccontextmanager
    async def running(self):
        async with self.app.router.lifespan_context(self.app.router):
            yield self

    async def get(self, target, method="GET", **changes):
        return asgi.answer(await asgi.drive(self.app, self.scope(target, method, **changes)))

    @staticmethod
    def scope(target, method="GET", headers=None, principal=None, **changes):
        made = asgi.scope(target, method, headers={"accept": STORED, **(headers or {})}, **changes)
        if principal is not None:
            made["state"][STATE] = principal
        return made

    def messages(self):
        """The messages of requests."""
        found = [json.loads(line) for line in self.file.read_text().splitlines()]
        assert [kind(one) for one in found][:: len(found) - 1] == ["110100", "110100"]
        return found[1:-1]


def kind(one):
    return one["EventIdentification"]["EventID"]["csd-code"]


def outcome(one):
    return one["EventIdentification"]["EventOutcomeIndicator"]


def client(one):
    roles = {"110112": "110153", "110104": "110152"}
    return next(
        participant
        for participant in one["ActiveParticipant"]
        if participant.get("RoleIDCode", [{}])[0].get("csd-code") == roles.get(kind(one))
    )


def objects(one):
    return [each["ParticipantObjectID"] for each in one["ParticipantObjectIdentification"]]


def details(one):
    told = one["ParticipantObjectIdentification"][0]["ParticipantObjectDetail"]
    return {each["type"]: base64.b64decode(each["value"]).decode() for each in told}


def audited(remote, folder, scenario, **changes):
    made = Audited(remote, folder, **changes)

    async def run():
        async with made.running():
            await scenario(made)

    asyncio.run(run())
    return made.messages()
