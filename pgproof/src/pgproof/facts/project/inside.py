"""The child's main: imports what was named under the guard, and writes what it found as JSON.

Run as `python -m pgproof.facts.project.inside TASK FILE ARGUMENT...`; what the project prints goes nowhere.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pgproof.errors import PgproofError
from pgproof.facts.project.guard import ConnectionRefusedByGuard, guard

TASKS = {
    "models": "pgproof.facts.project.read_models",
    "engine": "pgproof.facts.project.read_engine",
    "create": "pgproof.facts.project.create_tables",
    "migrations": "pgproof.facts.project.read_migrations",
    "revisions": "pgproof.migration.write_revisions",
    "names": "pgproof.migration.name_objects",
}
"""Modules with a function `collect(*arguments) -> dataclass`."""
_OLDEST_SQLALCHEMY = 2
_REPORT = "this is a fault of pgproof: please report it with the line of your code that it is about"


def main() -> None:
    """Run one task."""
    task, file, *arguments = sys.argv[1:]
    root = Path.cwd()
    for folder in (root / "src", root):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    guard.install()
    try:
        if task != "migrations":
            _refuse_old_sqlalchemy()
        found = importlib.import_module(TASKS[task]).collect(*arguments)
        document: dict[str, Any] = {"answer": TypeAdapter(type(found)).dump_python(found, mode="json")}
    except PgproofError as error:
        document = {"error": str(error)}
    except Exception as error:
        document = {"error": f"{' '.join(arguments)} could not be read: {said_by(error)}; {_REPORT}"}
    Path(file).write_text(json.dumps(document), encoding="utf-8")
    # Threads that the project left running, and what it wants done at exit, are not waited for.
    os._exit(0)


def _refuse_old_sqlalchemy() -> None:
    """Raise where the project's SQLAlchemy is older than what its models are read with."""
    try:
        installed = version("sqlalchemy")
    except PackageNotFoundError:
        return
    if int(installed.partition(".")[0]) < _OLDEST_SQLALCHEMY:
        raise PgproofError(
            f"this environment has SQLAlchemy {installed}, and pgproof reads models and engines of "
            f"{_OLDEST_SQLALCHEMY}.0 or newer: leave them out, or move the project first"
        )


def named_object(name: str, what: str) -> Any:
    """Return the object that `package.module:attribute` names, which is imported for it.

    Args:
        name: as a person gave it; the attribute may have dots.
        what: it is to be, for messages, such as `--models`.

    Raises:
        PgproofError: no such module or attribute, or the import failed; one line with the way out.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise PgproofError(f"{what} {name} names no object: write package.module:attribute")
    found: Any = imported(module_name, what)
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise PgproofError(f"{what} {name}: {module_name} has no {attribute}") from None
    return found


def imported(module_name: str, what: str) -> Any:
    """Import a module of the project.

    Raises:
        PgproofError: it is not there, or its import failed; one line with the way out.
    """
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and (module_name == missing or module_name.startswith(f"{missing}.")):
            raise PgproofError(
                f"{what}: there is no module {missing} in {Path.cwd()} or its src: run pgproof in the project's folder"
            ) from None
        raise PgproofError(
            f"{what}: importing {module_name} needs {missing}, which is not installed here: run pgproof in the "
            "project's own environment"
        ) from None
    except BaseException as error:
        refused = _refused(error)
        if refused is not None:
            raise PgproofError(
                f"{what}: importing {module_name} opens a connection ({place_of(error)}): {refused}; connect in a "
                "function instead"
            ) from None
        raise PgproofError(
            f"{what}: importing {module_name} failed ({place_of(error)}): {said_by(error)}; settings it wants at "
            "import can be given as environment variables"
        ) from None


def _refused(error: BaseException) -> ConnectionRefusedByGuard | None:
    """The guard's refusal behind an exception: SQLAlchemy raises one of its own from it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ConnectionRefusedByGuard):
        seen = seen.__cause__ or seen.__context__
    return seen


def said_by(error: BaseException) -> str:
    """Return what an exception says, in one line; of settings that are wrong only which, since it quotes the values."""
    name = type(error).__name__
    if isinstance(error, ValidationError):
        wrong = ", ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return f"{name} of {error.title}: {wrong}"
    first = str(error).strip().splitlines()
    return f"{name}: {first[0]}" if first else name


def place_of(error: BaseException) -> str:
    """Return the line of the project's code that failed: the last one outside installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    root = str(Path.cwd())
    own = [frame for frame in frames if frame.filename.startswith(root) and "site-packages" not in frame.filename]
    if not own:
        return "outside the project"
    return f"{Path(own[-1].filename).relative_to(root)} line {own[-1].lineno}"


if __name__ == "__main__":
    main()
