"""What `pgproof fix` proposes for phase 2 beside what the platform's own revisions made, object by object.

Both are read from databases that ran them, so that it does not matter who wrote what how: same keys, same predicate,
one a part of the other. What of it is a judgement stands in `intowork.demo.words`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg import sql

from intowork.demo.words import ABOUT, MORE, Verdict
from intowork.operations.migrate import CRITICAL
from pgproof.facts.catalog import QUARANTINE_SCHEMA, Catalog, Index
from pgproof.facts.read import read_facts
from pgproof.proving.changes import Change, changes
from pgproof.proving.document import Document
from pgproof.proving.verdicts import Word

CLEANED = "i9d3e7f6a5b4"
REMAINING = "j0e4f8a7b6c5"
_STEP = re.compile(r"^  [a-z ]+ \((?P<rules>[A-Z0-9, ]+)\): (?P<sql>.+)$", re.MULTILINE)
_UNPROVEN = "nothing"
_WORTH: tuple[Word, ...] = ("helps", "integrity")
_EQUAL_TO = re.compile(r"\A\(?(?P<column>\w+) = ")


@dataclass(frozen=True)
class Compared:
    """One object, or the columns of one table that changed alike.

    Attributes:
        what: it is: an index, a rule, a table of the quarantine, or columns.
        ours: its name in the platform's revisions; empty where they have none.
        revision: of the platform that made it; empty where none did.
        fixed: its name in what `pgproof fix` wrote; empty where it has none.
        rules: whose findings fix mends by it.
        verdict: of what fix proposes.
        why: what differs, and what it is worth.
    """

    what: str
    ours: str
    revision: str
    fixed: str
    rules: str
    verdict: Verdict
    why: str


class Databases(NamedTuple):
    """The catalogs of the four databases that are compared."""

    phase_2: Catalog
    fixed: Catalog
    critical: Catalog
    head: Catalog


def compare(
    *, phase_2: str, fixed: str, critical: str, head: str, told: str, proof: Document | None
) -> tuple[Compared, ...]:
    """Return one row for each object that either side made, the platform's first.

    Args:
        phase_2: URL of the database as analysed.
        fixed: URL of a copy after the revisions of `pgproof fix`.
        critical: URL of a copy after the critical migration.
        head: URL of a copy at head.
        told: what `pgproof fix` said.
        proof: of its revisions; None where there is none.
    """
    catalogs = Databases(*(_catalog(url) for url in (phase_2, fixed, critical, head)))
    steps = [(match["rules"], match["sql"]) for match in _STEP.finditer(told)]
    operations = () if proof is None else proof.operations
    rows = compare_catalogs(catalogs, steps, {each.name: f"{each.verdict}: {each.why}" for each in operations})
    return (*rows, *_moved(fixed, critical, steps))


def compare_catalogs(
    catalogs: Databases, steps: Sequence[tuple[str, str]], proven: Mapping[str, str]
) -> Iterator[Compared]:
    """Yield the rows that catalogs are enough for.

    Args:
        catalogs: of the four databases.
        steps: of `pgproof fix`: the rules of each, and its SQL.
        proven: what the proof says of an operation, by its title.
    """
    early = {each.name for each in _changed(catalogs.phase_2, catalogs.critical)}
    ours = [*_changed(catalogs.phase_2, catalogs.head)]
    theirs = [*_changed(catalogs.phase_2, catalogs.fixed)]
    pairs = _pairs(ours, theirs)
    for each in ours:
        revision = CRITICAL if each.name in early else CLEANED if each.how == "drop" else REMAINING
        yield _compared(each, revision, pairs.get(each.name), steps)
    taken = {each.name for each in pairs.values()}
    columns: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for each in theirs:
        if each.name in taken and each.kind != "column":
            continue
        rules = _rules_of(each, steps)
        if each.kind == "column":
            columns[str(each.table), each.detail, rules].append(each.name)
            continue
        yield _alone(_described(each), each.name, rules, [proven.get(each.title, _UNPROVEN)])
    for (table, detail, rules), names in columns.items():
        says = [proven.get(f"change column {table}.{name} ({detail})", _UNPROVEN) for name in names]
        yield _alone(f"{table}: {', '.join(names)}: {detail}", ", ".join(names), rules, says)


def _catalog(url: str) -> Catalog:
    with psycopg.connect(url, autocommit=True) as connection:
        return read_facts(connection).catalog


def _changed(before: Catalog, after: Catalog) -> Iterator[Change]:
    """What differs, the quarantine left out: its tables are compared by the rows in them."""
    for each in changes(before, after, ()):
        if each.table is not None and each.table.schema != QUARANTINE_SCHEMA:
            yield each


def _pairs(ours: Iterable[Change], theirs: Sequence[Change]) -> dict[str, Change]:
    """Which change of fix stands beside which of ours: the nearest of the same table, none twice."""
    near = sorted(
        ((score, one, other) for one in ours for other in theirs if (score := _nearness(one, other))),
        key=lambda each: (-each[0], each[1].name, each[2].name),
    )
    pairs: dict[str, Change] = {}
    taken: set[str] = set()
    for _, one, other in near:
        if one.name not in pairs and other.name not in taken:
            pairs[one.name] = other
            taken.add(other.name)
    return pairs


def _nearness(one: Change, other: Change) -> int:
    """How much of the same two changes are; 0 for nothing."""
    if (one.how, one.table) != (other.how, other.table) or one.index is None or other.index is None:
        return 0
    if one.how == "drop":
        return int(one.name == other.name)
    if one.index.unique != other.index.unique:
        return 0
    if _shape(one.index) == _shape(other.index):
        return 1000
    mine, its = _keys(one.index), _without(_keys(other.index), one.index)
    if set(mine) == set(its):
        return 500
    common = next((n for n, (a, b) in enumerate(zip(mine, its, strict=False)) if a != b), min(len(mine), len(its)))
    # An index that is a part of the other does its work; one that only begins alike does not.
    return 100 * common - len(its) if common == min(len(mine), len(its)) else 0


def _compared(ours: Change, revision: str, fixed: Change | None, steps: Sequence[tuple[str, str]]) -> Compared:
    what = _described(ours)
    if fixed is not None and (ours.how == "drop" or _alike(ours, fixed)):
        return Compared(what, ours.name, revision, fixed.name, _rules_of(fixed, steps), "same", "same definition")
    known = ABOUT.get(ours.name)
    beside = "" if fixed is None or fixed.index is None else ", ".join(_keys(fixed.index))
    differs = "" if fixed is None else _differs(ours, fixed)
    rules = "" if fixed is None else _rules_of(fixed, steps)
    name = "" if fixed is None else fixed.name
    verdict: Verdict = "missing" if fixed is None else "other"
    if known is None or known.beside != beside:
        return Compared(what, ours.name, revision, name, rules, verdict, differs or "no finding asks for it")
    why = f"{differs}: {known.why}" if differs else known.why
    return Compared(what, ours.name, revision, name, rules, verdict, why)


def _alike(one: Change, other: Change) -> bool:
    assert one.index is not None
    assert other.index is not None
    return _shape(one.index) == _shape(other.index)


def _shape(index: Index) -> tuple[object, ...]:
    directions = {(key.descending, key.nulls_first) for key in index.keys}
    # A B-tree is read in both directions, so that all of its keys turned round are the same index.
    turned = directions <= {(True, True)} or directions <= {(False, False)}
    written = None if turned else tuple((key.descending, key.nulls_first) for key in index.keys)
    return index.method, index.unique, _keys(index), index.include, index.predicate, written


def _keys(index: Index) -> tuple[str, ...]:
    return tuple(key.column or key.expression or "?" for key in index.keys)


def _without(keys: tuple[str, ...], partial: Index) -> tuple[str, ...]:
    """Keys without the column that another index has a predicate on instead."""
    match = _EQUAL_TO.match(partial.predicate or "")
    return tuple(key for key in keys if match is None or key != match["column"])


def _differs(ours: Change, fixed: Change) -> str:
    """How two indexes differ, as far as it can be computed."""
    assert ours.index is not None
    assert fixed.index is not None
    one, other = ours.index, fixed.index
    mine, its = _keys(one), _without(_keys(other), one)
    parts = []
    if its != _keys(other):
        parts.append(f"a key where ours has WHERE {one.predicate}")
    elif one.predicate != other.predicate:
        parts.append(f"no predicate where ours has WHERE {one.predicate}")
    if mine == its:
        parts.append("the same keys")
    elif mine[: len(its)] == its:
        parts.append(f"ours goes on with {', '.join(mine[len(its) :])}")
    elif its[: len(mine)] == mine:
        parts.append(f"fix's goes on with {', '.join(its[len(mine) :])}")
    elif set(mine) == set(its):
        parts.append("the same columns in another order")
    if one.include != other.include:
        parts.append(f"ours includes {', '.join(one.include)}")
    return "; ".join(parts)


def _described(change: Change) -> str:
    if change.index is not None and change.index.definition is not None:
        verb = "drop of " if change.how == "drop" else ""
        kind = "unique" if change.index.unique else "index"
        keys = change.index.definition.partition(" USING btree ")[2]
        return f"{verb}{kind} on {change.table}: {keys}"
    expression = change.constraint.expression if change.constraint is not None else ""
    return f"{change.kind} on {change.table}: {expression}"


def _rules_of(change: Change, steps: Iterable[tuple[str, str]]) -> str:
    """The rules whose findings a change of fix mends, as fix said them beside its SQL."""
    named = [f'"{change.name}"']
    if change.kind == "column":
        on = f'ALTER TABLE "public"."{change.table.name if change.table else ""}" '
        named = [f'{on}ALTER COLUMN "{change.name}" ', f'CHECK ("{change.name}" IS NOT NULL)']
        steps = [(rules, statement) for rules, statement in steps if statement.startswith(on)]
    found = [rules for rules, statement in steps if any(name in statement for name in named)]
    return ", ".join(dict.fromkeys(rule for rules in found for rule in rules.split(", ")))


def _alone(what: str, name: str, rules: str, says: Sequence[str]) -> Compared:
    """What fix alone proposes: the proof says whether that is any better."""
    verdict: Verdict = "better" if all(each.startswith(_WORTH) for each in says) else "more"
    why = "; ".join(MORE[rule] for rule in rules.split(", ") if rule in MORE)
    return Compared(what, "", "", name, rules, verdict, f"{why}; the proof says {' / '.join(dict.fromkeys(says))}")


def _moved(fixed: str, critical: str, steps: Iterable[tuple[str, str]]) -> Iterator[Compared]:
    """Compare the tables of the quarantine by the keys of the rows that were moved to them."""
    ours, theirs = _quarantined(critical), _quarantined(fixed)
    rules = ", ".join(rules for rules, statement in steps if statement.startswith("CREATE SCHEMA"))
    for name, keys in ours.items():
        same = next((other for other, others in theirs.items() if others == keys), "")
        what = f"table of the quarantine: {len(keys):,} rows"
        why = "the same rows, with decisions.toml as h8c2 decides" if same else "no table of fix has the same rows"
        verdict: Verdict = "same" if same else "other"
        yield Compared(what, f"quarantine.{name}", CRITICAL, same and f"quarantine.{same}", rules, verdict, why)


def _quarantined(url: str) -> dict[str, list[int]]:
    with psycopg.connect(url, autocommit=True) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s) ORDER BY 1",
                (QUARANTINE_SCHEMA,),
            ).fetchall()
        ]
        return {
            name: [
                key
                for (key,) in connection.execute(
                    sql.SQL("SELECT id FROM {} ORDER BY id").format(sql.Identifier(QUARANTINE_SCHEMA, name))
                ).fetchall()
            ]
            for name in names
        }
