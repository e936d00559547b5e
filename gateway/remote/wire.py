"""Signed requests over aiohttp, for what is asked for so often that boto3 would be the limit."""

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp import hdrs
from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError, create_parser
from yarl import URL

from gateway.remote.credentials import Credentials
from gateway.remote.endpoint import Endpoint
from gateway.remote.errors import Unfinished
from gateway.remote.signing import Request, Signer

_READ_BUFFER: Final = 1 << 20
_KEEP_ALIVE_SECONDS: Final = 60.0
_MAX_ERROR: Final = 64 << 10


class Wire:
    """POST requests to one endpoint, on connections that are kept; of one event loop."""

    def __init__(
        self, endpoint: Endpoint, credentials: Credentials, connect: float, read: float
    ) -> None:
        """Seconds to ``connect`` and to wait for the next bytes (``read``)."""
        self._endpoint = endpoint
        self._credentials = credentials
        self._signer = Signer(endpoint.service, endpoint.region)
        self._timeout = aiohttp.ClientTimeout(None, connect, read, connect)
        self._proxy = URL(endpoint.proxy) if endpoint.proxy else None
        self._parser = create_parser("rest-json")
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # How many calls run at a time is the scheduler's decision.
            connector = aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
                ssl=self._endpoint.tls or True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=self._timeout,
                read_bufsize=_READ_BUFFER,
                skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            )
        return self._session

    async def post(self, path: str, query: str = "", body: bytes = b"") -> "Answer":
        """The answer to a request, once its head is here; ``path`` is below the endpoint's.

        Raises:
            ClientError: HealthImaging answered with an error.
            aiohttp.ClientError, TimeoutError, Unfinished: there was no answer, or no usable one.
        """
        sent = {"Content-Type": "application/json"} if body else {}
        endpoint = self._endpoint
        request = Request("POST", endpoint.host, endpoint.prefix + path, query, sent, body)
        headers = self._signer.headers(request, await self._credentials.keys(), time.time())
        headers[hdrs.ACCEPT_ENCODING] = "identity"  # a document is kept as it is stored
        url = f"{endpoint.base}{path}?{query}" if query else endpoint.base + path
        response = await self._opened().post(
            URL(url, encoded=True),
            data=body or None,
            headers=headers,
            proxy=self._proxy,
            allow_redirects=False,
        )
        if response.status != HTTPStatus.OK:
            raise await self._error(response)
        return Answer(response)

    async def _error(self, response: aiohttp.ClientResponse) -> ClientError | Unfinished:
        """What botocore makes of the answer."""
        try:
            body = await response.content.read(_MAX_ERROR)
        finally:
            response.close()
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return Unfinished(f"status {response.status}")  # a part, or nothing
        answer = {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": body,
            "context": {},
        }
        try:
            parsed = self._parser.parse(answer, None)
        except (AttributeError, TypeError, ResponseParserError):  # JSON, but no object
            parsed = {"ResponseMetadata": {"HTTPStatusCode": response.status}}
        return ClientError(parsed, "POST")

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # transports end on the next turn of the loop
        await self._credentials.close()


class Answer:
    """The body of an answer, on its way; ``length`` is what its head says.

    Raises:
        Unfinished: nothing in the head says where the body ends.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.length = response.content_length
        self._response = response
        if self.length is None and hdrs.TRANSFER_ENCODING not in response.headers:
            response.close()
            raise Unfinished("neither a length nor chunks")

    async def whole(self) -> bytes:
        """All of it."""
        try:
            body = await self._response.read()
        except BaseException:
            self.close()
            raise
        self._verify(len(body))
        return body

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        read = 0
        async for piece in self._response.content.iter_any():
            read += len(piece)
            yield piece
        self._verify(read)

    def _verify(self, read: int) -> None:
        if self.length is not None and read != self.length:
            self.close()
            raise Unfinished(f"{read} bytes of {self.length}")

    def close(self) -> None:
        """Break it off if it is not at its end; else the connection has gone back already."""
        self._response.close()
