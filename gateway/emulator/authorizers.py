"""Bearer tokens on DICOMweb paths: a first look at the token, then an authorizer decides.

The contract is that of the developer guide ("OIDC authentication for DICOMweb APIs"). In place of a
Lambda function stands a Python callable, called as Lambda calls a handler, or an HTTP endpoint that
takes the event as a POST, as Lambda's own runtime emulator does. A token is never logged, and
neither is the text of an error that an authorizer raises.
"""

import importlib
import logging
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import orjson

from gateway.emulator.faults import Fault
from gateway.emulator.resources import ACCOUNT
from gateway.errors import ConfigurationError

Event = dict[str, str]
Authorizer = Callable[[Event], Any]

TIME_LIMIT: Final = 1.0
CONCURRENCY: Final = 16
MAX_AGE: Final = 12 * 3600

_log = logging.getLogger(__name__)

_ROLE: Final = re.compile(r"arn:aws[a-zA-Z-]*:iam::\d{12}:role/.+")
_URL: Final = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?(/\S*)?")
_CALLABLE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_SOCKET_SECONDS: Final = 2 * TIME_LIMIT  # the time limit is kept by who waits for the answer
_MAX_ANSWER: Final = 1 << 16


class _Unreachable(Exception):
    """There is nothing to call at the place where the authorizer should be."""


def bearer(authorization: str) -> str | None:
    """The token of an Authorization header; None if it is of another scheme."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Authorizers:
    """The configured authorizers, by the ARN of the Lambda function that each stands for.

    ``setting`` is a list ``target`` or ``arn=target``, separated by commas; a target without an ARN
    stands for every other function. At most ``concurrency`` calls run at a time.

    Raises:
        ConfigurationError: a target is neither a URL nor a callable that can be imported.
    """

    def __init__(self, setting: str, region: str, concurrency: int = CONCURRENCY) -> None:
        self._region = region
        self._targets = dict(map(_entry, filter(None, map(str.strip, setting.split(",")))))
        self._slots = threading.BoundedSemaphore(concurrency)

    def check(self, function_arn: str | None, event: Event) -> None:
        """Return if the bearer of the token in ``event`` may call its operation.

        Raises:
            Fault: one of the guide's failures.
        """
        if not function_arn:
            raise _denied("Access Denied")
        check_claims(event["bearerToken"])
        region, account = function_arn.split(":")[3:5]
        if (region, account) != (self._region, ACCOUNT):
            raise _failed("Authorizer Cross Account/Cross Region Access")
        target = self._targets.get(function_arn) or self._targets.get("")
        if target is None:
            raise _failed("Authorizer Misconfiguration")
        _decide(self._invoke(target, event))

    def _invoke(self, target: Authorizer, event: Event) -> Any:
        if not self._slots.acquire(blocking=False):
            raise Fault("ThrottlingException", "Too many requests")
        answer: Future[Any] = Future()

        def run() -> None:
            try:
                outcome, error = target(event), None
            except BaseException as raised:  # whatever it is, the caller is waiting
                outcome, error = None, raised
            self._slots.release()
            if error is None:
                answer.set_result(outcome)
            else:
                answer.set_exception(error)

        threading.Thread(target=run, name="authorizer", daemon=True).start()
        return _outcome(answer)


def _outcome(answer: "Future[Any]") -> Any:
    try:
        error = answer.exception(TIME_LIMIT)
    except TimeoutError:
        raise Fault("RequestTimeoutException", "Authorizer Timeout") from None
    if error is None:
        return answer.result()
    _log.warning("authorizer_failed", extra={"error": type(error).__name__})
    unreachable = isinstance(error, _Unreachable)
    raise _failed("Authorizer Misconfiguration" if unreachable else "Authorizer Failed")


def _decide(answer: Any) -> None:
    match answer:
        case {"isTokenValid": False}:
            raise _denied("Invalid or Expired Token")
        case {"isTokenValid": True, "roleArn": str() as role}:
            if not _ROLE.fullmatch(role):
                raise _denied("Access Denied")
        case _:
            raise _failed("Authorizer Failed")


def check_claims(token: str) -> None:
    """HealthImaging's own checks: ``exp``, ``iat`` of the last 12 hours, ``nbf`` if it is there.

    Raises:
        Fault: AccessDeniedException, also if the token is no JWT.
    """
    try:
        claims = jwt.decode(
            token,
            options={
                "verify_signature": False,  # the authorizer's business: only it knows the keys
                "verify_exp": True,
                "verify_iat": True,
                "verify_nbf": True,
                "require": ["exp", "iat"],
            },
        )
        fresh = time.time() - float(claims["iat"]) <= MAX_AGE
    except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
        fresh = False
    if not fresh:
        raise _denied("Invalid or Expired Token")


def _denied(message: str) -> Fault:
    return Fault("AccessDeniedException", message)


def _failed(message: str) -> Fault:
    return Fault("FailedDependencyException", message)


def _entry(text: str) -> tuple[str, Authorizer]:
    arn, found, target = text.partition("=") if text.startswith("arn:") else ("", "=", text)
    if found and _URL.fullmatch(target):
        return arn, _Endpoint(target)
    if found and _CALLABLE.fullmatch(target):
        return arn, _imported(target)
    wanted = "neither an http:// URL nor package.module:callable"
    raise ConfigurationError(f"HEALTHIMAGING_AUTHORIZER has {text}, which is {wanted}.")


def _imported(target: str) -> Authorizer:
    module, _, name = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # a module can fail in any way while it is imported
        message = f"HEALTHIMAGING_AUTHORIZER {target} cannot be imported: {error}."
        raise ConfigurationError(message) from error
    if not callable(found):
        raise ConfigurationError(f"HEALTHIMAGING_AUTHORIZER {target} cannot be called.")
    handler: Callable[[Event, None], Any] = found
    return lambda event: handler(event, None)


class _Endpoint:
    """An authorizer behind a URL: the event is posted as JSON, the answer is JSON."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname or "", parts.port
        self._path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"

    def __call__(self, event: Event) -> Any:
        with closing(self._kind(self._host, self._port, timeout=_SOCKET_SECONDS)) as connection:
            try:
                connection.connect()
            except OSError as error:
                raise _Unreachable from error
            headers = {"Content-Type": "application/json"}
            connection.request("POST", self._path, orjson.dumps(event), headers)
            with connection.getresponse() as response:
                return _read(response)


def _read(response: HTTPResponse) -> Any:
    if response.status in (403, 404):
        raise _Unreachable
    if response.status != 200:
        raise HTTPException(f"status {response.status}")
    return orjson.loads(response.read(_MAX_ANSWER))
