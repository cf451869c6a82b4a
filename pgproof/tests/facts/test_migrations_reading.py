"""Chains of every shape are read in the child, script by script; what cannot be read is said, and the rest is."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from textwrap import indent

import pytest
from pydantic import TypeAdapter

from pgproof.errors import PgproofError
from pgproof.facts.migrations import Direction, Migrations, Operation
from pgproof.facts.project.child import Project, ask_project

_READS_TOML = [int(part) for part in version("alembic").split(".")] >= [1, 16]
_INI = "[alembic]\nscript_location = %(here)s/alembic\n"
_CONNECTING = """
import asyncio
from pathlib import Path
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

async def run():
    Path("env-was-run").touch()
    async with create_async_engine("postgresql+asyncpg://nowhere/nothing").connect() as connection:
        await connection.run_sync(lambda sync: context.configure(connection=sync))

asyncio.run(run())
"""
_HEAD = """import sqlalchemy as sa
from alembic import context, op

revision = {name!r}
down_revision = {after!r}
"""

Make = Callable[..., Path]


def script(name: str, after: object = None, *, up: str = "pass", down: str = "pass", more: str = "") -> str:
    up, down = (body.replace("\n", "\n    ") for body in (up, down))
    head = _HEAD.format(name=name, after=after)
    return f"{head}{more}\n\ndef upgrade():\n    {up}\n\n\ndef downgrade():\n    {down}\n"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a project: its scripts by number, its env.py, its alembic.ini."""

    def made(*scripts: str, env: str = _CONNECTING, ini: str = _INI, folder: str = "alembic/versions") -> Path:
        versions = tmp_path / folder
        versions.mkdir(parents=True, exist_ok=True)
        (tmp_path / "alembic").mkdir(exist_ok=True)
        (tmp_path / "alembic/env.py").write_text(env, encoding="utf-8")
        (tmp_path / "alembic.ini").write_text(ini, encoding="utf-8")
        for number, source in enumerate(scripts):
            (versions / f"{number}.py").write_text(source, encoding="utf-8")
        return tmp_path

    return made


def read(folder: Path, ini: str = "alembic.ini") -> Migrations:
    return ask_project(Project(folder), "migrations", (ini,), Migrations)


def first(folder: Path) -> Direction:
    return read(folder).revisions[0].upgrade


def seen(direction: Direction) -> list[tuple[str, str | None]]:
    return [(each.kind, str(each.table) if each.table else None) for each in direction.operations]


def test_operations_are_those_that_alembic_emits(make: Make) -> None:
    up = """op.create_table("a", sa.Column("id", sa.Integer, primary_key=True), schema="s")
op.create_index("i", "a", ["id"], unique=True, schema="s")
op.add_column("b", sa.Column("n", sa.String(20), nullable=False, server_default="x"))
op.alter_column("b", "c", type_=sa.BigInteger(), existing_type=sa.Integer(), nullable=False)
op.create_foreign_key("fk", "b", "a", ["n"], ["id"], referent_schema="s", postgresql_not_valid=True)
op.rename_table("b", "d")
op.drop_index("j", table_name="b")"""
    folder = make(script("a1", up=up, down='op.drop_table("a", schema="s")'))
    chain = read(folder)
    (revision,) = chain.revisions
    operations = revision.upgrade.operations
    assert seen(revision.upgrade) == [
        ("create_table", "s.a"), ("create_index", "s.a"), ("add_column", "b"), ("alter_type", "b"),
        ("set_not_null", "b"),
        ("add_constraint", "b"), ("rename_table", "b"), ("drop_index", "b"),
    ]  # fmt: skip
    assert [each.line.line for each in operations if each.line] == [9, 10, 11, 12, 12, 13, 14, 15]
    assert str(operations[0].line) == "alembic/versions/0.py:9"
    table, index, column, change, _, key, *_ = operations
    assert index.new_table
    assert (index.name, index.columns) == ("i", ("id",))
    assert not table.new_table
    assert not column.new_table
    assert column.column is not None
    assert (column.column.type, column.column.default, column.column.not_null) == ("VARCHAR(20)", "'x'", True)
    assert change.column is not None
    assert (change.column.old_type, change.column.type) == ("INTEGER", "BIGINT")
    assert key.constraint is not None
    assert (key.constraint.kind, key.constraint.not_valid, str(key.references[0])) == ("foreign key", True, "s.a")
    assert seen(revision.downgrade) == [("drop_table", "s.a")]
    assert (revision.upgrade.unread, revision.downgrade.unread) == (None, None)
    assert (chain.file, chain.location) == ("alembic.ini", "alembic")


