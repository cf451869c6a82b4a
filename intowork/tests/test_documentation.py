"""The documents name what there is: every setting, every command, every target, every decision."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from intowork.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name.upper()}`" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command", ["migrate", "seed", "cleanup", "performance-test", "check", "demo", "serve", "init"]
)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"intowork {command}" in README


def test_make_help_explains_every_target() -> None:
    told = subprocess.run(("make", "help"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^  make ([a-z-]+) +\w", told, re.MULTILINE)) == targets


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            # What make docs writes is held by the documentation's own tests.
            if "://" not in target and "_generated/" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"
