"""Signed requests, for what is asked for so often that boto3 would be the limit."""

import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError, create_parser

from gateway.remote.credentials import Credentials
from gateway.remote.endpoint import Endpoint
from gateway.remote.errors import Unfinished
from gateway.remote.signing import Request, Signer
from gateway.remote.transport import Direct, Proxied, Response, Transport
from gateway.telemetry import tracing

_JSON: Final = {"Content-Type": "application/json"}
_NOTHING: Final[dict[str, str]] = {}


class Wire:
    """POST requests to one endpoint; of one event loop."""

    def __init__(
        self, endpoint: Endpoint, credentials: Credentials, connect: float, read: float
    ) -> None:
        """Seconds to ``connect`` and to wait for the next bytes (``read``)."""
        self._endpoint = endpoint
        self._credentials = credentials
        self._signer = Signer(endpoint.service, endpoint.region)
        transport = Proxied if endpoint.proxy else Direct
        self._transport: Transport = transport(endpoint, connect, read)
        self._parser = create_parser("rest-json")

    async def post(self, path: str, query: str = "", body: bytes = b"") -> "Answer":
        """The answer to a request, once its head is here; ``path`` is below the endpoint's.

        Raises:
            ClientError: HealthImaging answered with an error.
            Failure: there was no answer, or no usable one.
        """
        path = self._endpoint.prefix + path
        request = Request(
            "POST", self._endpoint.host, path, query, _JSON if body else _NOTHING, body
        )
        headers = self._signer.headers(request, await self._credentials.keys(), time.time())
        headers["Accept-Encoding"] = "identity"  # a document is kept as it is stored
        target = f"{path}?{query}" if query else path
        response = await self._transport.post(target, headers, body)
        tracing.replied(response.headers)
        if response.status != HTTPStatus.OK:
            raise await self._error(response)
        return Answer(response)

    async def _error(self, response: Response) -> ClientError | Unfinished:
        """What botocore makes of the answer."""
        body = await response.read()
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
        await self._transport.close()
        await self._credentials.close()


class Answer:
    """The body of a good answer, on its way; ``length`` is what its head says."""

    def __init__(self, response: Response) -> None:
        self.length = response.length
        self._response = response

    async def whole(self) -> bytes:
        """All of it."""
        body = await self._response.read()
        self._verify(len(body))
        return body

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        read = 0
        async for piece in self._response.pieces():
            read += len(piece)
            yield piece
        self._verify(read)

    def _verify(self, read: int) -> None:
        if self.length is not None and read != self.length:
            raise Unfinished(f"{read} bytes of {self.length}")

    def close(self) -> None:
        """Break it off if it is not at its end."""
        self._response.close()
