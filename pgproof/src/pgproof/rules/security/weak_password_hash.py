"""Passwords whose form can be guessed back.

What it finds:
    Text columns named for passwords of people whose values are MD5, SHA-1 or SHA-2 in hexadecimal digits, crypt's,
    LDAP's or Django's fast forms, or no hash at all (at most 24 characters). bcrypt, argon2, scrypt, PBKDF2 and
    yescrypt are good. In a table with a column for a salt, digits alone are not judged: they may be the end of a
    slow hash. And a column too short for any slow hash.

Why it matters:
    A graphics card tries billions of passwords a second against MD5, SHA-1 or SHA-256, and thousands against bcrypt or
    argon2. Whoever finds a backup then holds what people use elsewhere as well.

Evidence:
    Counts of values by form; no value is read out.

Remedy:
    `argon2.PasswordHasher()` (argon2-cffi) in the application, in a `Column(String(255))`. Wrap the old hashes at once
    (argon2 of the old hash), and replace them when each person signs in.

When to ignore:
    Accounts that cannot sign in any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AllOf, Matches, Not, Question, RowsWhere
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.given import table as given_table
from pgproof.rules.reading import regclass, unanswered
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.security._secrets import TEXTS, Form, confidence, forms, names_password, stored_columns, words
from pgproof.rules.security._secrets_examples import counted_once, not_counted

METADATA = Metadata(code="SEC02", slug="weak-password-hash", severity="high", needs=("data",))

DIGITS = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})$"
FAST_FORMS = r"^(\$1\$|\$apr1\$|(md5|sha1|sha256|sha512)[$:]|md5[0-9a-f]{32}$|\{(MD5|SMD5|SHA|SSHA|SHA256|SSHA256)\})"
SHORT = "^.{1,24}$"
"""No salted slow hash is as short: 16 bytes of hash and 8 of salt take 32 characters of base64."""
OF_NOBODY = (
    "(?i)^([!*].*|x+|-+|none|null|n/a|no|unset|unusable|disabled|locked|nologin|external|oauth2?|oidc|saml|sso|ldap"
    "|google|github|facebook|apple|microsoft|linkedin)$"
)
"""What applications write where nobody can sign in with a password."""
SHORTEST_SLOW_HASH = 60
"""Characters of bcrypt, the shortest of the slow hashes as applications store them."""

_REMEDY = "Hash with argon2 (or bcrypt) in the application; wrap the old hashes now, and replace them at each sign-in."


def questions(facts: Facts) -> Iterator[Question]:
    """Ask of each such column how many values are plain, and how many are fast hashes."""
    for table, column in _columns(facts):
        yield from _asked(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each column with plain passwords or fast hashes, or without room for a slow one."""
    for table, column in _columns(facts):
        asked = _asked(table, column)
        counted_forms = forms(facts, asked)
        too_short = column.length is not None and column.length < SHORTEST_SLOW_HASH and not _has_salt(table)
        if counted_forms is None:
            yield _no_room(table, column) if too_short else unanswered(facts, asked[0], table, column.name)
        elif any(form.rows for form in counted_forms):
            yield _weak(table, column, counted_forms)
        elif too_short:
            yield _no_room(table, column)


def _columns(facts: Facts) -> Iterator[tuple[Table, Column]]:
    for table, column in stored_columns(facts, TEXTS):
        if names_password(column):
            yield table, column


def _has_salt(table: Table) -> bool:
    return any("salt" in words(column.name) for column in table.columns)


def _asked(table: Table, column: Column) -> tuple[Question, ...]:
    """Return the question about plain passwords, and after it those about fast hashes."""
    plain = AllOf((Matches(column.name, SHORT), Not(Matches(column.name, OF_NOBODY))))
    fast = (FAST_FORMS,) if _has_salt(table) else (FAST_FORMS, DIGITS)
    return (
        RowsWhere(table.qualified_name, plain),
        *(RowsWhere(table.qualified_name, Matches(column.name, form)) for form in fast),
    )


def _weak(table: Table, column: Column, counted_forms: tuple[Form, ...]) -> Finding:
    plain, fast = counted_forms[0].rows, sum(form.rows for form in counted_forms[1:])
    known = confidence(counted_forms)
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        severity="critical" if plain else "high",
        confidence=known,
        message=f"{table.qualified_name}.{column.name} holds passwords that can be guessed back",
        consequence=f"{plain} of them are in plain text, and {fast} are fast hashes ({known} counts), against each of"
        " which whoever reads a backup tries billions of passwords a second.",
        evidence=tuple(form.evidence for form in counted_forms),
        remedy=Remedy(_REMEDY),
    )


