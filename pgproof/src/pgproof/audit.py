"""An audit: facts examined by rules, less what people decided to live with, scored."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pgproof.facts.collect import CollectOptions, Connection, Progress, collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.rules.checking import Checked, Unchecked, check, questions_of
from pgproof.rules.finding import SEVERITIES, Confidence, Finding, ObjectRef
from pgproof.rules.rule import Rule
from pgproof.score import Score, score

_CONFIDENCES: tuple[Confidence, ...] = ("measured", "exact", "plan", "catalog", "sample")
"""Surest first, among findings of one severity."""


@dataclass(frozen=True)
class Suppression:
    """A finding that people decided to live with.

    Attributes:
        rule: code or slug.
        objects: pattern (`*`, `?`) over `schema.table`, `schema.table.column` or `schema.name` of an object.
        reason: why; always given.
        until: last day it holds; None for ever.
    """

    rule: str
    objects: str
    reason: str
    until: date | None = None


@dataclass(frozen=True)
class Suppressed:
    """A finding and the suppression that covers it."""

    finding: Finding
    suppression: Suppression


@dataclass(frozen=True)
class Known:
    """A finding of a baseline: enough of it to say what was fixed."""

    fingerprint: str
    rule: str
    message: str


@dataclass(frozen=True)
class AuditOptions:
    """What to look at.

    Attributes:
        select: codes, slugs, families or code prefixes to run alone; empty for all but opinions.
        ignore: the same, left out.
        schemas: to report on; empty for all.
        suppressions: what people decided to live with.
        baseline: findings known from before; None without a baseline.
        today: for suppressions with a last day.
    """

    today: date
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    baseline: tuple[Known, ...] | None = None


@dataclass(frozen=True)
class Audit:
    """What an audit came to.

    Attributes:
        facts: that were examined, of the chosen schemas.
        rules: that ran.
        findings: worst first; suppressed ones are not among them.
        fixed: findings of the baseline that are gone.
        not_checked: what rules could not look at.
        complaints: about the configuration itself: suppressions that are unused, expired or name no rule.
        check_seconds: the rules took.
    """

    facts: Facts
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    known: frozenset[str]
    suppressed: tuple[Suppressed, ...]
    fixed: tuple[Known, ...]
    not_checked: tuple[Unchecked, ...]
    score: Score
    complaints: tuple[str, ...]
    check_seconds: float


def gather(
    connection: Connection,
    rules: Sequence[Rule],
    reading: ReadOptions | None = None,
    collecting: CollectOptions | None = None,
    progress: Progress = lambda done, total: None,
) -> Facts:
    """Return what a server says of a database, with the answers to all that the rules ask of its data.

    Args:
        connection: outside a transaction; nothing is written over it.
        rules: that will examine the facts.
        reading: how to read the catalog.
        collecting: how far a question may go.
        progress: told after each question how many of how many are done.

    Raises:
        psycopg.Error: the connection was lost, or the server refuses what every role may read.
    """
    facts = read_facts(connection, reading)
    return facts.with_answers(collect_answers(connection, facts, questions_of(rules, facts), collecting, progress))


def examine(facts: Facts, rules: Sequence[Rule], options: AuditOptions) -> Audit:
    """Return what rules find in facts whose questions have been answered.

    Args:
        facts: from a server or a snapshot.
        rules: all there are; the options choose among them.
        options: what to look at.
    """
    chosen = chosen_rules(rules, options.select, options.ignore)
    looked_at = facts.only_schemas(options.schemas) if options.schemas else facts
    started = time.perf_counter()
    checked = _deduplicated(check(chosen, looked_at))
    seconds = time.perf_counter() - started
    kept, suppressed, used = _suppress(checked.findings, rules, options)
    known = frozenset(each.fingerprint for each in options.baseline or ())
    present = {finding.fingerprint for finding in checked.findings}
    return Audit(
        facts=looked_at,
        rules=chosen,
        findings=tuple(sorted(kept, key=_rank)),
        known=known,
        suppressed=suppressed,
        fixed=tuple(each for each in options.baseline or () if each.fingerprint not in present),
        not_checked=checked.not_checked,
        score=score(kept, chosen, checked.not_checked, looked_at),
        complaints=tuple(_complaints(options, rules, used)),
        check_seconds=seconds,
    )


def chosen_rules(rules: Iterable[Rule], select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules that were asked for: all but opinions where nothing is selected.

    Args:
        rules: all there are.
        select: codes, slugs, families or prefixes of codes, such as `INT`; an opinion must be named by code or slug.
        ignore: the same, left out.
    """

    def named(rule: Rule, names: Sequence[str]) -> bool:
        return any(name in (rule.code, rule.metadata.slug) for name in names)

    def covered(rule: Rule, names: Sequence[str]) -> bool:
        return named(rule, names) or any(name in (rule.metadata.family, rule.code[:3]) for name in names)

    return tuple(
        rule
        for rule in rules
        if (covered(rule, select) if select else True)
        and (not rule.metadata.opinion or named(rule, select))
        and not covered(rule, ignore)
    )


def object_names(subject: ObjectRef) -> tuple[str, ...]:
    """Return the names by which an object can be suppressed, most general first."""
    prefix = f"{subject.schema}." if subject.schema else ""
    names = [f"{prefix}{subject.table}"] if subject.table else []
    names.append(f"{prefix}{subject.name}")
    names += [f"{prefix}{subject.table or subject.name}.{column}" for column in subject.columns]
    return tuple(dict.fromkeys(names))


def _deduplicated(checked: Checked) -> Checked:
    """Keep one of findings with one fingerprint: they are the same fact."""
    return replace(
        checked, findings=tuple({finding.fingerprint: finding for finding in reversed(checked.findings)}.values())[::-1]
    )


def _suppress(
    findings: Iterable[Finding], rules: Sequence[Rule], options: AuditOptions
) -> tuple[tuple[Finding, ...], tuple[Suppressed, ...], set[Suppression]]:
    kept, suppressed, used = [], [], set()
    for finding in findings:
        matching = next((each for each in options.suppressions if _covers(each, finding, options.today)), None)
        if matching is None:
            kept.append(finding)
        else:
            used.add(matching)
            suppressed.append(Suppressed(finding, matching))
    return tuple(kept), tuple(suppressed), used


def _covers(suppression: Suppression, finding: Finding, today: date) -> bool:
    if suppression.rule not in (finding.rule, finding.slug):
        return False
    if suppression.until is not None and suppression.until < today:
        return False
    return all(
        any(fnmatch.fnmatchcase(name, suppression.objects) for name in object_names(subject))
        for subject in finding.objects
    )


def _complaints(options: AuditOptions, rules: Sequence[Rule], used: set[Suppression]) -> Iterable[str]:
    names = {name for rule in rules for name in (rule.code, rule.metadata.slug)}
    for each in options.suppressions:
        what = f"The suppression of {each.rule} on {each.objects}"
        if each.rule not in names:
            yield f"{what} names no rule: see pgproof rules"
        elif each.until is not None and each.until < options.today:
            yield f"{what} ended on {each.until}: renew it with a reason, or mend what it hid"
        elif each not in used:
            yield f"{what} covers nothing any more: remove it"


def _rank(finding: Finding) -> tuple[int, int, str, str]:
    first = finding.objects[0] if finding.objects else None
    return (
        SEVERITIES.index(finding.severity),
        _CONFIDENCES.index(finding.confidence),
        finding.rule,
        f"{first.schema}.{first.name}" if first else "",
    )
