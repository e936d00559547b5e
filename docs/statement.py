"""The DICOM Conformance Statement (PS3.2), written from the tables that the gateway serves by."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from gateway import __version__
from gateway.codecs.encoders import ENCODERS
from gateway.dicom import wildcards
from gateway.dicom.tags import by_tag
from gateway.dicom.transfer_syntaxes import BY_UID, DEFLATED_LE, EXPLICIT_LE, SENT
from gateway.dicomweb import attributes, codings
from gateway.settings import GatewaySettings
from gateway.web.errors import STATUS
from gateway.web.routes import DICOMWEB, ROOTS, Transaction

NOTE: Final = "<!-- Written by `make docs`; edit docs/statement.py or the tables it reads. -->\n\n"

_SERVICES: Final[Mapping[str, tuple[str, str]]] = {
    "10.4": ("WADO-RS", "Studies Service, Retrieve"),
    "10.6": ("QIDO-RS", "Studies Service, Search"),
    "9": ("WADO-URI", "URI Service, Retrieve"),
}
_ABSENT: Final = (
    ("Studies Service, Store (STOW-RS)", "10.5"),
    ("Worklist Service (UPS-RS)", "11"),
    ("Non-Patient Instance Service", "12"),
    ("Storage Commitment Service", "13"),
)
_ROOTS: Final = " and ".join(f"`{root}`" for root in ROOTS)
_CODINGS: Final = ", ".join(codings.CODINGS)
_NO_KEYS: Final = attributes.COMPUTED_OF_ALL | {attributes.SPECIFIC_CHARACTER_SET}
_LEVELS: Final = (
    ("Study", attributes.STUDY, attributes.REQUIRED_OF_STUDY, attributes.COMPUTED_OF_STUDY),
    ("Series", attributes.SERIES, attributes.REQUIRED_OF_SERIES, attributes.COMPUTED_OF_SERIES),
    ("Instance", attributes.INSTANCE, frozenset(), attributes.COMPUTED_OF_INSTANCE),
)
_IDENTIFIERS: Final = frozenset({0x00080016, 0x00080018, 0x0020000D, 0x0020000E})
_MATCHING: Final = (
    ("Single value", "all but sequences and binary values"),
    ("List of UID", "UI"),
    ("Universal", "all"),
    ("Wildcard", ", ".join(sorted(wildcards.VRS))),
    ("Range", "DA, TM, DT; StudyDate and StudyTime together are one range"),
    ("Sequence", "SQ, by dotted keys"),
    ("Empty value", "all, with `emptyvaluematching=true`"),
    ("Multiple value", "all of a list, with `multiplevaluematching=true`; else one of it"),
    ("Fuzzy", "PN, with `fuzzymatching=true`"),
    ("Timezone adjustment", "DA, TM, DT, with TimezoneOffsetFromUTC"),
)
_REQUEST_HEADERS: Final = (
    ("Accept", "negotiated by PS3.18 8.7; the query parameter `accept` wins"),
    ("Accept-Charset", "documents and reports: UTF-8 is what there is"),
    ("Accept-Encoding", f"{_CODINGS}; JSON, XML and other text only"),
    ("Authorization", "where the settings ask who it is: section 7"),
    ("Forwarded, X-Forwarded-*", "from `GATEWAY_TRUSTED_PROXIES` only"),
    ("If-Match, If-None-Match", "RFC 9110 13"),
    ("Range, If-Range", "frames, bulk data, pictures and documents"),
)
_RESPONSE_HEADERS: Final = (
    ("Content-Type", "always; each part of a multipart answer has its own, with transfer-syntax"),
    ("Content-Length", "where the length is known before the answer is sent"),
    ("Content-Location", "of each part that has an address"),
    ("ETag, Cache-Control, Vary", "of all that is answered with 200"),
    ("Retry-After", "with 429 and 503"),
    ("Warning", "299, where more could be said: results held back, a search index behind"),
    ("X-Total-Count", "of a search, where it is exactly known"),
    ("X-Request-Id", "always; the log and the audit trail have it as well"),
)
_OTHER_STATUSES: Final[Mapping[int, str]] = {
    200: "Success; a search without results is 200 and an empty array in JSON.",
    204: "A search without results, in XML.",
    206: "The ranges that were asked for, or the bulk data that exist in an acceptable form.",
    304: "The client has the answer already.",
    405: "The method is none of GET, HEAD and OPTIONS.",
    412: "The resource is not what If-Match says.",
    416: "The range lies behind the end.",
    429: "The client asks more often, or more at once, than the settings allow.",
}
_CONFIGURED: Final = (
    "datastore_id", "datastore_ids", "public_url", "trusted_proxies", "cors_origins",
    "negotiation", "image_set_policy", "inline_limit", "search_max_results",
    "search_max_image_sets", "viewport_max_side", "thumbnail_side", "animation_max_frames",
    "max_instances", "max_frames", "max_answer_gb", "max_url_kb", "client_rate",
)  # fmt: skip
_SECURITY: Final = (
    "identity", "oidc_issuer", "oidc_audience", "api_keys_file", "policy_file", "study_rule",
    "link_seconds", "audit", "audit_syslog_url",
)  # fmt: skip


def statement() -> str:
    """The whole statement."""
    return f"""{NOTE}# DICOM Conformance Statement

