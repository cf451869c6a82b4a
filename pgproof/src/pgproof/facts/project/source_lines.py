"""Finds the file and line where a class, an attribute or a table of a project is written, by reading its sources."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType

from pgproof.facts.source_line import SourceLine


class Sources:
    """The sources of the modules that are imported, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._trees: dict[Path, ast.Module | None] = {}
        self._classes: dict[Path, dict[str, ast.ClassDef]] = {}

    def class_line(self, cls: type) -> SourceLine | None:
        """Return the line of a class statement; None for a class that was made without one."""
        node = self._class(cls)
        return self._line(cls, node) if node is not None else None

    def attribute_line(self, cls: type, name: str) -> SourceLine | None:
        """Return the line where a class, or the nearest one it inherits from, gives an attribute."""
        for each in cls.__mro__:
            node = self._class(each)
            for statement in node.body if node is not None else ():
                if name in _given(statement):
                    return self._line(each, statement)
        return None

    def table_lines(self, schema: str | None, name: str) -> tuple[SourceLine | None, dict[str, SourceLine]]:
        """Return the line of the only `Table("name", ...)` in the project's modules, and those of its columns.

        Nothing is told of a table that is written twice.
        """
        calls = [found for found in self._table_calls if found[1:3] == (schema, name)]
        if len(calls) != 1:
            return None, {}
        path, _, _, call = calls[0]
        columns = {
            text: self._at(path, argument.lineno)
            for argument in call.args
            if isinstance(argument, ast.Call) and (text := _first_text(argument)) is not None
        }
        return self._at(path, call.lineno), columns

    @cached_property
    def _table_calls(self) -> tuple[tuple[Path, str | None, str, ast.Call], ...]:
        return tuple(
            (path, _schema(node), name, node)
            for path in sorted(set(self._modules()))
            if (tree := self._tree(path)) is not None
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and _called(node) == "Table" and (name := _first_text(node)) is not None
        )

    def _modules(self) -> Iterator[Path]:
        """The files of imported modules that belong to the project rather than to an installed package."""
        for module in tuple(sys.modules.values()):
            path = _file(module)
            if path is not None and path.is_relative_to(self._root) and "site-packages" not in path.parts:
                yield path

    def _class(self, cls: type) -> ast.ClassDef | None:
        path = _file(sys.modules.get(cls.__module__))
        if path is None:
            return None
        if path not in self._classes:
            tree = self._tree(path)
            self._classes[path] = dict(_classes(tree)) if tree is not None else {}
        return self._classes[path].get(cls.__qualname__)

    def _line(self, cls: type, node: ast.stmt) -> SourceLine | None:
        path = _file(sys.modules.get(cls.__module__))
        return self._at(path, node.lineno) if path is not None else None

    def _at(self, path: Path, line: int) -> SourceLine:
        shown = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        return SourceLine(shown.as_posix(), line)

    def _tree(self, path: Path) -> ast.Module | None:
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(path.read_bytes())
            except (OSError, SyntaxError, ValueError):
                self._trees[path] = None
        return self._trees[path]


def _file(module: ModuleType | None) -> Path | None:
    # Not by getattr: a lazy module would import something to answer.
    name = vars(module).get("__file__") if module is not None else None
    return Path(name).resolve() if isinstance(name, str) and name.endswith(".py") else None


def _classes(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield f"{prefix}{node.name}", node
            yield from _classes(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(node, f"{prefix}{node.name}.<locals>.")
        else:
            yield from _classes(node, prefix)


def _given(statement: ast.stmt) -> set[str]:
    """The names that a statement in a class body gives a value or a type."""
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _first_text(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _schema(call: ast.Call) -> str | None:
    values = [keyword.value for keyword in call.keywords if keyword.arg == "schema"]
    given = values[0] if values else None
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None
