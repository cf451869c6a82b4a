"""Recipes and command lines that are shown but cannot run here are of the right form, and name what there is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pgproof.settings import load_options

from .commands import refuse_unknown, shown_commands
from .conftest import LOAD, Reader
from .written import DOCS, PAGES, ROOT, blocks

TEXTS = (ROOT / "README.md", ROOT / "pgproof" / "README.md", *(DOCS / page for page in PAGES))
RECIPES = {f"{block.page}:{block.line}": block for page in PAGES for block in blocks(page, "yaml")}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("text", TEXTS, ids=name_of)
def test_commands_and_options_that_a_text_names_are_there(text: Path) -> None:
    for command in shown_commands(text.read_text(encoding="utf-8")):
        try:
            refuse_unknown(command)
        except Exception as error:
            raise AssertionError(f"{name_of(text)} shows {command}: {error}") from None


def test_the_readmes_show_commands() -> None:
    for text in TEXTS[:2]:
        assert len(list(shown_commands(text.read_text(encoding="utf-8")))) >= 5


@pytest.mark.parametrize("wrong", ["pgproof nothing", "pgproof audit x --nothing", "make nothing", "intowork nothing"])
def test_a_command_that_is_not_there_is_refused(wrong: str) -> None:
    assert list(shown_commands(f"See `{wrong}`.\n\n    {wrong}\n      - run: {wrong}\n")) == [wrong] * 3
    with pytest.raises(Exception, match="no"):
        refuse_unknown(wrong)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_parses_and_its_commands_are_there(recipe: str) -> None:
    document = yaml.safe_load(RECIPES[recipe].text)
    commands = [line for text in _texts(document) for line in text.splitlines() if line.startswith("pgproof ")]
    assert commands
    for command in commands:
        refuse_unknown(command)


def _texts(value: Any) -> list[str]:
    """Return every string of a document."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def test_the_github_recipe_gives_every_result_a_file(reader: Reader) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed; make system-packages installs it")
    github = next(block for block in RECIPES.values() if "upload-sarif" in block.text)
    script = next(text for text in _texts(yaml.safe_load(github.text)) if "jq " in text)
    ran = reader.follow([LOAD, "pgproof snapshot env:DATABASE_URL --output database.json", *script.splitlines()])
    assert [code for code, _ in ran] == [0] * 4, ran
    results = json.loads((reader.folder / "upload.sarif").read_text())["runs"][0]["results"]
    located = [location for result in results for location in result.get("locations", [])]
    assert located
    assert all(each["physicalLocation"]["artifactLocation"]["uri"] == "alembic.ini" for each in located)


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "toml"))])
def test_a_shown_configuration_is_taken(page: str, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        file = tmp_path / "pgproof.toml"
        file.write_text(block.text)
        assert tomllib.loads(block.text)
        load_options(file, tmp_path, {})


def test_what_the_first_page_installs_can_be_installed() -> None:
    """Without its dependencies, which are here, and without keeping it: what is left is that pip can build it."""
    (install,) = blocks("first-ten-minutes.md", "sh")
    command = next(line for line in install.text.splitlines() if "pip" in line)
    program, *arguments = command.split()
    assert program == ".venv/bin/pip"
    quick = ["--no-deps", "--no-build-isolation", "--dry-run", "--quiet", "--disable-pip-version-check"]
    ran = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, *quick], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
