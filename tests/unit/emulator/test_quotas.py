"""Quotas: the guide's table, what a setting makes of it, and the sentences of both."""

import pytest

from gateway.emulator import quotas
from gateway.emulator.faults import Fault
from gateway.settings import SettingsError


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("datastores", 10),
        ("import-jobs", 100),
        ("copies", 100),
        ("updates", 100),
        ("deletes", 100),
        ("files", 5000),
        ("folders", 10000),
        ("total-size", 10 * 1024**3),
        ("file-size", 10 * 1024**3),
        ("metadata-size", 50 * 1024**2),
        ("update-size", 10 * 1024),
        ("copied-frames", 1000),
    ],
)
def test_the_limits_of_the_guide(name, limit):
    quotas.DEFAULTS.check(name, limit)
    with pytest.raises(Fault) as caught:
        quotas.DEFAULTS.check(name, limit + 1)
    assert caught.value.code == "ServiceQuotaExceededException"
    assert quotas.TABLE[name].title in str(caught.value)


def test_every_limit_is_tested_here():
    marks = test_the_limits_of_the_guide.pytestmark
    assert {name for name, _ in marks[0].args[1]} == set(quotas.TABLE)


def test_an_excess_is_told_in_the_unit_of_its_quota():
    changed = quotas.parse("files=3, total-size=1500,file-size=3MB")
    title = quotas.TABLE["files"].title
    assert changed.excess("files", 4) == f"The quota is exceeded: {title}, 3"
    assert changed.excess("files", 3) is None
    assert changed.excess("total-size", 1501).endswith(", 1,500 bytes")
    assert changed.excess("file-size", 4 << 20).endswith(", 3 MB")
    assert quotas.DEFAULTS.excess("total-size", 11 << 30).endswith(", 10 GB")
    assert quotas.DEFAULTS.excess("files", 5001).endswith(", 5,000")


def test_a_setting_changes_what_it_names_and_the_last_one_counts():
    changed = quotas.parse("files=1,,total-size=2GB,files=100000,update-size=20KB,")
    assert changed.limit("files") == 100_000
    assert changed.limit("total-size") == 2 << 30
    assert changed.limit("update-size") == 20 << 10
    assert changed.limit("folders") == 10_000
    assert quotas.parse("").limit("files") == 5_000


def test_data_stores_are_limited_where_the_account_counts():
    assert quotas.parse("").excess("datastores", 1000) is None
    assert quotas.parse("", of_account=True).limit("datastores") == 10
    assert quotas.parse("datastores=3").limit("datastores") == 3
    assert quotas.parse("datastores=3", of_account=True).limit("datastores") == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fils=3", "fils is no quota. Did you mean files?"),
        ("xyz=3", f"xyz is no quota. There are {', '.join(quotas.TABLE)}."),
        ("files", "files= is not a number, nor a size like 10GB."),
        ("files=-1", "files=-1 is not a number, nor a size like 10GB."),
        ("files=ten", "files=ten is not a number, nor a size like 10GB."),
        ("files=10GB", "files=10GB has a unit, but is a count."),
    ],
)
def test_each_mistake_is_a_sentence(text, sentence):
    with pytest.raises(SettingsError) as caught:
        quotas.parse(f"folders=7,{text},files=x")
    assert str(caught.value).splitlines() == [
        f"HEALTHIMAGING_QUOTAS is wrong: {sentence}",
        "HEALTHIMAGING_QUOTAS is wrong: files=x is not a number, nor a size like 10GB.",
    ]
