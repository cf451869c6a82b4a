"""What the reports speak of: the audit's document and the facts beside it, brought into the form that they show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pgproof.advise.parameters import ColumnValue, parameter_sources
from pgproof.advise.workload import search_path
from pgproof.audit import Audit
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.server_state import Setting, Statement
from pgproof.proving.document import Document as ProofDocument
from pgproof.remedy.names import quoted
from pgproof.report.document import Document
from pgproof.report.dossier.doubts import at_most, doubts
from pgproof.report.dossier.mended import OPEN, Mending, mendings
from pgproof.rules.finding import SEVERITIES, Severity
from pgproof.rules.finding_document import FindingDocument
from pgproof.rules.rule import Rule

_DAY = 86_400.0
VALUES = 20
"""Of a column, with which a statement is timed in turn."""
_CONSTANTS: dict[str, int] = {"limit": 20, "offset": 0}
LEAST_DAYS = 1.0
"""Below a day of counters no growth is told: an hour says nothing about a year."""
STATEMENTS_SHOWN = 15
WATCHED_SETTINGS = (
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
    "shared_buffers",
    "work_mem",
    "effective_cache_size",
    "random_page_cost",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "autovacuum",
    "wal_level",
    "archive_mode",
    "max_wal_size",
    "ssl",
    "log_min_duration_statement",
    "track_io_timing",
)


@dataclass(frozen=True)
class TableBrief:
    """A table in a line.

    Attributes:
        rows: as the server estimates them; None if nobody knows.
        bytes: of the table with its indexes; None where it was locked.
        growth: what was measured of it; None without counters, or too young ones.
        findings: how many name it, worst severity first.
    """

    schema: str
    name: str
    rows: int | None
    bytes: int | None
    columns: int
    indexes: int
    references: int
    primary_key: tuple[str, ...]
    growth: Growth | None
    findings: tuple[tuple[Severity, int], ...]


@dataclass(frozen=True)
class Growth:
    """How a table grew while the server's counters ran.

    Attributes:
        days: that they ran.
        rows_per_day: inserted less deleted.
        rows_in_a_year: at this rate.
        bytes_in_a_year: at this rate and the present size of a row; None where the size is unknown.
        days_to_tenfold: until the table holds ten times its rows; None if it does not grow.
    """

    days: float
    rows_per_day: float
    rows_in_a_year: int
    bytes_in_a_year: int | None
    days_to_tenfold: float | None


@dataclass(frozen=True)
class ReferenceBrief:
    """A foreign key in a line."""

    schema: str
    table: str
    columns: tuple[str, ...]
    referenced_schema: str
    referenced: str
    referenced_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True)
class TimedStatement:
    """A statement that performance_test.py can run.

    Attributes:
        query: with parameters as $1, $2 ...
        values: for each parameter in its order, SQL that returns values for it, or a number.
    """

    query: str
    values: tuple[str | int, ...]


@dataclass(frozen=True)
class Material:
    """Everything the reports show.

    Attributes:
        document: the audit as findings.json holds it.
        rules: that ran, by code.
        unchecked: codes of rules that could not look at everything.
        statements: most total time first; None where the server keeps none.
        timed: of them, those whose parameters can be given values that are there.
        untimed: how many cannot.
        settings: those a reader asks for first.
        missing: what could not be read, each a line.
        standbys: that stream from this server; None where its counters could not be read.
        archiving: whether the server archives its WAL; None where the setting could not be read.
        processes: of the application, as a person told; None if nobody did.
        proof: of the migrations that are to mend the findings; None where nobody gave one.
        doubts: why the proof says less of this database than it seems to, a line each.
        mendings: findings by fingerprint, whose way out is more than open.
        trusted: the proof is of this database and of revisions that are still to come.
    """

    document: Document
    rules: dict[str, Rule]
    unchecked: frozenset[str]
    tables: tuple[TableBrief, ...]
    references: tuple[ReferenceBrief, ...]
    statements: tuple[Statement, ...] | None
    timed: tuple[TimedStatement, ...]
    untimed: int
    settings: tuple[Setting, ...]
    missing: tuple[str, ...]
    standbys: int | None
    archiving: bool | None
    processes: int | None
    proof: ProofDocument | None
    doubts: tuple[str, ...]
    mendings: dict[str, Mending]
    trusted: bool

    def mending(self, finding: FindingDocument) -> Mending:
        """What is known of a finding's way out."""
        return self.mendings.get(finding.fingerprint, OPEN)

    def passed(self, code: str) -> bool:
        """Whether a rule ran, looked at everything, and found nothing, suppressed or not."""
        found = {each.rule for each in self.document.findings} | {each.rule for each in self.document.suppressed}
        return code in self.rules and code not in self.unchecked and code not in found

    def setting(self, name: str) -> Setting | None:
        """A setting by its name."""
        return next((each for each in self.settings if each.name == name), None)


