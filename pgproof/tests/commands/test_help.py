"""Every command explains itself, and is there at once."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from pgproof.commands.app import app
from pgproof.commands.init import TEMPLATE
from pgproof.rules.discovery import all_rules
from pgproof.settings import Options, load_options

from .conftest import Run

COMMANDS = typer.main.get_group(app).commands
FIXED_COMMANDS = {"audit", "snapshot", "rules", "explain", "baseline", "init", "grants", "reproduce"}
AUDIT_OPTIONS = {
    *("--data", "--question-timeout", "--schema", "--select", "--ignore", "--baseline", "--config", "--fail-on"),
    *("--require", "--format", "--output", "--show-sql", "--show-keys", "-v", "-q"),
}


def test_the_commands_that_the_design_fixes_are_there() -> None:
    assert set(COMMANDS) >= FIXED_COMMANDS
    assert {name for option in COMMANDS["audit"].params for name in option.opts} >= AUDIT_OPTIONS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_and_each_of_its_options_say_what_they_do(name: str, run: Run) -> None:
    command = COMMANDS[name]
    assert (command.help or "").strip().endswith(".")
    for option in command.params:
        assert getattr(option, "help", None), (name, option.name)
    shown = run(name, "--help")
    assert shown.code == 0
    for option in command.params:
        shown_as = option.opts if option.param_type_name == "option" else [str(option.metavar)]
        assert any(part in shown.out for part in shown_as), (name, option.name)


def test_the_readme_names_every_command() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"pgproof {name}" in readme


@pytest.mark.parametrize(
    "arguments", [["audit"], ["nothing"], ["audit", "--format", "xml", "x"], ["audit", "--fail-on", "much", "x"]]
)
def test_wrong_usage_is_2(arguments: list[str], run: Run) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Error" in ran.err
    assert "Traceback" not in ran.err


def test_help_reads_neither_drivers_nor_rules() -> None:
    program = """
import sys
sys.argv = ["pgproof", "--help"]
from pgproof.cli import main
try:
    main()
finally:
    print([name for name in ("psycopg", "pydantic", "sqlglot", "pgproof.rules.discovery") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_every_rule_has_a_page_by_code_and_by_slug(run: Run) -> None:
    for rule in all_rules():
        by_code, by_slug = run("explain", rule.code.lower()), run("explain", rule.metadata.slug)
        assert (by_code.code, by_code.out) == (0, by_slug.out)
        assert by_code.out.startswith(f"{rule.code} {rule.metadata.slug}\n")
        for section in ("Why it matters:", "Evidence:", "Remedy:", "When to ignore:", "Reported:", "Not reported:"):
            assert section in by_code.out, (rule.code, section)
        for example in (*rule.bad, *rule.good):
            assert example.name in by_code.out


def test_an_unknown_rule_is_wrong_usage(run: Run) -> None:
    ran = run("explain", "ABC99")
    assert (ran.code, ran.err) == (2, "pgproof: there is no rule ABC99: pgproof rules lists them\n")


def test_the_rules_are_listed_in_each_form(run: Run) -> None:
    codes = [rule.code for rule in all_rules()]
    assert [line.split()[0] for line in run("rules").out.splitlines()] == codes
    listed = json.loads(run("rules", "--format", "json").out)
    assert listed["version"] == 1
    assert [each["code"] for each in listed["rules"]] == codes
    assert set(listed["rules"][0]) == {"code", "slug", "family", "severity", "needs", "since", "opinion"}
    table = run("rules", "--format", "markdown").out.splitlines()[2:]
    assert [line.split("|")[1].strip() for line in table] == codes
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_init_writes_every_option_with_its_default_and_never_twice(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pgproof.toml"
    assert run("init").code == 0
    assert load_options(None, tmp_path, {}) == Options()
    again = run("init")
    assert (again.code, again.err) == (2, "pgproof: pgproof.toml is there already: edit it, or remove it first\n")
    assert file.read_text() == TEMPLATE


def test_init_leaves_a_project_alone_that_has_a_section(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pgproof]\nfail-on = 'low'\n")
    ran = run("init")
    assert (ran.code, ran.err) == (
        2,
        "pgproof: pyproject.toml has [tool.pgproof] already: edit it, or remove it first\n",
    )
    assert not (tmp_path / "pgproof.toml").exists()


def test_every_line_of_the_template_is_taken(tmp_path: Path) -> None:
    prose = ("# What", "# or an", "# before")
    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines() if not line.startswith(prose)]
    file = tmp_path / "pgproof.toml"
    file.write_text("\n".join(lines))
    taken = load_options(file, tmp_path, {})
    written = {name.replace("-", "_") for name in tomllib.loads(file.read_text())}
    assert written == {field.alias or name for name, field in Options.model_fields.items()}
    for name in ("data", "question_timeout", "fail_on", "require"):
        assert getattr(taken, name) == getattr(Options(), name)
    assert taken.suppress[0].rule == "INT22"
