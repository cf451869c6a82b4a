"""Questions to the data: typed, so that a rule can ask without SQL and an answer can be found in a snapshot.

A question is answered with counts or a plan, never with a value of a row. Its answer may also be a refusal that
says why: the collector touches plain tables and partitions with built-in operators only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from pgproof.facts.catalog import QualifiedName

Comparison: TypeAlias = Literal["<", "<=", "=", "<>", ">=", ">"]


@dataclass(frozen=True)
class Compare:
    """Two columns of a row, or a column and a constant, compared; a NULL makes it neither true nor false."""

    column: str
    operator: Comparison
    other_column: str | None = None
    constant: int | str | bool | None = None
    kind: Literal["compare"] = "compare"


@dataclass(frozen=True)
class Past:
    """A date or time column that lies more than some days before now."""

    column: str
    days: int = 0
    kind: Literal["past"] = "past"


@dataclass(frozen=True)
class Matches:
    """A text column that matches a POSIX regular expression (`~`)."""

    column: str
    pattern: str
    kind: Literal["matches"] = "matches"


@dataclass(frozen=True)
class IsNull:
    """A column that is NULL."""

    column: str
    kind: Literal["is null"] = "is null"


@dataclass(frozen=True)
class Not:
    """A condition that is not true: false, or NULL."""

    condition: Condition
    kind: Literal["not"] = "not"


@dataclass(frozen=True)
class AllOf:
    """Every one of several conditions."""

    conditions: tuple[Condition, ...]
    kind: Literal["all of"] = "all of"


@dataclass(frozen=True)
class AnyOf:
    """At least one of several conditions."""

    conditions: tuple[Condition, ...]
    kind: Literal["any of"] = "any of"


Condition: TypeAlias = Annotated[Compare | Past | Matches | IsNull | Not | AllOf | AnyOf, Field(discriminator="kind")]


@dataclass(frozen=True)
class RowsWhere:
    """How many rows of a table meet a condition. Answer: rows."""

    table: QualifiedName
    condition: Condition
    kind: Literal["rows where"] = "rows where"


@dataclass(frozen=True)
class Duplicates:
    """How many rows share the values of some columns with another row. Answer: groups, rows in them, surplus_rows.

    Rows with a NULL among the columns are left out, as a unique rule leaves them out.

    Attributes:
        lower: those of the columns that are compared in lower case.
        where: only rows that meet it.
    """

    table: QualifiedName
    columns: tuple[str, ...]
    lower: tuple[str, ...] = ()
    where: Condition | None = None
    kind: Literal["duplicates"] = "duplicates"


@dataclass(frozen=True)
class Orphans:
    """How many rows refer to nothing: all columns are given, and no referenced row has them. Answer: rows."""

    table: QualifiedName
    columns: tuple[str, ...]
    referenced: QualifiedName
    referenced_columns: tuple[str, ...]
    kind: Literal["orphans"] = "orphans"


@dataclass(frozen=True)
class Disagreements:
    """How many rows name another parent directly than through a second reference. Answer: rows.

    `table.direct` and `via_table.via_direct` refer to the same parent, and `table.reference` refers to
    `via_table.via_key`. Rows with a NULL on either way are left out.
    """

    table: QualifiedName
    direct: str
    reference: str
    via_table: QualifiedName
    via_key: str
    via_direct: str
    kind: Literal["disagreements"] = "disagreements"


@dataclass(frozen=True)
class HighestValue:
    """The highest value of an integer column, as `rows`: how far a key has come, where no sequence says it."""

    table: QualifiedName
    column: str
    kind: Literal["highest value"] = "highest value"


@dataclass(frozen=True)
class PlanOf:
    """How the server would run a statement whose parameters ($1, $2 ...) it does not know: the generic plan.

    Answer: the plan. Source: PostgreSQL documentation, PREPARE, and plan_cache_mode.

    Attributes:
        statement: one SELECT, INSERT, UPDATE, DELETE or WITH statement, as pg_stat_statements shows it.
        without_sequential_scans: with enable_seqscan off, which shows whether any index could serve at all.
    """

    statement: str
    without_sequential_scans: bool = False
    kind: Literal["plan of"] = "plan of"


Question: TypeAlias = Annotated[
    RowsWhere | Duplicates | Orphans | Disagreements | HighestValue | PlanOf, Field(discriminator="kind")
]


@dataclass(frozen=True)
class Counts:
    """What a count came to.

    Attributes:
        rows: that meet the condition; rows in groups for duplicates.
        groups: of equal rows.
        surplus_rows: rows that would have to go for one of each group to stay.
        rows_examined: rows that were looked at.
        rows_total: rows of the table, if known.
        exact: False for a sample or a count that did not end in time: then `at least`.
    """

    rows: int
    rows_examined: int
    rows_total: int | None
    exact: bool
    groups: int | None = None
    surplus_rows: int | None = None

    @property
    def certainty(self) -> Literal["exact", "sample"]:
        """How sure they are, in the words of a finding's confidence."""
        return "exact" if self.exact else "sample"


@dataclass(frozen=True)
class PlanNode:
    """A node of a plan.

    Attributes:
        node_type: such as `Seq Scan`, `Index Scan`, `Sort`, `Nested Loop`.
        relation: what it scans.
        index: name of the index it scans.
        filter: condition it tests row by row after reading.
        index_condition: condition the index answers.
        sort_key: of a sort.
        rows: it expects to return.
        cost: total cost, in the planner's units.
    """

    node_type: str
    relation: QualifiedName | None
    index: str | None
    filter: str | None
    index_condition: str | None
    sort_key: tuple[str, ...]
    rows: float
    startup_cost: float
    cost: float
    children: tuple[PlanNode, ...] = field(default=())


@dataclass(frozen=True)
class Answer:
    """What came back for a question.

    Attributes:
        statement: the SQL that was run.
        counts: None for a plan or a refusal.
        plan: None for a count or a refusal.
        refused: why it was not answered; None if it was.
        milliseconds: it took.
    """

    question: Question
    statement: str
    counts: Counts | None = None
    plan: PlanNode | None = None
    refused: str | None = None
    milliseconds: float = 0.0
