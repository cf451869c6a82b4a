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
