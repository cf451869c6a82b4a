"""What people judged by reading, and how the schemas that were audited came to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schema:
    """A database that a published package's own command made.

    Attributes:
        packages: name==version.
        command: that made the tables.
        how: what the command then did, where it was not to run migration after migration.
    """

    database: str
    packages: str
    command: str
    how: str = ""


@dataclass(frozen=True)
class Project:
    """What of a project was given besides its database, in its own environment and its folder (site-packages).

    Attributes:
        options: of `pgproof snapshot`.
        environment: variables that its settings want at import.
        left_out: what could not be read, and why.
        chain: the same migrations run from nothing, on a database that notes what they do.
    """

    database: str
    options: str
    environment: str = ""
    left_out: str = ""
    chain: bool = True


@dataclass(frozen=True)
class ProjectFalse:
    """A finding about a project's code that was wrong, and what was mended.

    Attributes:
        shown: what showed it.
    """

    database: str
    rule: str
    finding: str
    shown: str
    mended: str


@dataclass(frozen=True)
class JudgedFalse:
    """A finding that the server bears out and that is wrong for people all the same.

    Attributes:
        columns: of its table.
        reason: why it is wrong.
        mended: what was changed in the rule, so that it is not found again.
    """

    database: str
    rule: str
    table: str
    columns: tuple[str, ...]
    reason: str
    mended: str


SCHEMAS = (
    Schema("mlflow", "mlflow==3.17.2", "mlflow db upgrade URL"),
    Schema("prefect", "prefect==3.8.8", "prefect server database upgrade --yes"),
    Schema(
        "airflow",
        "apache-airflow==3.3.2",
        "airflow db migrate",
        "on an empty database from the package's models, then stamped",
    ),
    Schema(
        "dagster",
        "dagster==1.13.27, dagster-postgres==0.29.27",
        "dagster instance migrate",
        "on an empty database from the package's tables, then stamped",
    ),
    Schema("wagtail", "wagtail==8.0.1, Django==5.2.19", "wagtail start mysite; python manage.py migrate"),
    Schema("ckan", "ckan==2.12.0", "ckan db init"),
    Schema("superset", "apache_superset==6.1.0", "superset db upgrade"),
)

_ELSEWHERE = "a name and password beside a host, an address or a port sign in at another server: not reported"

JUDGED_FALSE = (
    JudgedFalse(
        "airflow",
        "INT02",
        "connection",
        ("login",),
        "The account with which Airflow enters another system; several connections may use one.",
        _ELSEWHERE,
    ),
    JudgedFalse(
        "airflow",
        "INT02",
        "connection_test_request",
        ("login",),
        "The same, of a connection that is being tried.",
        _ELSEWHERE,
    ),
    JudgedFalse(
        "superset",
        "INT02",
        "ssh_tunnels",
        ("username",),
        "The account with which a tunnel enters another machine; several tunnels may use one.",
        _ELSEWHERE,
    ),
    JudgedFalse(
        "prefect",
        "INT02",
        "csrf_token",
        ("token",),
        "The row is found by its client, which is unique, and the token is then held against the one sent "
        "(read_token_for_client).",
        "a column or table named csrf or xsrf holds tokens that are compared, not looked up: not reported",
    ),
    JudgedFalse(
        "mlflow",
        "INT02",
        "jobs",
        ("token_hash",),
        "The expiry beside the token, lease_expires_at, is that of a worker's lease, and nothing in the package looks "
        "a row up by the token.",
        "the expiry of a lease or lock says nothing about a token: not reported",
    ),
)
"""Found by the first run; a later run that finds one again counts it as false."""

PROJECTS = (
    Project(
        "mlflow",
        "--models mlflow.store.tracking.dbmodels.models:Base --models mlflow.store.model_registry.dbmodels.models:Base "
        "--models mlflow.store.workspace.dbmodels.models:Base --engine 'mlflow_engine:engine()' "
        "--alembic mlflow/store/db_migrations/alembic.ini",
        left_out="its engine has no function without arguments, so mlflow_engine.py calls create_sqlalchemy_engine",
    ),
    Project(
        "prefect",
        "--models prefect.server.database.orm_models:Base "
        "--engine 'prefect.server.database.dependencies:provide_database_interface()' --alembic prefect.ini",
        "PREFECT_API_DATABASE_CONNECTION_URL",
        "env.py chooses the folder of revisions, so prefect.ini says it as version_locations",
    ),
    Project(
        "airflow",
        "--models airflow.models.base:Base --engine airflow.settings:engine --alembic airflow/alembic.ini",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    ),
    Project(
        "dagster",
        "--models dagster._core.storage.runs.schema:RunStorageSqlMetadata "
        "--models dagster._core.storage.event_log.schema:SqlEventLogStorageMetadata "
        "--models dagster._core.storage.schedules.schema:ScheduleStorageSqlMetadata "
        "--alembic dagster_postgres/alembic/alembic.ini",
        "DAGSTER_HOME",
        "the engine: its storage connects before it hands one out. No classes, tables alone. Every revision inspects "
        "the tables of the database first, so next to nothing of them is read",
        chain=False,
    ),
    Project(
        "ckan",
        "--models ckan.model:meta.metadata --alembic ckan/migration/alembic.ini",
        "CKAN_INI",
        "the engine: it is None until the whole application is started",
    ),
    Project(
        "superset",
        "--alembic superset/migrations/alembic.ini",
        "SUPERSET_CONFIG_PATH",
        "models and engine: they are of SQLAlchemy 1.4. It wants a sqlglot older than pgproof's, which pip replaced",
    ),
)

PROJECTS_FALSE = (
    ProjectFalse(
        "mlflow",
        "INT18",
        "public.runs allows shorter texts than the models: status (9 against 20)",
        "runs_status_check lists five values, the longest of 9 characters, and the models declare the same check: an "
        "INSERT that the models take for possible fits.",
        "a column whose check lists its values, all of which fit in both lengths: not reported",
    ),
    ProjectFalse(
        "prefect",
        "CFG03",
        "statement_timeout is 0 ...: a statement may run for ever",
        "SELECT pg_sleep(60) over the engine ended after 10.05 s (asyncpg's command_timeout of 10), and "
        "pg_stat_activity had it no more.",
        "command_timeout of asyncpg limits the role that the engine signs in with",
    ),
    ProjectFalse(
        "prefect",
        "CFG04",
        "lock_timeout is 0 ...: a statement waits for a lock as long as it may run",
        "SELECT from a table that another connection had locked (ACCESS EXCLUSIVE) gave up after 10.05 s.",
        "command_timeout of asyncpg of at most 10 s ends the wait, as statement_timeout does",
    ),
    ProjectFalse(
        "dagster",
        "MIG08",
        "revisions b22f16781a7c and 140198fdfe65, two of five",
        "Their upgrade() returns at once where the database is not SQLite.",
        "inspect(op.get_bind()) knows its dialect; only who asks it for tables needs a database",
    ),
)
"""Found with everything given, before the rules were mended."""

_REPAIR = (
    "upgrade() changed nothing: what it takes away or adds is there, or lacking, in some databases alone. Where it has "
    "something to do, downgrade() does not undo it. Not mended: which of the two holds, only a database can tell"
)
_ON_PURPOSE = (
    "downgrade() is `pass`, and upgrade() makes the change on PostgreSQL where it finds the table: read, not run"
)
REVISIONS = {
    "88344c1d9134": "a chain that runs from nothing has no such index, so nothing was locked; IF EXISTS is for "
    "databases that have it",
    "956a063c52b3": "its existing_type is VARCHAR(256), and the column was VARCHAR(255) already. Not mended: the "
    "script's own word is all there is",
    "811494c0cc23": _REPAIR,
    "c501b7c653a3": _REPAIR,
    "31b2a1039d4a": _REPAIR,
    "5c18fd3c2957": _ON_PURPOSE,
    "b32a4f3036d2": _ON_PURPOSE,
    "701913684cb4": _ON_PURPOSE,
}
"""What reading the scripts told about the revisions that the run did not bear out."""
