"""Renders the templates; whatever comes from a database is escaped for the format it is put into."""

from __future__ import annotations

import html
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pgproof.facts.server_state import Setting
from pgproof.report.dossier.material import Material, TableBrief
from pgproof.report.dossier.measured import bytes_text, duration, held, lock_mode
from pgproof.report.dossier.plan import effort, effort_note, phases, status_note
from pgproof.report.dossier.sections import findings_of
from pgproof.report.markdown import escaped
from pgproof.report.text import printable, printable_lines
from pgproof.report.tty import object_label
from pgproof.rules.finding import Confidence, ObjectRef
from pgproof.rules.finding_document import FindingDocument

_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
WIDTH = 80
"""Columns of the text that goes to managers: it is read in e-mail."""
_KNOWN: dict[Confidence, str] = {
    "measured": "measured",
    "exact": "counted",
    "plan": "from a plan",
    "catalog": "from the catalog",
    "sample": "from a sample",
}
_SETTING_UNITS = {"B": 1, "kB": 2**10, "8kB": 2**13, "MB": 2**20}


def _in_python(text: str) -> str:
    """Text that stays inside any string or comment of Python."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")


_ESCAPES: dict[str, Callable[[str], str]] = {".md.j2": escaped, ".py.j2": _in_python}


class Ready(str):
    """Text that is in the format already."""

    __slots__ = ()


def render(template: str, material: Material, **more: Any) -> str:
    """Return a template filled with what the reports show.

    Args:
        template: its file name; the part before `.j2` says the format.
        material: to show.
        more: names that this template alone uses.
    """
    environment = _environment(template)
    text = environment.get_template(template).render(
        material=material,
        document=material.document,
        phases=phases(material.document),
        findings=lambda section: findings_of(material.document, section),
        effort=partial(effort, material),
        status=lambda finding: material.mending(finding).status,
        effort_note=effort_note(material),
        status_note=status_note(material),
        **more,
    )
    if template.endswith((".md.j2", ".txt.j2")):
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip() + "\n"


def _environment(template: str) -> Environment:
    escape = next((each for ending, each in _ESCAPES.items() if template.endswith(ending)), printable)
    environment = Environment(
        loader=PackageLoader("pgproof.report.dossier", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=template.endswith(".html.j2"),
        finalize=_finalize(escape),
    )
    environment.filters |= {
        "bytes": bytes_text,
        "count": count_text,
        "duration": duration,
        "lock_mode": lock_mode,
        "number": _number,
        "label": object_label,
        "alike": _alike,
        "by_rule": _by_rule,
        "folded": _folded,
        "groups": _groups,
        "held": held,
        "known": _known,
        "setting_value": setting_text,
        "severities": _severities,
        "sql": _sql,
        "shortened": _shortened,
        "subjects": _subjects,
    }
    environment.globals["ready"] = Ready
    return environment


def _finalize(escape: Callable[[str], str]) -> Callable[[Any], Any]:
    def finalize(value: Any) -> Any:
        if isinstance(value, Ready) or hasattr(value, "__html__"):
            return value
        return escape(value) if isinstance(value, str) else value

    return finalize


def count_text(number: float | None) -> str:
    """Return a number with its thousands apart."""
    return "unknown" if number is None else f"{number:,.0f}"


def _number(value: float) -> str:
    """A number with three digits that count, and never with an exponent."""
    return (
        f"{value:,.0f}" if abs(value) >= 1000 or not value else f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.6f}"
    )


def setting_text(setting: Setting) -> str:
    """Return a setting's value with its unit; sizes, which the server counts in blocks, as people read them."""
    if setting.value is None:
        return "unknown"
    if setting.unit in _SETTING_UNITS and setting.value.isdecimal():
        return bytes_text(int(setting.value) * _SETTING_UNITS[setting.unit])
    return f"{setting.value} {setting.unit or ''}".rstrip()


def _subjects(finding: FindingDocument) -> str:
    return ", ".join(_subject(each) for each in finding.objects)


def _subject(subject: ObjectRef) -> str:
    """An index or a constraint with its table, since its own name need not tell; a statement as such."""
    if subject.kind in ("index", "constraint") and subject.table:
        return f"{subject.name} of {subject.schema}.{subject.table}"
    return f"statement {object_label(subject)}" if subject.kind == "statement" else object_label(subject)


def _severities(table: TableBrief) -> str:
    return ", ".join(f"{many} {severity}" for severity, many in table.findings)


def _sql(statement: str) -> Markup:
    """A statement for HTML, its line breaks kept."""
    return Markup(html.escape(printable_lines(statement)))  # noqa: S704


def _shortened(statement: str) -> str:
    return textwrap.shorten(printable(statement.replace("\n", " ")), 120, placeholder=" ...")


def _known(findings: Sequence[FindingDocument]) -> str:
    return ", ".join(dict.fromkeys(_KNOWN[finding.confidence] for finding in findings))


def _groups(findings: Sequence[FindingDocument], *attributes: str) -> list[list[FindingDocument]]:
    """The findings that agree in some attributes together, in the order of the worst of each."""
    groups: dict[tuple[str, ...], list[FindingDocument]] = {}
    for finding in findings:
        groups.setdefault(tuple(getattr(finding, name) for name in attributes), []).append(finding)
    return list(groups.values())


def _alike(findings: Sequence[FindingDocument]) -> str | None:
    """The remedy of findings that all have the same, so that it is told once."""
    summaries = {finding.remedy.summary if finding.remedy else None for finding in findings}
    return summaries.pop() if len(summaries) == 1 else None


def _by_rule(findings: Sequence[FindingDocument]) -> str:
    counts = Counter(f"{finding.rule} {finding.slug}" for finding in findings)
    return ", ".join(f"{name} ({many})" if many > 1 else name for name, many in counts.items())


def _folded(text: str, indent: int = 0, most: int | None = None) -> Ready:
    """Text in lines of a width, the ones after the first indented, and what is beyond the most lines left out."""
    lines = textwrap.wrap(
        printable(text), WIDTH - indent, break_on_hyphens=False, max_lines=most, placeholder=" ..."
    ) or [""]
    return Ready(("\n" + " " * indent).join(lines))
