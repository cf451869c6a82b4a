"""Steps as the parts of a revision: imports, two bodies, and the helpers they call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pgproof.migration.calls import Calls, calls
from pgproof.migration.python_text import comment
from pgproof.remedy.constraints import AddForeignKey, AddPrimaryKey, AddUnique
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.plan_order import makes_room
from pgproof.remedy.plan_values import Reason, Step
from pgproof.remedy.quarantine import Aside

_TEMPLATES = Path(__file__).parent / "templates"
_NEEDS = {
    "simple": (),
    "default": (),
    "column_type": ("quoted",),
    "extended_statistics": ("quoted",),
    "quarantine": (),
    "invalid_index": ("quoted",),
    "like": ("quoted",),
    "index": ("like",),
    "partitioned_index": ("index",),
    "index_as_it_was": (),
    "constraint": (),
    "validate": ("constraint", "quoted"),
    "unvalidate": ("constraint", "quoted"),
    "check": ("like", "validate"),
    "not_null": ("check",),
    "key": ("index", "constraint", "quoted"),
    "unique_as_it_was": ("index_as_it_was", "constraint", "quoted"),
    "foreign_key": ("validate",),
    "replace_foreign_key": ("foreign_key",),
    "unchecked": ("constraint", "quoted"),
    "quoted": (),
    "steps": (),
}
"""Helpers by the name of their template, with those that they call."""
_MOST_EVIDENCE = 3
_LONGEST_EVIDENCE = 600


@dataclass(frozen=True)
class RevisionParts:
    """What goes into a project's own template.

    Attributes:
        message: in a line, which also names the file.
        imports: beside `op` and `sa`.
        upgrade: body of the function, its first line without the indentation that the template gives it.
        downgrade: the same, and the helpers after it.
    """

    message: str
    imports: str
    upgrade: str
    downgrade: str


def revision_parts(steps: Sequence[Step], message: str) -> RevisionParts:
    """Return the parts of a revision that does some steps.

    Args:
        steps: in order; at least one.
        message: as a person gave it, or a sentence about the steps.
    """
    # What it renders is Python, whose literals and comments are escaped where they are made.
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(loader=loader, undefined=StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701
    rendered = [(step, _calls_of(step, steps)) for step in steps]
    helpers = _needed({"steps", *(name for _, each in rendered for name in each.helpers)})
    sources = [environment.get_template(f"helpers/{name}.py.jinja").render() for name in helpers]
    seen: set[Reason] = set()
    up = [(_headed(step.reasons, seen), each.up) for step, each in rendered]
    down = [(_undone(step), each.down) for step, each in reversed(rendered)]
    if all(line.startswith("#") for _, lines in down for line in lines):
        down.append(([], ["pass"]))
    return RevisionParts(
        message=message,
        imports=environment.get_template("imports.jinja").render(helpers=helpers).strip("\n"),
        upgrade=environment.get_template("body.jinja").render(steps=up).strip(),
        downgrade=environment.get_template("downgrade.jinja").render(steps=down, helpers=sources).strip(),
    )


def _calls_of(step: Step, steps: Sequence[Step]) -> Calls:
    operation = step.operation
    if isinstance(operation, Aside):
        made = calls(operation)
        followed = any(makes_room(operation, other.operation) for other in steps)
        if made.set_aside is None or followed:
            return made
        return Calls([*made.up, f"{made.set_aside}()"], made.down, made.helpers)
    if isinstance(operation, AddUnique | AddPrimaryKey | CreateIndex | AddForeignKey):
        move = next((other.operation for other in steps if makes_room(other.operation, operation)), None)
        if move is not None:
            return calls(operation, calls(move).set_aside)
    return calls(operation)


def _needed(names: Iterable[str]) -> tuple[str, ...]:
    """Every helper that is called, in the order of the table but what is first in every revision."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _NEEDS[name]
    first = [name for name in ("steps", "quoted") if name in found]
    return (*first, *(name for name in _NEEDS if name in found and name not in first))


def _headed(reasons: Iterable[Reason], seen: set[Reason]) -> list[str]:
    """The comment of a step: its findings, each with its evidence where it comes first."""
    lines = []
    for reason in reasons:
        again = reason in seen
        seen.add(reason)
        lines += comment(
            f"{reason.rule} {reason.slug} ({reason.severity}): {reason.message}{', as above' if again else ''}"
        )
        for evidence in () if again else reason.evidence[:_MOST_EVIDENCE]:
            shown = evidence if len(evidence) <= _LONGEST_EVIDENCE else f"{evidence[:_LONGEST_EVIDENCE]} ..."
            lines += comment(shown, "  Evidence: ", "    ")
    return lines


def _undone(step: Step) -> list[str]:
    codes = ", ".join(dict.fromkeys(reason.rule for reason in step.reasons))
    return comment(f"Takes back: {step.operation.kind} ({codes})")
