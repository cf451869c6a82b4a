"""A page for each rule from its file, and the table of all by family."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby

from docs.pages.markdown import cell, fenced, prose, table

from pgproof.rules.discovery import all_rules
from pgproof.rules.rule import Example, Rule

_NEEDS = {
    "catalog": "the catalog",
    "data": "counts over rows",
    "settings": "the server's settings",
    "statistics": "the server's counters and column statistics",
    "statements": "pg_stat_statements",
    "plan": "plans",
    "models": "the models (`--models`)",
    "engine": "the engine (`--engine`)",
    "migrations": "the Alembic scripts (`--alembic`)",
    "recording": "a recording (`--workload`)",
    "experiments": "a proof (`--proof`)",
}
_APART = "---\norphan: true\n---\n"
"""The table of all rules leads to each; beside every page they would be a list that nobody reads."""
_GIVEN = "The test adds what the server says beyond one database, which its SQL cannot make true."


def pages() -> Iterator[tuple[str, str]]:
    """Yield the table of all rules, and each rule's page."""
    known = {rule.code for rule in all_rules()}
    yield "rules/index.md", _index()
    for rule in all_rules():
        yield f"rules/{rule.code}.md", _page(rule, known - {rule.code})


def _index() -> str:
    parts = [
        "# Rules\n",
        "Each page comes from the file of its rule; `pgproof explain CODE` prints the same. The severity is the one by "
        "default: size and traffic of what is concerned lower or raise it. An opinion runs only where `--select` names "
        "it.\n",
    ]
    for family, rules in groupby(all_rules(), key=lambda rule: rule.metadata.family):
        parts += [f"## {family.capitalize()}\n", table(("code", "rule", "severity", "what it finds"), map(_row, rules))]
    return "\n".join(parts)


def _row(rule: Rule) -> tuple[str, str, str, str]:
    severity = f"{rule.metadata.severity}{', opinion' if rule.metadata.opinion else ''}"
    return f"[{rule.code}]({rule.code}.md)", rule.metadata.slug, severity, cell(rule.doc.splitlines()[0])


def _page(rule: Rule, others: set[str]) -> str:
    title, _, rest = rule.doc.partition("\n")
    parts = [_APART, f"# {rule.code} {rule.metadata.slug}\n", f"{_linked(title, others)}\n", f"{_facts(rule)}\n"]
    for section in re.split(r"\n(?=\w[^\n]*:\n)", rest.strip("\n")):
        head, _, text = section.partition("\n")
        parts += [f"## {head.rstrip(':')}\n", f"{_linked(textwrap.dedent(text), others)}\n"]
    parts += ["## Reported\n", *map(_example, rule.bad), "## Not reported\n", *map(_example, rule.good)]
    return "\n".join(parts)


def _facts(rule: Rule) -> str:
    metadata = rule.metadata
    needs = ", ".join(_NEEDS[need] for need in metadata.needs)
    facts = [f"Family {metadata.family}; {metadata.severity} by default; needs {needs}; since {metadata.since}."]
    if metadata.opinion:
        facts.append("An opinion: it runs only where `--select` names it.")
    if metadata.server_wide:
        facts.append("It is about the server as a whole, and does not count on one that pgproof started.")
    return " ".join(facts)


def _linked(text: str, codes: set[str]) -> str:
    """Return prose in which the code of another rule leads to its page."""
    return re.sub(r"\b[A-Z]{3}\d\d\b", lambda found: _link(found[0], codes), prose(text.strip()))


def _link(code: str, codes: set[str]) -> str:
    return f"[{code}]({code}.md)" if code in codes else code


def _example(example: Example) -> str:
    parts = [f"**{prose(example.name[0].upper() + example.name[1:])}**\n"]
    sources = [(example.sql, "postgresql"), (example.models, "python"), (example.engine, "python")]
    sources += [(script, "python") for script in example.scripts] + [(example.recording, "none")]
    parts += [fenced(inspect.cleandoc(source), language) for source, language in sources if source.strip()]
    if example.given:
        parts.append(f"{_GIVEN}\n")
    return "\n".join(parts)
