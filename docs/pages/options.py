"""The options of pgproof.toml, from the settings and from the file that `pgproof init` writes."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin

from docs.pages.markdown import cell, code, fenced, table

from pgproof.commands.init import TEMPLATE
from pgproof.settings import Options, Suppress

_LINE = re.compile(r"# (?P<key>[a-z-]+) = (?P<value>\"[^\"]*\"|\[[^\]]*\]|[^#]*?)\s*(?:# (?P<says>.*))?")


def page() -> str:
    """Return the page of the configuration."""
    said = {found["key"]: found for found in map(_LINE.fullmatch, TEMPLATE.splitlines()) if found is not None}
    keys = {(field.alias or name).replace("_", "-"): field for name, field in Options.model_fields.items()}
    rows = [_row(key, field, said[key]) for key, field in keys.items() if key != "suppress"]
    suppress = [
        (code(name), _values(field.annotation), "required" if field.is_required() else "optional")
        for name, field in Suppress.model_fields.items()
    ]
    return "\n".join(
        [
            "# Configuration\n",
            "The nearest `pgproof.toml`, or `pyproject.toml` with a section `[tool.pgproof]`, upwards from where the "
            "command runs; `--config` names another. The environment goes before the file, the command line before "
            "both. A path in the file is meant from where the file is.\n",
            table(("key", "values", "default", "environment", ""), rows),
            "## Suppressions\n",
            "Each `[[suppress]]` is a finding that the team decides to live with. The object is a name or a pattern "
            "with `*`, and the reason is part of every report. One that names no rule, has ended or covers nothing is "
            "reported itself.\n",
            table(("key", "values", ""), suppress),
            "## The whole file\n",
            "As `pgproof init` writes it:\n",
            fenced(TEMPLATE, "toml"),
        ]
    )


def _row(key: str, field: Any, said: re.Match[str]) -> tuple[str, str, str, str, str]:
    default = "none" if field.default in (None, ()) else code(said["value"].strip('"'))
    variable = code(f"PGPROOF_{key.replace('-', '_').upper()}")
    example = f"such as {code(said['value'])}" if default == "none" else ""
    return code(key), _values(field.annotation) or example, default, variable, cell(said["says"] or "")


def _values(annotation: Any) -> str:
    """Return the choices where there are some."""
    return ", ".join(map(code, get_args(annotation))) if get_origin(annotation) is Literal else ""