def test_env_is_not_run_since_it_would_connect(make: Make) -> None:
    folder = make(script("a1", up='op.execute("SELECT 1")'))
    assert len(first(folder).operations) == 1
    assert not (folder / "env-was-run").exists()


def test_transactions_and_settings_are_followed(make: Make) -> None:
    up = """op.execute("SET LOCAL lock_timeout = '5s'")
op.execute("ALTER TABLE t ADD a int")
with op.get_context().autocommit_block():
    op.execute("SET statement_timeout = 0")
    op.create_index("i", "t", ["a"], postgresql_concurrently=True)
    op.execute("SELECT 1; SELECT 2")
op.execute("SELECT 3")
op.execute("COMMIT")
op.execute("SELECT 4")"""
    operations = first(make(script("a1", up=up))).operations
    assert [each.transaction for each in operations] == [0, 0, None, None, 1, 1, 2, 2, None]
    build = next(each for each in operations if each.kind == "create_index")
    assert build.concurrently
    assert (operations[1].setting("lock_timeout"), build.setting("lock_timeout")) == ("5s", None)
    assert build.setting("statement_timeout") == "0"


@pytest.mark.parametrize(
    ("body", "reason", "line"),
    [
        ("op.execute('SELECT 1')\nrows = op.get_bind().execute(sa.text('SELECT id FROM t')).fetchall()",
         "it reads the answer to SELECT id FROM t", 10),
        ("for row in op.get_bind().execute(sa.text('SELECT id FROM t')):\n    pass",
         "the answer to SELECT id FROM t", 9),
        ("if op.get_bind().scalar(sa.text('SELECT 1')):\n    pass", "the answer to SELECT 1", 9),
        ("try:\n    op.get_bind().execute(sa.text('SELECT 1')).scalar()\nexcept Exception:\n    pass", "SELECT 1", 10),
        ("if op.get_bind().execute(sa.text('DELETE FROM t')).rowcount:\n    pass", "DELETE FROM t", 9),
        ("sa.inspect(op.get_bind()).get_table_names()", "it inspects the tables of the database", 9),
        ("op.get_bind().begin_twophase()", "it asks the connection for begin_twophase", 9),
        ("raise RuntimeError('not today\\nnor tomorrow')", "it ended with RuntimeError: not today", 9),
        ("import sys\nsys.exit('no')", "it ended with SystemExit: no", 10),
        ("op.add_column('t')", "it ended with TypeError", 9),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "pgproof lets this code reach no server", 10),
    ],
)  # fmt: skip
def test_a_script_that_needs_the_database_is_read_as_far_as_it_goes(
    make: Make, body: str, reason: str, line: int
) -> None:
    folder = make(script("a1", up=body, down='op.drop_table("t")'), script("b2", "a1", up='op.drop_table("u")'))
    revision, other = read(folder).revisions
    stop = revision.upgrade.unread
    assert stop is not None
    assert reason in stop.reason
    assert stop.line is not None
    assert (stop.line.line, stop.line.file) == (line, "alembic/versions/0.py")
    assert seen(revision.downgrade) == [("drop_table", "t")]
    assert seen(other.upgrade) == [("drop_table", "u")]


def test_what_came_before_the_stop_is_kept_and_calls_after_it_are_known(make: Make) -> None:
    up = 'op.drop_table("t")\nif op.get_bind().scalar(sa.text("SELECT 1")):\n    op.add_column("u", sa.Column("a"))'
    direction = first(make(script("a1", up=up)))
    assert seen(direction)[0] == ("drop_table", "t")
    assert "add_column" in direction.calls


@pytest.mark.parametrize(
    "body",
    [
        "from pathlib import Path\nPath('made').touch()",
        "open('made', 'w').close()",
        "import os\nos.close(os.open('made', os.O_CREAT | os.O_WRONLY))",
        "import os\nos.remove('alembic.ini')",
        "import shutil\nshutil.rmtree('alembic')",
        "import os\nos.mkdir('made')",
        "import os\nos.rename('alembic.ini', 'made')",
        "import os\nos.system('touch made')",
        "import subprocess\nsubprocess.run(['touch', 'made'])",
        "import os\nif os.fork() == 0:\n    os._exit(0)",
    ],
)
def test_a_script_changes_nothing_but_databases(make: Make, body: str) -> None:
    folder = make(script("a1", up=f"try:\n{indent(body, '    ')}\nexcept Exception:\n    pass"))
    stop = first(folder).unread
    assert stop is not None
    assert "which is not done here" in stop.reason
    assert not (folder / "made").exists()
    assert (folder / "alembic.ini").exists()
    assert (folder / "alembic/versions/0.py").exists()


