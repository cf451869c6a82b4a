"""Everything that is known about a database, as one value: read from a server or from a file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated

from pydantic import Field

from pgproof.facts.catalog import Catalog, Table
from pgproof.facts.engine import Engine
from pgproof.facts.experiments import Experiments
from pgproof.facts.migrations import Migrations
from pgproof.facts.models import Models
from pgproof.facts.questions import Answer, Counts, PlanNode, Question
from pgproof.facts.recording import Recording
from pgproof.facts.server_state import Database, Rights, Server


@dataclass(frozen=True)
class Facts:
    """What rules read.

    Attributes:
        version: of this form; a snapshot of a newer one is refused.
        rights: what the role that read them may see: what it may not is not checked, never taken as absent.
        answers: to the questions that rules asked of the data.
        missing: what could not be read, and why; each a line.
        models: what the SQLAlchemy models say; None if they were not given or not readable, as with those below.
        engine: what the application connects with.
        migrations: what the Alembic scripts do.
        recording: what the application was seen to send.
        experiments: what a proof saw of the revisions on a scratch copy.
        running: codes of the rules that examine them, None for all: what a rule leaves to another, it says itself where
            the other does not run. No fact of the database, so no part of a snapshot.
    """

    version: int
    database: Database
    rights: Rights
    catalog: Catalog
    server: Server
    answers: tuple[Answer, ...] = ()
    missing: tuple[str, ...] = field(default=())
    models: Models | None = None
    engine: Engine | None = None
    migrations: Migrations | None = None
    recording: Recording | None = None
    experiments: Experiments | None = None
    running: Annotated[frozenset[str] | None, Field(exclude=True)] = None

    def runs(self, rule: str) -> bool:
        """Whether a rule examines these facts, so that others may leave to it what it says."""
        return self.running is None or rule in self.running

    def answer(self, question: Question) -> Answer | None:
        """Return what came back for a question; None if it was not asked."""
        return self._answers.get(question)

    def counts(self, question: Question) -> Counts | None:
        """Return the counts of an answered question; None if it was not asked or refused."""
        answer = self.answer(question)
        return answer.counts if answer else None

    def plan(self, question: Question) -> PlanNode | None:
        """Return the plan of an answered question; None if it was not asked or refused."""
        answer = self.answer(question)
        return answer.plan if answer else None

    def only_schemas(self, schemas: Collection[str]) -> Facts:
        """Return the facts without the relations, types and functions of other schemas."""
        catalog = replace(
            self.catalog,
            schemas=tuple(schema for schema in self.catalog.schemas if schema.name in schemas),
            tables=tuple(table for table in self.catalog.tables if table.schema in schemas),
            sequences=tuple(sequence for sequence in self.catalog.sequences if sequence.schema in schemas),
            types=tuple(user_type for user_type in self.catalog.types if user_type.schema in schemas),
            functions=tuple(function for function in self.catalog.functions if function.schema in schemas),
        )
        return replace(self, catalog=catalog)

    def with_tables(self, tables: tuple[Table, ...]) -> Facts:
        """Return the facts with other tables."""
        return replace(self, catalog=replace(self.catalog, tables=tables))

    def with_answers(self, answers: tuple[Answer, ...]) -> Facts:
        """Return the facts with these answers added."""
        return replace(self, answers=(*self.answers, *answers))

    @cached_property
    def _answers(self) -> dict[Question, Answer]:
        return {answer.question: answer for answer in self.answers}
