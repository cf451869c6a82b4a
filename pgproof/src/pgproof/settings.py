"""The configuration of a project: `[tool.pgproof]` in pyproject.toml, or pgproof.toml, and the environment.

What the command line says goes before the environment, and that before the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from pgproof.errors import PgproofError

_UNITS = {"ms": 1, "s": 1000, "min": 60_000}
_LONGEST_TIMEOUT = 2**31 - 1
"""Milliseconds: the highest statement_timeout that PostgreSQL takes."""


class ConfigurationError(PgproofError):
    """The configuration or the command line is wrong: exit code 2."""


def _names(value: object) -> object:
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def _milliseconds(value: object) -> object:
    """A number with a unit, as PostgreSQL writes it: 500ms, 5s, 1min; a number alone is seconds."""
    text = str(value).strip()
    for unit, factor in _UNITS.items():
        number = text.removesuffix(unit).strip()
        if number != text and number.isdecimal():
            return int(number) * factor
    if text.isdecimal():
        return int(text) * 1000
    raise ValueError("give a number with a unit, such as 5s or 500ms")


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Suppress(BaseModel):
    """A finding to live with: which rule, on which objects, why, and until when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Text
    object: Text
    reason: Text
    until: date | None = None


class Options(BaseModel):
    """The options of an audit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Literal["none", "default", "exact"] = "default"
    question_timeout: Annotated[int, BeforeValidator(_milliseconds), Field(gt=0, le=_LONGEST_TIMEOUT)] = 5_000
    models: Names = ()
    engine: Text | None = None
    processes: Annotated[int, Field(gt=0)] | None = None
    workload: Text | None = None
    alembic: Path | None = None
    proof: Path | None = None
    schema_names: Annotated[Names, Field(alias="schema")] = ()
    select: Names = ()
    ignore: Names = ()
    baseline: Path | None = None
    fail_on: Literal["critical", "high", "medium", "low", "never"] = "high"
    require: Literal["all", "none"] = "none"
    suppress: tuple[Suppress, ...] = ()


@dataclass(frozen=True)
class _Said:
    """A value, and where it was said, for messages."""

    value: Any
    where: str


def load_options(file: Path | None, directory: Path, given: Mapping[str, Any]) -> Options:
    """Return the options of a run.

    Args:
        file: a configuration to read instead of the project's own.
        directory: from where to look upwards for the project's.
        given: what the command line says, by option; None or nothing where it says nothing.

    Raises:
        ConfigurationError: a value, a key or the file is wrong; the message names it.
    """
    said = {
        **dict(_from_file(*_find(file, directory))),
        **dict(_from_environment()),
        **{name: _Said(value, f"--{_written(name)}") for name, value in given.items() if value not in (None, ())},
    }
    try:
        return Options.model_validate({name: each.value for name, each in said.items()})
    except ValidationError as invalid:
        raise ConfigurationError(_one_line(invalid, said)) from None


def _from_environment() -> Iterator[tuple[str, _Said]]:
    for name, field in Options.model_fields.items():
        option = field.alias or name
        variable = f"PGPROOF_{option.upper()}"
        if option != "suppress" and os.environ.get(variable):
            yield option, _Said(os.environ[variable], variable)


def _from_file(path: Path, table: Mapping[str, Any]) -> Iterator[tuple[str, _Said]]:
    for key, value in table.items():
        name = key.replace("-", "_")
        # A path in a file is meant from where the file is, whatever folder the command runs in.
        is_path = name in ("baseline", "alembic", "proof") and isinstance(value, str)
        yield name, _Said(path.parent / value if is_path else value, f"{path}: {key}")


def _find(file: Path | None, directory: Path) -> tuple[Path, Mapping[str, Any]]:
    if file is not None:
        table = _table(file)
        if table is None:
            raise ConfigurationError(f"{file} has no [tool.pgproof]: add it, or give another --config")
        return file, table
    for folder in (directory, *directory.parents):
        for path in (folder / "pgproof.toml", folder / "pyproject.toml"):
            if path.is_file() and (table := _table(path)) is not None:
                return path, table
    return directory, {}


def _table(path: Path) -> Mapping[str, Any] | None:
    """The options of a file; None for a pyproject.toml that has none of pgproof."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    if path.name != "pyproject.toml":
        return document
    tool = document.get("tool")
    table = tool.get("pgproof") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigurationError(f"{path}: tool.pgproof is no table: begin it with [tool.pgproof]")
    return table


def _one_line(invalid: ValidationError, said: Mapping[str, _Said]) -> str:
    problems = []
    for error in invalid.errors(include_url=False, include_input=False, include_context=False):
        name, *inside = error["loc"]
        where = said[str(name)].where
        for part in inside:
            where += f" {part + 1}" if isinstance(part, int) else f".{part}"
        problems.append(f"{where} {_PROBLEMS.get(error['type']) or error['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)


def _written(name: str) -> str:
    return name.replace("_", "-")


_PROBLEMS = {
    "extra_forbidden": "is not an option of pgproof: pgproof init writes all there are",
    "missing": "is missing: a suppression says rule, object and reason",
    "string_too_short": "is empty",
}
