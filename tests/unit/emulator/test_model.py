"""The wire of HealthImaging against botocore: its serializer asks, its parser reads the answers."""

import base64
import json
import re
import time
from datetime import UTC, datetime
from io import BytesIO
from urllib.parse import quote, unquote, urlencode, urlsplit

import pytest
from botocore.awsrequest import prepare_request_dict
from botocore.parsers import create_parser
from botocore.response import StreamingBody
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from gateway.emulator import model
from gateway.emulator.faults import Fault

OPERATIONS = sorted(model.service().operation_names)
RELAXED = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
each_operation = pytest.mark.parametrize("name", OPERATIONS)


def values(shape):
    """Values that meet every constraint of a shape, as boto3 takes them."""
    return BY_TYPE[shape.type_name](shape)


def structures(shape):
    if getattr(shape, "is_tagged_union", False):
        return st.one_of(
            st.fixed_dictionaries({name: values(one)}) for name, one in shape.members.items()
        )
    members = {name: values(member) for name, member in shape.members.items()}
    required = {name: members.pop(name) for name in shape.required_members}
    return st.fixed_dictionaries(required, optional=members)


def strings(shape):
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 1 << 20)
    if shape.metadata.get("enum"):
        return st.sampled_from(shape.metadata["enum"])
    pattern = shape.metadata.get("pattern", "").replace(r"\p{ASCII}{0,8192}", r"[\x00-\x7F]{1,40}")
    if pattern:
        found = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
        return found.filter(lambda text: low <= len(text) <= high)
    return st.text(st.characters(codec="utf-8"), min_size=low, max_size=min(high, low + 20))


def lists(shape):
    low = shape.metadata.get("min", 0)
    high = min(shape.metadata.get("max", 9), low + 2)
    return st.lists(values(shape.member), min_size=low, max_size=high)


BY_TYPE = {
    "structure": structures,
    "list": lists,
    "map": lambda shape: st.dictionaries(values(shape.key), values(shape.value), max_size=3),
    "string": strings,
    "integer": lambda shape: st.integers(
        shape.metadata.get("min", -(1 << 31)), shape.metadata.get("max", (1 << 31) - 1)
    ),
    "long": lambda _: st.integers(-(1 << 53), 1 << 53),
    "boolean": lambda _: st.booleans(),
    "timestamp": lambda _: st.integers(0, 1 << 32).map(lambda at: datetime.fromtimestamp(at, UTC)),
    "blob": lambda shape: st.binary(min_size=shape.metadata.get("min", 0), max_size=60),
}


