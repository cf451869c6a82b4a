"""SQL of the examples of associations: two parents, a table that joins them, and its rows."""

from __future__ import annotations


def joining(table: str, *rows: str) -> str:
    """Return tables a and b, a table over them, and rows of it: each `rows` selects pairs by a number n."""
    inserts = "".join(f"INSERT INTO joined (a_id, b_id) {select};" for select in rows)
    return f"""
        CREATE TABLE a (id int PRIMARY KEY);
        CREATE TABLE b (id int PRIMARY KEY);
        INSERT INTO a SELECT generate_series(0, 999);
        INSERT INTO b SELECT generate_series(0, 999);
        CREATE TABLE joined ({table});
        {inserts}
    """


def pairs(rows: int, values: int) -> str:
    """Return different pairs of so many values on either side; the same ones for the same numbers."""
    return f"SELECT n % {values}, (n / {values} + n) % {values} FROM generate_series(0, {rows - 1}) AS n"


REFERENCES = "id serial PRIMARY KEY, a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES b"
APPLICATION = f"{REFERENCES}, active boolean NOT NULL DEFAULT true, letter text, applied_at date DEFAULT now()"
LINE = f"{REFERENCES}, quantity int NOT NULL DEFAULT 1"
PARTLY = "SELECT n % {0}, n % 7 FROM generate_series(0, {1}) AS n"
