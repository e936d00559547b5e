"""Where HealthImaging is and by which way it is reached, as botocore finds out."""

import os
import ssl
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import botocore
from botocore.config import Config
from botocore.httpsession import ProxyConfiguration, get_cert_path
from botocore.utils import get_environ_proxies

_SERVICE: Final = "medical-imaging"
_ANY: Final = {"datastoreId": "0" * 32, "imageSetId": "0" * 32}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The service's runtime: ``base`` is what paths are appended to, ``prefix`` the path in it.

    ``host`` is the Host header; ``proxy`` a URL, with a name and a password where it has them.
    """

    base: str
    host: str
    prefix: str
    region: str
    service: str
    proxy: str | None
    tls: ssl.SSLContext | None


def resolve(session: Any, region: str | None, url: str | None) -> Endpoint:
    """The endpoint of image sets and frames for a botocore session; ``url`` where it is given.

    Botocore decides all of it: partition, FIPS, dual-stack, configured endpoints, the prefix of
    the host, proxies and certificates.
    """
    unsigned = Config(signature_version=botocore.UNSIGNED, inject_host_prefix=url is None)
    client = session.create_client(_SERVICE, region_name=region, endpoint_url=url, config=unsigned)
    try:
        example = client.generate_presigned_url("get_image_set_metadata", Params=_ANY)
        model, region = client.meta.service_model, client.meta.region_name
        resolved = client.meta.endpoint_url
    finally:
        client.close()
    base = example.partition("/datastore/")[0]
    parts = urlsplit(base)
    proxy = ProxyConfiguration(get_environ_proxies(resolved)).proxy_url_for(base)
    return Endpoint(
        base,
        _host(parts),
        parts.path,
        region,
        model.signing_name,
        proxy,
        _tls(session, base, proxy),
    )


def _host(url: SplitResult) -> str:
    name = url.hostname or ""
    name = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}.get(url.scheme)
    return name if url.port in (None, default) else f"{name}:{url.port}"


def _tls(session: Any, base: str, proxy: str | None) -> ssl.SSLContext | None:
    if not base.startswith("https:") and not (proxy or "").startswith("https:"):
        return None
    bundle = session.get_config_variable("ca_bundle")
    bundle = bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True
    return ssl.create_default_context(cafile=get_cert_path(bundle))