def test_what_needs_no_answer_is_read_through_a_connection(make: Make) -> None:
    up = """bind = op.get_bind()
if bind.dialect.name == "postgresql" and bind.engine.name == "postgresql":
    sa.Enum("a", "b", name="kind").create(bind, checkfirst=True)
bind.execute(sa.text("UPDATE t SET a = :a"), {"a": "secret"})
bind.exec_driver_sql("DELETE FROM t")
with bind.begin_nested():
    sa.MetaData().create_all(bind)
with op.batch_alter_table("t") as batch:
    batch.drop_column("b")
    batch.create_index("i", ["c"])
if context.is_offline_mode():
    op.execute(sa.table("t", sa.column("a")).delete())"""
    direction = first(make(script("a1", up=up)))
    assert direction.unread is None
    assert seen(direction) == [
        ("other", None), ("update", "t"), ("delete", "t"), ("drop_column", "t"), ("create_index", "t"), ("delete", "t")
    ]  # fmt: skip
    assert "CREATE TYPE" in direction.operations[0].sql


def test_data_and_secrets_do_not_leave(make: Make) -> None:
    up = """users = sa.table("users", sa.column("name"))
op.bulk_insert(users, [{"name": "secret"}, {"name": "secret"}])
op.execute("INSERT INTO users VALUES ('secret', E'secret', $$secret$$)")
op.execute(sa.update(users).values(name="secret"))
op.execute("CREATE ROLE app PASSWORD 'secret'")
op.execute("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $body$ SELECT 'secret' $body$")
op.execute("SELECT 'secret' -- secret")"""
    folder = make(script("a1", up=up))
    chain = read(folder)
    assert len(chain.revisions[0].upgrade.operations) == 6
    assert b"secret" not in TypeAdapter(Migrations).dump_json(chain)


def test_percent_signs_and_colons_stay_as_they_are(make: Make) -> None:
    sql = "ALTER TABLE t ADD CHECK (a LIKE '10\\:30%')"
    (operation,) = first(make(script("a1", up=f'op.execute(r"{sql}")'))).operations
    assert operation.sql == sql.replace("\\", "")


def test_a_script_that_cannot_be_imported_is_known_by_its_text(make: Make) -> None:
    broken = script(
        "b2", "a1", up='op.drop_table("t")', more="branch_labels = ('x',)\ndepends_on: list = ['c3']\nimport nowhere"
    )
    chain = read(make(script("a1"), broken, script("c3", more="branch_labels = ('y',)")))
    revision = chain.revisions[1]
    assert (revision.id, revision.down_revisions) == ("b2", ("a1",))
    assert (revision.branch_labels, revision.depends_on) == (("x",), ("c3",))
    assert revision.upgrade.unread is not None
    assert revision.upgrade.unread.reason == "its import ended with ModuleNotFoundError: No module named 'nowhere'"
    assert str(revision.upgrade.unread.line) == "alembic/versions/1.py:8"
    assert (revision.upgrade.calls, revision.downgrade.empty) == (("drop_table",), True)
    assert chain.unreadable == ()
    assert {each.id for each in chain.heads} == {"b2", "c3"}


def test_a_file_that_is_no_revision_is_said_and_the_others_are_read(make: Make) -> None:
    chain = read(make(script("a1"), "x = 1\n", "def upgrade(:\n", "revision = 7\n"))
    assert [each.id for each in chain.revisions] == ["a1"]
    assert [str(each.line) for each in chain.unreadable] == [f"alembic/versions/{n}.py:1" for n in (1, 2, 3)]
    assert "it has no `revision`" in chain.unreadable[0].reason
    assert "SyntaxError" in chain.unreadable[1].reason


