"""Says in words what models and database do not share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pgproof.facts.amounts import amount
from pgproof.facts.project.child import Project
from pgproof.facts.source import ServerSource
from pgproof.proof.drift import Different, Drift, drift
from pgproof.proof.fingerprint import CatalogObject
from pgproof.settings import ConfigurationError, Options


def drift_of(source: ServerSource, directory: Path, options: Options) -> Drift:
    """Return what the models of a project and a database do not share.

    Args:
        source: the database.
        directory: of the project.
        options: whose models and schemas count.

    Raises:
        ConfigurationError: no models were given.
        PgproofError: no connection, or models that cannot be imported or made.
    """
    if not options.models:
        raise ConfigurationError("drift compares the models with the database: give --models package.module:Base")
    return drift(source, Project(directory), options.models, options.schema_names)


_KINDS = {"table column": "column", "table constraint": "constraint", "domain constraint": "constraint"}


def drift_as_text(found: Drift) -> str:
    """Return what drifted, one object to a paragraph, and how much in the last line."""
    lines = [
        *_section("The database lacks what the models would create:", map(_described, found.missing)),
        *_section("The database has what the models do not say:", map(_described, found.extra)),
        *_section("Tables that no model has:", found.unknown_tables),
        *_section("Both have, differently:", map(_difference, found.different)),
        *_section(
            "Named otherwise, which is no drift:",
            (f"{_KINDS.get(each.kind, each.kind)} {each.models}: {each.database}" for each in found.named_otherwise),
        ),
    ]
    schemas = ", ".join(found.schemas)
    if not found.count:
        return "\n".join(
            (*lines, f"No drift: the {amount(found.tables, 'table')} of the models are as they say ({schemas}).")
        )
    objects = amount(found.count, "object differs", "objects differ")
    return "\n".join((*lines, f"Drift: {objects} from the {amount(found.tables, 'table')} of the models ({schemas})."))


def _section(title: str, entries: Iterable[str]) -> Iterator[str]:
    listed = [f"  {line}" for entry in entries for line in entry.splitlines()]
    if listed:
        yield from (title, *listed, "")


def _described(each: CatalogObject) -> str:
    said = dict(line.partition(": ")[::2] for line in each.definition.splitlines())
    kind = _KINDS.get(each.kind, each.kind)
    if "definition" in said:
        return f"{kind} {each.name}: {said['definition']}"
    if each.kind == "table column":
        return f"{kind} {each.name}: {_column(said)}"
    return f"{kind} {each.name}"


def _column(said: dict[str, str]) -> str:
    parts = [said["type"], "NOT NULL" if said["not null"] == "true" else "NULL"]
    parts += [f"{key} {value}" for key, value in said.items() if key not in ("type", "not null")]
    return ", ".join(parts)


def _difference(each: Different) -> str:
    lines = [f"{_KINDS.get(each.kind, each.kind)} {each.name}"]
    for (name, models), (_, database) in zip(each.models, each.database, strict=True):
        lines.append(f"  {name}: {_word(name, models)} in the models, {_word(name, database)} in the database")
    return "\n".join(lines)


def _word(name: str, value: str | None) -> str:
    # A default of false is that, not the lack of one.
    words = {} if name == "default" else {"true": "yes", "false": "no"}
    return "none" if value is None else words.get(value, value or "none")