def _no_room(table: Table, column: Column) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        severity="medium",
        message=f"{table.qualified_name}.{column.name} has room for {column.length} characters: no slow hash fits",
        consequence=f"bcrypt takes {SHORTEST_SLOW_HASH} characters and argon2 about 97, so what is stored here can only"
        " be plain or a fast hash.",
        evidence=(
            Evidence(
                "catalog",
                f"SELECT atttypmod - 4 FROM pg_attribute WHERE attrelid = {regclass(table)}"
                f" AND attnum = {column.number}",
                str(column.length),
            ),
        ),
        remedy=Remedy(f"Widen it to 255 characters. {_REMEDY}"),
    )


def _stored(kind: str, column: str, *values: str, more: str = "") -> str:
    rows = ", ".join(f"('{value}')" for value in values)
    return (
        f"CREATE TABLE people (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, {column} {kind}{more});"
        f"INSERT INTO people ({column}) VALUES {rows}"
    )


_MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
_SHA1 = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"
_BCRYPT = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"
_ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG"

BAD = (
    Example(
        "plain passwords",
        sql=_stored("text", "password", "correct horse", _BCRYPT),
        objects=("password",),
        severity="critical",
        says=("1 of them are in plain text, and 0 are fast hashes (exact counts)",),
    ),
    Example("a name that the model keeps to itself", sql=_stored("text", "_password", _MD5), objects=("_password",)),
    Example("MD5", sql=_stored("varchar(64)", "password_hash", _MD5), objects=("password_hash",), severity="high"),
    Example("SHA-1 in a name of capitals", sql=_stored("text", '"hashedPassword"', _SHA1), objects=("hashedPassword",)),
    Example("SHA-256", sql=_stored("text", "pwd", _MD5 * 2)),
    Example("SHA-512 among slow hashes", sql=_stored("text", "password_digest", _ARGON2, _MD5 * 4)),
    Example("a fast form with a salt", sql=_stored("text", "user_password", "md5$a1b2c3$" + _MD5)),
    Example(
        "a fast form beside a column for a salt",
        sql=_stored("text", "password", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", more=", salt text"),
    ),
    Example(
        "plain passwords beside a column for a salt",
        sql=_stored("text", "password", "sesame", more=", password_salt text"),
    ),
    Example("the longest plain password", sql=_stored("text", "password", "a" * 24)),
    Example(
        "no room for a slow hash",
        sql="CREATE TABLE people (id int PRIMARY KEY, password varchar(59))",
        objects=("password",),
    ),
    Example(
        "no room for a slow hash, in a table that another session locks",
        sql="CREATE TABLE people (id int PRIMARY KEY, password varchar(32))",
        given=(given_table("people", locked=True),),
        objects=("password",),
        severity="medium",
        renamed=False,
    ),
    *counted_once("password", "sesame", _BCRYPT),
)
GOOD = (
    Example("bcrypt and argon2", sql=_stored("varchar(255)", "password", _BCRYPT, _ARGON2)),
    Example(
        "PBKDF2 and scrypt",
        sql=_stored("text", "password_hash", "pbkdf2_sha256$600000$c2FsdA$aGFzaA==", "scrypt:32768:8:1$salt$" + _MD5),
    ),
    Example("accounts without a password", sql=_stored("text", "password", "!Yk2l", "*", "x", "oauth", "SSO", "")),
    Example("digits beside a column for a salt", sql=_stored("text", "password", _SHA1, more=", salt text")),
    Example(
        "room for digits alone beside a column for a salt",
        sql=_stored("varchar(40)", "password", _SHA1, more=", salt text"),
    ),
    Example("just room for bcrypt", sql=_stored("varchar(60)", "password", _BCRYPT)),
    Example("a form that is not known", sql=_stored("text", "password", "AQAAAAEAACcQAAAAEPkfo2v3Kq")),
    Example("a name to sign in with", sql=_stored("text", "login", "ann")),
    Example("what reminds of a password", sql=_stored("text", "password_hint", "first pet")),
    Example("when it was changed", sql=_stored("text", "password_changed", "2020-01-01")),
    Example("a token for a new password", sql=_stored("varchar(40)", "password_reset_token", "sesame")),
    Example("a password of a service is another rule's", sql=_stored("varchar(40)", "smtp_password", "sesame")),
    Example("bytes of a hash", sql=_stored("bytea", "password", "0123456789abcdef")),
    not_counted("password", "sesame"),
)