| | |
|---|---|
| Product | DICOMweb gateway for AWS HealthImaging |
| Version | {__version__} |
| Kind | origin server of DICOM web services (PS3.18) |

# 1 Conformance Statement Overview

The gateway lets DICOMweb clients search and retrieve what AWS HealthImaging stores. It is an
origin server only: it starts no transactions with other DICOM systems, has no DIMSE services and
no media. Storing, changing and deleting are HealthImaging's own API.

{_table(("DICOM web service", "PS3.18", "Origin server", "User agent"), _overview())}

Instances of every Storage SOP Class that HealthImaging imports are found and retrieved; none is
treated as an unknown one. Which can be rendered: section 4.2.2.

## Contents

1 Overview · 2 Introduction · 3 Implementation model · 4 Networking · 5 Media types and codings ·
6 Character sets · 7 Security · 8 Configuration · 9 Extensions

# 2 Introduction

**Audience.** Who connects viewers, archives or programs to the gateway; knowledge of DICOM is
assumed.

**Remarks.** This statement and that of a client show whether they may work together; they do not
replace validation of the two together. It is written from the tables that the program runs by, and
a test keeps the two equal. `python -m conformance` checks a running server against PS3.18.

**Terms.** *Image set*: what HealthImaging keeps the instances of a series in. *Data store*: a
collection of image sets, with one service root. The others are those of PS3.18 3.

**References.** PS3.2, PS3.3, PS3.4 C (matching) and N (softcopy presentation), PS3.5, PS3.18,
PS3.19; RFC 2046, 6570, 6750, 8246, 9110, 9457.

# 3 Implementation model

Clients send HTTP requests; the gateway reads documents and frames of HealthImaging, from its
caches where they are there, and answers in the form that the client accepts. One search index for
each data store follows HealthImaging and answers searches.

| real-world activity | transactions of the gateway |
|---|---|
| A user searches for a study | Search for Studies, Series, Instances |
| A viewer opens a study | Retrieve Metadata, Frames, Thumbnail, Bulkdata |
| A program or archive takes over a study | Retrieve Study, Series, Instance |
| A picture or report is looked at outside of a viewer | Retrieve Rendered; WADO-URI |

Each request is independent of the others; there is no session. Any number of clients is served at
a time, within the bounds of section 8.

# 4 Networking

HTTP/1.1 over TCP. Service roots: {_ROOTS}; the first is that of the data store that
`GATEWAY_DATASTORE_ID` names. Every resource takes GET, HEAD and OPTIONS.

## 4.1 Capabilities

OPTIONS of each resource, and GET of a service root, answer the capabilities description of PS3.18
8.9 and H, with every resource, media type and parameter of this statement.

## 4.2 Services

### 4.2.1 QIDO-RS: Search Transaction (PS3.18 10.6)

{_resources("10.6")}

{_search_levels()}

Attributes of higher levels, all others that are stored, and private ones with their creator are
matched and, by `includefield`, returned. {", ".join(attributes.NOT_COMPUTED.values())} are not.

{_table(("matching (PS3.4 C.2.2.2)", "for"), _MATCHING)}

{_parameters("10.6", all_keys=False)}

