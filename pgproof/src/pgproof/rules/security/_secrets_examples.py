"""Cases that the rules about stored secrets have in common: tables of several parts, and those that are locked."""

from __future__ import annotations

from pgproof.rules.given import table
from pgproof.rules.rule import Example


def counted_once(column: str, plain: str, hashed: str) -> tuple[Example, ...]:
    """Return the cases of rows that lie in another relation than the table which is reported.

    Args:
        column: of text, by a name that a rule looks for.
        plain: a value that it reports.
        hashed: one that it does not.
    """
    return (
        Example(
            "a partitioned table, once",
            sql=f"""
                CREATE TABLE t (id int, {column} text) PARTITION BY RANGE (id);
                CREATE TABLE t_1 PARTITION OF t DEFAULT;
                INSERT INTO t VALUES (1, '{plain}');
            """,
            objects=("t", column),
        ),
        Example(
            "a child of inheritance is counted with its parent",
            sql=f"""
                CREATE TABLE p (id int PRIMARY KEY, {column} text);
                CREATE TABLE c () INHERITS (p);
                INSERT INTO p VALUES (1, '{hashed}');
                INSERT INTO c VALUES (2, '{plain}');
            """,
            objects=("p", column),
        ),
    )


def not_counted(column: str, plain: str) -> Example:
    """Return the case of a table whose rows cannot be counted now; the arguments are those of `counted_once`."""
    return Example(
        "a table that another session locks",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, {column} text); INSERT INTO t VALUES (1, '{plain}')",
        given=(table("t", locked=True),),
        renamed=False,
    )
