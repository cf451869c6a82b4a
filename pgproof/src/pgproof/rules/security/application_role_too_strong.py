"""Roles that own tables and that no right stops.

What it finds:
    Roles that can log in, are superusers or bypass row security, and either own tables of the database or are what the
    engine of --engine signs in with. The superuser that initdb made, and the one that runs the audit, count only where
    the engine signs in with them, or where no ordinary role can log in, so that an application has nothing else to
    connect as.

Why it matters:
    One injected statement of a superuser's session reads and writes every table of every database, and files and
    programs of the machine (COPY ... PROGRAM). A role with BYPASSRLS sees all rows whatever the policies say.

Evidence:
    pg_roles and pg_class, and the session_user of a connection of the engine.

Remedy:
    A role without login that owns the tables (`ALTER TABLE ... OWNER TO owner`), one with login for the application
    that is granted what it needs and stands in `create_engine(...)`, and one for migrations that may SET ROLE
    owner, in env.py.

When to ignore:
    A server that nobody but its developer can reach.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.engine import Engine
from pgproof.facts.model import Facts
from pgproof.facts.objects import Role
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, table_ref
from pgproof.rules.given import rights
from pgproof.rules.given_access import FIRST_OID, role, roles
from pgproof.rules.given_engine import live
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="SEC03", slug="application-role-too-strong", severity="high", server_wide=True)
_NAMED = 5


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each role that can log in, owns tables, and is too strong for an application."""
    login = [each for each in facts.catalog.roles if each.login]
    ordinary = any(not each.superuser and not each.replication for each in login)
    for each in login:
        owned = [table for table in facts.catalog.base_tables if table.owner == each.name]
        engine = facts.engine if facts.engine and facts.engine.live and facts.engine.live.role == each.name else None
        if not owned and engine is None:
            continue
        if each.superuser:
            administers = each.oid < FIRST_OID or each.name == facts.rights.role
            if engine is not None or not (administers and ordinary):
                yield _superuser(each, owned, engine)
        elif each.bypass_row_security:
            yield _bypasses(each, owned, engine, facts)


def _superuser(role: Role, owned: list[Table], engine: Engine | None) -> Finding:
    return METADATA.finding(
        objects=(_ref(role),),
        related=tuple(table_ref(table) for table in owned[:_NAMED]),
        message=f"{_who(role, owned, engine)} is a superuser",
        consequence="One injected statement of its sessions reads every database of the server, and runs programs on"
        " its machine.",
        evidence=(_evidence(role, "rolsuper"), *_signs_in(role, engine)),
        remedy=Remedy(
            "Give the tables to a role without login, and let the application connect as a role that is granted what it"
            f" needs; then ALTER ROLE {quoted(role.name)} NOSUPERUSER, unless people administer the server with it."
        ),
    )


def _bypasses(role: Role, owned: list[Table], engine: Engine | None, facts: Facts) -> Finding:
    protected = [table for table in facts.catalog.base_tables if table.row_security]
    return METADATA.finding(
        objects=(_ref(role),),
        related=tuple(table_ref(table) for table in protected[:_NAMED]),
        severity=None if protected else "low",
        message=f"{_who(role, owned, engine)} bypasses row security",
        consequence=f"The policies of {amount(len(protected), 'table does', 'tables do')} not hold for its sessions.",
        evidence=(_evidence(role, "rolbypassrls"), *_signs_in(role, engine)),
        remedy=Remedy(
            f"ALTER ROLE {quoted(role.name)} NOBYPASSRLS, and give it to the role that makes backups alone; FORCE ROW"
            " LEVEL SECURITY on tables whose owner the application connects as."
        ),
    )


def _who(role: Role, owned: list[Table], engine: Engine | None) -> str:
    if engine is not None:
        return f"{engine.name} signs in with {role.name}, which owns {amount(len(owned), 'table')} and"
    return f"{role.name} owns {amount(len(owned), 'table')}, can log in, and"


def _signs_in(role: Role, engine: Engine | None) -> tuple[Evidence, ...]:
    if engine is None:
        return ()
    return (Evidence("engine", f"SELECT session_user -- on a connection of {engine.name}", role.name),)


