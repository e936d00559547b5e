"""What HealthImaging's own DICOMweb service says to a caller's token (developer guide, "OIDC").

The service shows the token to the data store's authorizer and does as the role that it names may.
There is no call that only asks, so something small is asked for and not read.
"""

import asyncio
from typing import Final
from urllib.parse import quote

import aiohttp
import botocore.session

from gateway.dicomweb.representations import DICOM, DICOM_JSON
from gateway.dicomweb.resources import instance_url
from gateway.errors import ConfigurationError, UpstreamUnavailable
from gateway.settings import GatewaySettings

_SERVICE: Final = "https://dicom-medical-imaging.{}.amazonaws.com"
_GIVEN: Final = frozenset({200, 204, 206})
_REFUSED: Final = frozenset({401, 403})


class Permissions:
    """The service as ``settings`` lead to it; of the event loop that first asks.

    Raises:
        ConfigurationError: it is not known where that is.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._base = (settings.dicomweb_url or settings.endpoint_url or _regional(settings)).rstrip(
            "/"
        )
        self._timeout = aiohttp.ClientTimeout(
            total=settings.read_timeout, connect=settings.connect_timeout
        )
        self._session: aiohttp.ClientSession | None = None

    async def may_search(self, token: bytes, datastore_id: str) -> bool:
        """Whether the bearer of ``token`` may search (SearchDICOMStudies).

        Raises:
            UpstreamUnavailable: the service does not say.
        """
        return await self._ask(token, f"/datastore/{datastore_id}/studies?limit=1", DICOM_JSON)

    async def may_read(
        self, token: bytes, datastore_id: str, uids: tuple[str, str, str], image_set_id: str
    ) -> bool:
        """Whether they may have an instance, all that is stored of it (GetDICOMInstance).

        Raises:
            UpstreamUnavailable: the service does not say.
        """
        path = instance_url(f"/datastore/{datastore_id}", *map(quote, uids))
        accept = f"{DICOM}; transfer-syntax=*"
        return await self._ask(token, f"{path}?imageSetId={image_set_id}", accept)

    async def _ask(self, token: bytes, target: str, accept: str) -> bool:
        headers = {"Authorization": f"Bearer {token.decode('ascii')}", "Accept": accept}
        try:
            async with self._client().get(
                self._base + target, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
                response.close()  # what it says was in its first line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamUnavailable("HealthImaging cannot be asked about the token") from error
        if status not in _GIVEN | _REFUSED:
            raise UpstreamUnavailable(f"HealthImaging answers a token with status {status}")
        return status in _GIVEN

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                trust_env=self._base.startswith("https:"),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # aiohttp closes TLS connections a turn later


def _regional(settings: GatewaySettings) -> str:
    region = settings.region or botocore.session.get_session().get_config_variable("region")
    if not region:
        raise ConfigurationError("GATEWAY_REGION or GATEWAY_DICOMWEB_URL is not set.")
    return _SERVICE.format(region)
