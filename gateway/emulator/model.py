"""The wire of HealthImaging as botocore's service model describes it (rest-json).

The model decides: which paths there are, where a parameter travels, what it may look like, how a
result is written. No operation is named here.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import orjson
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from gateway.emulator.faults import invalid

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the model and the parameters of one request for it."""

    operation: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A result as it goes over the wire."""

    body: bytes
    headers: dict[str, str]
    status: int = 200


@cache
def service() -> ServiceModel:
    """The service model of ``medical-imaging`` that the installed botocore carries."""
    description = Loader().load_service_model("medical-imaging", "service-2")
    return ServiceModel(description, "medical-imaging")


@cache
def _routes() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    found = []
    for name in service().operation_names:
        http = service().operation_model(name).http
        pattern = _PLACEHOLDER.sub(r"(?P<\1>[^/]+)", http["requestUri"])
        found.append((http["method"], re.compile(pattern), name))
    return tuple(found)


def match(method: str, path: str) -> tuple[OperationModel, dict[str, str]] | None:
    """The operation at a percent-encoded ``path`` and its path parameters; None without one."""
    for verb, pattern, name in _routes():
        found = pattern.fullmatch(path)
        if found and verb == method:
            values = {key: unquote(value) for key, value in found.groupdict().items()}
            return service().operation_model(name), values
    return None


def parse(operation: OperationModel, path: Mapping[str, str], query: str, body: bytes) -> Call:
    """Gather the parameters of a request from path, query and body, and check them.

    Raises:
        Fault: ValidationException, naming the parameter.
    """
    shape = operation.input_shape
    payload = shape.serialization.get("payload")
    pairs = parse_qsl(query, keep_blank_values=True)
    document = _document(body)
    parameters: dict[str, Any] = {}
    for name, member in shape.members.items():
        place = member.serialization.get("location")
        wire = member.serialization.get("name", name)
        if place == "uri":
            parameters[name] = path[wire]
        elif place == "querystring":
            _from_query(parameters, name, member, [value for key, value in pairs if key == wire])
        elif name == payload and document:
            parameters[name] = document
        elif payload is None and document.get(wire) is not None:
            parameters[name] = document[wire]
    return Call(operation.name, _checked(shape, parameters, ""))


def _document(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid("The request body is not valid JSON") from error
    if not isinstance(document, dict):
        raise invalid("The request body is not a JSON object")
    return document


def _from_query(parameters: dict[str, Any], name: str, shape: Shape, values: list[str]) -> None:
    if not values:
        return
    if shape.type_name == "list":
        parameters[name] = values
    elif shape.type_name == "integer":
        parameters[name] = int(values[0]) if re.fullmatch(r"-?\d{1,18}", values[0]) else values[0]
    elif shape.type_name == "boolean":
        parameters[name] = {"true": True, "false": False}.get(values[0], values[0])
    else:
        parameters[name] = values[0]


def _violation(where: str, constraint: str) -> Exception:
    message = f"Value at '{where}' failed to satisfy constraint: {constraint}"
    return invalid(f"1 validation error detected: {message}")


def _checked(shape: Shape, value: Any, where: str) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(shape, value, where)
        case "list":
            return _list(shape, value, where)
        case "map":
            return _map(shape, value, where)
        case "timestamp":
            return _timestamp(value, where)
        case "blob":
            return _blob(shape, value, where)
        case "integer" | "long":
            return _integer(shape, value, where)
        case "boolean":
            if not isinstance(value, bool):
                raise _violation(where, "Member must be a boolean")
            return value
        case "string":
            return _string(shape, value, where)
        case other:
            raise AssertionError(f"the model has a new type: {other}")


def _structure(shape: Shape, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _violation(where, "Member must be an object")
    prefix = f"{where}." if where else ""
    for name in shape.required_members:
        if value.get(name) is None:
            raise _violation(f"{prefix}{name}", "Member must not be null")
    known = {
        name: _checked(member, value[name], f"{prefix}{name}")
        for name, member in shape.members.items()
        if value.get(name) is not None
    }
    if getattr(shape, "is_tagged_union", False) and len(known) != 1:
        raise _violation(where, "Member must have exactly one field set")
    return known


def _bounds(shape: Shape, size: int, where: str, what: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        raise _violation(where, f"Member must have {what} greater than or equal to {low}")
    if high is not None and size > high:
        raise _violation(where, f"Member must have {what} less than or equal to {high}")


def _list(shape: Shape, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _violation(where, "Member must be a list")
    _bounds(shape, len(value), where, "length")
    return [_checked(shape.member, item, f"{where}.{n}.member") for n, item in enumerate(value, 1)]


def _map(shape: Shape, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _violation(where, "Member must be an object")
    _bounds(shape, len(value), where, "length")
    return {
        _checked(shape.key, key, f"{where}.key"): _checked(shape.value, item, f"{where}.value")
        for key, item in value.items()
    }


def _timestamp(value: Any, where: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _violation(where, "Member must be a timestamp") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _blob(shape: Shape, value: Any, where: str) -> bytes:
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError) as error:
        raise _violation(where, "Member must be base64") from error
    _bounds(shape, len(content), where, "length")
    return content


def _integer(shape: Shape, value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _violation(where, "Member must be an integer")
    _bounds(shape, value, where, "value")
    return value


def _string(shape: Shape, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _violation(where, "Member must be a string")
    _bounds(shape, len(value), where, "length")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        raise _violation(where, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        raise _violation(where, f"Member must satisfy regular expression pattern: {pattern}")
    return value


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Smithy's \p{ASCII} is not Python's; no other class of the model differs.
    return re.compile(pattern.replace(r"\p{ASCII}", r"[\x00-\x7F]"))


def serialize(operation: str, result: Mapping[str, Any]) -> Answer:
    """Write a result as the model says: JSON body, raw payload, headers.

    Raises:
        KeyError: the result lacks a member that the model requires.
    """
    shape = service().operation_model(operation).output_shape
    for name in shape.required_members:
        if name not in result:
            raise KeyError(f"{operation} must answer with {name}")
    payload = shape.serialization.get("payload")
    headers = {}
    body = {}
    for name, member in shape.members.items():
        value = result.get(name)
        if value is None or name == payload:
            continue
        wire = member.serialization.get("name", name)
        if member.serialization.get("location") == "header":
            headers[wire] = str(value)
        else:
            body[wire] = value
    if payload:
        return Answer(result[payload], headers)
    return Answer(orjson.dumps(body), headers | {"Content-Type": "application/json"})
