"""The statements that read PostgreSQL, kept as files so that they can be reviewed as SQL."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

TAG = "/* pgproof */"
"""Marks our statements, so that they are left out of the workload. It stands after the first word: PostgreSQL 18 cuts
comments before it off the text that pg_stat_statements keeps."""


@cache
def load(name: str) -> str:
    """Return the text of the statement `queries/<name>.sql`.

    Args:
        name: path below `queries` without its ending, such as `table_sizes` or `fingerprint/tables`.

    Raises:
        FileNotFoundError: there is no such statement.
    """
    return files("pgproof.facts").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
