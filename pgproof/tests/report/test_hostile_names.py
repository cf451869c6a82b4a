"""Names and texts of a hostile database through every format: they are shown, and act on nothing."""

from __future__ import annotations

import io
import json
import re
import unicodedata

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from pgproof.audit import Audit
from pgproof.commands.output import render
from pgproof.report.document import Document, adapter
from pgproof.report.text import printable
from pgproof.report.tty import print_audit

from .conftest import HOSTILE

FORMATS = ("tty", "json", "markdown", "sarif", "github")


def rendered(document: Document, audit: Audit, form: str) -> str:
    return render(document, audit.rules, form, show_sql=True, verbose=True)


def test_each_name_has_findings_of_every_kind(hostile: Document) -> None:
    for name in HOSTILE.values():
        kinds = {
            subject.kind for finding in hostile.findings for subject in finding.objects if subject.table == name[:63]
        }
        suppressed = {"table"} if name == HOSTILE["html"] else set()
        assert {"table", "column", "index"} - suppressed <= kinds, (name, kinds)
    assert hostile.fixed
    assert hostile.suppressed
    assert hostile.complaints
    assert hostile.not_checked


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_holds_a_character_that_acts_on_a_terminal(
    form: str, hostile: Document, hostile_audit: Audit
) -> None:
    text = rendered(hostile, hostile_audit, form)
    acting = {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert acting == {"\n"}


@pytest.mark.parametrize("form", FORMATS)
def test_every_finding_is_in_every_format(form: str, hostile: Document, hostile_audit: Audit) -> None:
    text = rendered(hostile, hostile_audit, form)
    shown = {
        "tty": lambda: len(re.findall(r"^   [A-Z]{3}\d\d [a-z0-9-]+, ", text, re.MULTILINE)),
        "json": lambda: len(json.loads(text)["findings"]),
        "markdown": lambda: len(re.findall(r"fingerprint `[0-9a-f]{64}`$", text, re.MULTILINE)),
        "sarif": lambda: len([each for each in json.loads(text)["runs"][0]["results"] if each.get("kind") == "fail"]),
        "github": lambda: len(re.findall(r"^::(?:error|warning|notice) title=[A-Z]{3}\d\d ", text, re.MULTILINE)),
    }
    expected = len(hostile.findings)
    known = sum(each.baseline == "known" for each in hostile.findings)
    assert known
    assert shown[form]() == (expected - known if form == "github" else expected)


def test_json_gives_back_the_names_as_they_are(hostile: Document, hostile_audit: Audit) -> None:
    assert adapter().validate_json(rendered(hostile, hostile_audit, "json")) == hostile


def test_markup_of_the_terminal_library_is_text(hostile: Document) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=100, legacy_windows=False)
    print_audit(hostile, console, show_sql=True, verbose=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert "\x1b" not in plain
    assert "[red]x[/red]" in plain
    assert "http://e.example" in plain


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_lines_are_short_on_any_terminal(columns: int, hostile: Document) -> None:
    out = io.StringIO()
    print_audit(hostile, Console(file=out, width=columns, highlight=False), show_sql=True, verbose=True)
    assert max(map(len, out.getvalue().splitlines())) <= min(columns, 100)


def test_markdown_shows_text_and_nothing_else(hostile: Document, hostile_audit: Audit) -> None:
    text = rendered(hostile, hostile_audit, "markdown")
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *inline)}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "em_open", "s_open", "hardbreak", "hr"}
    assert "<" not in re.sub(r"^(`{3,})sql\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    shown = "".join(child.content for child in inline if child.type == "text")
    for name in HOSTILE.values():
        assert printable(name) in shown, name


def test_markdown_keeps_sql_in_its_block(hostile: Document, hostile_audit: Audit) -> None:
    text = rendered(hostile, hostile_audit, "markdown")
    blocks = [token for token in MarkdownIt().parse(text) if token.type == "fence"]
    statements = [
        statement
        for finding in hostile.findings
        for operation in (finding.remedy.operations if finding.remedy else ())
        for statement in operation.forward_sql
    ]
    hostile_ones = [each for each in statements if "```" in each]
    assert hostile_ones
    assert all(block.info == "sql" for block in blocks)
    written = "\n".join(block.content for block in blocks)
    for statement in hostile_ones:
        assert "\n".join(printable(line) for line in statement.split("\n")) in written


def test_a_workflow_command_is_one_line_that_no_name_can_end(hostile: Document, hostile_audit: Audit) -> None:
    text = rendered(hostile, hostile_audit, "github")
    for line in text.splitlines():
        command, properties, message = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line).groups()  # type: ignore[union-attr]
        assert command in ("error", "warning", "notice")
        assert properties.startswith("title=")
        assert "," not in properties
        assert re.search("%(?!25|0D|0A)", message) is None
    assert "%250A::error::x%2525" in text
