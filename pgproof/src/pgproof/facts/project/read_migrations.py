"""Reads an Alembic chain in the child: its settings, its scripts one by one, and what each sends.

The scripts are run, up and down, against a connection that leads nowhere; env.py is not, since it would connect, so
what matters of it is read from its text.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgproof.errors import PgproofError
from pgproof.facts.migrations import Direction, Migrations, Revision, Unread
from pgproof.facts.project import side_effects
from pgproof.facts.project.inside import imported
from pgproof.facts.project.script_text import ScriptText, environment_of, first_line, preparations
from pgproof.facts.source_line import SourceLine

_WHAT = "--alembic"
_SCRIPT = re.compile(r"(?!\.#|__init__)(.*\.py)$")
"""The files that Alembic takes for revisions (alembic.script.base)."""


def collect(alembic_ini: str) -> Migrations:
    """Return what the scripts that an alembic.ini or a pyproject.toml leads to do.

    Raises:
        PgproofError: no such file, no folder of scripts, or no Alembic; one line with the way out.
    """
    imported("alembic", _WHAT)
    side_effects.watch()
    return read_chain(Path.cwd(), alembic_ini)


def read_chain(root: Path, alembic_ini: str) -> Migrations:
    """Return what `collect` does, without keeping the scripts from changing anything but databases.

    Args:
        root: the project's folder, to which places in its code are relative.
        alembic_ini: relative to it.

    Raises:
        PgproofError: as `collect`.
    """
    ini = root / alembic_ini
    if not ini.is_file():
        raise PgproofError(f"{_WHAT} {alembic_ini}: there is no such file in {root}")
    # Alembic takes relative paths from where it is run: the project's folder, else the file's own.
    errors = []
    for folder in dict.fromkeys((root, ini.parent)):
        with contextlib.chdir(folder):
            try:
                return _Chain(root, ini).read()
            except _NoScriptsError as error:
                errors.append(str(error))
    raise PgproofError(f"{_WHAT} {alembic_ini}: {errors[0]}")


class _NoScriptsError(Exception):
    """Alembic finds no scripts from this folder."""


class _Chain:
    """The scripts of one configuration."""

    def __init__(self, root: Path, ini: Path) -> None:
        self.root = root
        self.ini = ini

    def read(self) -> Migrations:
        """Return the chain.

        Raises:
            _NoScriptsError: Alembic does not find the scripts from the working directory.
        """
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        try:
            self.config = read_config(self.ini)
            self.scripts = ScriptDirectory.from_config(self.config)
        except CommandError as error:
            raise _NoScriptsError(str(error).splitlines()[0]) from None
        except ModuleNotFoundError as error:
            raise _NoScriptsError(f"script_location names {error.name}, which is not installed here") from None
        except _NoScriptsError:
            raise
        except Exception as error:
            raise _NoScriptsError(f"it cannot be read: {first_line(error)}") from None
        folders = [Path(each) for each in self.scripts._version_locations]
        if not any(folder.is_dir() for folder in folders):
            names = " or ".join(self._relative(folder) for folder in folders)
            raise _NoScriptsError(f"there is no folder {names} with revisions")
        location = Path(self.scripts.dir).absolute()
        text = ScriptText.read(location / "env.py")
        self.environment = environment_of(text, location, self.ini, folders, self._relative(location / "env.py"))
        self._prepare(text, location / "env.py")
        unreadable: list[Unread] = []
        revisions = []
        for file in self._files(folders):
            try:
                revisions.append(self._revision(file))
            except PgproofError as error:
                unreadable.append(Unread(str(error), SourceLine(self._relative(file), 1)))
        if not revisions and not unreadable:
            names = " or ".join(self._relative(folder) for folder in folders)
            raise _NoScriptsError(
                f"there is no revision in {names}: if env.py chooses the folder, say it as version_locations in a "
                "configuration for pgproof"
            )
        return Migrations(
            file=self._relative(self.ini),
            location=self._relative(location),
            environment=self.environment,
            revisions=tuple(revisions),
            unreadable=tuple(unreadable),
        )

    def _prepare(self, text: ScriptText, file: Path) -> None:
        """Import what env.py imports: revisions may rely on it. What fails there may not be needed here."""
        from alembic.runtime.environment import EnvironmentContext

        names: dict[str, Any] = {"__file__": str(file), "__name__": "env_py"}
        with EnvironmentContext(self.config, self.scripts):
            for statement in preparations(text):
                with contextlib.suppress(Exception, SystemExit):
                    exec(compile(ast.Module([statement], []), str(file), "exec"), names)  # noqa: S102

    def _files(self, folders: list[Path]) -> Iterator[Path]:
        seen: set[Path] = set()
        for folder in folders:
            pattern = "**/*" if self.scripts.recursive_version_locations else "*"
            for file in sorted(folder.glob(pattern)):
                path = file.resolve()
                if _SCRIPT.fullmatch(file.name) and path not in seen and "__pycache__" not in file.parts:
                    seen.add(path)
                    yield path

    def _revision(self, file: Path) -> Revision:
        script = ScriptText.read(file)
        try:
            module = self._load(file)
        except BaseException as error:
            reason = f"its import ended with {first_line(error)}"
            line = _line_in(error, file) or 1
            stop = Unread(reason, self._source(file, line))
            if script.revision is None:
                raise PgproofError(f"{self._relative(file)} is no revision: {reason}") from None
            return self._made(
                file,
                script,
                None,
                script.revision,
                script.down_revisions,
                script.depends_on,
                script.branch_labels,
                stop,
            )
        identity = getattr(module, "revision", None)
        if not isinstance(identity, str):
            raise PgproofError(
                f"{self._relative(file)} is no revision: it has no `revision`, so Alembic refuses to run"
            )
        return self._made(
            file,
            script,
            module,
            identity,
            _tuple(getattr(module, "down_revision", None)),
            _tuple(getattr(module, "depends_on", None)),
            _tuple(getattr(module, "branch_labels", None)),
            None,
        )

    def _made(
        self,
        file: Path,
        script: ScriptText,
        module: Any,
        identity: str,
        down_revisions: tuple[str, ...],
        depends_on: tuple[str, ...],
        branch_labels: tuple[str, ...],
        stop: Unread | None,
    ) -> Revision:
        return Revision(
            id=identity,
            down_revisions=down_revisions,
            branch_labels=branch_labels,
            depends_on=depends_on,
            message=script.message,
            line=self._source(file, 1),
            upgrade=self._direction(file, script, module, "upgrade", stop),
            downgrade=self._direction(file, script, module, "downgrade", stop),
        )

    def _direction(self, file: Path, script: ScriptText, module: Any, name: str, stop: Unread | None) -> Direction:
        from pgproof.facts.project.run_script import Recorder, record

        written = script.function(name)
        function = getattr(module, name, None)
        if written is None and not callable(function):
            return Direction(None, unread=stop)
        read = Direction(line=self._source(file, written.line if written else 1), unread=stop)
        if written is not None:
            read = replace(read, empty=written.empty, calls=written.calls)
        if not callable(function):
            return read
        recorder = Recorder(file, lambda number: self._source(file, number), autocommit=self.environment.autocommit)
        record(function, recorder, self.config, self.scripts)
        return replace(read, operations=tuple(recorder.operations), unread=recorder.stopped)

    def _load(self, file: Path) -> Any:
        from alembic.runtime.environment import EnvironmentContext
        from alembic.util import load_python_file

        with EnvironmentContext(self.config, self.scripts):
            return load_python_file(file.parent, file.name)

    def _source(self, file: Path, line: int) -> SourceLine:
        return SourceLine(self._relative(file), line)

    def _relative(self, path: Path) -> str:
        path = path.absolute()
        for root in (self.root, self.root.resolve()):
            if path.is_relative_to(root):
                return str(path.relative_to(root))
        return str(path)


def read_config(ini: Path) -> Any:
    """Alembic's configuration, as its command line makes it, and Flask-Migrate's: that is beside env.py."""
    config = _read_config(ini)
    if ini.suffix != ".toml" and not config.get_main_option("script_location") and (ini.parent / "env.py").is_file():
        config.set_main_option("script_location", str(ini.parent.absolute()).replace("%", "%%"))
    return config


def _read_config(ini: Path) -> Any:
    from alembic import __version__
    from alembic.config import Config

    # Before Alembic 1.16 there was no second file.
    takes_toml = "toml_file" in inspect.signature(Config).parameters
    if ini.suffix == ".toml":
        if not takes_toml:
            raise _NoScriptsError(
                f"Alembic {__version__} reads no {ini.name} (1.16 and newer do): give its alembic.ini"
            )
        return Config(toml_file=ini)
    return Config(ini, toml_file=ini.parent / "pyproject.toml") if takes_toml else Config(ini)


def _tuple(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value if each is not None)


def _line_in(error: BaseException, file: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
