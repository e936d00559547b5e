"""The policy: which claims grant what, and nothing else does."""

import pytest

from gateway.auth import policy
from gateway.auth.grants import Action
from gateway.errors import ConfigurationError

STORE, OTHER = "d" * 32, "e" * 32


@pytest.fixture
def granted(tmp_path):
    """What a rule with ``claims`` grants to a token."""

    def ask(claims, token, more=""):
        file = tmp_path / "policy.toml"
        file.write_text(
            f'[[rule]]\nclaims = {claims}\ndatastores = ["*"]\nactions = ["read"]\n{more}'
        )
        return policy.load(file, STORE).grants(token)

    return ask


@pytest.mark.parametrize(
    ("claims", "token", "met"),
    [
        ('{ groups = "a" }', {"groups": ["b", "a"]}, True),
        ('{ groups = ["a", "b"] }', {"groups": ["b"]}, True),
        ('{ groups = "a" }', {"groups": "a"}, True),
        ('{ groups = "a" }', {"groups": "a b"}, False),
        ('{ groups = "a" }', {"groups": ["ab"]}, False),
        ('{ groups = "a" }', {"groups": {"a": 1}}, False),
        ('{ groups = "a" }', {"groups": [["a"]]}, False),
        ('{ groups = "a" }', {}, False),
        ('{ groups = "a" }', {"groups": None}, False),
        ('{ scope = "a" }', {"scope": "b a"}, True),
        ('{ scope = "a" }', {"scope": "ab"}, False),
        ('{ scp = "a" }', {"scp": ["a"]}, True),
        ("{ admin = true }", {"admin": True}, True),
        ("{ admin = true }", {"admin": 1}, False),
        ("{ admin = true }", {"admin": "true"}, False),
        ("{ level = 1 }", {"level": 1}, True),
        ("{ level = 1 }", {"level": True}, False),
        ('{ email = "*" }', {"email": "x@y"}, True),
        ('{ email = "*" }', {"email": []}, False),
        ('{ email = "*" }', {}, False),
        ('{ "realm_access.roles" = "a" }', {"realm_access": {"roles": ["a"]}}, True),
        ('{ "realm_access.roles" = "a" }', {"realm_access": ["roles"]}, False),
        ('{ "https://x.example/roles" = "a" }', {"https://x.example/roles": ["a"]}, True),
        ('{ a = "1", b = "2" }', {"a": "1", "b": "2"}, True),
        ('{ a = "1", b = "2" }', {"a": "1"}, False),
        ("{}", {}, True),
    ],
)
def test_a_rule_is_met_by_all_its_claims(granted, claims, token, met):
    assert bool(granted(claims, token)) == met


def test_who_meets_several_rules_has_what_all_grant(granted):
    more = f"""[[rule]]
    claims = {{ b = "1" }}
    datastores = ["default", "{OTHER}"]
    actions = ["search"]"""
    found = granted('{ a = "1" }', {"a": "1", "b": "1"}, more)
    assert Action.READ in found["*"]
    assert found[STORE] == found[OTHER] == {Action.SEARCH, Action.LOOK}
    assert granted('{ a = "1" }', {"b": "1"}, more).keys() == {STORE, OTHER}


def test_without_a_policy_nothing_is_granted():
    assert policy.load(None, STORE).grants({"scope": "everything"}) == {}


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "",
        "[rule]\na = 1",
        "[[rules]]",
        "[[rule]]",
        '[[rule]]\ndatastores = ["*"]',
        '[[rule]]\ndatastores = ["*"]\nactions = []',
        '[[rule]]\ndatastores = ["*"]\nactions = ["look"]',
        '[[rule]]\ndatastores = ["*"]\nactions = "read"',
        '[[rule]]\ndatastores = "*"\nactions = ["read"]',
        '[[rule]]\ndatastores = ["x"]\nactions = ["read"]',
        '[[rule]]\ndatastores = []\nactions = ["read"]',
        '[[rule]]\ndatastore = ["*"]\nactions = ["read"]',
        '[[rule]]\nclaims = "a"\ndatastores = ["*"]\nactions = ["read"]',
        '[[rule]]\nclaims = { a = [] }\ndatastores = ["*"]\nactions = ["read"]',
        '[[rule]]\nclaims = { a = 1.5 }\ndatastores = ["*"]\nactions = ["read"]',
        '[[rule]]\nclaim = { a = "b" }\ndatastores = ["*"]\nactions = ["read"]',
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(tmp_path, text):
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="GATEWAY_POLICY_FILE"):
        policy.load(file, STORE)


def test_a_policy_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="GATEWAY_POLICY_FILE"):
        policy.load(tmp_path / "none", STORE)