def seconds(value):
    """``value`` with seconds since 1970 in place of every datetime."""
    if isinstance(value, dict):
        return {key: seconds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [seconds(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value


def sent_by_botocore(operation, parameters):
    """Method, percent-encoded path, query and body of a request."""
    request = create_serializer("rest-json").serialize_to_request(parameters, operation)
    prepare_request_dict(request, "http://127.0.0.1")
    parts = urlsplit(request["url"])
    body = request["body"]
    return request["method"], parts.path, parts.query, body if body else b""


@each_operation
@RELAXED
@given(data=st.data())
def test_a_request_is_routed_and_read_as_it_was_written(name, data):
    operation = model.service().operation_model(name)
    parameters = data.draw(values(operation.input_shape))
    # An empty list cannot be told from none in a query.
    assume(parameters.get("tagKeys") != [])
    method, path, query, body = sent_by_botocore(operation, parameters)
    found, at = model.match(method, path)
    assert found.name == name
    call = model.parse(found, at, query, body)
    assert call.operation == name
    expected = seconds(parameters)
    if operation.input_shape.serialization.get("payload") == "searchCriteria":
        expected = {key: value for key, value in expected.items() if value != {}}
    if "tags" in expected and name == "CreateDatastore":
        assert call.parameters.get("tags", {}) == expected.pop("tags")
        call.parameters.pop("tags", None)
    assert call.parameters == expected


def moments(value, shape):
    """``value`` as botocore's parser gives it: datetimes for timestamps."""
    if shape.type_name == "structure":
        return {key: moments(item, shape.members[key]) for key, item in value.items()}
    if shape.type_name == "list":
        return [moments(item, shape.member) for item in value]
    return value


@each_operation
@RELAXED
@given(data=st.data())
def test_an_answer_is_read_back_by_botocore(name, data):
    operation = model.service().operation_model(name)
    result = data.draw(values(operation.output_shape))
    answer = model.serialize(name, seconds(result))
    assert answer.status == operation.http["responseCode"]
    response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    if operation.has_streaming_output:
        response["body"] = StreamingBody(BytesIO(answer.body), len(answer.body))
    parsed = create_parser("rest-json").parse(response, operation.output_shape)
    del parsed["ResponseMetadata"]
    if operation.has_streaming_output:
        payload = operation.output_shape.serialization["payload"]
        parsed[payload] = parsed[payload].read()
    assert seconds(parsed) == seconds(result)
    if not operation.output_shape.serialization.get("payload"):
        assert answer.headers == {"Content-Type": "application/json"}


@each_operation
def test_an_answer_without_a_required_member_is_a_mistake_of_the_server(name):
    required = model.service().operation_model(name).output_shape.required_members
    for missing in required:
        result = {member: "x" for member in required if member != missing}
        with pytest.raises(KeyError, match=missing):
            model.serialize(name, result)


def test_members_that_are_none_are_left_out():
    result = {"datastoreId": "a" * 32, "datastoreStatus": "ACTIVE"}
    with_none = model.serialize("DeleteDatastore", result | {"unknown": 1, "message": None})
    assert with_none == model.serialize("DeleteDatastore", result)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/datastore/"),
        ("GET", "/datastores"),
        ("PUT", "/datastore"),
        ("HEAD", "/datastore"),
        ("POST", f"/datastore/{'a' * 32}"),
        ("GET", f"/datastore/{'a' * 32}/imageSet/{'b' * 32}/getImageSet"),
        ("POST", f"/datastore/{'a' * 32}/imageSet/{'b' * 32}/getImageSet/"),
        ("POST", f"/datastore/{'a' * 32}/imageSet//getImageSet"),
        ("POST", f"/x/datastore/{'a' * 32}/searchImageSets"),
        ("POST", f"/datastore/{'a' * 32}/exportImageSet"),
        ("GET", "/tags"),
        ("GET", "/tags/a/b"),
    ],
)
def test_an_unknown_path_has_no_operation(method, path):
    assert model.match(method, path) is None


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["GET", "POST", "DELETE"]), st.text(max_size=60))
def test_any_path_is_routed_or_not(method, path):
    found = model.match(method, path)
    assert found is None or found[0].name in OPERATIONS


def test_a_percent_encoded_resource_is_one_path_parameter():
    arn = f"arn:aws:medical-imaging:us-east-1:000000000000:datastore/{'a' * 32}"
    operation, at = model.match("DELETE", f"/tags/{quote(arn, safe='')}")
    assert (operation.name, at) == ("UntagResource", {"resourceArn": arn})
    call = model.parse(operation, at, "tagKeys=b&tagKeys=a&other=1", b"")
    assert call.parameters == {"resourceArn": arn, "tagKeys": ["b", "a"]}


# One valid value for each shape with a pattern.
SAMPLES = {
    "Arn": f"arn:aws:medical-imaging:us-east-1:000000000000:datastore/{'a' * 32}",
    "AwsAccountId": "000000000000",
    "ClientToken": "token",
    "DICOMSeriesInstanceUID": "1.2.3",
    "DICOMStudyInstanceUID": "1.2",
    "DatastoreId": "d" * 32,
    "DatastoreName": "name",
    "ImageFrameId": "f" * 32,
    "ImageSetExternalVersionId": "1",
    "ImageSetId": "e" * 32,
    "JobId": "j" * 32,
    "JobName": "job",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:alias/key",
    "LambdaArn": "arn:aws:lambda:us-east-1:000000000000:function:name",
    "MetadataFilePath": "path",
    "NextToken": "token",
    "RoleArn": "arn:aws:iam::000000000000:role/name",
    "S3Uri": "s3://bucket/prefix",
    "TagKey": "key",
}
PLAIN = {
    "boolean": True,
    "timestamp": 1700000000.5,
    "blob": base64.b64encode(b"content").decode(),
    "integer": 1,
}


def sample(shape, towards=()):
    """A valid JSON value with every member; of a union the one that ``towards`` leads through."""
    if shape.type_name == "structure":
        members = dict(shape.members)
        if getattr(shape, "is_tagged_union", False):
            chosen = towards[0] if towards else next(iter(members))
            members = {chosen: members[chosen]}
        return {
            name: sample(member, towards[1:] if towards[:1] == (name,) else ())
            for name, member in members.items()
        }
    if shape.type_name == "list":
        return [sample(shape.member, towards[1:])]
    if shape.type_name == "map":
        return {sample(shape.key): sample(shape.value)}
    if shape.type_name == "string":
        return SAMPLES.get(shape.name) or (shape.metadata.get("enum") or ["text"])[0]
    return PLAIN[shape.type_name]


