"""The statements that read PostgreSQL, kept as files so that they can be reviewed as SQL."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def load(name: str) -> str:
    """Return the text of the statement `queries/<name>.sql`.

    Args:
        name: path below `queries` without its ending, such as `table_sizes` or `fingerprint/tables`.

    Raises:
        FileNotFoundError: there is no such statement.
    """
    return files("pgproof.facts").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
