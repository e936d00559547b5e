"""Settings: read from the environment, and each mistake told in a sentence that names it."""

import os
import re
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.settings import (
    GatewaySettings,
    HealthImagingSettings,
    SettingsError,
    load,
    unknown,
)

STORE = "0123456789abcdef0123456789abcdef"
KINDS = pytest.mark.parametrize("kind", [GatewaySettings, HealthImagingSettings])


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Set variables of the environment, which has none of ours otherwise."""
    for name in os.environ:
        if name.startswith(("GATEWAY_", "HEALTHIMAGING_")):
            monkeypatch.delenv(name)

    def change(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    change(GATEWAY_DATASTORE_ID=STORE)
    return change


def mistakes(kind=GatewaySettings, **overrides):
    with pytest.raises(SettingsError) as caught:
        load(kind, **overrides)
    return str(caught.value).splitlines()


def test_a_data_store_is_all_that_is_needed():
    found = load(GatewaySettings)
    assert found.datastore_id == STORE
    assert (found.host, found.port, found.endpoint_url, found.region) == (
        "127.0.0.1",
        8080,
        None,
        None,
    )
    assert found.search_max_image_sets == 10_000


def test_the_embedded_server_needs_nothing():
    found = load(HealthImagingSettings)
    assert (found.data, found.port, found.region) == (Path("data"), 0, "us-east-1")


SAMPLES = {
    "identity": "pass-through",
    "dicomweb_url": "http://localhost:4001",
    "anonymous": "search,rendered",
    "oidc_issuer": "https://login.example/realms/hospital, http://localhost:4000",
    "oidc_audience": "dicomweb,gateway",
    "oidc_name_claim": "email",
    "oidc_clock_skew": "5.0",
    "oidc_keys_seconds": "600.0",
    "oidc_timeout": "2.5",
    "oidc_client_id": "ohif",
    "oidc_scope": "openid",
    "api_keys_file": "/run/secrets/keys",
    "policy_file": "/etc/gateway/policy.toml",
    "study_rule": "site.rules:may_have",
    "link_key": "0123456789abcdef0123456789abcdef",
    "link_seconds": "60",
    "metrics_access": "granted",
    "import_rule": "new-image-sets",
    "change_seconds": "0.5",
    "datastore_id": "f" * 32,
    "datastore_ids": f"{'e' * 32},{'f' * 32}",
    "region": "eu-west-1",
    "endpoint_url": "http://localhost:1",
    "host": "::1",
    "port": "8123",
    "public_url": "https://gateway.example/x",
    "cors_origins": "https://viewer.example",
    "log_level": "error",
    "negotiation": "strict",
    "trusted_proxies": "10.0.0.0/8,::1",
    "image_set_policy": "primary",
    "frame_max_age": "60",
    "connect_timeout": "1.25",
    "read_timeout": "2.5",
    "max_attempts": "2",
    "upstream_concurrency": "3",
    "queue_seconds": "4.5",
    "fetch_ahead": "5",
    "stream_ahead_mb": "17",
    "prefetch": "off",
    "prefetch_concurrency": "6",
    "prefetch_percent": "33",
    "prefetch_seconds": "7.5",
    "decode_threads": "251",
    "metadata_cache_mb": "7",
    "frame_cache_mb": "9",
    "rendered_cache_mb": "10",
    "decoded_cache_mb": "10",
    "disk_cache_dir": "/cache",
    "disk_cache_mb": "19",
    "shared_cache_url": "valkeys://gateway:secret@cache.example:6379/1?ssl_ca_certs=/ca.pem",
    "shared_cache_ttl": "3600",
    "shared_cache_max_value_mb": "21",
    "shared_cache_timeout": "0.125",
    "search_max_image_sets": "51",
    "search_max_results": "11",
    "search_ttl": "0.5",
    "search_paging_seconds": "60.0",
    "catalog": "off",
    "catalog_url": "postgresql+pg8000://gateway:secret@db.example:5432/catalog",
    "catalog_interval": "2.5",
    "catalog_max_lag": "9.5",
    "catalog_wait": "1.25",
    "catalog_reconcile": "600.0",
    "catalog_sqs_url": "http://localhost:5/000000000000/changes",
    "catalog_sqs_endpoint_url": "http://localhost:5",
    "traces_endpoint": "http://collector.example:4318",
    "traces_sample": "0.25",
    "audit": "syslog",
    "audit_file": "/audit.jsonl",
    "audit_syslog_url": "tls://repository.example:6514",
    "audit_syslog_ca": "/ca.pem",
    "audit_syslog_certificate": "/gateway.pem",
    "audit_syslog_key": "/gateway.key",
    "audit_spool_dir": "/audit",
    "audit_spool_mb": "23",
    "audit_full": "drop",
    "audit_window": "2.75",
    "audit_wait": "True",
    "audit_source_id": "gateway-1",
    "audit_site_id": "St. Mary",
    "inline_limit": "13",
    "viewport_max_side": "512",
    "thumbnail_side": "64",
    "animation_max_frames": "15",
    "animation_max_megapixels": "17",
    "annotation_font": __file__,
    "viewer_dir": "/usr/share/ohif",
    "data": "/elsewhere",
    "workers": "253",
    "file_seconds": "1.5",
    "worker_memory_mb": "2048",
    "s3_endpoint_url": "http://localhost:2",
    "simulate": "aws",
    "latency_ms": "GetImageFrame=20",
    "faults": "GetImageFrame:truncate",
    "simulation_seed": "17",
    "log_data_events": "True",
    "eventbridge_bus": "changes",
    "eventbridge_endpoint_url": "http://localhost:3",
    "eventbridge_source": "hospital.imaging",
    "sqs_queue_url": "http://localhost:4/000000000000/changes",
    "sqs_endpoint_url": "http://localhost:4",
    "authorizer": "http://localhost:3/,site.readers:decide",
    "archive_days": "0.5",
    "quotas": "files=7",
    "max_connections": "31",
    "max_requests": "32",
    "max_url_kb": "33",
    "max_head_kb": "34",
    "max_body_kb": "35",
    "max_instances": "36",
    "max_frames": "42",
    "max_answer_gb": "37.0",
    "request_seconds": "3.5",
    "idle_seconds": "3.75",
    "stall_seconds": "4.25",
    "answer_seconds": "4.75",
    "drain_seconds": "5.25",
    "drain_delay": "5.75",
    "client_rate": "6.25",
    "client_burst": "38",
    "client_concurrency": "39",
    "breaker_failures": "40",
    "breaker_slow_seconds": "6.5",
    "stale_seconds": "41.0",
}


@KINDS
def test_every_setting_is_read_from_its_variable_and_described(kind, environment):
    prefix = kind.model_config["env_prefix"]
    environment(**{f"{prefix}{name.upper()}": SAMPLES[name] for name in kind.model_fields})
    found = load(kind)
    for name, field in kind.model_fields.items():
        assert str(getattr(found, name)) == SAMPLES[name]
        assert getattr(found, name) != field.default
        assert field.description.endswith(".")


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("valkey://cache:6379/0", True),
        ("rediss://user:secret@cache.example:6380/2?ssl_ca_certs=/ca.pem", True),
        ("unix:///run/valkey.sock?db=1", True),
        ("http://:secret@cache", False),
        ("cache:6379", False),
        ("valkey://:secret@cache/zero", False),
    ],
)
def test_the_url_of_the_shared_cache_is_checked_and_its_password_never_shown(url, good):
    if good:
        assert "secret" not in repr(load(GatewaySettings, shared_cache_url=url))
    else:
        (told,) = mistakes(shared_cache_url=url)
        assert told.startswith("GATEWAY_SHARED_CACHE_URL is wrong")
        assert "secret" not in told


def test_numbers_of_the_environment_are_numbers(environment):
    environment(GATEWAY_PORT="9000", GATEWAY_READ_TIMEOUT="1.5", GATEWAY_FETCH_AHEAD="2")
    found = load(GatewaySettings)
    assert (found.port, found.read_timeout, found.fetch_ahead) == (9000, 1.5, 2)


def test_an_override_wins_over_the_environment_and_none_is_no_override(environment):
    environment(GATEWAY_PORT="9000")
    assert load(GatewaySettings, port=9001).port == 9001
    assert load(GatewaySettings, port=None).port == 9000


@KINDS
def test_settings_do_not_change(kind):
    with pytest.raises(ValueError, match="frozen"):
        load(kind).port = 1


def test_a_missing_setting_is_named(monkeypatch):
    monkeypatch.delenv("GATEWAY_DATASTORE_ID")
    assert mistakes() == ["GATEWAY_DATASTORE_ID is not set."]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_DATASTORE_ID", "short"),
        ("GATEWAY_DATASTORE_ID", STORE.upper()),
        ("GATEWAY_ENDPOINT_URL", "localhost:8081"),
        ("GATEWAY_ENDPOINT_URL", "ftp://localhost"),
        ("GATEWAY_PUBLIC_URL", "gateway.example"),
        ("GATEWAY_PUBLIC_URL", "https://gateway.example/with space"),
        ("GATEWAY_PORT", "65536"),
        ("GATEWAY_PORT", "-1"),
        ("GATEWAY_PORT", "http"),
        ("GATEWAY_PORT", "80.5"),
        ("GATEWAY_LOG_LEVEL", "loud"),
        ("GATEWAY_TRUSTED_PROXIES", "proxy.example"),
        ("GATEWAY_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("GATEWAY_IMAGE_SET_POLICY", "none"),
        ("GATEWAY_FRAME_MAX_AGE", "-1"),
        ("GATEWAY_CONNECT_TIMEOUT", "0"),
        ("GATEWAY_READ_TIMEOUT", "301"),
        ("GATEWAY_MAX_ATTEMPTS", "0"),
        ("GATEWAY_UPSTREAM_CONCURRENCY", "0"),
        ("GATEWAY_FETCH_AHEAD", "65"),
        ("GATEWAY_DECODE_THREADS", "0"),
        ("GATEWAY_METADATA_CACHE_MB", "0"),
        ("GATEWAY_FRAME_CACHE_MB", "much"),
        ("GATEWAY_SEARCH_MAX_IMAGE_SETS", "49"),
        ("GATEWAY_SEARCH_MAX_RESULTS", "0"),
        ("GATEWAY_SEARCH_TTL", "61"),
        ("GATEWAY_INLINE_LIMIT", "-1"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(environment, name, value):
    environment(**{name: value})
    [sentence] = mistakes()
    assert re.fullmatch(rf"{name} is wrong: it should .+\.", sentence)
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEALTHIMAGING_PORT", "x"),
        ("HEALTHIMAGING_REGION", "Mars"),
        ("HEALTHIMAGING_WORKERS", "0"),
        ("HEALTHIMAGING_FILE_SECONDS", "0"),
        ("HEALTHIMAGING_WORKER_MEMORY_MB", "1"),
        ("HEALTHIMAGING_S3_ENDPOINT_URL", "s3.example"),
        ("HEALTHIMAGING_EVENTBRIDGE_ENDPOINT_URL", "events.example"),
        ("HEALTHIMAGING_SQS_QUEUE_URL", "changes"),
        ("HEALTHIMAGING_SQS_ENDPOINT_URL", "sqs.example"),
        ("HEALTHIMAGING_LOG_LEVEL", "quiet"),
        ("HEALTHIMAGING_SIMULATE", "gcp"),
        ("HEALTHIMAGING_SIMULATION_SEED", "x"),
        ("HEALTHIMAGING_LOG_DATA_EVENTS", "perhaps"),
    ],
)
def test_a_wrong_setting_of_the_embedded_server_is_named(environment, name, value):
    environment(**{name: value})
    [sentence] = mistakes(HealthImagingSettings)
    assert sentence.startswith(f"{name} is wrong: it should ")


def test_every_mistake_has_its_own_sentence(environment):
    environment(GATEWAY_DATASTORE_ID="x", GATEWAY_PORT="x", GATEWAY_LOG_LEVEL="x")
    found = mistakes()
    assert sorted(sentence.split()[0] for sentence in found) == [
        "GATEWAY_DATASTORE_ID",
        "GATEWAY_LOG_LEVEL",
        "GATEWAY_PORT",
    ]


def test_a_wrong_override_is_named_as_its_variable():
    [sentence] = mistakes(port=70_000)
    assert sentence.startswith("GATEWAY_PORT is wrong: it should be less than or equal to 65535.")


def test_what_a_mistake_tells_does_not_repeat_the_value(environment):
    environment(GATEWAY_ENDPOINT_URL="user:secret@host")
    [sentence] = mistakes()
    assert "secret" not in sentence


def test_the_error_is_a_mistake_of_the_operator_not_of_a_request():
    assert issubclass(SettingsError, ValueError)
    assert not issubclass(SettingsError, GatewayError)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8081", "https://gateway.example", "https://gateway.example/imaging/v1/"],
)
def test_urls(url):
    found = load(GatewaySettings, public_url=url, endpoint_url=url)
    assert found.public_url == found.endpoint_url == url


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GATEWAY_PROT", "GATEWAY_PORT"),
        ("GATEWAY_DATASTORE", "GATEWAY_DATASTORE_ID"),
        ("GATEWAY_LOGLEVEL", "GATEWAY_LOG_LEVEL"),
        ("GATEWAY_FRAME_CACHE", "GATEWAY_FRAME_CACHE_MB"),
    ],
)
def test_an_unknown_variable_is_told_with_what_was_meant(name, meant):
    assert unknown(GatewaySettings, {name: "1"}) == [
        f"{name} is not a setting and is ignored. Did you mean {meant}?"
    ]


def test_an_unknown_variable_like_none_of_ours_has_no_suggestion():
    assert unknown(GatewaySettings, {"GATEWAY_ZZZZZZZZZZZZZZZZZZZZZZ": "1"}) == [
        "GATEWAY_ZZZZZZZZZZZZZZZZZZZZZZ is not a setting and is ignored."
    ]


def test_variables_of_other_programs_are_not_ours():
    assert (
        unknown(GatewaySettings, {"PORT": "1", "HEALTHIMAGING_PROT": "1", "AWS_REGION": ""}) == []
    )
    assert len(unknown(HealthImagingSettings, {"HEALTHIMAGING_PROT": "1", "GATEWAY_PROT": ""})) == 1


@KINDS
def test_every_known_variable_is_known(kind):
    prefix = kind.model_config["env_prefix"]
    assert unknown(kind, {f"{prefix}{name.upper()}": "" for name in kind.model_fields}) == []


def test_unknown_variables_come_in_order_of_their_names():
    found = unknown(GatewaySettings, {"GATEWAY_XB": "", "GATEWAY_XA": ""})
    assert [sentence.split()[0] for sentence in found] == ["GATEWAY_XA", "GATEWAY_XB"]
