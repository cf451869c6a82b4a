"""The section of precision.md about models, engines and migrations, from what was gathered in each project.

Wanted is a folder with `NAME.snapshot` of each project, made by `pgproof snapshot` with what `PROJECTS` says, and
`NAME.outcomes`, made by `benchmarks/precision_project.py`; and on the server `NAME_chain`, a database that
`benchmarks.precision_migrations` prepared and the package's own migrations made from nothing.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.precision_experiments import Trial, UndecidedError, decide
from benchmarks.precision_migrations import RULES, Step, steps
from benchmarks.precision_model_experiments import EXPERIMENTS
from benchmarks.precision_verdicts import PROJECTS, PROJECTS_FALSE, REVISIONS, Project
from pgproof.audit import AuditOptions, examine
from pgproof.facts.model import Facts
from pgproof.facts.snapshot import from_json
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding

_LIMITS = ("CFG03", "CFG04", "CFG05")
"""Rules about sessions that look at the engine's as well."""
_BY_CODE = ("INT10", "CFG07", "CFG09")
"""Rules that are put to the test in the project's own process."""
_HOW = {
    "INT10": "session.delete() of a parent, its children loaded and not, beside DELETE in SQL: what becomes of a child",
    "CFG07": "the keepalive of the socket that the engine's driver opened, and how often the machine tries to connect",
    "CFG09": "pg_stat_activity, read over another connection",
}
_ONE_STATEMENT = 300


@dataclass(frozen=True)
class Verdict:
    """What was found out about a finding; `shown` is None where nothing could be seen."""

    database: str
    finding: Finding
    shown: bool | None
    seen: str
    statements: tuple[str, ...]


def section(url: str, folder: Path) -> Iterator[str]:
    """Yield the lines of the section.

    Args:
        url: of the server.
        folder: with what was gathered in the projects.
    """
    verdicts: list[Verdict] = []
    history: list[tuple[str, Finding]] = []
    seen: list[Step] = []
    for project in PROJECTS:
        file = folder / f"{project.database}.snapshot"
        facts = from_json(file.read_bytes(), str(file))
        audit = examine(facts, all_rules(), AuditOptions(today=datetime.datetime.now(datetime.UTC).date()))
        with _connected(url, project.database) as server:
            verdicts += _verdicts(server, facts, project.database, audit.findings, _outcomes(folder, project))
        history += [(project.database, each) for each in audit.findings if each.family == "migrations"]
        if project.chain:
            with _connected(url, f"{project.database}_chain") as chain:
                seen += steps(facts, project.database, chain)
        else:
            seen += steps(facts, project.database, None)
    yield from _head()
    yield from _table(verdicts)
    yield from _migrations(history, seen)
    yield from _wrong(verdicts, seen)
    yield from _samples(verdicts)


