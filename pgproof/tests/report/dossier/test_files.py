"""Every file of every report: for its owner alone, sound in its format, and no name acts in it."""

from __future__ import annotations

import ast
import json
import re
import stat
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from pgproof.report.dossier.files import report_files
from pgproof.report.text import printable
from pgproof.rules.finding import Evidence

from .conftest import EVERYTHING, HOSTILE, Case

FILES = {
    *("analysis.md", "summary.txt", "checklist.md", "report.html", "findings.json", "findings.sarif"),
    *("engine_config.py", "performance_test.py"),
}
PYTHON = ("engine_config.py", "performance_test.py")
MARKDOWN = ("analysis.md", "checklist.md")


class Elements(HTMLParser):
    """What a page consists of: its elements with their attributes, the text of scripts, and all other text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] in ("script", "style") else self.words).append(data)


def test_the_eight_files_are_for_their_owner_alone(case: Case) -> None:
    assert {file.name for file in case.folder.iterdir()} == FILES
    assert stat.S_IMODE(case.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in case.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_file_holds_a_character_that_acts_on_a_terminal(name: str, case: Case) -> None:
    acting = {each for each in case.text(name) if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert acting == {"\n"}
    assert not re.search(r"[ \t]\n", case.text(name))


def test_the_findings_keep_to_their_schema(case: Case) -> None:
    schema = json.loads((files("pgproof.report") / "schemas" / "findings.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(case.text("findings.json")))
    assert json.loads(case.text("findings.sarif"))["version"] == "2.1.0"


@pytest.mark.parametrize("name", MARKDOWN)
def test_markdown_is_text_lists_and_tables_and_nothing_else(name: str, case: Case) -> None:
    text = case.text(name)
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *inline)}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "em_open", "s_open", "hardbreak", "fence"}
    assert not kinds & {"code_block", "hr", "blockquote_open"}
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
        assert "\n\n" + table in text, table


@pytest.mark.parametrize("name", MARKDOWN)
def test_every_list_and_table_of_markdown_is_one(name: str, case: Case) -> None:
    """A list right after a paragraph, or a line of a list that is none, would run into the text around it."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(case.text(name))
    paragraphs = [token.content for token in tokens if token.type == "inline"]
    assert not any("\n" in content for content in paragraphs), [each for each in paragraphs if "\n" in each]
    items = [token for token in tokens if token.type == "list_item_open"]
    assert len(items) == len(re.findall(r"^ *(?:-|\d+\.) ", case.text(name), re.MULTILINE))


@pytest.mark.parametrize("name", PYTHON)
def test_python_compiles_and_names_stay_in_its_strings(name: str, cases: dict[str, Case]) -> None:
    def shape(source: str) -> str:
        """The module with its strings and numbers left out, and the tables of statements."""
        tree = ast.parse(compile_checked(source))
        tree.body = [
            each
            for each in tree.body
            if not (isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) in ("STATEMENTS", "CHECKS"))
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant):
                node.value = type(node.value).__name__
        return ast.unparse(tree)

    def compile_checked(source: str) -> str:
        compile(source, name, "exec")
        return source

    shapes = {case: shape(each.text(name)) for case, each in cases.items()}
    assert len(set(shapes.values())) == 1


def tables_of(source: str) -> tuple[list[Any], list[Any]]:
    """STATEMENTS and CHECKS of performance_test.py, which must be literals."""
    values = {
        ast.unparse(each.targets[0]): each.value for each in ast.parse(source).body if isinstance(each, ast.Assign)
    }
    return ast.literal_eval(values["STATEMENTS"]), ast.literal_eval(values["CHECKS"])


def test_checks_are_what_the_findings_that_matter_rest_on(case: Case) -> None:
    _, checks = tables_of(case.text("performance_test.py"))
    assert checks == [
        (finding.rule, finding.message, evidence.statement, evidence.result)
        for finding in case.document.findings
        if finding.severity != "low"
        for evidence in finding.evidence
        if evidence.kind == "data"
    ]
    assert checks or case.folder.name != "ordinary"


def test_statements_and_checks_hold_hostile_names_as_they_are(hostile_case: Case) -> None:
    evidence = Evidence("data", EVERYTHING, EVERYTHING)
    findings = tuple(replace(each, severity="high", evidence=(evidence,)) for each in hostile_case.document.findings)
    shown = replace(hostile_case.material, document=replace(hostile_case.document, findings=findings))
    statements, checks = tables_of(dict(report_files(shown))["performance_test.py"])
    assert statements == [(EVERYTHING, [EVERYTHING, 1])]
    assert checks == [(each.rule, each.message, EVERYTHING, EVERYTHING) for each in findings]


def test_no_name_makes_an_element_or_an_attribute_of_the_page(hostile_case: Case, proven: Case) -> None:
    hostile, plain = (Elements(each.text("report.html")) for each in (hostile_case, proven))
    assert hostile.scripts == plain.scripts
    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in plain.elements}
    attributes = {(tag, name) for tag, values in plain.elements for name in values}
    assert {(tag, name) for tag, values in hostile.elements for name in values} <= attributes
    shown = "".join(hostile.words)
    for name in HOSTILE.values():
        assert printable(name) in shown, name


@pytest.mark.parametrize("name", ["analysis.md", "summary.txt", "checklist.md", "report.html"])
def test_the_page_and_the_texts_name_the_database(name: str, hostile_case: Case) -> None:
    text = hostile_case.text(name)
    plain = "".join(Elements(text).words) if name == "report.html" else text.replace("\\", "")
    assert "::error::three" in plain.lower()


def test_the_page_needs_nothing_from_elsewhere(case: Case) -> None:
    page = Elements(case.text("report.html"))
    assert page.open == []
    assert not {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "base"}
    for tag, values in page.elements:
        assert not set(values) & {"src", "srcset", "action", "onclick", "onload", "onerror"}, (tag, values)
        assert (values.get("href") or "#").startswith("#")
    assert "http" not in "".join(page.scripts)
    ids = [values["id"] for _, values in page.elements if "id" in values]
    assert len(ids) == len(set(ids))
