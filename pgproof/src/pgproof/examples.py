"""Runs the examples that every rule carries: on a real database, in a plain schema and in one with odd names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from pgproof.facts.collect import collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.rules.checking import Checked, check, questions_of
from pgproof.rules.rule import Example, Rule
from pgproof.server import Server

ODD = """ "né"'; %s"""
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Placed:
    """An example in the schema it was made in; `names` maps the names in its SQL to those it has there."""

    example: Example
    schema: str
    names: Mapping[str, str]


@contextmanager
def placed_examples(server: Server, examples: tuple[Example, ...]) -> Iterator[tuple[Connection, tuple[Placed, ...]]]:
    """A database with each example twice: in a schema of its own, and in an oddly named one with odd table names."""
    with server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        placed = []
        for number, example in enumerate(examples):
            placed.append(_place(connection, example, f"example_{number}", odd=False))
            if not example.alone:
                placed.append(_place(connection, example, f"Example {number}{ODD}", odd=True))
        connection.execute("SET search_path = public")
        connection.execute("SELECT pg_stat_force_next_flush()")
        yield connection, tuple(placed)


def examined(connection: Connection, placed: Placed, rules: tuple[Rule, ...], facts: Facts) -> Checked:
    """What rules find in one example, its questions answered by the server."""
    stated = given(placed, facts)
    answers = collect_answers(connection, stated, questions_of(rules, stated))
    return check(rules, stated.with_answers(answers))


def given(placed: Placed, facts: Facts) -> Facts:
    """The facts of one example alone, with what it states about the server."""
    stated = facts.only_schemas({placed.schema})
    path = '"' + placed.schema.replace('"', '""') + '"'
    settings = tuple(
        replace(setting, value=path) if setting.name == "search_path" else setting for setting in stated.server.settings
    )
    stated = replace(stated, server=replace(stated.server, settings=settings))
    for state in placed.example.given:
        stated = state(stated)
    return stated


def facts_of(connection: Connection) -> Facts:
    """What the database says now; as a server of somebody else's, so that server-wide rules count."""
    return read_facts(connection, ReadOptions(ours=False))


def _place(connection: Connection, example: Example, schema: str, *, odd: bool) -> Placed:
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(schema)))
    if example.sql:
        connection.execute(example.sql.encode())
    names = _rename(connection, schema) if odd and example.renamed else {}
    return Placed(example, schema, names)


def _rename(connection: Connection, schema: str) -> dict[str, str]:
    """Give every table and index of a schema an odd name; return the new names by the old ones."""
    names = {}
    rows = connection.execute(
        "SELECT c.relname, c.relkind FROM pg_class c WHERE c.relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = %s) AND c.relkind IN ('r', 'p', 'i', 'I')",
        (schema,),
    ).fetchall()
    for name, kind in rows:
        names[name] = name[: 60 - len(ODD.encode())] + ODD
        what = "INDEX" if kind in (b"i", b"I", "i", "I") else "TABLE"
        connection.execute(
            sql.SQL("ALTER {} {} RENAME TO {}").format(
                sql.SQL(what), sql.Identifier(schema, name), sql.Identifier(names[name])
            )
        )
    return names
