"""The policies of docs/iam.md allow what the gateway calls, and nothing else."""

import ast
import json
import re
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from gateway.remote.quotas import LIMITS

ROOT = Path(__file__).parents[2]
FOR_THE_EMBEDDED_SERVER = "imports.py"
MAKES = re.compile(r"(Session\(\)|session|boto3)\.(create_)?client$")
OTHER_ACTIONS = {"DeleteMessageBatch": "DeleteMessage"}
"""Operations that are allowed by the action of another name."""


def policies():
    text = (ROOT / "docs" / "iam.md").read_text()
    found = re.findall(r"<!-- policy: (\w+) -->\n```json\n(.*?)```", text, re.DOTALL)
    return {name: json.loads(policy) for name, policy in found}


def actions(name):
    [statement] = policies()[name]["Statement"]
    allowed = statement["Action"]
    return [allowed] if isinstance(allowed, str) else allowed


def calls():
    """What stands in the source as the name of a call: attributes of clients, and words."""
    for path in sorted((ROOT / "gateway" / "remote").glob("*.py")):
        if path.name == FOR_THE_EMBEDDED_SERVER:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("_client"):
                yield node.attr
            elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("self._"):
                yield from (one.value for one in node.args if isinstance(one, ast.Constant))


def operations(service):
    """The operations of a service that the source names, by botocore's model of it."""
    model = botocore.session.get_session().get_service_model(service)
    spelled = {xform_name(name): name for name in model.operation_names}
    spelled |= {name: name for name in model.operation_names}
    return {spelled[call] for call in calls() if call in spelled}


def needed(service):
    return sorted(f"{service}:{OTHER_ACTIONS.get(one, one)}" for one in operations(service))


@pytest.mark.parametrize(("name", "service"), [("serve", "medical-imaging"), ("events", "sqs")])
def test_a_policy_allows_what_is_called_and_nothing_else(name, service):
    assert actions(name) == needed(service)


def test_every_action_with_a_quota_is_allowed():
    assert actions("serve") == sorted(f"medical-imaging:{action}" for action in LIMITS)


def test_boto_clients_are_made_where_calls_are_looked_for():
    """Another client of AWS would need a policy: look at what it calls, then name it here."""
    services = set()
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        if path.name == FOR_THE_EMBEDDED_SERVER or "emulator" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        services |= {
            ast.unparse(one.args[0]) for one in made if MAKES.search(ast.unparse(one.func))
        }
    assert services == {"'medical-imaging'", "'sqs'", "_SERVICE"}


def test_no_policy_allows_everything():
    for name, policy in policies().items():
        for statement in policy["Statement"]:
            assert "*" not in statement.get("Resource", ()), name
            assert not [one for one in actions(name) if "*" in one], name


def test_the_role_is_trusted_to_the_service_account_of_the_chart_only():
    [statement] = policies()["trust"]["Statement"]
    conditions = statement["Condition"]["StringEquals"]
    subject = next(value for key, value in conditions.items() if key.endswith(":sub"))
    assert subject == "system:serviceaccount:imaging:gateway-dicomweb-gateway"
    assert any(key.endswith(":aud") for key in conditions)
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    assert "--install gateway" in page
    assert "--namespace imaging" in page