def _connected(url: str, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(urlunsplit(urlsplit(url)._replace(path=f"/{database}")), autocommit=True)


def _outcomes(folder: Path, project: Project) -> dict[str, dict[str, Any]]:
    file = folder / f"{project.database}.outcomes"
    return {each["name"]: each for each in json.loads(file.read_bytes())} if file.is_file() else {}


def _verdicts(
    server: psycopg.Connection[Any],
    facts: Facts,
    database: str,
    findings: tuple[Finding, ...],
    outcomes: dict[str, dict[str, Any]],
) -> Iterator[Verdict]:
    codes = {rule.code for rule in all_rules() if {"models", "engine"} & set(rule.metadata.needs)}
    codes |= set(_LIMITS) if facts.engine is not None else set()
    for finding in findings:
        if finding.rule in _BY_CODE:
            yield _by_code(database, finding, outcomes)
        elif finding.rule in codes:
            trial = Trial(server, facts.catalog, finding)
            shown: bool | None
            try:
                with server.transaction(force_rollback=True):
                    outcome = decide(trial, EXPERIMENTS)
                shown, said = outcome.shown, outcome.seen
            except UndecidedError as undecided:
                shown, said = None, str(undecided)
            yield Verdict(database, finding, shown, said, tuple(trial.statements))


def _by_code(database: str, finding: Finding, outcomes: dict[str, dict[str, Any]]) -> Verdict:
    names = [finding.rule]
    if finding.rule == "INT10":
        names = [part.partition(":")[0] for part in finding.evidence[0].result.split("; ")]
    tried = [outcomes.get(name, {"shown": None, "seen": f"{name} was not tried", "statements": []}) for name in names]
    said = "; ".join(
        f"{name}: {each['seen']}" for name, each in zip(names, tried, strict=True) if not each["shown"]
    ) or "; ".join(each["seen"] for each in tried[:1])
    shown = [each["shown"] for each in tried]
    verdict = False if False in shown else None if None in shown else True
    return Verdict(database, finding, verdict, said, tuple(tried[0]["statements"]))


def _head() -> Iterator[str]:
    yield ""
    yield "## With models, engine and migrations"
    yield ""
    yield (
        "Each project's own environment, with pgproof installed into it, run in its site-packages: `pgproof snapshot "
        "URL OPTIONS --processes 4 --output NAME.snapshot`, then `benchmarks/precision_project.py`. The migrations of "
        "all but dagster ran a second time from nothing, on a database whose event triggers noted each DDL statement, "
        "the locks that its transaction then held and every table written anew (`benchmarks/precision_migrations.py`; "
        "of airflow by `alembic -c airflow/alembic.ini upgrade heads`)."
    )
    yield ""
    yield "| database | options | settings wanted at import | to know |"
    yield "|---|---|---|---|"
    for project in PROJECTS:
        yield f"| {project.database} | `{project.options}` | {project.environment} | {project.left_out} |"


def _table(verdicts: list[Verdict]) -> Iterator[str]:
    codes = {each.finding.rule for each in verdicts} | {
        each.rule for each in PROJECTS_FALSE if not each.rule.startswith("MIG")
    }
    asked = {rule.code: rule for rule in all_rules() if {"models", "engine"} & set(rule.metadata.needs)}
    yield ""
    yield "| rule | findings | true | false | undecided | judged false, mended | what showed it |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for code in sorted(codes):
        of_rule = [each.shown for each in verdicts if each.finding.rule == code]
        slug = next(rule.metadata.slug for rule in all_rules() if rule.code == code)
        mended = sum(each.rule == code for each in PROJECTS_FALSE)
        counts = (len(of_rule), of_rule.count(True), of_rule.count(False), of_rule.count(None), mended)
        yield f"| {code} {slug} | {' | '.join(map(str, counts))} | {_how(code)} |"
    yield ""
    yield f"Nothing was found by {', '.join(sorted(set(asked) - codes))}."


def _how(code: str) -> str:
    if code in _HOW:
        return _HOW[code]
    return (EXPERIMENTS[code].__doc__ or "").partition(": ")[2].rstrip(".") if code in EXPERIMENTS else ""


def _migrations(history: list[tuple[str, Finding]], seen: list[Step]) -> Iterator[str]:
    yield ""
    yield "### Migrations"
    yield ""
    yield (
        "All revisions are applied, so each rule has one finding for a project, of so many revisions. Looked at is "
        "every statement that the finding of each revision shows (up to five) as if none were applied. "
        "*Seen* is what the run noted: for MIG03 and MIG05 the lock on the table, for MIG06 the table "
        "written anew, for MIG08 DDL under a revision whose downgrade() is empty, else that the statement was run. "
        "Several revisions may share a transaction, whose locks add up."
    )
    yield ""
    yield "| rule | findings | revisions | looked at | seen | contradicted | not run |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for code in RULES:
        findings = [finding for _, finding in history if finding.rule == code]
        slug = next(rule.metadata.slug for rule in all_rules() if rule.code == code)
        of_rule = [each.shown for each in seen if each.rule == code]
        revisions = sum(_revisions(each) for each in findings)
        counts = (len(findings), revisions, len(of_rule), *map(of_rule.count, (True, False, None)))
        yield f"| {code} {slug} | {' | '.join(map(str, counts))} |"


def _revisions(finding: Finding) -> int:
    found = re.search(r"(\d+) applied revision|: (\d+)$", finding.message)
    return int(found[1] or found[2]) if found else 0


def _wrong(verdicts: list[Verdict], seen: list[Step]) -> Iterator[str]:
    yield ""
    yield "### False, and mended"
    yield ""
    yield "| rule | finding | what showed it | mended: |"
    yield "|---|---|---|---|"
    for each in PROJECTS_FALSE:
        yield f"| {each.rule} | {each.database}: {each.finding} | {each.shown} | {each.mended} |"
    yield ""
    yield "### Not shown, or contradicted"
    yield ""
    for verdict in verdicts:
        if not verdict.shown:
            kind = "contradicted" if verdict.shown is False else "undecided"
            yield f"- {verdict.finding.rule}, {verdict.database}, {kind}: {verdict.finding.message}: {verdict.seen}"
    for step in seen:
        if not step.shown:
            kind = "contradicted" if step.shown is False else "not run"
            statement = " ".join(step.statement.split())[:_ONE_STATEMENT]
            why = REVISIONS.get(step.revision, step.seen)
            yield f"- {step.rule}, {step.database} {step.revision}, {kind}: `{statement}`: {why}"


def _samples(verdicts: list[Verdict]) -> Iterator[str]:
    yield ""
    yield "### What was run, one finding of each rule"
    for code in sorted({each.finding.rule for each in verdicts}):
        shown = min(
            (each for each in verdicts if each.finding.rule == code),
            key=lambda each: (not each.shown, sum(map(len, each.statements))),
        )
        yield ""
        yield f"{code}, on {shown.database}: {shown.finding.message}. Seen: {shown.seen}."
        if shown.statements:
            yield ""
            yield "```sql"
            for statement in shown.statements:
                yield f"{' '.join(statement.split())};"
            yield "```"