def wire(operation, parameters):
    """The request with JSON ``parameters``, whatever they are."""
    shape = operation.input_shape
    places = {name: member.serialization for name, member in shape.members.items()}
    path = operation.http["requestUri"]
    query, body = [], {}
    for name, value in parameters.items():
        key = places[name].get("name", name)
        if places[name].get("location") == "uri":
            path = path.replace(f"{{{key}}}", quote(str(value), safe=""))
        elif places[name].get("location") == "querystring":
            several = value if isinstance(value, list) else [value]
            query += [(key, str(one).lower() if one in (True, False) else one) for one in several]
        elif name == shape.serialization.get("payload"):
            body = value
        else:
            body[key] = value
    return operation.http["method"], path, urlencode(query), json.dumps(body).encode()


def ask(name, parameters):
    method, path, query, body = wire(model.service().operation_model(name), parameters)
    operation, at = model.match(method, path)
    assert operation.name == name
    return model.parse(operation, at, query, body).parameters


def members(shape, path=()):
    """Path and shape of every member below a structure; a list's items are named ``0``."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield (*path, name), member
            yield from members(member, (*path, name))
    elif shape.type_name == "list":
        yield (*path, 0), shape.member
        yield from members(shape.member, (*path, 0))


def wrong(shape, place):
    """Values that break a constraint of ``shape``, each with a word of the refusal."""
    yield from WRONG[shape.type_name](shape, on_wire=place in ("uri", "querystring"))
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    of_size = OF_SIZE.get(shape.type_name)
    if of_size and low is not None and (low > 0 or shape.type_name == "integer") and place != "uri":
        yield of_size(shape, low - 1), f"greater than or equal to {low}"
    if of_size and high is not None:
        yield of_size(shape, high + 1), f"less than or equal to {high}"


OF_SIZE = {
    "string": lambda _, size: "a" * size,
    "integer": lambda _, size: size,
    "blob": lambda _, size: base64.b64encode(bytes(size)).decode(),
    "list": lambda shape, size: [sample(shape.member)] * size,
}


def wrong_strings(shape, *, on_wire):
    if not on_wire:
        yield 5, "must be a string"
    if shape.metadata.get("enum"):
        yield "UNKNOWN", "enum value set"
    if shape.metadata.get("pattern"):
        yield "\u00e9" * (shape.metadata.get("min") or 1), "regular expression pattern"


def wrong_lists(_, *, on_wire):
    if not on_wire:
        yield "text", "must be a list"
        yield {}, "must be a list"


def wrong_structures(shape, **_):
    yield "text", "must be an object"
    yield [], "must be an object"
    if getattr(shape, "is_tagged_union", False):
        yield {"another": 1}, "exactly one field"
        names = sorted(shape.members)[:2]
        if len(names) == 2:
            yield {one: sample(shape.members[one]) for one in names}, "exactly one field"


def wrong_values(word, *found):
    return lambda *_, **__: [(value, f"must be {word}") for value in found]


WRONG = {
    "string": wrong_strings,
    "integer": wrong_values("an integer", "one", 1.5),
    "boolean": wrong_values("a boolean", "maybe", "TRUE"),
    "timestamp": wrong_values("a timestamp", "yesterday", False),
    "blob": wrong_values("base64", "not base64!", 5),
    "list": wrong_lists,
    "structure": wrong_structures,
    "map": wrong_values("an object", "text", []),
}


def shown(path):
    return ".".join(f"{part + 1}.member" if isinstance(part, int) else part for part in path)


def violations():
    for name in OPERATIONS:
        shape = model.service().operation_model(name).input_shape
        payload = shape.serialization.get("payload")
        for path, member in members(shape):
            place = shape.members[path[0]].serialization.get("location", "body")
            for number, (value, word) in enumerate(wrong(member, place)):
                if path == (payload,) and not isinstance(value, dict):
                    continue  # the body as a whole
                yield pytest.param(name, path, value, word, id=f"{name}-{shown(path)}-{number}")


def put(parameters, path, value):
    at = parameters
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return parameters


def test_the_samples_are_valid():
    for name in OPERATIONS:
        shape = model.service().operation_model(name).input_shape
        for path, _ in [((), None), *members(shape)]:
            parameters = sample(shape, path)
            assert ask(name, parameters).keys() == parameters.keys()


@pytest.mark.parametrize(("name", "path", "value", "word"), list(violations()))
def test_a_violation_names_the_member(name, path, value, word):
    parameters = put(sample(model.service().operation_model(name).input_shape, path), path, value)
    with pytest.raises(Fault) as refused:
        ask(name, parameters)
    assert refused.value.code == "ValidationException"
    assert f"Value at '{shown(path)}' failed to satisfy constraint" in str(refused.value)
    assert word in str(refused.value)


def required():
    for name in OPERATIONS:
        shape = model.service().operation_model(name).input_shape
        for path, member in [((), shape), *members(shape)]:
            for one in getattr(member, "required_members", ()):
                if member.members[one].serialization.get("location") != "uri":
                    yield pytest.param(name, (*path, one), id=f"{name}-{shown((*path, one))}")


@pytest.mark.parametrize(("name", "path"), list(required()))
@pytest.mark.parametrize("null", [False, True])
def test_a_required_member_must_be_there(name, path, null):
    shape = model.service().operation_model(name).input_shape
    parameters = put(sample(shape, path), path, None)
    at = parameters
    for part in path[:-1]:
        at = at[part]
    if not null or len(path) == 1:
        del at[path[-1]]
    payload = shape.serialization.get("payload")
    if payload and not parameters.get(payload):
        path = (payload,)  # a body of {} is taken for none
    with pytest.raises(Fault) as refused:
        ask(name, parameters)
    assert refused.value.code == "ValidationException"
    assert f"Value at '{shown(path)}' failed to satisfy constraint" in str(refused.value)
    assert "Member must not be null" in str(refused.value)


def test_the_keys_and_values_of_a_map_are_checked():
    for tags, where in (({"aws:x": "1"}, "tags.key"), ({"x": "1" * 257}, "tags.value")):
        with pytest.raises(Fault, match=f"'{where}'") as refused:
            ask("CreateDatastore", {"clientToken": "t", "tags": tags})
        assert refused.value.code == "ValidationException"
    many = {f"k{chr(97 + n % 26)}{chr(97 + n // 26)}": "" for n in range(60)}
    assert ask("CreateDatastore", {"clientToken": "t", "tags": many})["tags"] == many


@pytest.mark.parametrize("size", [1, 50])
def test_values_at_the_limit_pass(size):
    parameters = {"datastoreId": "d" * 32, "maxResults": size}
    assert ask("SearchImageSets", parameters) == parameters
    token = {"clientToken": "t" * (64 if size > 1 else 1)}
    assert ask("CreateDatastore", token) == token


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"5", b"null", b"\xff", b"{} {}"])
def test_a_body_that_is_no_json_object_is_refused(body):
    operation, at = model.match("POST", "/datastore")
    with pytest.raises(Fault, match="The request body is not") as refused:
        model.parse(operation, at, "", body)
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_search_needs_no_criteria(body):
    operation, at = model.match("POST", f"/datastore/{'a' * 32}/searchImageSets")
    assert model.parse(operation, at, "", body).parameters == {"datastoreId": "a" * 32}


def test_unknown_members_and_parameters_are_ignored():
    operation, at = model.match("POST", "/datastore")
    call = model.parse(operation, at, "x=1", b'{"clientToken":"t","unknown":{"a":[1]}}')
    assert call.parameters == {"clientToken": "t"}


@pytest.fixture
def _elsewhere(monkeypatch):
    """A server whose local time is not UTC."""
    monkeypatch.setenv("TZ", "UTC-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.250+01:00", datetime(2024, 1, 2, 2, 4, 5, 250000, tzinfo=UTC)),
        ("2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1700000000, datetime.fromtimestamp(1700000000, UTC)),
    ],
)
@pytest.mark.usefixtures("_elsewhere")
def test_a_timestamp_may_be_text(text, expected):
    values = [{"createdAt": text}, {"createdAt": text}]
    item = {"operator": "BETWEEN", "values": values}
    criteria = {"filters": [item]}
    found = ask("SearchImageSets", {"datastoreId": "d" * 32, "searchCriteria": criteria})
    assert found["searchCriteria"]["filters"][0]["values"][0] == {"createdAt": expected.timestamp()}


@settings(deadline=None, max_examples=300)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["filters", "sort", "values", "operator", "createdAt", "sortField"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(document):
    operation, at = model.match("POST", f"/datastore/{'a' * 32}/searchImageSets")
    codes = []
    try:
        model.parse(operation, at, "", json.dumps(document).encode())
    except Fault as fault:
        codes.append(fault.code)
    assert codes in ([], ["ValidationException"])


def test_an_encoded_slash_divides_nothing():
    _, at = model.match("GET", "/datastore/a%2Fb")
    assert at == {"datastoreId": unquote("a%2Fb")}
