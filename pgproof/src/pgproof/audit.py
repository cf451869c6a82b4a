"""An audit: facts examined by rules, less what people decided to live with, scored."""

from __future__ import annotations

import fnmatch
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pgproof.facts.collect import CollectOptions, Connection, Progress, collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, PlanOf, Question
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.rules.checking import Checked, Unchecked, check, questions_of
from pgproof.rules.finding import SEVERITIES, Confidence, Finding, ObjectRef
from pgproof.rules.rule import Rule
from pgproof.score import Score, score

_CONFIDENCES: tuple[Confidence, ...] = ("measured", "exact", "plan", "catalog", "sample")
"""Surest first, among findings of one severity."""

INTERRUPTED = "the audit was interrupted before it was asked"
"""Why a question has no answer where somebody stopped the questions: it goes wherever the facts go."""


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
    objects: tuple[ObjectRef, ...]


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
        fixed: findings of the baseline that are gone, of what was looked at again.
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

    @property
    def partial(self) -> bool:
        """Whether somebody stopped the questions; what they would have told is not checked."""
        return any(answer.refused == INTERRUPTED for answer in self.facts.answers)


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
        PgproofError: the connection was lost, or the server refuses what every role may read.
    """
    facts = read_facts(connection, reading)
    return facts.with_answers(tuple(ask(connection, facts, questions_of(rules, facts), collecting, progress)))


def ask(
    connection: Connection,
    facts: Facts,
    questions: Sequence[Question],
    collecting: CollectOptions | None = None,
    progress: Progress = lambda done, total: None,
) -> Iterator[Answer]:
    """Yield the answers to questions, table by table, so that whoever is interrupted keeps those there are.

    Args:
        connection: outside a transaction; nothing is written over it.
        facts: of the same database.
        questions: each of them once.
        collecting: how far a question may go.
        progress: told after each question how many of how many are done.

    Raises:
        PgproofError: the connection was lost.
    """
    by_table: dict[object, list[Question]] = defaultdict(list)
    for question in questions:
        by_table[question if isinstance(question, PlanOf) else question.table].append(question)
    done = 0

    def told(answered: int, _: int) -> None:
        progress(done + answered, len(questions))

    for together in by_table.values():
        yield from collect_answers(connection, facts, together, collecting, told)
        done += len(together)


def examine(facts: Facts, rules: Sequence[Rule], options: AuditOptions) -> Audit:
    """Return what rules find in facts whose questions have been answered.

    Args:
        facts: from a server or a snapshot.
        rules: all there are; the options choose among them.
        options: what to look at.
    """
    chosen = chosen_rules(rules, options.select, options.ignore)
    looked_at = facts.only_schemas(options.schemas) if options.schemas else facts
    looked_at = replace(looked_at, running=frozenset(rule.code for rule in chosen))
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
        fixed=tuple(
            each
            for each in options.baseline or ()
            if each.fingerprint not in present and _looked_at_again(each, chosen, options.schemas, checked)
        ),
        not_checked=checked.not_checked,
        score=score(kept, chosen, checked.not_checked, looked_at),
        complaints=tuple(_complaints(options, rules, chosen, checked, used)),
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
        matching = [each for each in options.suppressions if _covers(each, finding, options.today)]
        if matching:
            used.update(matching)
            suppressed.append(Suppressed(finding, matching[0]))
        else:
            kept.append(finding)
    return tuple(kept), tuple(suppressed), used


def _covers(suppression: Suppression, finding: Finding, today: date) -> bool:
    if suppression.rule not in (finding.rule, finding.slug):
        return False
    if suppression.until is not None and suppression.until < today:
        return False
    return all(_matches(suppression, subject) for subject in finding.objects)


def _matches(suppression: Suppression, subject: ObjectRef) -> bool:
    return any(fnmatch.fnmatchcase(name, suppression.objects) for name in object_names(subject))


def _looked_at_again(known: Known, chosen: Iterable[Rule], schemas: Sequence[str], checked: Checked) -> bool:
    """Whether the absence of a finding means that it was mended: its rule ran, and could check its objects."""
    if known.rule not in {rule.code for rule in chosen}:
        return False
    if schemas and not all(each.schema in schemas for each in known.objects):
        return False
    relations = {(each.schema, each.table or each.name) for each in known.objects}
    unchecked = [each.detail.objects for each in checked.not_checked if each.rule == known.rule]
    return not any(
        not objects or any((each.schema, each.table or each.name) in relations for each in objects)
        for objects in unchecked
    )


def _complaints(
    options: AuditOptions,
    rules: Sequence[Rule],
    chosen: Sequence[Rule],
    checked: Checked,
    used: set[Suppression],
) -> Iterable[str]:
    codes = {name: rule.code for rule in rules for name in (rule.code, rule.metadata.slug)}
    for each in options.suppressions:
        what = f"The suppression of {each.rule} on {each.objects}"
        if each.rule not in codes:
            yield f"{what} names no rule: pgproof rules lists them"
        elif each.until is not None and each.until < options.today:
            yield f"{what} ended on {each.until}: renew it with a reason, or mend what it hid"
        elif (
            each not in used
            and not options.schemas
            and codes[each.rule] in {rule.code for rule in chosen}
            and not _hidden(each, codes[each.rule], checked)
        ):
            yield f"{what} covers nothing any more: remove it"


def _hidden(suppression: Suppression, code: str, checked: Checked) -> bool:
    """Whether what a suppression covers may be there all the same, since its rule could not look."""
    return any(
        each.rule == code
        and (not each.detail.objects or any(_matches(suppression, subject) for subject in each.detail.objects))
        for each in checked.not_checked
    )


def _rank(finding: Finding) -> tuple[int, int, str, str]:
    first = finding.objects[0] if finding.objects else None
    return (
        SEVERITIES.index(finding.severity),
        _CONFIDENCES.index(finding.confidence),
        finding.rule,
        f"{first.schema}.{first.name}" if first else "",
    )
