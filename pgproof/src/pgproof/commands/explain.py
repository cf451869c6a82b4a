"""What there is to say about rules: the table of all, and the page of one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pgproof.rules.rule import Rule
from pgproof.settings import ConfigurationError


def rules_as_json(rules: Sequence[Rule]) -> str:
    """Return `{version, rules[{code, slug, family, severity, needs[], since, opinion}]}`."""
    listed = [
        {
            "code": rule.code,
            "slug": rule.metadata.slug,
            "family": rule.metadata.family,
            "severity": rule.metadata.severity,
            "needs": list(rule.metadata.needs),
            "since": rule.metadata.since,
            "opinion": rule.metadata.opinion,
        }
        for rule in rules
    ]
    return json.dumps({"version": 1, "rules": listed}, indent=2) + "\n"


def rules_as_markdown(rules: Sequence[Rule]) -> str:
    """Return the table of all rules, as the documentation holds it."""
    lines = ["| code | rule | severity | what it finds | needs |", "|---|---|---|---|---|"]
    for rule in rules:
        severity = f"{rule.metadata.severity}{', opinion' if rule.metadata.opinion else ''}"
        title = rule.doc.splitlines()[0].replace("|", "\\|")
        lines.append(
            f"| {rule.code} | {rule.metadata.slug} | {severity} | {title} | {', '.join(rule.metadata.needs)} |"
        )
    return "\n".join(lines) + "\n"


def rules_as_text(rules: Sequence[Rule]) -> str:
    """Return the table of all rules for a terminal."""
    widest = max(len(rule.metadata.slug) for rule in rules)
    return "".join(
        f"{rule.code:6} {rule.metadata.severity:9}{rule.metadata.slug:{widest}}"
        f"{'  opinion' if rule.metadata.opinion else ''}\n"
        for rule in rules
    )


def find_rule(rules: Sequence[Rule], name: str) -> Rule:
    """Return the rule of a code or slug.

    Raises:
        ConfigurationError: there is none.
    """
    for rule in rules:
        if name.upper() == rule.code or name.lower() == rule.metadata.slug:
            return rule
    raise ConfigurationError(f"there is no rule {name}: pgproof rules lists them")


def page(rule: Rule) -> str:
    """Return the page of a rule: its documentation, and the examples that its tests run."""
    metadata = rule.metadata
    lines = [f"{metadata.code} {metadata.slug}", f"{metadata.family}, {metadata.severity} by default", "", rule.doc, ""]
    for title, examples in (("Reported", rule.bad), ("Not reported", rule.good)):
        lines.append(f"{title}:")
        for example in examples:
            lines.append(f"    {example.name}")
            lines += [f"        {line.strip()}" for line in example.sql.strip().splitlines() if line.strip()]
            if example.given:
                lines.append("        with what the server says set by the test, which SQL in one database cannot do")
        lines.append("")
    return "\n".join(lines)
