"""Endpoints, proxies and certificates are those that botocore would use."""

import asyncio
import json
from contextlib import suppress

import botocore.session
import pytest
from botocore.config import Config

from gateway.errors import UpstreamUnavailable
from gateway.remote.client import HealthImagingClient
from gateway.remote.endpoint import resolve
from gateway.settings import GatewaySettings
from tests.unit.remote.peers import Peer, Proxy, certificate, listening, serving_tls

KEYS = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "secret"}
STORE, SET, FRAME = "d" * 32, "e" * 32, "f" * 32
BODY = bytes(range(256)) * 500
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    for name in (*PROXIES, *map(str.lower, PROXIES), *BUNDLES, "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def asked_by_botocore(region, url):
    """The request for a frame that botocore would send."""
    session = botocore.session.get_session()
    config = Config(inject_host_prefix=url is None)
    client = session.create_client(
        "medical-imaging", region_name=region, endpoint_url=url, config=config, **KEYS
    )
    sent = []

    def stop(request, **_):
        sent.append(request)
        raise InterruptedError

    client.meta.events.register("before-send", stop)
    with suppress(Exception):
        client.get_image_frame(
            datastoreId=STORE, imageSetId=SET, imageFrameInformation={"imageFrameId": FRAME}
        )
    client.close()
    return sent[0]


@pytest.mark.parametrize(
    ("region", "url", "variables"),
    [
        ("eu-west-1", None, {}),
        ("us-gov-west-1", None, {}),
        ("cn-north-1", None, {}),
        ("us-east-1", None, {"AWS_USE_FIPS_ENDPOINT": "true"}),
        ("us-east-1", None, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}),
        (None, None, {"AWS_DEFAULT_REGION": "ap-southeast-2"}),
        ("us-east-1", None, {"AWS_ENDPOINT_URL": "https://ahi.example.com"}),
        ("us-east-1", None, {"AWS_ENDPOINT_URL_MEDICAL_IMAGING": "http://one.example:8000/x"}),
        ("us-east-1", None, {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}),
        ("us-east-1", "http://127.0.0.1:8080", {}),
        ("us-east-1", "http://[::1]:8080", {}),
        ("us-east-1", "https://vpce-1-abc.medical-imaging.us-east-1.vpce.amazonaws.com", {}),
        ("us-east-1", "https://Proxy.example.com:443/ahi/", {}),
    ],
)
def test_endpoints_are_those_of_botocore(environment, region, url, variables):
    for name, value in variables.items():
        environment.setenv(name, value)
    found = resolve(botocore.session.get_session(), region, url)
    expected = asked_by_botocore(region, url)
    path = f"/datastore/{STORE}/imageSet/{SET}/getImageFrame"
    assert f"{found.base}{path}" == expected.url
    scope = expected.headers["Authorization"].decode().split("Credential=")[1].split(",")[0]
    assert scope.split("/")[2:4] == [found.region, found.service]
    assert (found.tls is not None) == expected.url.startswith("https")


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ({"https_proxy": "proxy.example:3128"}, "http://proxy.example:3128"),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".amazonaws.com"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, "http://p:1"),
    ],
)
def test_proxies_are_those_of_the_environment(environment, variables, proxy):
    for name, value in variables.items():
        environment.setenv(name, value)
    assert resolve(botocore.session.get_session(), "us-east-1", None).proxy == proxy


def frame(url):
    """A frame, asked for by a client with these settings, and an error if there is one."""

    async def ask():
        settings = GatewaySettings(
            datastore_id=STORE, endpoint_url=url, region="us-east-1", max_attempts=1
        )
        client = HealthImagingClient(settings, **KEYS)
        try:
            found = await client.open_frame(STORE, SET, FRAME)
            return b"".join([piece async for piece in found])
        finally:
            await client.close()

    return ask()


def test_a_proxy_is_asked(environment):
    async def main():
        async with listening(Peer([WHOLE])) as peer, listening(Proxy(peer.port)) as proxy:
            environment.setenv("HTTP_PROXY", f"http://user:pass%20word@127.0.0.1:{proxy.port}")
            content = await frame("http://ahi.example:8000/x")
            return content, peer.requests, proxy.heads

    content, [(line, headers, body)], [head] = asyncio.run(main())
    assert content == BODY
    path = f"/x/datastore/{STORE}/imageSet/{SET}/getImageFrame"
    assert line == f"POST http://ahi.example:8000{path} HTTP/1.1"
    assert headers["host"] == "ahi.example:8000"
    assert json.loads(body) == {"imageFrameId": FRAME}
    assert "Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=" in head


def test_a_proxy_is_not_asked_for_what_it_is_not_for(environment):
    async def main():
        async with listening(Peer([WHOLE])) as peer:
            environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
            environment.setenv("NO_PROXY", "127.0.0.1")
            return await frame(f"http://127.0.0.1:{peer.port}")

    assert asyncio.run(main()) == BODY


@pytest.mark.parametrize("by", ["itself", "a proxy"])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_has_to_be_trusted(environment, tmp_path, by, trusted):
    paths = certificate(tmp_path)
    if trusted:
        environment.setenv("AWS_CA_BUNDLE", str(paths[1]))

    async def main():
        async with (
            listening(Peer([WHOLE]), serving_tls(*paths)) as peer,
            listening(Proxy(peer.port)) as proxy,
        ):
            if by == "a proxy":
                environment.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            content = await frame(f"https://127.0.0.1:{peer.port}")
            assert [head.split()[0] for head in proxy.heads] == ["CONNECT"] * (by == "a proxy")
            return content

    if trusted:
        assert asyncio.run(main()) == BODY
    else:
        with pytest.raises(UpstreamUnavailable):
            asyncio.run(main())
