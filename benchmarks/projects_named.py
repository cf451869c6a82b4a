"""Published projects whose own migrations make their tables, and how to run them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Project:
    """A published project and the command with which its own migrations make its tables.

    Attributes:
        packages: name==version, for pip.
        command: of the environment; {site} is its site-packages, {folder} a folder of the project's own.
        url: beginning of the database's URL, as the project's driver wants it.
        variable: that holds the URL.
        files: that the project wants, by name, in its folder.
        environment: what else it wants.
    """

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    url: str = "postgresql+psycopg2://"
    variable: str = "DATABASE_URL"
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


PROJECTS = (
    Project(
        "mlflow",
        ("mlflow==3.17.2", "psycopg2-binary==2.9.13"),
        ("mlflow", "db", "upgrade", "{url}"),
    ),
    Project(
        "prefect",
        ("prefect==3.8.8", "asyncpg==0.32.0"),
        ("prefect", "server", "database", "upgrade", "--yes"),
        "postgresql+asyncpg://",
        "PREFECT_API_DATABASE_CONNECTION_URL",
        environment={"PREFECT_HOME": "{folder}"},
    ),
    Project(
        "airflow",
        ("apache-airflow==3.3.2", "psycopg2-binary==2.9.13", "asyncpg==0.32.0"),
        ("alembic", "-c", "{site}/airflow/alembic.ini", "upgrade", "heads"),
        variable="AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        environment={"AIRFLOW_HOME": "{folder}"},
    ),
    Project(
        "ckan",
        ("ckan[requirements]==2.12.0",),
        ("ckan", "-c", "{folder}/ckan.ini", "db", "init"),
        "postgresql://",
        "CKAN_SQLALCHEMY_URL",
        files={
            "ckan.ini": "[app:main]\nuse = egg:ckan\nSECRET_KEY = made-up\nckan.site_id = default\n"
            "ckan.site_url = http://localhost:5000\nsolr_url = http://127.0.0.1:8983/solr/ckan\n"
            "sqlalchemy.url = postgresql://replaced\n"
        },
    ),
)