def test_chains_that_alembic_refuses_are_read(make: Make) -> None:
    circle = (script("a1", "b2"), script("b2", "a1"))
    chain = read(make(*circle, script("c3", "gone"), script("d4", ("a1", "c3")), script("d4")))
    assert [each.id for each in chain.revisions] == ["a1", "b2", "c3", "d4", "d4"]
    assert chain.lineage("a1") == {"a1", "b2"}
    assert chain.revisions[3].down_revisions == ("a1", "c3")
    assert [each.id for each in chain.heads] == ["d4"]


def test_lines_follow_dependencies_and_labels(make: Make) -> None:
    labelled = script("c3", more="branch_labels = 'extra'")
    chain = read(make(script("a1"), script("b2", "a1", more="depends_on = 'extra'"), labelled))
    assert chain.lineage("b2") == {"a1", "b2", "c3"}
    assert chain.lineage("b2", dependencies=False) == {"a1", "b2"}


def test_what_a_downgrade_says_of_itself(make: Make) -> None:
    silent = script("a1", down='"""Nothing."""\nreturn')
    refusing = script("b2", "a1", down='"""No."""\nraise NotImplementedError')
    missing = script("c3", "b2").partition("def downgrade")[0]
    downs = [each.downgrade for each in read(make(silent, refusing, missing)).revisions]
    assert [(each.empty, each.unread is not None, each.line is None) for each in downs] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_several_locations_with_a_separator(make: Make, tmp_path: Path) -> None:
    ini = _INI + "version_path_separator = os\nversion_locations = %(here)s/one:%(here)s/two words:%(here)s/not-there\n"
    make(script("a1"), folder="one")
    chain = read(make(script("b2", "a1"), folder="two words", ini=ini))
    assert [str(each.line) for each in chain.revisions] == ["one/0.py:1", "two words/0.py:1"]


def test_folders_below_only_where_they_are_asked_for(make: Make) -> None:
    make(script("b2"), folder="alembic/versions/2025")
    folder = make(script("a1"))
    assert [each.id for each in read(folder).revisions] == ["a1"]
    (folder / "alembic.ini").write_text(_INI + "recursive_version_locations = true\n", encoding="utf-8")
    assert {each.id for each in read(folder).revisions} == {"a1", "b2"}


def test_an_ini_beside_env_that_does_not_say_where_the_scripts_are(make: Make) -> None:
    """Flask-Migrate says it in code."""
    folder = make(script("a1"), env="")
    (folder / "alembic/alembic.ini").write_text("[alembic]\n", encoding="utf-8")
    assert [each.id for each in read(folder, "alembic/alembic.ini").revisions] == ["a1"]


def test_a_script_may_ask_the_inspector_for_its_dialect(make: Make) -> None:
    up = """\
inspector = sa.inspect(op.get_bind())
if "sqlite" not in inspector.dialect.dialect_description:
    op.drop_table("t")"""
    upgrade = first(make(script("a1", up=up)))
    assert (upgrade.unread, [each.kind for each in upgrade.operations]) == (None, ["drop_table"])


