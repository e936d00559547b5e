"""The capabilities description (PS3.18 8.9 and H): a WADL document, or the same tree as JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

WADL: Final = "application/vnd.sun.wadl+xml"
XML: Final = "application/xml"
JSON: Final = "application/json"
DICOM_JSON: Final = "application/dicom+json"
MEDIA_TYPES: Final = (WADL, JSON, DICOM_JSON, XML)
"""The media types of the description, the default first."""

_NAMESPACE: Final = "http://wadl.dev.java.net/2009/02"
_FAILURES: Final = "400 404 406 412 416 500 502 503"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter: its name, the values it may have where they are few, and what it does."""

    name: str
    meaning: str
    options: tuple[str, ...] = ()
    repeating: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """What can be done with a resource; the first of ``media_types`` is the default."""

    method: str
    name: str
    clause: str
    media_types: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    @property
    def id(self) -> str:
        """The name as one word, as PS3.18 writes it: ``RetrieveStudyMetadata``."""
        return self.name.replace(" ", "")


@dataclass(slots=True)
class Resource:
    """A segment of a path, what can be done there, and the segments below it."""

    segment: str
    methods: list[Method] = field(default_factory=list)
    children: "dict[str, Resource]" = field(default_factory=dict)

    @property
    def parameter(self) -> str | None:
        """The name of the segment if it stands for any value."""
        return self.segment[1:-1] if self.segment.startswith("{") else None


def tree(lines: Iterable[tuple[str, Method]]) -> Resource:
    """The resources below a service root, by the path of each method."""
    root = Resource("")
    for path, method in lines:
        found = root
        for segment in _segments(path):
            found = found.children.setdefault(segment, Resource(segment))
        found.methods.append(method)
    return root


def at(root: Resource, path: str) -> Resource:
    """The resource with ``path``, its segment being all of the path; ``root`` itself at its end."""
    found = root
    for segment in _segments(path):
        found = found.children[segment]
    return Resource("/".join(_segments(path)), found.methods, found.children)


def _segments(path: str) -> list[str]:
    """``/studies/{study}/x/{path:path}`` as ``studies``, ``{study}``, ``x`` and ``{path}``."""
    parts = filter(None, path.split("/"))
    return [f"{part.partition(':')[0]}}}" if ":" in part else part for part in parts]


_Node = tuple[str, Mapping[str, str], "Sequence[_Node] | str"]
"""An element of the description: its name, its attributes, and what is in it."""


def wadl(base: str, resource: Resource, conformance: Mapping[str, str]) -> bytes:
    """The description of ``resource`` and all below it as XML; ``base`` is the service root."""
    node = _application(base, resource, conformance)
    text = "".join(_written((node[0], {"xmlns": _NAMESPACE, **node[1]}, node[2])))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def json(base: str, resource: Resource, conformance: Mapping[str, str]) -> dict[str, Any]:
    """The same as an object: attributes are strings, elements are in lists by their names."""
    node = _application(base, resource, conformance)
    return {node[0]: _object(node)}


def _application(base: str, resource: Resource, conformance: Mapping[str, str]) -> _Node:
    said = [("doc", {"title": title}, text) for title, text in conformance.items()]
    inner = _children(resource) if not resource.segment else [_resource(resource)]
    top = [_method(one) for one in resource.methods] if not resource.segment else []
    if top:  # what the root itself can do has to be a resource as well
        inner = [("resource", {"path": "/"}, top), *inner]
    return "application", {}, [*said, ("resources", {"base": base}, inner)]


def _children(resource: Resource) -> list[_Node]:
    return [_resource(child) for child in resource.children.values()]


def _resource(resource: Resource) -> _Node:
    named = [part[1:-1] for part in resource.segment.split("/") if part.startswith("{")]
    templates: list[_Node] = [
        ("param", {"name": name, "style": "template", "required": "true"}, []) for name in named
    ]
    methods = [_method(one) for one in resource.methods]
    return "resource", {"path": resource.segment}, [*templates, *methods, *_children(resource)]


def _method(one: Method) -> _Node:
    accepted = one.media_types
    options: list[_Node] = [("option", {"value": kind}, []) for kind in accepted]
    header = {"name": "Accept", "style": "header"}
    if accepted:
        header["default"] = accepted[0]
    request: list[_Node] = [("param", header, options), *map(_parameter, one.parameters)]
    made: list[_Node] = [("representation", {"mediaType": kind}, []) for kind in accepted]
    failed: list[_Node] = [("representation", {"mediaType": "application/problem+json"}, [])]
    return (
        "method",
        {"name": one.method, "id": one.id},
        [
            ("doc", {"title": one.name}, f"PS3.18 {one.clause}"),
            ("request", {}, request),
            ("response", {"status": "200 206 304"}, made),
            ("response", {"status": _FAILURES}, failed),
        ],
    )


def _parameter(one: Parameter) -> _Node:
    attributes = {"name": one.name, "style": "query", "repeating": str(one.repeating).lower()}
    options: list[_Node] = [("option", {"value": value}, []) for value in one.options]
    return "param", attributes, [("doc", {}, one.meaning), *options]


def _written(node: _Node) -> Iterator[str]:
    name, attributes, inner = node
    said = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    if not inner:
        yield f"<{name}{said}/>"
        return
    yield f"<{name}{said}>"
    if isinstance(inner, str):
        yield escape(inner, quote=False)
    else:
        for child in inner:
            yield from _written(child)
    yield f"</{name}>"


def _object(node: _Node) -> dict[str, Any]:
    found: dict[str, Any] = dict(node[1])
    if isinstance(node[2], str):
        return found | {"content": node[2]}
    for child in node[2]:
        found.setdefault(child[0], []).append(_object(child))
    return found
