"""What INT17 and INT19 tell people: how SQLAlchemy treats a text that is none of the labels; and what INT19 asks."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Enum, Integer, create_engine, insert, make_url, text
from sqlalchemy.exc import DataError, StatementError
from sqlalchemy.orm import DeclarativeBase, Session

from pgproof.examples import facts_of, given, placed_examples
from pgproof.rules.discovery import all_rules
from pgproof.server import Server


class State(enum.Enum):
    """States that are stored by their names."""

    new = 1
    done = 2


ENUMS: dict[str, Enum] = {
    "strings": Enum("new", "done", native_enum=False, length=9),
    "members": Enum(State, native_enum=False, length=9),
    "validated": Enum("new", "done", native_enum=False, length=9, validate_strings=True),
    "native": Enum("new", "done", name="states"),
}


class Base(DeclarativeBase):
    """One table of all kinds."""


class Job(Base):
    """A row with one enum of each kind."""

    __tablename__ = "jobs"
    id = Column(Integer, primary_key=True)
    strings: Column[Any] = Column(ENUMS["strings"])
    members: Column[Any] = Column(ENUMS["members"])
    validated: Column[Any] = Column(ENUMS["validated"])
    native: Column[Any] = Column(ENUMS["native"])


@pytest.fixture
def engine(embedded_database: str) -> Iterator[Engine]:
    engine = create_engine(make_url(embedded_database).set(drivername="postgresql+psycopg"))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("column", ENUMS)
def test_a_row_with_another_text_cannot_be_loaded(engine: Engine, column: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TYPE states ADD VALUE 'gone'"))
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO jobs (id, {column}) VALUES (1, 'gone')"))
    with Session(engine) as session, pytest.raises(LookupError, match="'gone' is not among the defined enum values"):
        session.get(Job, 1)


@pytest.mark.parametrize("column", ["strings", "members"])
def test_sqlalchemy_itself_writes_a_text_that_no_check_refuses(engine: Engine, column: str) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Job).values({"id": 1, column: "gone"}))
        assert connection.execute(text(f"SELECT {column} FROM jobs")).scalar_one() == "gone"


@pytest.mark.parametrize(("column", "refusal"), [("validated", StatementError), ("native", DataError)])
def test_who_refuses_another_text(engine: Engine, column: str, refusal: type[Any]) -> None:
    with pytest.raises(refusal), engine.begin() as connection:
        connection.execute(insert(Job).values({"id": 1, column: "gone"}))


def test_no_row_of_an_array_is_compared_with_a_label(embedded_server: Server) -> None:
    rule = next(rule for rule in all_rules() if rule.code == "INT19")
    arrays = tuple(each for each in rule.bad if each.name == "the labels of an array")
    with placed_examples(embedded_server, arrays) as (connection, placed):
        facts = facts_of(connection)
        assert [list(rule.questions(given(each, facts))) for each in placed] == [[], []]