def _ref(role: Role) -> ObjectRef:
    return ObjectRef("role", None, role.name)


def _evidence(role: Role, attribute: str) -> Evidence:
    name = literal(role.name)
    return Evidence(
        "catalog",
        f"SELECT {attribute}, (SELECT count(*) FROM pg_tables WHERE tableowner = {name})"
        f" FROM pg_roles WHERE rolname = {name} AND rolcanlogin",
        f"{attribute} is true",
    )


_TABLE = "CREATE TABLE t (id int PRIMARY KEY)"
_PROTECTED = "; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t FOR SELECT USING (id > 0)"
_APP = role("app")
_ANOTHER = rights(role="auditor")
# Tables of an example belong to the superuser of the tests' servers.
_OWNER = "postgres"
_ENGINE = "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://db.example.org/app')"
_ADMINISTRATOR = roles(_APP, role(_OWNER, oid=10, superuser=True))

BAD = (
    Example(
        "an application has nothing but the first superuser to connect as",
        sql=_TABLE,
        given=(
            roles(role(_OWNER, oid=10, superuser=True), role("standby", replication=True), role("dba", login=False)),
        ),
        objects=(_OWNER,),
    ),
    Example(
        "a superuser that somebody made owns the tables",
        sql=_TABLE,
        given=(_ANOTHER, roles(_APP, role(_OWNER, superuser=True))),
        objects=(_OWNER,),
    ),
    Example(
        "an owner bypasses row security",
        sql=_TABLE + _PROTECTED,
        given=(roles(role(_OWNER, bypass_row_security=True)),),
        objects=(_OWNER,),
        severity="high",
    ),
    Example(
        "an owner bypasses what is not there yet",
        sql=_TABLE,
        given=(roles(role(_OWNER, bypass_row_security=True)),),
        severity="low",
    ),
    Example(
        "the application signs in with the first superuser, although it has a role of its own",
        sql=_TABLE,
        engine=_ENGINE,
        given=(_ANOTHER, _ADMINISTRATOR, live(role=_OWNER, superuser=True)),
        objects=(_OWNER,),
        says=("app.db:engine signs in with postgres",),
    ),
    Example(
        "the application signs in with a superuser that owns nothing",
        sql=_TABLE,
        engine=_ENGINE,
        given=(_ANOTHER, roles(role(_OWNER), role("app", superuser=True)), live(superuser=True)),
        objects=("app",),
    ),
    Example(
        "the application signs in with a role that sees all rows",
        sql=_TABLE + _PROTECTED,
        engine=_ENGINE,
        given=(_ANOTHER, roles(role(_OWNER), role("app", bypass_row_security=True)), live()),
        objects=("app",),
        severity="high",
    ),
)
GOOD = (
    Example("an ordinary owner", sql=_TABLE, given=(roles(role(_OWNER)),)),
    Example(
        "the first superuser owns the tables, and the application is somebody else",
        sql=_TABLE,
        given=(_ANOTHER, roles(_APP, role(_OWNER, oid=10, superuser=True))),
    ),
    Example(
        "the superuser that runs the audit owns the tables, and the application is somebody else",
        sql=_TABLE,
        given=(rights(role=_OWNER), roles(_APP, role(_OWNER, superuser=True))),
    ),
    Example(
        "an owner that cannot log in",
        sql=_TABLE,
        given=(_ANOTHER, roles(_APP, role(_OWNER, superuser=True, login=False))),
    ),
    Example(
        "strong roles that own nothing",
        sql=_TABLE,
        given=(_ANOTHER, roles(role(_OWNER), role("dba", superuser=True), role("backup", bypass_row_security=True))),
    ),
    Example(
        "the application's engine could not connect",
        sql=_TABLE,
        engine=_ENGINE,
        given=(_ANOTHER, _ADMINISTRATOR),
    ),
    Example(
        "the application signs in with its own role",
        sql=_TABLE,
        engine=_ENGINE,
        given=(_ANOTHER, _ADMINISTRATOR, live()),
    ),
)