Results are in order of date, the newest first, the same for each page; `limit` is at most
`GATEWAY_SEARCH_MAX_RESULTS`.

### 4.2.2 WADO-RS: Retrieve Transactions (PS3.18 10.4)

{_retrievals()}

Rendered are: images of one or three samples (grey, palette, colour) in every transfer syntax that
is stored, segmentations, doses and parametric maps; grayscale, color and pseudo-color presentation
states; structured reports; encapsulated PDF and video as they are. Not rendered are pictures of
whole slides out of tiles, and presentation states that blend or subtract.

SOP classes and sizes are not restricted, but for the bounds of section 8.

### 4.2.3 WADO-URI (PS3.18 9)

{_resources("9")}

The resource is at the root of the server as well, as `/wado`. `anonymize` is refused.

{_parameters("9", all_keys=True)}

### 4.2.4 Services that are not offered

{_table(("service", "PS3.18"), _ABSENT)}

## 4.3 Transfer syntaxes

Frames and instances go out as they are stored if the client accepts that (`transfer-syntax=*`, or
by name), else decoded or transcoded. The default is {EXPLICIT_LE}.

{_table(("UID", "name", "sent", "media type of a frame"), _syntaxes())}

## 4.4 Header fields

{_table(("request", ""), _REQUEST_HEADERS)}

{_table(("response", ""), _RESPONSE_HEADERS)}

## 4.5 Status codes

Errors are `application/problem+json` (RFC 9457). None has a patient's data in it.

{_table(("status", "meaning"), _statuses())}

# 5 Media types and codings

{_table(("media type", "transactions"), _media_types())}

Accept is read as viewers mean it, or to the letter with `GATEWAY_NEGOTIATION=strict`. Multipart
answers are RFC 2387's multipart/related. Content codings: {_CODINGS}, for JSON, XML and other
text; never for pixels.

# 6 Character sets

HealthImaging keeps its documents in Unicode, whatever Specific Character Set the files that it
imported had. So everything goes out in Unicode: JSON and XML in UTF-8, instances in UTF-8 with
Specific Character Set ISO_IR 192. Keys of searches are UTF-8, percent-encoded. Names have their
alphabetic, ideographic and phonetic groups, and each is matched.

# 7 Security

The gateway speaks HTTP; TLS ends at a proxy in front of it. It identifies clients, decides what
they may read and keeps an audit trail (PS3.15 A.5) as these settings say:

{_settings(_SECURITY)}

It reads HealthImaging with credentials of AWS's default chain, and never writes there. It
de-identifies nothing.

# 8 Configuration

What changes the statements above; [docs/configuration.md](../docs/configuration.md) has every
setting.

{_settings(_CONFIGURED)}

# 9 Extensions

These are beyond PS3.18; a client that does not use them notices nothing.

