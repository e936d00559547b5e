"""Settings of the audit trail."""

from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

_SYSLOG_URL: Final = r"^(tls|tcp)://([^/\s:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$"


class AuditSettings(BaseSettings):
    """Whether who has seen what is written down, and where that goes."""

    audit: str = Field(
        "off",
        pattern="^(off|json|syslog)$",
        description="DICOM audit messages (PS3.15 A.5) of searches, retrievals and refusals: "
        "`json` as lines of JSON, `syslog` to an audit record repository (RFC 5424, RFC 5425).",
    )
    audit_file: Path | None = Field(
        None,
        description="File that lines of JSON are appended to; standard output where not set.",
    )
    audit_syslog_url: str | None = Field(
        None,
        pattern=_SYSLOG_URL,
        description="Audit record repository, as `tls://host:6514`, or `tcp://host:601` without "
        "encryption.",
    )
    audit_syslog_ca: Path | None = Field(
        None,
        description="File with the certificates that may sign the repository's; those of the "
        "system where not set.",
    )
    audit_syslog_certificate: Path | None = Field(
        None,
        description="File with the gateway's certificate, for a repository that asks for one.",
    )
    audit_syslog_key: Path | None = Field(
        None, description="File with its private key, if that is not in the same file."
    )
    audit_spool_dir: Path | None = Field(
        None,
        description="Folder on a local disk where messages wait until they are delivered; "
        "`~/.local/state/dicomweb-gateway/audit` where not set.",
    )
    audit_spool_mb: int = Field(
        256, ge=1, description="Room that each process may take for them, in MiB."
    )
    audit_full: str = Field(
        "block",
        pattern="^(block|drop)$",
        description="What happens when that is taken: `block` (requests that would be audited get "
        "503), `drop` (messages are lost, counted, and the next one says how many).",
    )
    audit_window: float = Field(
        60.0,
        ge=0,
        le=3_600,
        description="Seconds for which the retrievals of one study by one client are one message; "
        "0 makes each a message of its own.",
    )
    audit_wait: bool = Field(
        False,
        description="Whether an answer ends only when its message is on the disk; each has one of "
        "its own then.",
    )
    audit_source_id: str | None = Field(
        None,
        max_length=255,
        description="Name by which messages say where they are from; the host's where not set.",
    )
    audit_site_id: str = Field(
        "", max_length=255, description="Name of the site or enterprise, in each message."
    )
