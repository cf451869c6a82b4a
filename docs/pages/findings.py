"""The form of findings.json, from the schema that ships with the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from docs.pages.markdown import cell, code, prose, table

_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def page(schema: Mapping[str, Any]) -> str:
    """Return the page of the form, each object of it with its keys."""
    parts = [
        "# findings.json\n",
        "What `pgproof audit --format json` writes, version 1. Keys are only ever added within a version: ignore those "
        "you do not know. The [JSON Schema](findings.schema.json) ships with the package as "
        "`pgproof/report/schemas/findings.schema.json`.\n",
        *_object("The document", schema),
    ]
    for name, definition in schema["$defs"].items():
        parts += _object(_title(name), definition)
    return "\n".join(parts)


def _object(title: str, definition: Mapping[str, Any]) -> list[str]:
    description = definition.get("description", "")
    intro, _, rest = description.partition("\nAttributes:\n")
    says = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(rest)}
    keys = [
        (code(name), _type(value), cell(says.get(name, ""))) for name, value in definition.get("properties", {}).items()
    ]
    parts = [f"## {title}\n", f"{prose(intro.strip())}\n"]
    if "enum" in definition:
        parts.append(f"One of {', '.join(map(code, definition['enum']))}.\n")
    return [*parts, table(("key", "value", ""), keys)] if keys else parts


def _type(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        title = _title(value["$ref"].rpartition("/")[2])
        return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
    if "anyOf" in value:
        return " or ".join(map(_type, value["anyOf"]))
    if "const" in value:
        return code(str(value["const"]))
    if "enum" in value:
        return ", ".join(code(str(each)) for each in value["enum"])
    kind = str(value.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(value.get('items', {}))}"
    if kind == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object of {_type(value['additionalProperties'])}"
    return str(value.get("format", kind))


def _title(name: str) -> str:
    """Return the name of a class as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Document")).capitalize()