| extension | where | what it does |
|---|---|---|
| `imageSetId`, `versionId` | query parameters of every resource | one image set, in one version |
| `reduce` | Retrieve Frames | the frame with its sides halved as often |
| `quality` | Retrieve Instances, Frames, Pixel Data | compresses lossily, as a derived image |
| `application/zip` | Retrieve Study, Series, Instance | an archive of files |
| `{ROOTS[1]}` | service root | other data stores, at HealthImaging's own path |
| `X-Total-Count` | response header of searches | how many results there are |
| Frame-Rows, Frame-Columns | response headers of reduced frames | the size that was sent |
"""


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _of(clause: str) -> list[Transaction]:
    return [one for one in DICOMWEB if one.clause == clause or one.clause.startswith(f"{clause}.")]


def _overview() -> list[tuple[str, str, str, str]]:
    offered = [
        (f"{title} ({name})", clause, "yes" if _of(clause) else "no", "no")
        for clause, (name, title) in _SERVICES.items()
    ]
    absent = [(name, clause, "yes" if _of(clause) else "no", "no") for name, clause in _ABSENT]
    return [("Capabilities", "8.9", "yes", "no"), *offered, *absent]


def _resources(clause: str) -> str:
    rows = ((f"`{one.path}`", one.description.name) for one in _of(clause))
    return _table(("resource below the service root", "transaction"), rows)


def _search_levels() -> str:
    return "\n\n".join(_search_level(*level) for level in _LEVELS)


def _search_level(
    name: str, stored: frozenset[int], required: frozenset[int], computed: frozenset[int]
) -> str:
    rows = []
    for tag in sorted(stored | computed | attributes.COMPUTED_OF_ALL):
        known = by_tag(tag)
        if known is None:
            continue
        made = "computed" if tag in attributes.COMPUTED else "stored"
        always = tag in required | _IDENTIFIERS or made == "computed"
        returned = "always" if always else "if it has a value"
        if tag in attributes.ON_REQUEST:
            returned = "if asked for"
        key = "no" if tag in _NO_KEYS else "yes"
        number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        rows.append((known.keyword, number, known.vr, made, key, returned))
    heads = (f"{name} attribute", "tag", "VR", "value", "key", "returned")
    return _table(heads, rows)


def _parameters(clause: str, *, all_keys: bool) -> str:
    """The query parameters of a service; without ``all_keys`` no attributes are among them."""
    found = {}
    for line in _of(clause):
        for one in line.description.parameters:
            if all_keys or one.name[0].islower():
                options = ", ".join(f"`{value}`" for value in one.options)
                found.setdefault(one.name, (f"`{one.name}`", one.meaning, options))
    return _table(("query parameter", "meaning", "values"), found.values())


def _retrievals() -> str:
    kinds = dict.fromkeys(line.kind for line in _of("10.4"))
    sections = []
    for kind in kinds:
        lines = [line for line in _of("10.4") if line.kind is kind]
        paths = "<br>".join(f"`{line.path.replace(':path', '')}`" for line in lines)
        names = ", ".join(f"`{one.name}`" for one in kind.parameters)
        rows = [
            ("Resources", paths),
            ("Media types (Accept)", ", ".join(f"`{one}`" for one in _kinds(kind.media_types))),
            ("Transfer syntaxes", "section 4.3" if _has_syntaxes(kind.media_types) else "none"),
            ("Query parameters", names),
        ]
        title = ", ".join(line.description.name for line in lines)
        sections.append(
            f"**{title}** (PS3.18 {kind.clause})\n\n{_table(('option', 'support'), rows)}"
        )
    return "\n\n".join(sections)


def _kinds(media_types: Iterable[str]) -> list[str]:
    """Media types without their transfer syntaxes, each once."""
    found = (
        "; ".join(part for part in one.split("; ") if not part.startswith("transfer-syntax"))
        for one in media_types
    )
    return list(dict.fromkeys(found))


def _has_syntaxes(media_types: Iterable[str]) -> bool:
    return any("transfer-syntax" in one for one in media_types)


def _syntaxes() -> list[tuple[str, str, str, str]]:
    return [(uid, one.name, _sent(uid), f"`{one.media_type}`") for uid, one in SENT.items()]


def _sent(uid: str) -> str:
    if uid == EXPLICIT_LE:
        return "always"
    if uid == DEFLATED_LE:
        return "instances without frames"
    encoder = ENCODERS.get(uid)
    if encoder is None:
        return "as stored" if uid in BY_UID and BY_UID[uid].retained else "no"
    return "transcoded, lossily" if encoder.encode is None else "transcoded"


def _media_types() -> list[tuple[str, str]]:
    found: dict[str, dict[str, None]] = {}
    for line in DICOMWEB:
        for one in _kinds(line.kind.media_types):
            name = f"{line.kind.verb} ({line.clause})"
            found.setdefault(one, {})[name] = None
    return [(f"`{one}`", ", ".join(names)) for one, names in found.items()]


def _statuses() -> list[tuple[str, str]]:
    meanings: dict[int, list[str]] = {status: [text] for status, text in _OTHER_STATUSES.items()}
    for error, status in STATUS.items():
        text = " ".join((error.__doc__ or "").split()).replace("``", "`")
        if not text.startswith("The base of"):
            meanings.setdefault(status, []).append(f"{text.partition(';')[0].rstrip('.')}.")
    return [
        (f"{status} {HTTPStatus(status).phrase}", " ".join(meanings[status]))
        for status in sorted(meanings)
    ]


def _settings(names: Iterable[str]) -> str:
    fields = GatewaySettings.model_fields
    rows = ((f"`GATEWAY_{name.upper()}`", fields[name].description) for name in names)
    return _table(("setting", "meaning"), rows)
