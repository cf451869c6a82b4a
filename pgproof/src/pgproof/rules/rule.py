"""What a rule is: its metadata, its question, its check, and the examples that prove it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.facts.source_line import SourceLine
from pgproof.rules.counter_examples import CounterExample, Saturation
from pgproof.rules.finding import Confidence, Evidence, Finding, NotChecked, ObjectRef, Remedy, Severity

Need: TypeAlias = Literal[
    "catalog",
    "data",
    "settings",
    "statistics",
    "statements",
    "plan",
    "models",
    "engine",
    "migrations",
    "recording",
    "experiments",
]

FAMILIES = {
    "INT": "integrity",
    "IDX": "indexes",
    "TYP": "types",
    "CFG": "configuration",
    "SEC": "security",
    "WRK": "workload",
    "OPS": "operations",
    "MIG": "migrations",
}


@dataclass(frozen=True)
class Metadata:
    """What a rule is called and what it needs.

    Attributes:
        code: family and number, such as INT22.
        slug: names the bad pattern, never the remedy.
        severity: by default; a finding may lower or raise it for size and traffic.
        needs: the least it runs on.
        since: first version of pgproof that has it.
        opinion: a matter of taste, off unless selected.
        server_wide: says something about the server rather than the database; not counted on a server of our own.
    """

    code: str
    slug: str
    severity: Severity
    needs: tuple[Need, ...] = ("catalog",)
    since: str = "0.1"
    opinion: bool = False
    server_wide: bool = False

    @property
    def family(self) -> str:
        """The family that the code begins with."""
        return FAMILIES[self.code[:3]]

    def finding(
        self,
        *,
        objects: tuple[ObjectRef, ...],
        message: str,
        consequence: str,
        evidence: tuple[Evidence, ...],
        remedy: Remedy | None,
        severity: Severity | None = None,
        confidence: Confidence = "catalog",
        related: tuple[ObjectRef, ...] = (),
        counter_example: CounterExample | Saturation | None = None,
        location: SourceLine | None = None,
    ) -> Finding:
        """Return a finding of this rule; `severity` only where it differs from the rule's own."""
        return Finding(
            rule=self.code,
            slug=self.slug,
            family=self.family,
            severity=severity or self.severity,
            confidence=confidence,
            objects=objects,
            message=message,
            consequence=consequence,
            evidence=evidence,
            remedy=remedy,
            related=related,
            counter_example=counter_example,
            location=location,
        )


@dataclass(frozen=True)
class Example:
    """A database that a rule must report, or must not.

    The SQL runs with the search path on a schema of its own, once in a plain schema and once in one with an odd
    name, where its tables are renamed to odd names as well; so it qualifies nothing.

    Attributes:
        name: a sentence: what is the case.
        sql: makes the schema and its rows.
        given: what the server says beyond the schema, which SQL in one database cannot make true: settings,
            counters, statements of the workload. See `pgproof.rules.given`.
        findings: how many findings it must yield, if it is a bad one.
        objects: names that must be among those of the findings' objects (tables, indexes, constraints, columns).
        severity: of each of its findings, where size or rows move it; None where it does not matter.
        says: words that its message, consequence or remedy must hold, such as a number that was counted.
        shows: words that each finding must hold beside them: in the results of its evidence, in how many operations
            mend it (`0 operations`) and their SQL, or in its counter-example (`no counter-example`).
        renamed: False to keep the tables' names in the odd schema too, where `given` names them.
        alone: it changes the database itself (its settings, extensions or roles), so it gets one of its own.
        models: Python source of SQLAlchemy models with a `Base`; tables without a schema are those of the example.
        engine: Python source that makes an `engine`.
        scripts: Alembic scripts, each the source of one revision.
        recording: what `pgproof record` wrote.
    """

    name: str
    sql: str = ""
    given: tuple[Callable[[Facts], Facts], ...] = ()
    findings: int = 1
    objects: tuple[str, ...] = ()
    severity: Severity | None = None
    says: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    renamed: bool = True
    alone: bool = False
    models: str = ""
    engine: str = ""
    scripts: tuple[str, ...] = ()
    recording: str = ""

    @property
    def names_tables(self) -> bool:
        """Whether code or facts beside the SQL name its tables, so that these keep their names."""
        return not self.renamed or any((self.models, self.scripts, self.recording))


Check: TypeAlias = Callable[[Facts], Iterator[Finding | NotChecked]]
Asking: TypeAlias = Callable[[Facts], Iterator[Question]]


@dataclass(frozen=True)
class Rule:
    """A rule as its file declares it.

    Attributes:
        doc: the file's docstring: what it finds, why it matters, evidence, remedy, when to ignore.
        questions: what it asks of the data; yields nothing for a rule that asks nothing.
    """

    metadata: Metadata
    module: str
    doc: str
    check: Check
    questions: Asking
    bad: tuple[Example, ...]
    good: tuple[Example, ...]

    @property
    def code(self) -> str:
        """The rule's code."""
        return self.metadata.code
