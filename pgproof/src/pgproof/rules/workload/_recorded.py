"""Recordings for examples, as `pgproof record` writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

from pgproof.facts.recording_file import RECORDING_VERSION
from pgproof.rules.finding import Severity
from pgproof.rules.rule import Example


@dataclass(frozen=True)
class Run:
    """Executions of a statement.

    Attributes:
        keys: digests of the parameters, separated by spaces; a `#` stands for the number of the execution.
        site: `file:line function`.
        loader: `Class.attribute` of a lazy load, or `Class.` of a refresh.
        times: that it ran, one after the other.
    """

    text: str
    keys: str = ""
    unit: str = "1"
    site: str = "shop/orders.py:10 list_orders"
    rows: int | None = 1
    ms: float = 1.0
    loader: str | None = None
    collection: bool = True
    times: int = 1
    sets: int = 1
    skipped: int | None = None
    task: str = "1"
    error: bool = False


def recorded(*runs: Run) -> str:
    """Return the recording of some executions."""
    lines: list[dict[str, object]] = [{"pgproof": "recording", "version": RECORDING_VERSION, "program": "shop"}]
    number = 0
    for run in runs:
        file, _, rest = run.site.partition(":")
        line, _, function = rest.partition(" ")
        lines += [
            {"statement": run.text, "text": run.text, "types": []},
            {"site": run.site, "file": file, "line": int(line), "function": function},
        ]
        if run.loader is not None:
            owner, _, attribute = run.loader.partition(".")
            lines.append({"loader": run.loader, "class": owner, "attribute": attribute, "collection": run.collection})
        for _ in range(run.times):
            number += 1
            said: dict[str, object] = {
                "run": run.text,
                "unit": run.unit.replace("#", str(number)),
                "task": run.task.replace("#", str(number)),
                "ms": run.ms,
                "site": run.site,
            }
            optional = {
                "keys": run.keys.replace("#", str(number)) or None,
                "rows": run.rows,
                "sets": run.sets if run.sets > 1 else None,
                "skipped": run.skipped,
                "loader": run.loader,
                "error": "40001" if run.error else None,
            }
            lines.append(said | {name: value for name, value in optional.items() if value is not None})
    lines.append({"ended": "2026-01-01T00:00:00+00:00", "code": 0})
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def recording_example(
    sql: str,
    name: str,
    *runs: Run,
    findings: int = 1,
    objects: str = "",
    says: str = "",
    severity: Severity | None = None,
) -> Example:
    """Return an example of some tables and a recording.

    Args:
        sql: makes the tables.
        name: of the example.
        runs: what was recorded.
        findings: that it must yield, if it is a bad one.
        objects: that the findings must name, separated by spaces.
        says: words that they must hold, separated by `|`.
        severity: that they must have; None where it does not matter.
    """
    return Example(
        name,
        sql=sql,
        recording=recorded(*runs),
        findings=findings,
        objects=tuple(objects.split()),
        says=tuple(says.split("|")) if says else (),
        severity=severity,
    )


def on(sql: str) -> partial[Example]:
    """Return `recording_example` for some tables."""
    return partial(recording_example, sql)
