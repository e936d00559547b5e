"""OHIF's configuration of this gateway as a data source (OHIF 3: ``window.config``)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.dicomweb.capabilities import Resource

_NAMESPACE: Final = "@ohif/extension-default.dataSourcesModule.dicomweb"
_SERIES: Final = ("studies", "{study}", "series", "{series}")
_INSTANCE: Final = (*_SERIES, "instances", "{instance}")


@dataclass(frozen=True, slots=True)
class Source:
    """A data store: its name in the viewer, and the service roots that it has."""

    name: str
    title: str
    root: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where the viewer has its users sign in, as which client, and what it asks for."""

    issuer: str
    client: str
    scope: str


def configuration(
    sources: Sequence[Source], resources: Resource, path: str = "/", sign_in: SignIn | None = None
) -> dict[str, Any]:
    """What OHIF reads at its start; the first of ``sources`` is the one that it opens.

    ``resources`` are those below each root: the viewer is told to use what there is. ``path`` is
    where the viewer itself is served.
    """
    return {
        "routerBasename": path,
        "extensions": [],
        "modes": [],
        "showStudyList": True,
        "defaultDataSourceName": sources[0].name,
        "dataSources": [
            {
                "namespace": _NAMESPACE,
                "sourceName": one.name,
                "configuration": source(one, resources),
            }
            for one in sources
        ],
        **({} if sign_in is None else {"oidc": [_oidc(sign_in)]}),
    }


def _oidc(sign_in: SignIn) -> dict[str, Any]:
    """Authorization Code with PKCE; the addresses are below where the viewer is served."""
    return {
        "authority": sign_in.issuer,
        "client_id": sign_in.client,
        "redirect_uri": "/callback",
        "post_logout_redirect_uri": "/logout-redirect.html",
        "response_type": "code",
        "scope": sign_in.scope,
        "automaticSilentRenew": True,
        "revokeAccessTokenOnSignout": True,
    }


def proxied(one: Source, resources: Resource) -> dict[str, Any]:
    """The same for OHIF's ``dicomwebproxy``, which takes one data source from a URL."""
    return {"servers": {"dicomWeb": [source(one, resources)]}}


def source(one: Source, resources: Resource) -> dict[str, Any]:
    """The configuration of one data source."""
    search = resources.children["studies"].methods[0]
    parameters = {parameter.name for parameter in search.parameters}
    pictures = _has(resources, (*_INSTANCE, "rendered"))
    thumbnails = all(_has(resources, (*place, "thumbnail")) for place in (_SERIES, _INSTANCE))
    by_query = {"wadoUriRoot": f"{one.root}/wado"} if _has(resources, ("wado",)) else {}
    return {
        "friendlyName": one.title,
        "name": one.name,
        "qidoRoot": one.root,
        "wadoRoot": one.root,
        **by_query,
        "qidoSupportsIncludeField": "includefield" in parameters,
        "supportsFuzzyMatching": "fuzzymatching" in parameters,
        "supportsWildcard": True,
        "supportsReject": False,
        "supportsStow": False,
        "dicomUploadEnabled": False,
        "staticWado": False,
        "imageRendering": "wadors",
        "thumbnailRendering": "thumbnail" if thumbnails else "wadors",
        "thumbnailRequestStrategy": "fetch",
        "enableStudyLazyLoad": True,
        "bulkDataURI": {"enabled": True},
        "singlepart": "bulkdata,video" if pictures else "bulkdata",
        "omitQuotationForMultipartRequest": True,  # quotes would cost a preflight
    }


def _has(resources: Resource, segments: Iterable[str]) -> bool:
    found: Resource | None = resources
    for segment in segments:
        found = found.children.get(segment) if found else None
    return found is not None and bool(found.methods)
