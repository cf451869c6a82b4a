"""The file of decisions that belong to people, TOML or JSON: written with the defaults, and read afterwards."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from pgproof.errors import PgproofError
from pgproof.facts.catalog import Action

_HEADER = """\
# What people decide about the plan of `pgproof fix`; the values are those that it takes by itself.
# An entry may go: then its default counts again.
"""
_DUPLICATES = """
# Of rows with the same values the first stays, by the columns of `keep` in their order; those of `descending` with
# their largest value first. The others go to the schema quarantine, and the downgrade brings them back.
"""
_FOREIGN_KEYS = f"""
# What becomes of a row when the one that it refers to is deleted: {", ".join(get_args(Action))}.
"""
_EXPIRED = """
# With `move = true` rows that ended more than `days` ago go to the schema quarantine, from where the downgrade brings
# them back, and where people drop them once nobody misses them. What ends later is for a job of the application.
"""
_TYPES = """
# With `change = true` a column gets another type, under a lock that the table is small enough for. Of json the text as
# it came is gone then: its spaces, the order of its keys and repeated keys. The downgrade brings back the values alone,
# so that `pgproof prove` finds rows lost where any text was another one.
"""
_LEFT_OUT = """
# What the proof speaks against, and why; with `keep = true` it is done all the same.
"""
_SAID = {
    "duplicates": _DUPLICATES,
    "foreign_keys": _FOREIGN_KEYS,
    "expired": _EXPIRED,
    "types": _TYPES,
    "left_out": _LEFT_OUT,
}


class Entry(BaseModel):
    """What an entry is about; every one is refused that says more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_name: str
    table: str


class Duplicates(Entry):
    """Which row stays of those with the same values of some columns."""

    same: tuple[str, ...]
    keep: tuple[str, ...]
    descending: tuple[str, ...] = ()

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about."""
        return self.schema_name, self.table, frozenset(self.same)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return self.same


class ForeignKey(Entry):
    """The action of a foreign key."""

    columns: tuple[str, ...]
    references: str
    on_delete: Action

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about."""
        return self.schema_name, self.table, self.columns, self.references

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return self.columns


class _OneColumn(Entry):
    column: str

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about."""
        return self.schema_name, self.table, self.column

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return (self.column,)


class Expired(_OneColumn):
    """Whether rows move aside whose time has ended."""

    days: PositiveInt
    move: bool = False


class ColumnType(_OneColumn):
    """Whether a column gets another type."""

    type: str
    change: bool = False

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about."""
        return self.schema_name, self.table, self.column, self.type


class LeftOut(BaseModel):
    """Whether an operation is kept that a proof speaks against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    verdict: str
    why: str
    keep: bool = False


class Decisions(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duplicates: tuple[Duplicates, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    expired: tuple[Expired, ...] = ()
    types: tuple[ColumnType, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def kept(self) -> frozenset[str]:
        """Operations that are kept although a proof speaks against them, as it calls them."""
        return frozenset(each.operation for each in self.left_out if each.keep)


def read_decisions(file: Path) -> Decisions:
    """Return the decisions of a file.

    Raises:
        PgproofError: it cannot be read, or says what is no decision; in one line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PgproofError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    try:
        document = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
        return Decisions.model_validate(_renamed(document))
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise PgproofError(f"{file} is no {'JSON' if file.suffix == '.json' else 'TOML'}: {error}") from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise PgproofError(f"{file}: {where.replace('schema_name', 'schema')}: {first['msg']}") from None


def decisions_as_text(decisions: Decisions, *, as_json: bool) -> str:
    """Return decisions as a file holds them: TOML with what they mean, or JSON."""
    document = {name: [_written(each) for each in getattr(decisions, name)] for name in _SAID}
    if as_json:
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    parts = [_HEADER]
    for name, said in _SAID.items():
        if document[name]:
            parts.append(said)
        for entry in document[name]:
            parts.append(f"[[{name}]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in entry.items()))
    if not any(document.values()):
        parts.append("\n# Nothing of the plan is for people to decide.\n")
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _written(entry: BaseModel) -> dict[str, Any]:
    return {"schema" if name == "schema_name" else name: value for name, value in entry.model_dump(mode="json").items()}


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the name that pydantic has for `schema`, which is a method of its own."""
    return {
        name: [
            {"schema_name" if key == "schema" else key: value for key, value in entry.items()}
            if isinstance(entry, dict)
            else entry
            for entry in entries
        ]
        if isinstance(entries, list)
        else entries
        for name, entries in document.items()
    }


def _toml(value: object) -> str:
    # A string of JSON is one of TOML, once DEL is escaped as well.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