def material(
    audit: Audit,
    document: Document,
    *,
    processes: int | None = None,
    proof: ProofDocument | None = None,
    source: str | None = None,
) -> Material:
    """Return what the reports show of an audit.

    Args:
        audit: with the facts it rests on.
        document: of the same audit.
        processes: of the application, as a person told.
        proof: of migrations that are to mend the findings.
        source: the audited server, named as a proof names it; None for a snapshot.
    """
    facts = audit.facts
    named = _named(document)
    activity = facts.server.activity
    statements = None if facts.server.statements is None else facts.server.statements[:STATEMENTS_SHOWN]
    timed = tuple(found for each in statements or () if (found := _timed(each, facts)) is not None)
    archive_mode = facts.server.setting("archive_mode")
    doubted = tuple(doubts(audit, proof, source)) if proof is not None else ()
    word = at_most(doubted)
    return Material(
        document=document,
        rules={rule.code: rule for rule in audit.rules},
        unchecked=frozenset(each.rule for each in audit.not_checked),
        tables=tuple(_brief(table, facts, named) for table in facts.catalog.base_tables),
        references=tuple(_references(facts)),
        statements=statements,
        timed=timed,
        untimed=len(statements or ()) - len(timed),
        settings=tuple(setting for name in WATCHED_SETTINGS if (setting := facts.server.setting(name)) is not None),
        missing=facts.missing,
        standbys=activity.standbys if activity else None,
        archiving=None if archive_mode is None or archive_mode.value is None else archive_mode.value != "off",
        processes=processes,
        proof=proof,
        doubts=tuple(each.line for each in doubted),
        mendings=mendings(audit, proof, word),
        trusted=proof is not None and word == "proven",
    )


def _named(document: Document) -> dict[tuple[str | None, str | None], Counter[Severity]]:
    """How many findings of each severity name a table; one that names it twice counts once."""
    named: dict[tuple[str | None, str | None], Counter[Severity]] = {}
    for finding in document.findings:
        for where in {(each.schema, each.table) for each in finding.objects if each.table}:
            named.setdefault(where, Counter())[finding.severity] += 1
    return named


def _brief(table: Table, facts: Facts, named: dict[tuple[str | None, str | None], Counter[Severity]]) -> TableBrief:
    counted = named.get((table.schema, table.name), Counter())
    return TableBrief(
        schema=table.schema,
        name=table.name,
        rows=table.estimated_rows,
        bytes=table.bytes,
        columns=len(table.columns),
        indexes=len(table.indexes),
        references=len(table.foreign_keys),
        primary_key=table.primary_key.columns if table.primary_key else (),
        growth=_growth(table, facts),
        findings=tuple((severity, counted[severity]) for severity in _worst_first(counted)),
    )


def _worst_first(counted: Counter[Severity]) -> tuple[Severity, ...]:
    return tuple(severity for severity in SEVERITIES if counted[severity])


def _growth(table: Table, facts: Facts) -> Growth | None:
    since, counted, rows = facts.database.statistics_since, table.statistics, table.estimated_rows
    if since is None:
        since = facts.database.started_at
    days = (facts.database.taken_at - since).total_seconds() / _DAY
    if counted is None or rows is None or days < LEAST_DAYS:
        return None
    rate = (counted.inserted - counted.deleted) / days
    width = table.bytes / rows if table.bytes is not None and rows else None
    in_a_year = max(round(rows + rate * 365), 0)
    return Growth(
        days=days,
        rows_per_day=rate,
        rows_in_a_year=in_a_year,
        bytes_in_a_year=None if width is None else round(in_a_year * width),
        days_to_tenfold=9 * rows / rate if rate > 0 and rows else None,
    )


def _references(facts: Facts) -> list[ReferenceBrief]:
    found = []
    for table in facts.catalog.base_tables:
        for key in table.foreign_keys:
            target = facts.catalog.table(key.referenced) if key.referenced is not None else None
            if target is not None:
                found.append(
                    ReferenceBrief(
                        table.schema,
                        table.name,
                        key.columns,
                        target.schema,
                        target.name,
                        key.referenced_columns,
                        key.on_delete or "no action",
                    )
                )
    return found


def _timed(statement: Statement, facts: Facts) -> TimedStatement | None:
    sources = parameter_sources(statement.query, facts.catalog, search_path(facts, statement.role))
    if sources is None:
        return None
    values = (sources[number] for number in sorted(sources))
    return TimedStatement(
        statement.query,
        tuple(_CONSTANTS[each] if isinstance(each, str) else _values_of(each) for each in values),
    )


def _values_of(source: ColumnValue) -> str:
    """SQL for values of a column as they come first: finding them must cost less than what is timed with them."""
    column, table = quoted(source.column), quoted(source.table.schema, source.table.name)
    return f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT {VALUES}"  # noqa: S608
