"""The precision of the rules: every finding on real schemas, and what the server did when it was put to the test.

Run it with the URL of a server, of a superuser, that holds the databases of `precision_verdicts.SCHEMAS`, each made by
the command that it names; any database may be named in the URL, and nothing but the next value of sequences changes:

    python -m benchmarks.precision postgresql://user@host:5432/postgres FOLDER

The folder holds what was gathered in each project with its models, engine and migrations: see `precision_projects`.
Every experiment is a transaction that is rolled back. It is repeated with the finding's own remedy applied first,
where there is one: an experiment that still shows the fault then proves nothing, and the finding counts as undecided.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.precision_experiments import EXPERIMENTS, Trial, UndecidedError, decide, mended
from benchmarks.precision_projects import section
from benchmarks.precision_verdicts import JUDGED_FALSE, SCHEMAS, JudgedFalse
from pgproof.audit import AuditOptions, examine, gather
from pgproof.facts.catalog import Catalog
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding

RESULTS = Path(__file__).parent / "results"
FAMILIES = ("integrity", "indexes", "types", "security", "operations")
_CONTROLLED = frozenset(("IDX01", "IDX03", "INT01", "INT02", "INT15", "INT16", "INT22"))
_SHOWN_STATEMENT = 1_200


@dataclass(frozen=True)
class Verdict:
    """What was found out about a finding.

    Attributes:
        shown: by the experiment; None where there could be none.
        seen: what the server did, or why nothing could be seen.
        statements: that were run.
        control: with the remedy applied the experiment no longer shows the fault; None where that was not tried.
        judged: why it is wrong all the same.
    """

    database: str
    finding: Finding
    shown: bool | None
    seen: str
    statements: tuple[str, ...]
    control: bool | None
    judged: JudgedFalse | None

    @property
    def kind(self) -> Literal["true", "false", "undecided"]:
        """What the finding is counted as."""
        if self.judged is not None or self.shown is False:
            return "false"
        return "true" if self.shown and self.control is not False else "undecided"


def main() -> None:
    """Audit every schema, put every finding to the test, and write the table."""
    url, folder = sys.argv[1:]
    verdicts: list[Verdict] = []
    version = ""
    for schema in SCHEMAS:
        with psycopg.connect(urlunsplit(urlsplit(url)._replace(path=f"/{schema.database}")), autocommit=True) as server:
            version = version or f"{server.info.server_version // 10_000}.{server.info.server_version % 10_000}"
            found = list(_verdicts(server, schema.database))
        verdicts += found
        for each in found:
            if each.kind != "true":
                print(f"{each.kind}: {schema.database} {each.finding.rule} {each.finding.message}: {each.seen}")
        print(f"{schema.database}: {len(found)} findings", file=sys.stderr)
    projects = "\n".join(section(url, Path(folder)))
    (RESULTS / "precision.md").write_text(f"{report(verdicts, version)}{projects}\n", encoding="utf-8")


def _verdicts(server: psycopg.Connection[Any], database: str) -> Iterator[Verdict]:
    rules = all_rules()
    facts = gather(server, rules)
    audit = examine(facts, rules, AuditOptions(today=datetime.datetime.now(datetime.UTC).date()))
    server_wide = {rule.code for rule in rules if rule.metadata.server_wide}
    for finding in audit.findings:
        if finding.family not in FAMILIES or (finding.rule in server_wide and database != SCHEMAS[0].database):
            continue
        yield _verdict(server, facts.catalog, database, finding)


def _verdict(server: psycopg.Connection[Any], catalog: Catalog, database: str, finding: Finding) -> Verdict:
    trial = Trial(server, catalog, finding)
    shown: bool | None = None
    try:
        with server.transaction(force_rollback=True):
            outcome = decide(trial)
        shown, seen = outcome.shown, outcome.seen
    except UndecidedError as undecided:
        seen = str(undecided)
    control = _control(server, catalog, finding) if shown and finding.rule in _CONTROLLED else None
    if control is False:
        seen += "; the control shows the same"
    return Verdict(database, finding, shown, seen, tuple(trial.statements), control, _judged(database, finding))


def _control(server: psycopg.Connection[Any], catalog: Catalog, finding: Finding) -> bool | None:
    """Tell whether the experiment sees nothing where there is nothing; None where that could not be tried.

    That is with the remedy applied; of a redundant index it is with the two exchanged.
    """
    if finding.rule == "IDX03":
        finding = replace(finding, objects=finding.related, related=finding.objects)
    trial = Trial(server, catalog, finding)
    try:
        with server.transaction(force_rollback=True):
            if finding.rule != "IDX03" and not mended(trial):
                return None
            return not decide(trial).shown
    except (UndecidedError, psycopg.Error):
        return None


def _judged(database: str, finding: Finding) -> JudgedFalse | None:
    first = finding.objects[0]
    subject = (database, finding.rule, first.table, first.columns)
    return next(
        (each for each in JUDGED_FALSE if (each.database, each.rule, each.table, each.columns) == subject), None
    )


def report(verdicts: Iterable[Verdict], version: str) -> str:
    """Return the table and what it rests on as Markdown."""
    kept = tuple(verdicts)
    by_rule = {code: [each for each in kept if each.finding.rule == code] for code in sorted(_codes(kept))}
    return "\n".join((*_head(kept, version), *_table(by_rule), *_false_ones(kept), *_statements(by_rule))) + "\n"


def _codes(verdicts: Iterable[Verdict]) -> set[str]:
    return {each.finding.rule for each in verdicts} | {each.rule for each in JUDGED_FALSE}


def _head(verdicts: tuple[Verdict, ...], version: str) -> Iterator[str]:
    wrong = sum(each.kind == "false" for each in verdicts)
    yield "# Precision on real schemas"
    yield ""
    yield (
        f"{len(verdicts)} findings of the families {', '.join(FAMILIES)} on {len(SCHEMAS)} schemas that published "
        f"packages make on PostgreSQL {version}: {sum(each.kind == 'true' for each in verdicts)} true, {wrong} false, "
        f"{sum(each.kind == 'undecided' for each in verdicts)} undecided, with the rules as they are now. Before they "
        f"were mended, {len(JUDGED_FALSE)} more were found, which are false and listed below."
    )
    yield ""
    yield (
        "Made by `python -m benchmarks.precision URL FOLDER`. The tables hold the rows that these commands insert, no "
        "more."
    )
    yield ""
    yield "| database | packages | made by |"
    yield "|---|---|---|"
    for schema in SCHEMAS:
        yield f"| {schema.database} | {schema.packages} | `{schema.command}`{schema.how and f', {schema.how}'} |"


def _table(by_rule: dict[str, list[Verdict]]) -> Iterator[str]:
    yield ""
    yield "## Findings"
    yield ""
    yield (
        "*True* is mechanical: the server did what the finding says, in a transaction that was rolled back. *Control* "
        "is how many of them were tried again with the finding's own remedy applied (of IDX03: with the two indexes "
        "exchanged, since the beginning cannot stand for the whole) and no longer showed it; an experiment that would "
        "still have shown it would make the finding undecided. *False* is what an experiment contradicts or a person "
        "judged false. *Judged false, mended* are findings that the server bears out and that are wrong for people; "
        "they are found no more. Judged by reading: the message of every finding, and the package's source for INT02 "
        "and most columns of INT15. OPS09, SEC03 and SEC07 speak of the server that the schemas lie on and of its "
        "superuser, not of the packages, and are counted once."
    )
    yield ""
    yield "| rule | findings | true | control | false | undecided | judged false, mended |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for code, verdicts in by_rule.items():
        kinds = [each.kind for each in verdicts]
        counts = [kinds.count("true"), sum(each.control is True for each in verdicts)]
        counts += [kinds.count("false"), kinds.count("undecided"), _mended(code, verdicts)]
        slug = verdicts[0].finding.slug if verdicts else _slug(code)
        yield f"| {code} {slug} | {len(verdicts)} | {' | '.join(map(str, counts))} |"


def _slug(code: str) -> str:
    return next(rule.metadata.slug for rule in all_rules() if rule.code == code)


def _mended(code: str, verdicts: list[Verdict]) -> int:
    again = {each.judged for each in verdicts}
    return sum(each.rule == code and each not in again for each in JUDGED_FALSE)


def _false_ones(verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    yield ""
    yield "## False, judged by reading the package"
    yield ""
    yield "Each class has a look-alike in the rule's own good examples now."
    yield ""
    yield "| rule | finding | why it is false | mended: |"
    yield "|---|---|---|---|"
    for each in JUDGED_FALSE:
        again = "found again: " if any(verdict.judged == each for verdict in verdicts) else ""
        place = f"{each.database}: {each.table} ({', '.join(each.columns)})"
        yield f"| {each.rule} | {place} | {each.reason} | {again}{each.mended} |"
    rest = [each for each in verdicts if each.judged is None and each.kind != "true"]
    if rest:
        yield ""
        yield "## Not shown"
        yield ""
        for verdict in rest:
            rule, message = verdict.finding.rule, verdict.finding.message
            yield f"- {rule}, {verdict.database}, {verdict.kind}: {message}: {verdict.seen}"


def _statements(by_rule: dict[str, list[Verdict]]) -> Iterator[str]:
    yield ""
    yield "## What was run, one finding of each rule"
    for code, verdicts in by_rule.items():
        if not verdicts:
            continue
        shown = min(verdicts, key=lambda each: (each.kind != "true", sum(map(len, each.statements))))
        what = (EXPERIMENTS[code].__doc__ or "").partition(": ")[2] if code in EXPERIMENTS else ""
        yield ""
        yield f"### {code} {shown.finding.slug}"
        yield ""
        yield what[:1].upper() + what[1:]
        yield ""
        yield f"On {shown.database}: {shown.finding.message}. Seen: {shown.seen}."
        yield ""
        yield "```sql"
        yield "BEGIN;"
        for statement in shown.statements:
            yield f"{statement[:_SHOWN_STATEMENT]}{' ...' if len(statement) > _SHOWN_STATEMENT else ''};"
        yield "ROLLBACK;"
        yield "```"


if __name__ == "__main__":
    main()
