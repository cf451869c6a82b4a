"""Generated revisions up, down and up again, catalog and rows are as they were."""

from __future__ import annotations

from pathlib import Path

import psycopg

from pgproof.facts.catalog import Catalog
from pgproof.facts.read import read_facts
from pgproof.proving.changes import changes
from pgproof.remedy.proven import called_by_proofs

from .projects import catalog, downgrade, make_project, rows, upgrade, write_steps
from .schemas import Case


def read(url: str) -> Catalog:
    with psycopg.connect(url) as connection:
        return read_facts(connection).catalog


def test_it_goes_up_and_down_and_up_again(database: str, tmp_path: Path, case: Case) -> None:
    folder = make_project(tmp_path)
    write_steps(folder, case.operations)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(case.sql.encode())
    before, was = (catalog(database), rows(database)), read(database)
    upgrade(folder, database)
    upper = catalog(database), rows(database)
    differences = before[0].difference(upper[0])
    assert differences
    # A proof calls each operation by the name that a plan looks for in it.
    titles = [change.title for change in changes(was, read(database), differences)]
    calls = [(operation, called_by_proofs(operation)) for operation in case.operations]
    assert [each for each, called in calls if called is not None and not any(map(called, titles))] == []
    with psycopg.connect(database) as connection:
        assert not connection.execute("SELECT FROM pg_index WHERE NOT indisvalid").fetchall()
        assert not connection.execute("SELECT FROM pg_constraint WHERE NOT convalidated").fetchall()
    downgrade(folder, database)
    if case.back:
        assert before[0].difference(catalog(database)) == ()
        assert rows(database) == before[1]
    upgrade(folder, database)
    assert upper[0].difference(catalog(database)) == ()
    assert rows(database) == upper[1]
