"""What a rule says: a finding with its evidence, or what it could not check."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pgproof.facts.catalog import Constraint, Index, Table
from pgproof.facts.questions import Answer, Counts
from pgproof.facts.source_line import SourceLine
from pgproof.remedy.operation import Operation
from pgproof.rules.counter_examples import CounterExample, Saturation

Severity: TypeAlias = Literal["critical", "high", "medium", "low"]
Confidence: TypeAlias = Literal["catalog", "exact", "sample", "plan", "measured"]

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
"""Worst first."""


@dataclass(frozen=True)
class ObjectRef:
    """An object of the database that a finding is about.

    Attributes:
        kind: what PostgreSQL calls it: table, column, index, constraint, setting, role, schema, function, statement ...
        schema: None for what has none.
        name: its own name; of a column set, its table's.
        table: its table; None for what belongs to none.
        columns: of the table, those that matter.
        label: how to call what has no name that a person would know, such as a statement; its name stays the same when
            this does not.
    """

    kind: str
    schema: str | None
    name: str
    table: str | None = None
    columns: tuple[str, ...] = ()
    label: str | None = field(default=None, compare=False)


def table_ref(table: Table, *columns: str) -> ObjectRef:
    """Return the reference to a table, or with columns to those columns of it."""
    kind = ("column" if len(columns) == 1 else "columns") if columns else table.kind
    return ObjectRef(kind, table.schema, table.name, table.name, columns)


def index_ref(table: Table, index: Index) -> ObjectRef:
    """Return the reference to an index of a table."""
    names = tuple(name for name in index.columns if name is not None)
    return ObjectRef("index", table.schema, index.name, table.name, names)


def constraint_ref(table: Table, constraint: Constraint) -> ObjectRef:
    """Return the reference to a constraint of a table."""
    return ObjectRef("constraint", table.schema, constraint.name, table.name, constraint.columns)


@dataclass(frozen=True)
class Evidence:
    """What was run and what came back.

    Attributes:
        kind: where it was looked: in the database, in the project's own code, or at a run on a scratch copy.
        statement: SQL that a reader can run to see the same; of code, what was read, such as a class and its line.
        result: what it said, in words.
        counts: of a counted question.
    """

    kind: Literal[
        "catalog", "data", "statistics", "settings", "plan", "models", "engine", "script", "recording", "experiment"
    ]
    statement: str
    result: str
    counts: Counts | None = None


def counted(answer: Answer, result: str) -> Evidence:
    """Return the evidence of an answered question."""
    return Evidence("data", answer.statement, result, answer.counts)


@dataclass(frozen=True)
class Remedy:
    """What to do: a sentence, and the operations where the schema alone can mend it."""

    summary: str
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        objects: its subjects alone; what they are compared with goes into `related`.
        message: what is wrong, with names.
        consequence: what follows from it, with numbers where there are any.
        remedy: None where nothing but a decision of people helps.
        confidence: how it is known: from the catalog, an exact count, a sample, a plan or a measurement.
        counter_example: what would show the fault happening, for `pgproof reproduce`.
        location: where in the project's code it is written, if anywhere.
    """

    rule: str
    slug: str
    family: str
    severity: Severity
    confidence: Confidence
    objects: tuple[ObjectRef, ...]
    message: str
    consequence: str
    evidence: tuple[Evidence, ...]
    remedy: Remedy | None
    related: tuple[ObjectRef, ...] = ()
    counter_example: CounterExample | Saturation | None = field(default=None, compare=False)
    location: SourceLine | None = None

    @property
    def fingerprint(self) -> str:
        """sha256 of rule, kind, schema, name and sorted columns of its objects: the same on every run."""
        parts = [self.rule]
        for subject in self.objects:
            parts += [subject.kind, subject.schema or "", subject.name, *sorted(subject.columns)]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class NotChecked:
    """Objects that a rule could not check, and what it would need to.

    Attributes:
        needs: in words, such as `pg_read_all_data` or the refusal of a question.
    """

    needs: str
    objects: tuple[ObjectRef, ...] = ()
