"""Rows made up for every kind of table that is hard to fill: as many as the source has, and every rule holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgproof.facts.collect import collect_answers
from pgproof.facts.read import read_facts
from pgproof.proof.fingerprint import CatalogObject, read_fingerprint
from pgproof.proof.scratch import ScratchCopy, scratch_copy
from pgproof.server import Server

from .conftest import QUESTIONS, Source, counted

Connection = psycopg.Connection[Any]

RELATIONS = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Copied:
    """A source beside its synthetic copy, each with a connection."""

    source: Connection
    copy: Connection
    scratch: ScratchCopy


@pytest.fixture(scope="module")
def copied(traps: Source, scratch: Server) -> Iterator[Copied]:
    with (
        scratch_copy(traps.url, scratch, "synthetic", facts=traps.facts) as made,
        psycopg.connect(traps.url, autocommit=True) as source,
        psycopg.connect(made.admin_url, autocommit=True) as copy,
    ):
        yield Copied(source, copy, made)


def rows_of(connection: Connection) -> dict[str, int]:
    found = {}
    for schema, name in connection.execute(RELATIONS).fetchall():
        counting = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        row = connection.execute(counting).fetchone()
        assert row is not None
        found[f"{schema}.{name}"] = int(row[0])
    return found


def one(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def test_each_table_has_as_many_rows(copied: Copied) -> None:
    assert rows_of(copied.copy) == rows_of(copied.source)
    assert copied.scratch.rows == sum(rows_of(copied.copy).values()) - 3, "materialized rows are none of a table"


def test_every_key_constraint_index_and_trigger_was_made_over_the_rows(copied: Copied) -> None:
    def objects(connection: Connection) -> list[CatalogObject]:
        # Owners and rights are the scratch role's.
        return [
            CatalogObject(
                each.kind, each.name, "\n".join(line for line in each.definition.split("\n") if _is_said(line))
            )
            for each in read_fingerprint(connection).objects
            if each.kind != "schema"
        ]

    assert objects(copied.copy) == objects(copied.source)


def _is_said(line: str) -> bool:
    return not line.startswith(("owner", "rights", "privileges"))


def test_what_could_not_be_met_is_said(copied: Copied) -> None:
    assert copied.scratch.left_out == (
        "public.unseen: values spread evenly, since ANALYZE never ran on it: run it, try again",
    )
    assert "no value of a row was copied" in copied.scratch.holds


def test_rows_break_undeclared_rules_as_often(copied: Copied, traps: Source) -> None:
    answers = collect_answers(copied.copy, read_facts(copied.copy), QUESTIONS)
    for theirs, ours in zip(traps.facts.answers, answers, strict=True):
        rows, surplus = counted(theirs)
        found, found_surplus = counted(ours)
        assert found_surplus == surplus, ours.statement
        # Two references that are drawn apart may agree by chance.
        assert rows * 0.6 <= found <= rows * 1.4, ours.statement


def test_the_revision_is_kept_and_sequences_stand_behind_the_rows(copied: Copied) -> None:
    assert one(copied.copy, "SELECT version_num FROM alembic_version") == "abc123"
    assert one(copied.copy, "SELECT nextval('alone')") == 9
    assert one(copied.copy, "SELECT nextval('nobody_id_seq')") == 1
    highest = one(copied.copy, "SELECT max(id) FROM projects")
    assert one(copied.copy, "SELECT nextval('projects_id_seq')") == highest + 1
    next_person = "INSERT INTO people (tenant_id, email, mood, level, state) SELECT id, 'n@e.org', 'calm', 1, 'open'"
    with copied.copy.transaction(force_rollback=True):
        copied.copy.execute(f"{next_person} FROM tenants LIMIT 1".encode())


def test_labels_lists_and_truth_have_the_sources_shares(copied: Copied) -> None:
    for column in ("mood", "state", "level", "currency IS NULL", "deleted_at IS NULL", "manager_id IS NULL"):
        counting = f"SELECT {column} AS v, count(*) FROM people GROUP BY 1"
        theirs = dict(copied.source.execute(counting.encode()).fetchall())
        ours = dict(copied.copy.execute(counting.encode()).fetchall())
        assert ours.keys() == theirs.keys()
        for value, rows in theirs.items():
            assert abs(ours[value] - rows) < 60, (column, value)


def test_texts_that_the_schema_names_are_as_frequent_and_no_other_is_kept(copied: Copied) -> None:
    counting = b"SELECT status, count(*) FROM follows GROUP BY 1"
    theirs, ours = (dict(each.execute(counting).fetchall()) for each in (copied.source, copied.copy))
    assert theirs == {"published": 50, "draft": 100, "secret word": 50}
    assert abs(ours.pop("published") - 50) < 25
    assert abs(ours.pop("draft") - 100) < 35
    assert len(ours) == 1
    assert "secret word" not in ours


def test_time_stays_where_it_was(copied: Copied) -> None:
    for column in ("a_date", "a_moment"):
        window = f"SELECT extract(epoch FROM min({column})), extract(epoch FROM max({column})) FROM every_type"
        (first, last), (ours_first, ours_last) = one(copied.source, window), one(copied.copy, window)
        assert abs(ours_first - first) < (last - first) / 10
        assert abs(ours_last - last) < (last - first) / 10


def test_the_planner_knows_as_much_as_in_the_source(copied: Copied) -> None:
    statistics = """
        SELECT tablename || '.' || attname, null_frac, n_distinct, coalesce(correlation, 0), avg_width FROM pg_stats
        WHERE schemaname = 'public' AND NOT inherited AND tablename = ANY (%s)
    """
    tables = ["people", "tasks", "visits", "events_old", "staff", "skills"]
    theirs = {name: rest for name, *rest in copied.source.execute(statistics, (tables,)).fetchall()}
    ours = {name: rest for name, *rest in copied.copy.execute(statistics, (tables,)).fetchall()}
    rows = rows_of(copied.source)
    for name, (nulls, distinct, _, width) in theirs.items():
        table = rows[f"public.{name.partition('.')[0]}"]
        assert abs(ours[name][0] - nulls) < 0.1, name
        expected, found = (-n * table if n < 0 else n for n in (distinct, ours[name][1]))
        assert 0.5 <= (found + 3) / (expected + 3) <= 2, (name, expected, found)
        assert ours[name][3] <= 2.5 * width + 8, (name, width, ours[name][3])


def test_a_copy_three_times_as_large(traps: Source, scratch: Server) -> None:
    with (
        psycopg.connect(traps.url) as source,
        scratch_copy(traps.url, scratch, "synthetic", 3, facts=traps.facts) as made,
        psycopg.connect(made.admin_url, autocommit=True) as copy,
    ):
        expected = rows_of(source)
        found = rows_of(copy)
        # These rules leave no room for three times as many rows.
        full = {"public.small_codes", "public.tags", "public.alembic_version", "public.moods"}
        assert {name: rows for name, rows in found.items() if name not in full} == {
            name: rows * 3 for name, rows in expected.items() if name not in full
        }
        assert [line.partition(":")[0] for line in made.left_out] == [
            "public.small_codes",
            "public.tags",
            "public.unseen",
        ]
        constraints = "SELECT count(*) FROM pg_constraint"
        assert one(copy, constraints) == source.execute(constraints.encode()).fetchone()[0]  # type: ignore[index]
