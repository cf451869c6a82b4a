"""Up, down and up again: whether the downgrade leaves what was there, and the second upgrade what the first one did."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import psycopg

from pgproof.proof.clients import Client
from pgproof.proof.fingerprint import CatalogFingerprint, Difference, read_fingerprint
from pgproof.proof.rows import TableRows, hash_rows
from pgproof.proving.copies import Copy
from pgproof.proving.watched import Watched, watch
from pgproof.remedy.names import quoted

_SCHEMAS = """
SELECT nspname FROM pg_catalog.pg_namespace
WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%' ORDER BY nspname
"""
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_NAMED = 5
"""Objects and tables that a message names; the rest is a number."""

Step = Literal["upgrade", "downgrade", "second upgrade"]


@dataclass(frozen=True)
class State:
    """What a migration may change, and its downgrade must restore.

    Attributes:
        seconds: that it took to read.
    """

    catalog: CatalogFingerprint
    rows: tuple[TableRows, ...]
    seconds: float = field(default=0.0, compare=False)

    @property
    def quarantined(self) -> int:
        """Rows that lie in the schema quarantine."""
        return sum(each.rows for each in self.rows if each.schema == "quarantine")


@dataclass(frozen=True)
class Problem:
    """Why a migration does not hold.

    Attributes:
        name: of the kind of fault, such as `no-op downgrade`.
        what: happened, in a sentence.
        remedy: what to do.
        rule: that has a finding about the same; None where none has.
    """

    name: str
    what: str
    remedy: str
    rule: str | None = None


@dataclass(frozen=True)
class RoundTrip:
    """What came of it, as far as it went.

    Attributes:
        runs: the three runs; fewer where one failed.
        before: the copy as it was.
        upgraded: after the first upgrade; None where that failed.
        back: after the downgrade; None where that failed.
        catalog_equal: after the downgrade as before it, and after both upgrades the same; None where nobody knows.
        rows_equal: the same of the rows.
    """

    runs: tuple[Watched, ...]
    before: State
    upgraded: State | None
    back: State | None
    catalog_equal: bool | None
    rows_equal: bool | None
    problems: tuple[Problem, ...]

    @property
    def changes(self) -> tuple[Difference, ...]:
        """What the upgrade changed in the catalog."""
        return self.before.catalog.difference(self.upgraded.catalog) if self.upgraded else ()


def read_state(admin_url: str, version_table: str) -> State:
    """Return the catalog and the rows of a database, but for the table that says which revision it is at."""
    started = time.perf_counter()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        schemas = [name for (name,) in connection.execute(_SCHEMAS).fetchall()]
        catalog = read_fingerprint(connection, exclude=[version_table])
        rows = hash_rows(connection, schemas=schemas, exclude=[version_table])
    return State(catalog, rows, time.perf_counter() - started)


def travel(
    copy: Copy,
    version_table: str,
    clients: tuple[Client, Client],
    limit: float,
    *,
    first: Callable[[], Watched] | None = None,
    told: Callable[[Step], None] = lambda step: None,
) -> RoundTrip:
    """Take a copy up, down and up again; it is left upgraded where all goes well.

    Args:
        copy: of the database before.
        version_table: which is not compared.
        clients: that upgrade and that downgrade.
        limit: seconds for each run.
        first: runs the first upgrade; None for a plain run.
        told: what begins.
    """
    up, down = clients
    before = read_state(copy.admin_url, version_table)
    told("upgrade")
    runs = [first() if first else watch(copy.url, copy.admin_url, up, limit)]
    if runs[0].problem:
        return RoundTrip(tuple(runs), before, None, None, None, None, (failure("upgrade", runs[0]),))
    upgraded = read_state(copy.admin_url, version_table)
    told("downgrade")
    runs.append(watch(copy.url, copy.admin_url, down, limit))
    if runs[1].problem:
        return RoundTrip(tuple(runs), before, upgraded, None, None, None, (failure("downgrade", runs[1]),))
    back = read_state(copy.admin_url, version_table)
    problems = list(_after_downgrade(before, upgraded, back))
    catalog_equal, rows_equal = before.catalog == back.catalog, before.rows == back.rows
    told("second upgrade")
    runs.append(watch(copy.url, copy.admin_url, up, limit))
    if runs[2].problem:
        problems.append(failure("second upgrade", runs[2]))
    elif not problems:
        other_catalog, other_rows = deviation(before, upgraded, read_state(copy.admin_url, version_table))
        catalog_equal, rows_equal = other_catalog is None, other_rows is None
        if other := other_catalog or other_rows:
            problems.append(
                Problem(
                    "second upgrade differs",
                    f"the second upgrade does not leave what the first one did: {other}",
                    "let the downgrade remove all that the upgrade makes",
                )
            )
    return RoundTrip(tuple(runs), before, upgraded, back, catalog_equal, rows_equal, tuple(problems))


def deviation(before: State, upgraded: State, found: State) -> tuple[str | None, str | None]:
    """Return how the catalog and the rows differ from what the first upgrade left; None for what does not.

    Of tables and columns that the upgrade made only the number of rows counts: they may hold when it ran.

    Args:
        before: the first upgrade.
        upgraded: after it.
        found: what is compared.
    """
    objects = upgraded.catalog.difference(found.catalog)
    made = {each.name for each in before.catalog.difference(upgraded.catalog) if each.kind in ("table", "table column")}
    tables = {name for each in made for name in (each, each.rpartition(".")[0])}
    rows = tuple(rows_that_differ(upgraded.rows, found.rows, counted=tables))
    return described(objects) if objects else None, _listed(rows) if rows else None


def failure(step: Step, run: Watched) -> Problem:
    """Return what a failed run is called, by what the server or the script said."""
    said = " ".join((run.problem or "").split())
    if run.hung is not None:
        return Problem(
            f"{step} hangs", said, "end what it waits for, or give it a lock_timeout and retries; see the lock it wants"
        )
    if "cannot run inside a transaction block" in said or "cannot be executed from a function" in said:
        return Problem(
            "concurrently in a transaction",
            f"the {step} failed: {said}",
            "put the statement into `with op.get_context().autocommit_block():`",
        )
    if "lets this code reach no" in said:
        return Problem(
            "reaches elsewhere",
            f"the {step} was stopped: {said}",
            "let env.py take the URL from sqlalchemy.url or from an environment variable that holds a whole URL, which "
            "the proof points to the scratch copy; code that must reach another service needs --trust-project",
        )
    if "is not available" in said and "extension" in said:
        return Problem(
            "extension missing",
            f"the {step} failed: {said}",
            "install it for the scratch server, or name a server that has it with --scratch-url",
        )
    if "permission denied to create extension" in said:
        return Problem(
            "extension refused",
            f"the {step} failed: {said}",
            "only a superuser may create it, since it can reach outside of the database: create it apart from the "
            "migration, with CREATE EXTENSION IF NOT EXISTS in a step of its own",
        )
    if step == "downgrade" and ("NotImplementedError" in said or "has no attribute 'downgrade'" in said):
        return Problem("no downgrade", f"the downgrade does not exist: {said}", "write downgrade()")
    return Problem(f"{step} fails", f"the {step} failed: {said}", "correct the revision")


def _after_downgrade(before: State, upgraded: State, back: State) -> Iterator[Problem]:
    if back.catalog != before.catalog:
        differences = before.catalog.difference(back.catalog)
        if back.catalog == upgraded.catalog and upgraded.catalog != before.catalog:
            yield Problem(
                "no-op downgrade",
                f"the downgrade leaves everything that the upgrade made: {described(differences)}",
                "let downgrade() take back each operation of upgrade()",
            )
        else:
            yield Problem(
                "downgrade to something else",
                f"after the downgrade the catalog is not what it was: {described(differences)}",
                "let downgrade() take back each operation of upgrade(), with its options",
            )
    # A table that the downgrade left, or did not bring back, has been named already.
    if changes := tuple(rows_that_differ(before.rows, back.rows)):
        yield Problem(
            "rows lost",
            f"after upgrade and downgrade the rows are not what they were: {_listed(changes)}",
            "set rows aside before they go (schema quarantine) and bring them back in downgrade()",
        )


def rows_that_differ(
    before: Sequence[TableRows], after: Sequence[TableRows], counted: Collection[str] = ()
) -> Iterator[str]:
    """Yield each table whose rows are not what they were, with how.

    Args:
        before: as they were.
        after: as they are; tables that came are left out.
        counted: tables of which only the number of rows counts.
    """
    left = {(each.schema, each.table): each for each in after}
    for was in before:
        now = left.get((was.schema, was.table))
        name = f"{was.schema}.{was.table}"
        if now is None:
            if was.rows:
                yield f"{name} is gone with its {was.rows} rows"
        elif now.rows != was.rows:
            yield f"{name} had {was.rows} rows and has {now.rows}"
        elif now.digest != was.digest and name not in counted and _quoted(was) not in counted:
            yield f"{name} has as many rows, and other values or columns in them"


def _quoted(table: TableRows) -> str:
    """A table as fingerprints name it, where its name needs quotes."""
    return ".".join(each if _PLAIN.fullmatch(each) else quoted(each) for each in (table.schema, table.table))


def described(differences: Sequence[Difference]) -> str:
    """Return which objects differ and how, the first few by name."""
    return _listed(tuple(map(one_described, differences)))


def one_described(each: Difference) -> str:
    """Return the kind and the name of an object, and how it differs."""
    how = "is missing" if each.after is None else "is left over" if each.before is None else "differs"
    return f"{each.kind} {each.name} {how}"


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return "; ".join(texts[:_NAMED]) + more
