"""Chains of revisions and templates that a revision does not fit into: refused in a line, and nothing is written."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import alembic
import pytest

from pgproof.errors import PgproofError
from pgproof.remedy.plan_values import Reason
from pgproof.remedy.settings import SetDefault, SetTableOption

from .projects import BASE, REASON, make_project, write_beside, write_steps

STEP = SetTableOption("public", "t", "autovacuum_enabled", "true", "false")
MAKO = (Path(alembic.__file__).parent / "templates/generic/script.py.mako").read_text(encoding="utf-8")
Change = Callable[[Path], object]


def revision(name: str, after: str) -> Change:
    def change(folder: Path) -> None:
        text = f"revision = {name!r}\ndown_revision = {after!r}\n\n\ndef upgrade():\n    pass\n"
        (folder / f"alembic/versions/{name}.py").write_text(text, encoding="utf-8")

    return change


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def template(text: str) -> Change:
    return lambda folder: (folder / "alembic/script.py.mako").write_text(text, encoding="utf-8")


def ini(text: str) -> Change:
    return lambda folder: (folder / "alembic.ini").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (both(revision("b1", BASE), revision("b2", BASE)), "the chain has 2 heads (b1, b2): merge them first"),
        (revision("b1", "gone"), "the chain of revisions is broken"),
        (revision(BASE, "a1"), "the chain of revisions is broken"),
        (template("revision = ${repr(up_revision)}\n"), "script.py.mako of this project cannot hold the revision"),
        (template("${engines}\n"), "script.py.mako of this project cannot hold the revision"),
        (template(MAKO.replace('${upgrades if upgrades else "pass"}', "pass")), "script.py.mako leaves out what the"),
        (template(MAKO.replace("${imports if", "${'' if")), "script.py.mako of this project cannot hold the revision"),
        (ini("[alembic]\nscript_location = nowhere\n"), "Path doesn't exist"),
        (ini("[alembic]\nscript_location = alembic\nfile_template = %%(nothing)s\n"), "cannot hold the revision"),
        (lambda folder: (folder / "alembic.ini").unlink(), "--alembic alembic.ini: there is no such file"),
        (lambda folder: (folder / "alembic/script.py.mako").unlink(), "script.py.mako cannot be read: No such file"),
    ],
)
def test_it_is_refused_in_a_line(tmp_path: Path, change: Change, said: str) -> None:
    folder = make_project(tmp_path)
    change(folder)
    before = sorted(folder.glob("**/*.py"))
    with pytest.raises(PgproofError) as refused:
        write_steps(folder, [STEP])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(folder.glob("**/*.py")) == before


def test_the_project_names_the_file(tmp_path: Path) -> None:
    folder = make_project(tmp_path, ini="file_template = %%(rev)s__%%(slug)s\ntruncate_slug_length = 8\n")
    file = write_steps(folder, [STEP], 'Say ${1} & "nothing": or more')
    name, slug = file.stem.split("__")
    assert slug == "say_1_"
    assert f"Revision ID: {name}\nRevises: {BASE}\n" in file.read_text()


def test_what_a_formatter_of_the_project_does_is_kept(tmp_path: Path) -> None:
    hook = (
        "[post_write_hooks]\nhooks = stamp\nstamp.type = exec\nstamp.executable = sed\n"
        "stamp.options = -i -e 1i#stamped REVISION_SCRIPT_FILENAME\n"
    )
    folder = make_project(tmp_path, ini=hook)
    assert write_steps(folder, [STEP]).read_text().startswith("#stamped\n")


def test_folders_in_which_the_ini_file_is_elsewhere(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "database")
    (folder / "alembic.ini").rename(folder / "alembic/alembic.ini")
    (folder / "alembic/alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n", encoding="utf-8")
    assert write_beside(tmp_path, "database/alembic/alembic.ini", [STEP]).parent == folder / "alembic/versions"


HOSTILE = '"""\n\nimport os\nos.system("x")\r\n${1/0} <% import os %> \u202e \x1b[31m \\N{BULLET} %s {}'


HOSTILE_STEP = SetDefault("public", HOSTILE, "c", "0")


def test_hostile_texts_stay_comments_and_literals(tmp_path: Path) -> None:
    bad = Reason("INT01", HOSTILE, "high", HOSTILE, (HOSTILE,), "0" * 64)
    files: list[str] = []
    for reason in (REASON, bad):
        folder = make_project(tmp_path / str(len(files)))
        files.append(write_beside(folder, "alembic.ini", [STEP, HOSTILE_STEP], reason=reason).read_text())
    plain, hostile = (ast.parse(text) for text in files)
    # Comments are no part of the tree, and the revision's id is another one.
    functions = [
        [ast.dump(node) for node in tree.body if isinstance(node, ast.FunctionDef)] for tree in (plain, hostile)
    ]
    assert functions[0] == functions[1]
    assert all(character.isprintable() or character == "\n" for character in files[1])
    assert HOSTILE in [node.value for node in ast.walk(hostile) if isinstance(node, ast.Constant)]
