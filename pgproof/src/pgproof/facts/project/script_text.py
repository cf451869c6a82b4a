"""What is sure of a script or of env.py from its text alone, where it is not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pgproof.facts.migrations import Environment

_LOCK_TIMEOUT = "lock_timeout"


@dataclass(frozen=True)
class Function:
    """A function of a script: its line, and what its source says."""

    line: int
    empty: bool
    calls: tuple[str, ...]


@dataclass(frozen=True)
class ScriptText:
    """The text of a revision."""

    tree: ast.Module

    @classmethod
    def read(cls, file: Path) -> ScriptText:
        """Return a file's text; of one that is no Python, nothing."""
        try:
            return cls(ast.parse(file.read_bytes()))
        except (OSError, SyntaxError, ValueError):
            return cls(ast.Module(body=[], type_ignores=[]))

    @property
    def message(self) -> str:
        """The first line of its docstring."""
        lines = (ast.get_docstring(self.tree) or "").strip().splitlines()
        return lines[0] if lines else ""

    @property
    def revision(self) -> str | None:
        """Its id, if it is written as a constant."""
        return next(iter(self._strings("revision")), None)

    @property
    def down_revisions(self) -> tuple[str, ...]:
        """Those before it."""
        return self._strings("down_revision")

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Those it needs."""
        return self._strings("depends_on")

    @property
    def branch_labels(self) -> tuple[str, ...]:
        """Its labels."""
        return self._strings("branch_labels")

    def function(self, name: str) -> Function | None:
        """Return a function of the module by name."""
        found = next((each for each in self.tree.body if isinstance(each, ast.FunctionDef) and each.name == name), None)
        if found is None:
            return None
        body = [each for each in found.body if not _says_nothing(each)]
        return Function(
            line=found.lineno,
            empty=not body,
            calls=tuple(dict.fromkeys(_called(found))),
        )

    @cached_property
    def assigned(self) -> dict[str, ast.expr]:
        """What names of the module are given."""
        found: dict[str, ast.expr] = {}
        for each in self.tree.body:
            if isinstance(each, ast.Assign):
                found |= {target.id: each.value for target in each.targets if isinstance(target, ast.Name)}
            elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.value is not None:
                found[each.target.id] = each.value
        return found

    def _strings(self, name: str) -> tuple[str, ...]:
        value = self.assigned.get(name)
        parts = value.elts if isinstance(value, ast.Tuple | ast.List | ast.Set) else [value]
        return tuple(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def first_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says."""
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or (isinstance(statement, ast.Return) and statement.value is None)


def _called(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def environment_of(text: ScriptText, location: Path, ini: Path, versions: Sequence[Path], name: str) -> Environment:
    """Return what the text of env.py says.

    Args:
        text: of env.py.
        location: its folder.
        ini: the configuration.
        versions: folders of revisions, which say what they do themselves.
        name: of env.py, for people.
    """
    given = {
        keyword.arg: keyword.value
        for node in ast.walk(text.tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg is not None
    }
    return Environment(
        file=name,
        autocommit="transactional_ddl" in given or _says(text.tree, "AUTOCOMMIT"),
        limits_locks=any(_LOCK_TIMEOUT in each for each in _texts(location, ini, versions)),
        version_table=_constant(text, given["version_table"]) if "version_table" in given else "alembic_version",
        version_table_schema=_constant(text, given.get("version_table_schema")),
    )


def preparations(text: ScriptText) -> Iterator[ast.stmt]:
    """Yield the statements of env.py that only make its modules known: imports, and changes of sys.path."""
    for statement in text.tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom) or ast.unparse(statement).startswith("sys.path."):
            yield statement


def _constant(text: ScriptText, value: ast.expr | None) -> str | None:
    if isinstance(value, ast.Name):
        value = text.assigned.get(value.id)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _says(tree: ast.Module, constant: str) -> bool:
    return any(isinstance(node, ast.Constant) and node.value == constant for node in ast.walk(tree))


def _texts(location: Path, ini: Path, versions: Sequence[Path]) -> Iterator[str]:
    for file in (ini, *sorted(location.glob("**/*.py"))):
        if not any(file.is_relative_to(folder) for folder in versions):
            yield file.read_text(encoding="utf-8", errors="replace")
