"""Writes the pages that nobody writes by hand: rules, commands, options, the form of findings.json, the rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from docs.pages import commands, findings, options, rules

from pgproof.commands.grants import GRANTS
from pgproof.commands.init import TEMPLATE
from pgproof.proving.document import json_schema as proof_schema
from pgproof.report.document import json_schema


def write_pages(folder: Path) -> None:
    """Write every generated page, and remove those of rules that are gone.

    A page that would not change is left alone, so that a second build reads only what did.

    Args:
        folder: of these pages alone; made where it is not there.
    """
    pages = dict(_pages())
    for old in sorted(folder.rglob("*")):
        if old.is_file() and str(old.relative_to(folder)) not in pages:
            old.unlink()
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def _pages() -> Iterator[tuple[str, str]]:
    """Yield path and text of each page, and of the files that written pages show."""
    yield from rules.pages()
    yield "commands.md", commands.page()
    yield "options.md", options.page()
    schema = json_schema()
    yield "findings.md", findings.page(json.loads(schema))
    yield "findings.schema.json", schema
    yield "proof.schema.json", proof_schema()
    yield "grants.sql", GRANTS
    yield "pgproof.toml", TEMPLATE
