"""findings.json, version 1: the fixed form that other formats are made from too.

Consumers ignore unknown keys; additions keep the version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from pgproof.audit import Audit
from pgproof.rules.finding import ObjectRef
from pgproof.rules.finding_document import FindingDocument, finding_document
from pgproof.score import Score

VERSION: Literal[1] = 1


@dataclass(frozen=True)
class DatabaseDocument:
    """The database that was examined."""

    name: str
    server_version: str
    size_bytes: int | None
    tables: int


@dataclass(frozen=True)
class InputsDocument:
    """What the findings rest on.

    Attributes:
        options: of the run, by name; never a password.
        rights: what the role could see.
        versions: of pgproof, Python and the server.
        statistics_since: when the server's counters were reset; None if never.
    """

    options: dict[str, str]
    rights: dict[str, bool | str]
    versions: dict[str, str]
    taken_at: datetime
    statistics_since: datetime | None


@dataclass(frozen=True)
class FixedDocument:
    """A finding of the baseline that is gone."""

    rule: str
    fingerprint: str
    message: str


@dataclass(frozen=True)
class SuppressedDocument:
    """A finding that people decided to live with, and why."""

    rule: str
    fingerprint: str
    message: str
    reason: str
    until: str | None


@dataclass(frozen=True)
class NotCheckedDocument:
    """What a rule could not look at, and what it needs."""

    rule: str
    needs: str
    objects: tuple[ObjectRef, ...]


@dataclass(frozen=True)
class Document:
    """An audit as findings.json holds it.

    Attributes:
        partial: the audit was interrupted; what is missing is in `not_checked`.
        complaints: about the configuration: suppressions that are unused, expired or name no rule.
        timing: seconds by stage.
    """

    version: Literal[1]
    database: DatabaseDocument
    inputs: InputsDocument
    score: Score
    findings: tuple[FindingDocument, ...]
    fixed: tuple[FixedDocument, ...]
    suppressed: tuple[SuppressedDocument, ...]
    not_checked: tuple[NotCheckedDocument, ...]
    complaints: tuple[str, ...]
    partial: bool
    timing: dict[str, float]


@cache
def adapter() -> TypeAdapter[Document]:
    """Return what turns a document into JSON, and JSON back into one."""
    return TypeAdapter(Document)


def to_json(document: Document) -> str:
    """Return a document as findings.json holds it; names are escaped to ASCII, so that none acts on a terminal."""
    return json.dumps(adapter().dump_python(document, mode="json"), indent=2) + "\n"


def json_schema() -> str:
    """Return the JSON Schema of findings.json, as schemas/findings.schema.json ships it."""
    schema = adapter().json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def document(audit: Audit, *, options: dict[str, str], timing: dict[str, float], versions: dict[str, str]) -> Document:
    """Return the document of an audit.

    Args:
        audit: what was found.
        options: of the run, without secrets.
        timing: seconds of each stage before the rules.
        versions: of pgproof and Python.
    """
    facts = audit.facts
    return Document(
        version=VERSION,
        database=DatabaseDocument(
            facts.database.name,
            facts.database.server_version,
            facts.database.size_bytes,
            len(facts.catalog.base_tables),
        ),
        inputs=InputsDocument(
            options=options,
            rights={name: getattr(facts.rights, name) for name in facts.rights.__dataclass_fields__},
            versions={**versions, "postgresql": facts.database.server_version},
            taken_at=facts.database.taken_at,
            statistics_since=facts.database.statistics_since,
        ),
        score=audit.score,
        findings=tuple(finding_document(finding, audit.known) for finding in audit.findings),
        fixed=tuple(FixedDocument(each.rule, each.fingerprint, each.message) for each in audit.fixed),
        suppressed=tuple(
            SuppressedDocument(
                each.finding.rule,
                each.finding.fingerprint,
                each.finding.message,
                each.suppression.reason,
                each.suppression.until.isoformat() if each.suppression.until else None,
            )
            for each in audit.suppressed
        ),
        not_checked=tuple(
            NotCheckedDocument(each.rule, each.detail.needs, each.detail.objects) for each in audit.not_checked
        ),
        complaints=audit.complaints,
        partial=audit.partial,
        timing={**timing, "rules": audit.check_seconds},
    )
