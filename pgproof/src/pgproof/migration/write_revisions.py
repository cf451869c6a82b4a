"""Writes revisions in the child, where the project's own Alembic and template are: a task of `facts.project.inside`."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pgproof.errors import PgproofError
from pgproof.facts.project.inside import imported, said_by
from pgproof.facts.project.read_migrations import read_config
from pgproof.migration.revision import RevisionParts

_WHAT = "--alembic"
_IMPORTED = {"op": "from alembic import op", "sa": "import sqlalchemy as sa"}


@dataclass(frozen=True)
class Request:
    """What to write.

    Attributes:
        alembic: the alembic.ini, relative to the project.
        at: revisions that the database is at; None where nobody could ask it.
        revisions: in order; each follows the one before.
    """

    alembic: str
    at: tuple[str, ...] | None
    revisions: tuple[RevisionParts, ...]


@dataclass(frozen=True)
class Written:
    """A file that was written, relative to the project, and its revision."""

    file: str
    revision: str
    down_revision: str | None


@dataclass(frozen=True)
class AllWritten:
    """The files in order; none where only the chain was looked at."""

    files: tuple[Written, ...]


def collect(request_file: str) -> AllWritten:
    """Write revisions, all of them or none.

    Args:
        request_file: a `Request` as JSON.

    Raises:
        PgproofError: the chain is broken, has several heads or is not where the database is, or the project's template
            cannot hold the revision; in one line.
    """
    imported("alembic", _WHAT)
    request = TypeAdapter(Request).validate_json(Path(request_file).read_bytes())
    root = Path.cwd()
    ini = root / request.alembic
    if not ini.is_file():
        raise PgproofError(f"{_WHAT} {request.alembic}: there is no such file in {root}")
    with _scripts(root, ini) as scripts:
        head = _head(scripts, request)
        return AllWritten(tuple(_write_all(scripts, root, head, request.revisions)))


@contextlib.contextmanager
def _scripts(root: Path, ini: Path) -> Iterator[Any]:
    """The project's scripts, from the folder that its relative paths are meant from."""
    from alembic.script import ScriptDirectory

    errors = []
    for folder in dict.fromkeys((root, ini.parent)):
        with contextlib.chdir(folder):
            try:
                scripts = ScriptDirectory.from_config(read_config(ini))
                found = any(Path(each).is_dir() for each in scripts._version_locations)
            except Exception as error:
                errors.append(said_by(error))
                continue
            if found or folder == ini.parent:
                yield scripts
                return
    raise PgproofError(f"{_WHAT} {ini.relative_to(root)}: {errors[0]}")


def _head(scripts: Any, request: Request) -> str | None:
    try:
        heads = tuple(scripts.get_heads())
        # Walking meets what the heads alone do not: a revision that follows one which is not there.
        known = {script.revision for script in scripts.walk_revisions()}
    except Exception as error:
        raise PgproofError(
            f"{_WHAT} {request.alembic}: the chain of revisions is broken ({said_by(error)}): mend it, so that alembic"
            " history runs"
        ) from None
    if len(heads) > 1:
        raise PgproofError(
            f"{_WHAT} {request.alembic}: the chain has {len(heads)} heads ({', '.join(heads)}): merge them first"
            " (alembic merge heads), so that it is clear what the new revision follows"
        )
    head = heads[0] if heads else None
    if request.at is not None and set(request.at) != set(heads):
        at = ", ".join(request.at) or "no revision"
        unknown = [each for each in request.at if each not in known]
        if unknown:
            raise PgproofError(
                f"the database is at {at}, which {request.alembic} does not have: give the alembic.ini of this database"
            )
        raise PgproofError(
            f"the database is at {at}, and the chain's head is {head}: run alembic upgrade head first, so that what is"
            " planned is planned for the database as the revision will meet it"
        )
    return head


def _write_all(scripts: Any, root: Path, head: str | None, revisions: tuple[RevisionParts, ...]) -> Iterator[Written]:
    paths: list[Path] = []
    try:
        for parts in revisions:
            path, name = _write(scripts, head, parts)
            paths.append(path)
            _check(path, name, head)
            shown = path.resolve()
            shown = shown.relative_to(root.resolve()) if shown.is_relative_to(root.resolve()) else shown
            yield Written(str(shown), name, head)
            head = name
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def _write(scripts: Any, head: str | None, parts: RevisionParts) -> tuple[Path, str]:
    from alembic.util import rev_id

    name = rev_id()
    template = Path(scripts.dir, "script.py.mako")
    try:
        text = template.read_text(encoding="utf-8")
    except OSError as error:
        raise PgproofError(f"{template} cannot be read: {error.strerror}") from None
    lacking = [
        line for short, line in _IMPORTED.items() if not re.search(rf"^{re.escape(line)}\s*$", text, re.MULTILINE)
    ]
    before = set(_every_file(scripts))
    try:
        script = scripts.generate_revision(
            name,
            parts.message,
            head=head or "base",
            refresh=True,
            imports="\n".join((*lacking, parts.imports)),
            upgrades=parts.upgrade,
            downgrades=parts.downgrade,
        )
    except Exception as error:
        for path in set(_every_file(scripts)) - before:
            path.unlink(missing_ok=True)
        raise PgproofError(
            f"{template.name} of this project cannot hold the revision ({said_by(error)}): it needs what only env.py"
            " gives it, or is made for several databases; write plain SQL with --sql instead"
        ) from None
    return Path(script.path), name


def _every_file(scripts: Any) -> Iterator[Path]:
    for folder in scripts._version_locations:
        yield from Path(folder).glob("**/*.py")


def _check(path: Path, name: str, head: str | None) -> None:
    """Refuse a file that the project's template or its formatter made something else of."""
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise PgproofError(f"the project's script.py.mako makes no Python of the revision: {said_by(error)}") from None
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    stated = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    whole = all(
        side in functions and any(isinstance(node, ast.With) for node in functions[side].body)
        for side in ("upgrade", "downgrade")
    )
    if not whole or "_steps" not in functions or (stated.get("revision"), stated.get("down_revision")) != (name, head):
        raise PgproofError(
            "the project's script.py.mako leaves out what the revision needs: let it render ${imports}, ${upgrades} and"
            " ${downgrades} as Alembic's own template does, or write plain SQL with --sql"
        )