@pytest.mark.skipif(not _READS_TOML, reason="Alembic reads a pyproject.toml from 1.16 on")
def test_a_pyproject_alone_or_beside_the_ini(make: Make) -> None:
    folder = make(script("a1"), ini="[alembic]\n")
    (folder / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/alembic"\n', encoding="utf-8")
    assert [each.id for each in read(folder).revisions] == ["a1"]
    assert [each.id for each in read(folder, "pyproject.toml").revisions] == ["a1"]


@pytest.mark.skipif(_READS_TOML, reason="this Alembic reads a pyproject.toml: make test-lowest has one that does not")
def test_a_pyproject_with_an_alembic_that_does_not_read_it(make: Make) -> None:
    folder = make(script("a1"))
    (folder / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/alembic"\n', encoding="utf-8")
    with pytest.raises(PgproofError, match=r"reads no pyproject.toml \(1.16 and newer do\): give its alembic.ini$"):
        read(folder, "pyproject.toml")


def test_a_package_in_src_and_what_the_scripts_import_from_it(make: Make) -> None:
    package = (
        make(
            script("a1", up="helpers.make(op)", more="from shop import helpers"),
            folder="src/shop/migrations/versions",
            ini="[alembic]\nscript_location = shop:migrations\n",
        )
        / "src/shop"
    )
    (package / "__init__.py").touch()
    (package / "migrations/env.py").touch()
    (package / "helpers.py").write_text('def make(op):\n    op.drop_table("t")\n', encoding="utf-8")
    (operation,) = first(package.parent.parent).operations
    assert str(operation.line) == "src/shop/migrations/versions/0.py:9"


def test_prepend_sys_path_and_what_env_does_to_it(make: Make) -> None:
    folder = make(
        script("a1", more="import by_ini, by_env, by_env.part as part"),
        ini=_INI + "prepend_sys_path = %(here)s/lib\n",
        env="import sys, os\nsys.path.append(os.path.join(os.path.dirname(__file__), 'more'))\n"
        "import nowhere\nimport by_env.part\n",
    )
    for name in ("lib/by_ini.py", "alembic/more/by_env/__init__.py", "alembic/more/by_env/part.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert first(folder).unread is None


def test_an_ini_in_a_folder_of_its_own(make: Make) -> None:
    folder = make(script("a1"), ini="[alembic]\nscript_location = alembic\n")
    assert [str(each.line) for each in read(folder.parent, f"{folder.name}/alembic.ini").revisions] == [
        f"{folder.name}/alembic/versions/0.py:1"
    ]


@pytest.mark.parametrize(
    ("env", "autocommit", "limits", "table", "schema"),
    [
        ("", False, False, "alembic_version", None),
        ("context.configure(version_table='v', version_table_schema='s')", False, False, "v", "s"),
        ("NAME = 'v'\ncontext.configure(version_table=NAME)", False, False, "v", None),
        ("context.configure(version_table=settings.NAME)", False, False, None, None),
        ("context.configure(transactional_ddl=False)", True, False, "alembic_version", None),
        ("engine.execution_options(isolation_level='AUTOCOMMIT')", True, False, "alembic_version", None),
        ("connection.execute(text('SET lock_timeout = 0'))", False, True, "alembic_version", None),
        ("def broken(:", False, False, "alembic_version", None),
    ],
)
def test_what_env_says_by_its_text(
    make: Make, env: str, autocommit: bool, limits: bool, table: str | None, schema: str | None
) -> None:
    said = read(make(script("a1", up='op.execute("SELECT 1")'), env=env))
    environment = said.environment
    assert (environment.autocommit, environment.limits_locks) == (autocommit, limits)
    assert (environment.version_table, environment.version_table_schema) == (table, schema)
    assert said.revisions[0].upgrade.operations[0].transaction == (None if autocommit else 0)


def test_a_helper_beside_env_may_limit_locks_but_a_script_speaks_for_itself(make: Make) -> None:
    folder = make(script("a1", up="op.execute('SET lock_timeout = 0')"))
    assert not read(folder).environment.limits_locks
    (folder / "alembic/helper.py").write_text("LIMIT = 'lock_timeout'", encoding="utf-8")
    assert read(folder).environment.limits_locks


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("[alembic]\n", "No 'script_location' key found"),
        ("[alembic]\nscript_location = nowhere\n", "Path doesn't exist"),
        ("[alembic]\nscript_location = nowhere:migrations\n", "nowhere, which is not installed here"),
        ("script_location = alembic\n", "it cannot be read: MissingSectionHeaderError"),
        ("[alembic]\nscript_location = %(here)s/empty\n", "there is no folder empty/versions with revisions"),
        ("[alembic]\nscript_location = %(here)s/bare\n", "there is no revision in bare/versions"),
    ],
)
def test_a_configuration_that_leads_to_no_scripts_is_one_line(make: Make, ini: str, said: str) -> None:
    folder = make(script("a1"), ini=ini)
    (folder / "empty").mkdir()
    (folder / "bare/versions").mkdir(parents=True)
    with pytest.raises(PgproofError) as raised:
        read(folder)
    assert said in str(raised.value)
    assert str(raised.value).startswith("--alembic alembic.ini: ")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(make: Make) -> None:
    with pytest.raises(PgproofError, match=r"there is no such file"):
        read(make(script("a1")), "other.ini")


def test_the_same_file_by_two_paths_is_one_revision(make: Make) -> None:
    folder = make(script("a1"), ini=_INI + "version_locations = %(here)s/alembic/versions %(here)s/again\n")
    (folder / "again").symlink_to(folder / "alembic/versions")
    assert [each.id for each in read(folder).revisions] == ["a1"]


def test_long_statements_are_cut(make: Make) -> None:
    values = ", ".join(str(number) for number in range(5_000))
    (operation,) = first(make(script("a1", up=f'op.execute("DELETE FROM t WHERE a IN ({values})")'))).operations
    assert isinstance(operation, Operation)
    assert len(operation.sql) == 4_000
