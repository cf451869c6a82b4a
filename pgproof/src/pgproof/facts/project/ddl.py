"""What a text of SQL does to tables, indexes and settings, read as PostgreSQL's grammar has it.

A scanner of tokens rather than a parser of all SQL: what is not about these is `other`, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pgproof.facts.migrations import Operation, OperationKind
from pgproof.facts.project.alter_table import alterations, operation
from pgproof.facts.project.sql_reader import Reader, names, tokens
from pgproof.facts.statement_text import without_comments

_SCHEMA_KINDS: Final = frozenset(
    ("create_table", "add_column", "add_constraint", "create_index", "alter_type", "set_default", "set")
)
"""Whose constants are the schema's own; those of any other statement may be data or secrets."""


def statements(text: str) -> tuple[str, ...]:
    """Return the statements of a text, without comments and semicolons."""
    text = without_comments(text)
    found, start, depth = [], 0, 0
    for token in tokens(text):
        depth += (token.text == "(") - (token.text == ")")
        if token.text == ";" and token.kind == "mark" and depth <= 0:
            found.append(text[start : token.start].strip())
            start = token.end
    return tuple(each for each in (*found, text[start:].strip()) if each)


def operations_of(statement: str) -> tuple[Operation, ...]:
    """Return what one statement does; at least one operation.

    Args:
        statement: one of `statements`.
    """
    found = tuple(_operations(Reader(statement)))
    masked = _masked(statement, bodies_only=found[0].kind in _SCHEMA_KINDS)
    return tuple(replace(each, sql=masked) for each in found)


def _masked(statement: str, *, bodies_only: bool) -> str:
    kept, position = [], 0
    for token in tokens(statement):
        if token.kind == "body" or (token.kind == "string" and not bodies_only):
            kept += [statement[position : token.start], "'...'"]
            position = token.end
    return "".join([*kept, statement[position:]])


def _operations(reader: Reader) -> Iterator[Operation]:
    first = reader.takes_any(
        "create", "drop", "alter", "reindex", "truncate", "vacuum", "cluster", "set", "reset", "select", "begin",
        "start", "commit", "end", "rollback", "abort", "with", "insert", "update", "delete",
    )  # fmt: skip
    match first:
        case "create":
            yield _create(reader)
        case "drop":
            yield from _drop(reader)
        case "alter":
            yield from alterations(reader)
        case "reindex":
            yield _reindex(reader)
        case "truncate":
            reader.takes("table")
            reader.takes("only")
            yield from (operation("truncate", table=table) for table in reader.relations())
        case "vacuum" | "cluster":
            yield _rewriting(reader, first)
        case "set" | "reset":
            yield _set(reader, first)
        case "select":
            yield from _select(reader)
        case "begin" | "start":
            yield operation("begin")
        case "commit" | "end":
            yield operation("commit")
        case "rollback" | "abort":
            yield operation("other" if reader.anywhere("to") else "rollback")
        case "with":
            yield _after_common_tables(reader)
        case "insert" | "update" | "delete":
            yield _changing_rows(reader, first)
        case _:
            yield operation("other")


def _create(reader: Reader) -> Operation:
    reader.takes_any("unique")
    if reader.takes("index"):
        concurrently = reader.takes("concurrently")
        reader.takes("if", "not", "exists")
        name = None if reader.takes("on") else reader.name()
        if name is not None:
            reader.takes("on")
        only = reader.takes("only")
        table = reader.relation()
        if reader.takes("using"):
            reader.name()
        columns = names(reader.parenthesis())
        return operation("create_index", table=table, name=name, columns=columns, concurrently=concurrently, only=only)
    for word in ("global", "local", "temporary", "temp", "unlogged"):
        reader.takes(word)
    if reader.takes("table"):
        reader.takes("if", "not", "exists")
        return operation("create_table", table=reader.relation(), references=reader.references())
    return operation("other")


def _drop(reader: Reader) -> Iterator[Operation]:
    if reader.takes("index"):
        concurrently = reader.takes("concurrently")
        reader.takes("if", "exists")
        for index in reader.relations():
            # The table of an index is not written here, but its schema is the index's.
            yield operation("drop_index", name=str(index), concurrently=concurrently)
    elif reader.takes("table"):
        reader.takes("if", "exists")
        yield from (operation("drop_table", table=table) for table in reader.relations())
    else:
        yield operation("other")


def _reindex(reader: Reader) -> Operation:
    concurrently = reader.anywhere("concurrently")
    reader.parenthesis()
    what = reader.takes_any("index", "table")
    reader.takes("concurrently")
    target = reader.relation()
    return operation(
        "reindex" if what else "other",
        table=target if what == "table" else None,
        name=str(target) if what == "index" else None,
        concurrently=concurrently,
    )


def _rewriting(reader: Reader, first: str) -> Operation:
    options = Reader(reader.parenthesis())
    full = reader.takes("full") or options.anywhere("full")
    reader.takes_any("verbose", "analyze", "analyse")
    table = reader.relation()
    return operation("rewrite" if first == "cluster" or full else "other", table=table)


def _set(reader: Reader, first: str) -> Operation:
    if reader.takes("transaction") or reader.takes("session", "characteristics") or reader.takes("constraints"):
        return operation("other")
    local = reader.takes_any("local", "session") == "local"
    name = str(reader.relation() or "")
    reader.takes_any("=", "to")
    value = _unquoted(reader.until()) if first == "set" else "default"
    return operation("set", name=name, new_name=value, columns=("local",) if local else ())


def _select(reader: Reader) -> Iterator[Operation]:
    reader.takes("pg_catalog", ".")
    if not reader.takes("set_config"):
        yield operation("other")
        return
    arguments = Reader(reader.parenthesis())
    named, several = arguments.until(), reader.statement[reader.token.start :] if reader.token else ""
    arguments.takes(",")
    value = _unquoted(arguments.until())
    arguments.takes(",")
    local = ("local",) if arguments.until().lower() == "true" else ()
    # A name that is a column stands for the names that the statement looks up.
    settings = [token.text for token in tokens(named if named.startswith("'") else several) if token.kind == "string"]
    for name in settings or ("",):
        yield operation("set", name=_unquoted(name), new_name=value, columns=local)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1].replace("''", "'") if text[:1] == "'" else text


def _after_common_tables(reader: Reader) -> Operation:
    while reader.token is not None:
        word = reader.takes_any("insert", "update", "delete", "select")
        if word is not None:
            return operation("other") if word == "select" else _changing_rows(reader, word)
        if not reader.parenthesis():
            reader.position += 1
    return operation("other")


def _changing_rows(reader: Reader, first: str) -> Operation:
    kinds: dict[str, OperationKind] = {"insert": "insert", "update": "update", "delete": "delete"}
    reader.takes_any("into", "from")
    reader.takes("only")
    return operation(kinds[first], table=reader.relation())
