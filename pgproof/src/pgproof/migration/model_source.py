"""A file of models that is edited in place: arguments of columns, and what stands beside them in a table.

Nothing else of the file is touched. What cannot be edited so that it surely means the same is refused, by None or
False, and told to people instead.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

TABLE_ARGS = "__table_args__"


@dataclass(frozen=True)
class _Edit:
    """Bytes `start` to `end` become `text`."""

    start: int
    end: int
    text: str


@dataclass
class ModelSource:
    """The source of a module, and the edits that it is to get.

    Attributes:
        file: relative to the project.
        text: as it is.
    """

    file: str
    text: str
    _edits: list[_Edit] = field(default_factory=list)
    _wanted: set[str] = field(default_factory=set)
    _objects: dict[int, list[str]] = field(default_factory=dict)
    _removed: set[int] = field(default_factory=set)
    _arguments: dict[int, dict[str, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the source.

        Raises:
            SyntaxError: it is no Python.
        """
        self.tree = ast.parse(self.text)
        self._data = self.text.encode()
        self._starts = [0]
        for line in self._data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._nodes: dict[int, ast.AST] = {}

    def table(self, line: int) -> ast.ClassDef | ast.Call | None:
        """Return the class statement or the call of Table that begins in a line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and node.lineno == line:
                return node
            if isinstance(node, ast.Call) and node.lineno == line and _name_of(node.func) == "Table":
                return node
        return None

    def column(self, table: ast.ClassDef | ast.Call, name: str) -> ast.Call | None:
        """Return the call that makes a column; None where there is none that could be edited."""
        if isinstance(table, ast.Call):
            calls = [each for each in table.args if isinstance(each, ast.Call)]
            return next((each for each in calls if _name_of(each.func) == "Column" and _first_text(each) == name), None)
        for statement in table.body:
            target, value = _assigned(statement)
            made = isinstance(value, ast.Call) and _name_of(value.func) in ("Column", "mapped_column")
            if made and isinstance(value, ast.Call) and (_first_text(value) or target) == name:
                return value
        return None

    def set_argument(self, call: ast.Call, name: str, value: str | None) -> bool:
        """Give a call a keyword argument, or take one away (None); return whether that can be done."""
        if any(keyword.arg is None for keyword in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
            return False
        self._nodes[id(call)] = call
        self._arguments.setdefault(id(call), {})[name] = value
        return True

    def has_table_args(self, table: ast.ClassDef) -> bool:
        """Tell whether a class itself says what its table has beside its columns."""
        return self._table_args(table) is not None

    def add_object(self, table: ast.ClassDef | ast.Call, source: str) -> bool:
        """Put a constraint or an index into a table; return whether that can be done."""
        if isinstance(table, ast.ClassDef) and not self._takes_objects(table):
            return False
        if isinstance(table, ast.Call) and any(isinstance(each, ast.Starred) for each in table.args):
            return False
        self._nodes[id(table)] = table
        self._objects.setdefault(id(table), []).append(source)
        return True

    def remove_object(self, table: ast.ClassDef | ast.Call, kinds: tuple[str, ...], name: str) -> bool:
        """Take a constraint or an index of a name out of a table; return whether that can be done."""
        elements = self._elements(table)
        for number, each in enumerate(elements):
            if isinstance(each, ast.Call) and _name_of(each.func) in kinds and _given_name(each) == name:
                if isinstance(table, ast.Call):
                    self._edits.append(_Edit(self._end(elements[number - 1]), self._end(each), ""))
                    return True
                given = self._table_args(table)
                if given is None or self._has_comment(self._start(given.value), self._end(given.value)):
                    return False
                self._nodes[id(table)] = table
                self._objects.setdefault(id(table), [])
                self._removed.add(id(each))
                return True
        return False

    def needs(self, name: str) -> str:
        """Return how the module calls a name of SQLAlchemy, which is imported if it is not yet."""
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == "sqlalchemy":
                        return f"{alias.asname or alias.name}.{name}"
        if self._imported(name):
            return name
        used = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        if name in used or self._from_sqlalchemy() is None:
            self._wanted.add("")
            return f"sa.{name}"
        self._wanted.add(name)
        return name

    def edited(self) -> str:
        """Return the source with its edits.

        Raises:
            SyntaxError: the edits do not fit together.
        """
        edits = [*self._edits, *self._argument_edits(), *self._object_edits(), *self._import_edits()]
        data = self._data
        for edit in sorted(edits, key=lambda each: (each.start, each.end), reverse=True):
            data = data[: edit.start] + edit.text.encode() + data[edit.end :]
        text = data.decode()
        ast.parse(text)
        return text

    def _takes_objects(self, table: ast.ClassDef) -> bool:
        given = self._table_args(table)
        if given is not None:
            value = given.value
            return isinstance(value, ast.Dict) or (
                isinstance(value, ast.Tuple) and not any(isinstance(each, ast.Starred) for each in value.elts)
            )
        # What a base gives would no longer count beside one of the class itself.
        return not any(
            TABLE_ARGS in _names(statement) for base in self._bases(table) for statement in base.body
        ) and not any(TABLE_ARGS in _names(statement) for statement in table.body)

    def _bases(self, table: ast.ClassDef) -> Iterator[ast.ClassDef]:
        names = {_name_of(base) for base in table.bases}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and node.name in names and node is not table:
                yield node
                yield from self._bases(node)

    def _table_args(self, table: ast.ClassDef) -> ast.Assign | None:
        for statement in table.body:
            if isinstance(statement, ast.Assign) and TABLE_ARGS in _names(statement):
                return statement
        return None

    def _elements(self, table: ast.ClassDef | ast.Call) -> list[ast.expr]:
        if isinstance(table, ast.Call):
            return table.args
        given = self._table_args(table)
        return given.value.elts if given is not None and isinstance(given.value, ast.Tuple) else []

    def _argument_edits(self) -> Iterator[_Edit]:
        for number, wanted in self._arguments.items():
            call = self._nodes[number]
            assert isinstance(call, ast.Call)
            present = {keyword.arg: keyword for keyword in call.keywords}
            added = []
            for name, value in wanted.items():
                keyword = present.get(name)
                if keyword is None:
                    if value is not None:
                        added.append(f"{name}={value}")
                elif value is not None:
                    yield _Edit(self._start(keyword.value), self._end(keyword.value), value)
                else:
                    yield self._without(call, keyword)
            if added:
                every: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
                last = max((self._end(each) for each in every), default=None)
                place = last if last is not None else self._data.rindex(b"(", 0, self._end(call)) + 1
                yield _Edit(place, place, f"{', ' if last is not None else ''}{', '.join(added)}")

    def _without(self, call: ast.Call, keyword: ast.keyword) -> _Edit:
        every: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        number = every.index(keyword)
        if number:
            return _Edit(self._end(every[number - 1]), self._end(keyword), "")
        if len(every) > 1:
            return _Edit(self._start(keyword), self._start(every[1]), "")
        return _Edit(self._start(keyword), self._end(keyword), "")

    def _object_edits(self) -> Iterator[_Edit]:
        for number, sources in self._objects.items():
            table = self._nodes[number]
            if isinstance(table, ast.Call):
                place = self._end(table.args[-1])
                # As the arguments before: each on a line of its own, or all on one.
                indent = table.args[-1].col_offset if table.args[-1].lineno != table.lineno else None
                joint = ", " if indent is None else ",\n" + " " * indent
                yield _Edit(place, place, "".join(f"{joint}{source}" for source in sources))
            elif isinstance(table, ast.ClassDef):
                yield self._class_edit(table, sources)

    def _class_edit(self, table: ast.ClassDef, sources: list[str]) -> _Edit:
        given = self._table_args(table)
        outer = " " * table.body[0].col_offset
        inner = outer + "    "
        lines = "".join(f"{inner}{source},\n" for source in sources)
        if given is None:
            place = self._after_table_name(table)
            return _Edit(place, place, f"{outer}{TABLE_ARGS} = (\n{lines}{outer})\n")
        value = given.value
        start, end = self._start(value), self._end(value)
        if isinstance(value, ast.Dict):
            kept = self._data[start:end].decode()
            return _Edit(start, end, f"(\n{lines}{inner}{kept},\n{outer})")
        assert isinstance(value, ast.Tuple)
        kept_elements = [each for each in value.elts if id(each) not in self._removed]
        written = [self._data[self._start(each) : self._end(each)].decode() for each in kept_elements]
        options = isinstance(value.elts[-1], ast.Dict) if value.elts else False
        every = [*(written[:-1] if options else written), *sources, *(written[-1:] if options else [])]
        if self._has_comment(start, end):
            return self._appended(value, sources, inner, options=options)
        if not every:
            return _Edit(start, end, "()")
        return _Edit(start, end, "(\n" + "".join(f"{inner}{each},\n" for each in every) + f"{outer})")

    def _appended(self, value: ast.Tuple, sources: list[str], indent: str, *, options: bool) -> _Edit:
        """Elements put in without writing the others anew, since there are comments between them."""
        if options:
            place = self._start(value.elts[-1])
            return _Edit(place, place, "".join(f"{source},\n{indent}" for source in sources))
        place = self._end(value.elts[-1])
        return _Edit(place, place, "".join(f",\n{indent}{source}" for source in sources))

    def _has_comment(self, start: int, end: int) -> bool:
        return any(line.partition(b"#")[1] for line in self._data[start:end].splitlines())

    def _after_table_name(self, table: ast.ClassDef) -> int:
        """The beginning of the line after `__tablename__`, or of the first statement that is no docstring."""
        named = next((each for each in table.body if "__tablename__" in _names(each)), None)
        if named is not None:
            return self._starts[(named.end_lineno or named.lineno)]
        first = table.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        return self._starts[(first.end_lineno or first.lineno)] if documented else self._starts[first.lineno - 1]

    def _import_edits(self) -> Iterator[_Edit]:
        names = sorted(name for name in self._wanted if name)
        imported = self._from_sqlalchemy()
        if names and imported is not None:
            place = self._end(imported.names[-1])
            several = imported.names[-1].lineno != imported.lineno
            joint = ",\n" + " " * imported.names[-1].col_offset if several else ", "
            yield _Edit(place, place, "".join(f"{joint}{name}" for name in names))
        if "" in self._wanted:
            place = self._after_imports()
            yield _Edit(place, place, "import sqlalchemy as sa\n")

    def _after_imports(self) -> int:
        last = 0
        for node in self.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                last = node.end_lineno or node.lineno
            elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                break
            else:
                last = max(last, node.end_lineno or node.lineno)
        return self._starts[last]

    def _from_sqlalchemy(self) -> ast.ImportFrom | None:
        for node in self.tree.body:
            plain = isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy" and not node.level
            if plain and isinstance(node, ast.ImportFrom) and all(alias.name != "*" for alias in node.names):
                return node
        return None

    def _imported(self, name: str) -> bool:
        return any(
            alias.name == name and alias.asname is None
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy") and not node.level
            for alias in node.names
        )

    def _start(self, node: ast.expr | ast.keyword) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.keyword | ast.alias) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _first_text(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None)
    for each in (first, named):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            return each.value
    return None


def _given_name(call: ast.Call) -> str | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None)
    if named is None and _name_of(call.func) == "Index" and call.args:
        named = call.args[0]
    return named.value if isinstance(named, ast.Constant) and isinstance(named.value, str) else None


def _assigned(statement: ast.stmt) -> tuple[str | None, ast.expr | None]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, statement.value
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.value
    return None, None


def _names(statement: ast.stmt) -> tuple[str, ...]:
    if isinstance(statement, ast.FunctionDef):
        return (statement.name,)
    name, _ = _assigned(statement)
    return (name,) if name else ()
