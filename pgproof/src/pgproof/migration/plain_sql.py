"""A plan as plain SQL, for whoever has no Alembic: one file forward, and one back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pgproof.remedy.operation import Operation
from pgproof.remedy.plan import Plan
from pgproof.remedy.plan_values import Reason, Step
from pgproof.report.text import printable

_HEAD = """\
-- {title}
-- Run it with psql --file, outside of a transaction: some statements refuse to run inside one.
-- A statement that cannot have its lock within a moment fails; run the rest again from there.
\\set ON_ERROR_STOP on
SET statement_timeout = 0;
"""
_WAITS = "SET lock_timeout = 0;"
_GIVES_UP = "SET lock_timeout = '50ms';"


def forward_sql(plan: Plan) -> str:
    """Return the statements that carry a plan out, with the findings that each step settles."""
    return _script("What mends the findings of pgproof", ((step, step.operation.forward()) for step in plan.steps))


def reverse_sql(plan: Plan) -> str:
    """Return the statements that take a plan back, in the reverse order."""
    return _script(
        "The way back of what mended the findings of pgproof",
        ((step, step.operation.reverse()) for step in reversed(plan.steps)),
    )


def reverse_file(file: Path) -> Path:
    """Return where the way back goes: beside the way forward."""
    return file.with_suffix(f".reverse{file.suffix}")


def _script(title: str, steps: Iterable[tuple[Step, tuple[str, ...]]]) -> str:
    lines = [_HEAD.format(title=title)]
    timeout = ""
    for step, statements in steps:
        lines += [f"-- {line}" for line in _said(step.reasons)]
        if not statements:
            lines.append(f"-- {step.operation.kind}: nothing takes it back.")
        for statement in statements:
            wanted = _WAITS if _waits(step.operation, statement) else _GIVES_UP
            if wanted != timeout:
                lines.append(wanted)
                timeout = wanted
            lines.append(f"{statement};")
        lines.append("")
    return "\n".join(lines)


def _waits(operation: Operation, statement: str) -> bool:
    """Whether a statement waits without keeping anybody from reading or writing."""
    return " CONCURRENTLY " in statement.partition('"')[0] or " VALIDATE CONSTRAINT " in statement


def _said(reasons: Iterable[Reason]) -> Iterator[str]:
    for reason in reasons:
        yield printable(f"{reason.rule} {reason.slug} ({reason.severity}): {reason.message}")
        for evidence in reason.evidence:
            yield f"  {printable(evidence)}"
