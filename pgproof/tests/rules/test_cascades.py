"""What SQLAlchemy and PostgreSQL really do when a parent is deleted, and what INT10 says of it, in all combinations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Engine, ForeignKey, Integer, create_engine, delete, event, func, insert, make_url, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session, configure_mappers, relationship

from pgproof.facts.project.read_models import models_of, noted_mappers
from pgproof.facts.read import read_facts
from pgproof.rules.integrity._cascades import Along, Outcome, relationships_along, severity_of
from pgproof.server import Server

CHILDREN = 5


@dataclass(frozen=True)
class Case:
    """One way to declare a parent with children."""

    cascade: str
    passive_deletes: Any
    ondelete: str | None
    reference: str

    def __str__(self) -> str:
        return f"{self.cascade}; passive_deletes={self.passive_deletes}; {self.ondelete}; {self.reference}"


PASSIVE: tuple[Any, ...] = (False, True, "all")
CASES = tuple(
    Case(cascade, passive, ondelete, reference)
    for cascade, passive, ondelete, reference in itertools.product(
        ("save-update, merge", "all", "all, delete-orphan"),
        PASSIVE,
        (None, "RESTRICT", "CASCADE", "SET NULL"),
        ("nullable", "not null", "part of the key"),
    )
    # SQLAlchemy refuses passive_deletes="all" beside a cascade that deletes.
    if passive != "all" or cascade == "save-update, merge"
)


@dataclass(frozen=True)
class Subject:
    """A case on a real database: its classes, and what the rule reads of them."""

    parent: Any
    child: Any
    along: Along


@dataclass(frozen=True)
class Bench:
    """All cases, declared in one database."""

    engine: Engine
    subjects: dict[Case, Subject]


@pytest.fixture(scope="module")
def bench(embedded_server: Server) -> Iterator[Bench]:
    class Base(DeclarativeBase):
        """All cases, each with two tables of its own."""

    with embedded_server.scratch_database() as url:
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with noted_mappers() as mappers:
            classes = {case: _declare(Base, case, number) for number, case in enumerate(CASES)}
        configure_mappers()
        Base.metadata.create_all(engine)
        models = models_of(("Base",), [Base.metadata], mappers, Path.cwd())
        with psycopg.connect(url, autocommit=True) as connection:
            facts = replace(read_facts(connection), models=models)
        along = {each.table.name: each for each in relationships_along(facts)}
        subjects = {
            case: Subject(parent, child, along[child.__tablename__]) for case, (parent, child) in classes.items()
        }
        yield Bench(engine, subjects)
        engine.dispose()


def _declare(base: Any, case: Case, number: int) -> tuple[Any, Any]:
    reference: Column[int] = Column(
        ForeignKey(f"parents_{number}.id", ondelete=case.ondelete),
        nullable=case.reference == "nullable",
        primary_key=case.reference == "part of the key",
    )
    key = Column(Integer, primary_key=True)
    child = type(f"Child{number}", (base,), {"__tablename__": f"children_{number}", "id": key, "parent_id": reference})
    parent = type(
        f"Parent{number}",
        (base,),
        {
            "__tablename__": f"parents_{number}",
            "id": Column(Integer, primary_key=True),
            "children": relationship(child, cascade=case.cascade, passive_deletes=case.passive_deletes),
        },
    )
    return parent, child


@dataclass(frozen=True)
class Deletion:
    """What a deletion came to.

    Attributes:
        statements: that touched the children, a batch counted by its rows.
    """

    outcome: Outcome
    statements: int


def by_orm(bench: Bench, subject: Subject, *, loaded: bool) -> Deletion:
    _fill(bench, subject)
    statements: list[int] = []

    def count(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if subject.child.__tablename__ in statement:
            statements.append(len(parameters) if many else 1)

    with Session(bench.engine) as session:
        parent = session.get(subject.parent, 1)
        assert parent is not None
        assert not loaded or len(parent.children) == CHILDREN
        event.listen(bench.engine, "before_cursor_execute", count)
        try:
            session.delete(parent)
            session.commit()
        except (IntegrityError, AssertionError):
            # An AssertionError is how SQLAlchemy refuses to set a part of a primary key to NULL.
            session.rollback()
            return Deletion("refused", sum(statements))
        finally:
            event.remove(bench.engine, "before_cursor_execute", count)
    return Deletion(_left(bench, subject), sum(statements))


def in_sql(bench: Bench, subject: Subject) -> Outcome:
    _fill(bench, subject)
    try:
        with bench.engine.begin() as connection:
            connection.execute(delete(subject.parent).where(subject.parent.id == 1))
    except IntegrityError:
        return "refused"
    return _left(bench, subject)


def _fill(bench: Bench, subject: Subject) -> None:
    with bench.engine.begin() as connection:
        connection.execute(delete(subject.child))
        connection.execute(delete(subject.parent))
        connection.execute(insert(subject.parent).values(id=1))
        rows = [{"id": number, "parent_id": 1} for number in range(CHILDREN)]
        connection.execute(insert(subject.child), rows)


def _left(bench: Bench, subject: Subject) -> Outcome:
    with bench.engine.connect() as connection:
        left, referring = connection.execute(select(func.count(), func.count(subject.child.parent_id))).one()
    assert referring == 0
    assert left in (0, CHILDREN)
    return "kept" if left else "deleted"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_outcome_is_what_really_happens(bench: Bench, case: Case) -> None:
    subject = bench.subjects[case]
    along = subject.along
    assert along.in_sql() == in_sql(bench, subject)
    assert along.by_orm(loaded=False) == by_orm(bench, subject, loaded=False).outcome
    assert along.by_orm(loaded=True) == by_orm(bench, subject, loaded=True).outcome


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_severity_is_what_the_outcomes_make_it(bench: Bench, case: Case) -> None:
    subject = bench.subjects[case]
    orm = {state: by_orm(bench, subject, loaded=state) for state in (False, True)}
    sql = in_sql(bench, subject)
    outcomes = {orm[False].outcome, orm[True].outcome}
    severity = severity_of(subject.along)
    if severity == "high":
        # The application's own deletion fails, although one side is told what to do with the children.
        assert "refused" in outcomes
        assert "all" in case.cascade or case.ondelete in ("CASCADE", "SET NULL") or case.passive_deletes is True
    elif severity == "medium":
        assert "refused" not in outcomes
        assert {*outcomes, sql} != outcomes or len(outcomes) == 2
    elif severity == "low":
        # The same comes out of it, or SQL is refused; and the ORM sends more than the database would need.
        assert len(outcomes) == 1
        assert sql in ("refused", orm[False].outcome)
        assert orm[False].statements > CHILDREN
    elif outcomes == {sql}:
        assert sql == "refused" or orm[False].statements == 0
    else:
        # The defaults of both: the ORM sets references to NULL, and the database would not.
        assert (case.cascade, case.ondelete, case.reference) == ("save-update, merge", None, "nullable")
        assert (outcomes, sql) == ({"kept"}, "refused")


def test_every_severity_occurs(bench: Bench) -> None:
    found = [severity_of(subject.along) for subject in bench.subjects.values()]
    assert {each: found.count(each) for each in ("high", "medium", "low", None)} == {
        "high": 28,
        "medium": 17,
        "low": 13,
        None: 26,
    }
