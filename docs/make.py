"""Write the generated pages of this folder: ``make docs``."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # the tables of this tree, wherever else it is

from statement import statement  # noqa: E402

from gateway.codecs.encoders import ENCODERS  # noqa: E402
from gateway.dicom.transfer_syntaxes import (  # noqa: E402
    BY_UID,
    DEFLATED_LE,
    EXPLICIT_LE,
    SENT,
    TransferSyntax,
)
from gateway.settings import GatewaySettings, HealthImagingSettings  # noqa: E402
from gateway.web.routes import DICOMWEB, OPERATIONS, ROOTS  # noqa: E402

NOTE = "<!-- Written by `make docs`; edit docs/make.py or the tables it reads. -->\n\n"


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if name in ("workers", "decode_threads"):
        return "number of processors"
    return f"`{field.default}`" if field.default not in (None, "") else "none"


def _table(kind: type[Any]) -> str:
    prefix = kind.model_config["env_prefix"]
    rows = [
        f"| `{prefix}{name.upper()}` | {_default(name, field)} | {field.description} |"
        for name, field in kind.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def configuration() -> str:
    """The settings of both programs."""
    return f"""{NOTE}# Configuration

Both programs are configured by environment variables, checked at start: a mistake is one sentence
and exit status 1; a variable with the prefix that is no setting is named and ignored.
`python -m gateway check` tries the gateway's settings out.

## The gateway

{_table(GatewaySettings)}

Credentials come from AWS's default chain (environment, profile, container or instance role).

## The embedded HealthImaging

{_table(HealthImagingSettings)}
"""


def _imported(one: TransferSyntax) -> str:
    if one.uid not in BY_UID:
        return "no"
    return "itself" if one.retained else "HTJ2K"


def _sent(uid: str) -> str:
    if uid == EXPLICIT_LE:
        return "decoded"
    if uid == DEFLATED_LE:
        return "instances without frames"
    encoder = ENCODERS.get(uid)
    if encoder is None:
        return "no"
    if encoder.encode is None:
        return "lossily"
    return "losslessly, or lossily with `quality`" if encoder.compress else "losslessly"


def routes() -> str:
    """The resources of the gateway."""
    rows = [f"| `{line.path}` | {line.description.name} | {line.clause} |" for line in DICOMWEB]
    others = ", ".join(f"`{line.path}`" for line in OPERATIONS)
    syntaxes = "\n".join(
        f"| {uid} | {one.name} | {_imported(one)} | {_sent(uid)} | `{one.media_type}` |"
        for uid, one in SENT.items()
    )
    return f"""{NOTE}# Resources

Service roots: {" and ".join(f"`{root}`" for root in ROOTS)}. Every transaction is there under both;
the first serves the data store that `GATEWAY_DATASTORE_ID` names. Beside them: {others}.

| path below the root | transaction | PS3.18 |
|---|---|---|
{chr(10).join(rows)}

All of them take GET, HEAD and OPTIONS. OPTIONS says what there is at a resource and below it, with
every media type and query parameter (PS3.18 8.9); GET of a root says it of all.

Every transaction takes the query parameters `accept` (wins over the header), `imageSetId` (only
that image set is read) and `versionId` (in that version).

## Transfer syntaxes

Files of these are imported, and their frames stored as HTJ2K or kept as they are. Frames and files
go out as stored, or as what can carry the image: grey, palette and colour images of 8 or 16 bits in
any of the lossless ones; 32-bit integers in RLE; images of 8 bits in JPEG Baseline, grey ones of 8
or 12 in JPEG Extended; one-bit and floating-point images uncompressed only.

| UID | name | imported and stored as | sent | media type of a frame |
|---|---|---|---|---|
{syntaxes}
"""


VALUES_SCHEMA: Final = HERE.parent / "helm" / "dicomweb-gateway" / "values.schema.json"
_OF_THE_CHART: Final = {
    "host", "port", "disk_cache_dir", "disk_cache_mb", "identity", "anonymous", "oidc_issuer",
    "oidc_audience", "policy_file", "api_keys_file", "link_key", "audit", "audit_syslog_url",
    "audit_syslog_ca", "audit_syslog_certificate", "audit_syslog_key", "audit_spool_dir",
    "audit_spool_mb",
}  # fmt: skip
_CHECKS: Final = {
    "type", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "enum", "description",
}  # fmt: skip


def _setting(said: dict[str, Any]) -> dict[str, Any]:
    """What the chart checks of one setting, out of the schema that pydantic makes of it."""
    kinds = [one for one in said.get("anyOf", ()) if one.get("type") != "null"]
    found = {**said, **kinds[0]} if len(kinds) == 1 else said
    return {key: value for key, value in found.items() if key in _CHECKS}


def values_schema() -> str:
    """The schema of the chart's values, in which settings and their names are as of today.

    Settings that the chart gives itself are none of its values; those that may hold a password
    come from secrets only.
    """
    schema = json.loads(VALUES_SCHEMA.read_text())
    said = GatewaySettings.model_json_schema()["properties"]
    fields = {n: f for n, f in GatewaySettings.model_fields.items() if n not in _OF_THE_CHART}
    named = {f"GATEWAY_{n.upper()}": _setting(said[n]) for n, f in fields.items() if f.repr}
    required = [f"GATEWAY_{n.upper()}" for n, f in fields.items() if f.is_required()]
    schema["properties"]["settings"] |= {"required": required, "properties": named}
    schema["properties"]["settingsFrom"]["propertyNames"] = {
        "enum": [f"GATEWAY_{name.upper()}" for name in fields]
    }
    schema["properties"]["identity"]["properties"]["anonymous"] = _setting(said["anonymous"])
    url = {**_setting(said["audit_syslog_url"]), "description": "Audit record repository."}
    schema["properties"]["audit"]["properties"]["syslog"]["properties"]["url"] = {
        "anyOf": [{"const": ""}, url]
    }
    return json.dumps(schema, indent=2) + "\n"


PAGES = {
    "configuration.md": configuration,
    "resources.md": routes,
    "../helm/dicomweb-gateway/values.schema.json": values_schema,
    "../conformance/STATEMENT.md": statement,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
