"""The statements that the application sends, from pg_stat_statements and from a recording, as one list."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.advise.statements import ParsedStatement, parse
from pgproof.advise.workload import read_workload, search_path
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.recording import CallSite, RecordedStatement
from pgproof.facts.server_state import Statement
from pgproof.facts.source_line import SourceLine
from pgproof.rules.finding import Evidence, NotChecked, ObjectRef, Severity
from pgproof.rules.severity import lowered, raised
from pgproof.rules.statements import FEWEST_CALLS, LITTLE, MUCH, first_words
from pgproof.rules.workload._inserted import inserted

_NUMBER = re.compile(r"\$\d+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Seen:
    """A statement of the application on tables of the project.

    Attributes:
        tables: of the project: the one it inserts into, or those that it names, in its order.
        counted: what pg_stat_statements says of it; None if it was only recorded.
        recorded: what the recording says of it; None if it is only in pg_stat_statements.
        share: of the time of all statements of pg_stat_statements, or of the recording.
    """

    text: str
    parsed: ParsedStatement
    tables: tuple[Table, ...]
    counted: Statement | None
    recorded: RecordedStatement | None
    share: float

    @property
    def calls(self) -> int:
        """How often it ran; as pg_stat_statements says, which has seen more than a recording."""
        return self._numbers.calls

    @property
    def total_ms(self) -> float:
        """The time of all calls."""
        return self._numbers.total_ms

    @property
    def site(self) -> CallSite | None:
        """The line of the application that sends it most, where it was recorded."""
        return self.recorded.sites[0] if self.recorded is not None and self.recorded.sites else None

    @property
    def location(self) -> SourceLine | None:
        """The file and line of it."""
        return self.site.line if self.site is not None else None

    @property
    def sent_by(self) -> str:
        """Words for a message: who sends it, where that is known."""
        return f", sent by {self.site}," if self.site is not None else ""

    @property
    def names(self) -> str:
        """Words for a message: the tables."""
        return ", ".join(str(table.qualified_name) for table in self.tables)

    @property
    def ref(self) -> ObjectRef:
        """The reference to it: its number in pg_stat_statements, or one made of its text."""
        known = None if self.counted is None else self.counted.query_id
        return statement_ref(self.text, self.tables[0], query_id=known, site=self.site)

    def evidence(self, result: str) -> Evidence:
        """Return where it was seen, and what was seen."""
        if self.counted is not None:
            return Evidence(
                "statistics",
                f"SELECT calls, mean_exec_time, rows, query FROM pg_stat_statements WHERE queryid = {self.ref.name}",
                result,
            )
        return Evidence("recording", self.text, result)

    @property
    def _numbers(self) -> Statement | RecordedStatement:
        numbers = self.counted or self.recorded
        assert numbers is not None
        return numbers


def statement_ref(text: str, table: Table, *, query_id: int | None = None, site: CallSite | None = None) -> ObjectRef:
    """Return the reference to a statement on a table, for people by its first words and who sends it.

    Args:
        text: of the statement.
        table: that it is about.
        query_id: its number in pg_stat_statements, which names it; without one a digest of its text does.
        site: the line that sends it, where that is known.
    """
    name = hashlib.sha256(text.encode()).hexdigest()[:12] if query_id is None else str(query_id)
    label = first_words(text) if site is None else f"{first_words(text)} ({site})"
    return ObjectRef("statement", table.schema, name, table.name, label=label)


def seen(facts: Facts) -> Iterator[Seen]:
    """Yield each statement of the application that reads or changes tables of the project and parses."""
    recording = facts.recording
    recorded = {_key(each.text): each for each in recording.statements if each.calls} if recording is not None else {}
    for each in read_workload(facts):
        in_recording = recorded.pop(_key(each.statement.query), None)
        tables = project_tables(facts, each.parsed)
        if tables and (each.statement.calls >= FEWEST_CALLS or in_recording is not None):
            yield Seen(each.statement.query, each.parsed, tables, each.statement, in_recording, each.share)
    total = sum(each.total_ms for each in recording.statements) if recording is not None else 0.0
    for one in recorded.values():
        parsed = understood(facts, one.text)
        if parsed is not None:
            yield Seen(one.text, *parsed, None, one, one.total_ms / total if total else 0.0)


def unseen(facts: Facts) -> Iterator[NotChecked]:
    """Yield that neither the server nor a recording says what the application sends, if that is so."""
    if facts.server.statements is None and facts.recording is None:
        yield NotChecked("pg_stat_statements and the right to read it (pg_monitor), or a recording (pgproof record)")


def understood(facts: Facts, text: str) -> tuple[ParsedStatement, tuple[Table, ...]] | None:
    """Return what a recorded statement asks, and the project's tables it names; None if none, or it does not parse."""
    parsed = parse(text, facts.catalog, search_path(facts, None))
    if parsed is None:
        return None
    target = inserted(facts, text)
    tables = (target.table,) if target is not None else project_tables(facts, parsed)
    return (parsed, tables) if tables else None


def project_tables(facts: Facts, parsed: ParsedStatement) -> tuple[Table, ...]:
    """Return the tables of the project that a statement names, each once."""
    named = (facts.catalog.named(use.table) for use in parsed.uses)
    return tuple(dict.fromkeys(table for table in named if table is not None and table.extension is None))


def by_share(severity: Severity, each: Seen) -> Severity:
    """Return the severity of what costs a statement time: worse where it takes much of all, milder where little."""
    if each.share >= MUCH:
        return raised(severity)
    return lowered(severity) if each.share < LITTLE else severity


def _key(text: str) -> str:
    """What two texts of one statement have in common: drivers number parameters differently, and SQL has spaces."""
    return _SPACE.sub("", _NUMBER.sub("$", text)).lower()
