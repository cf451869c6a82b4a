"""Columns that identify a row, and may hold the same values twice.

What it finds:
    Columns by which rows are looked up from outside and over which no unique rule exists: a provider and the account
    there (OAuth), a token of a row that expires, the e-mail address or name by which accounts sign in, a slug, an
    identifier that the column's default generates. A code or number (sku, invoice_number, public_id ...) is reported
    only where at least 100 rows have one and at most 1 % of them repeat. Also reported is a sign-in address that is
    unique as written, where rows show that its case is not always the same.

    The name and password of a row that also says at which host or port to use them sign in elsewhere, and a CSRF token
    is held against that of a row found otherwise; neither is reported. A unique rule that has the column in its key,
    even a partial or wider one, counts as a decision. A slug or code of a table with one required parent is compared
    within that parent. Where a large part of the rows repeats, the name means something else, and nothing is said.

Why it matters:
    Code that looks a row up by it takes the first of several. With credentials that is somebody else's account.

Evidence:
    pg_constraint and pg_index; a count of repeated values.

Remedy:
    `unique=True` or `UniqueConstraint(...)` in the model; for an address `Index("uq_users_lower_email",
    func.lower(User.email), unique=True)`. In the database a unique index built concurrently. Surplus rows go first,
    and for credentials a person decides whose they are.

When to ignore:
    The values come from a source that reuses them.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Question
from pgproof.remedy.operation import Operation
from pgproof.rules import given
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._keys import (
    at_least,
    certainty,
    counts_of,
    enforcing,
    no_unique_rule,
    not_told,
    repeats,
    surplus,
    surplus_share,
    tells,
)
from pgproof.rules.integrity._letter_case import differing_in_case, in_lower_case, unique_in_lower_case, with_capitals
from pgproof.rules.integrity._natural_keys import NaturalKey, natural_keys, sign_in_addresses
from pgproof.rules.reading import locked
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import lowered

METADATA = Metadata(code="INT02", slug="natural-key-without-unique", severity="high", needs=("catalog", "data"))

JUDGED_ROWS = 100
"""Rows below which a share says nothing."""
OTHER_MEANING_SHARE = 0.2
"""Share of surplus rows above which a column is something else than its name says."""
VIOLATED_SHARE = 0.01
"""Share of surplus rows up to which a rule that only a name suggests is taken to be meant."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how often each natural key repeats, and whether addresses differ in case."""
    for key in natural_keys(facts.catalog):
        yield key.duplicates
        if key.empty is not None:
            yield key.empty
    for table, column in sign_in_addresses(facts.catalog):
        yield in_lower_case(table, column)
        yield with_capitals(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each natural key that may repeat, and each address that repeats but for its case."""
    for key in natural_keys(facts.catalog):
        if key.table.locked:
            yield locked(key.table)
            continue
        found = counts_of(facts, key.duplicates)
        if found is not None and not tells(found[1]):
            found = None
        if found is None and not key.certain:
            yield not_told(facts, key.duplicates, key.table)
        elif found is None or _is_borne_out(key, found[1]):
            yield _finding(facts, key, found)
    for table, column in sign_in_addresses(facts.catalog):
        yield from differing_in_case(METADATA, facts, table, column)


def _is_borne_out(key: NaturalKey, counts: Counts) -> bool:
    rows, share = counts.rows_examined, surplus_share(key.table, counts)
    if key.certain:
        return rows < JUDGED_ROWS or share <= OTHER_MEANING_SHARE
    return rows >= JUDGED_ROWS and share <= VIOLATED_SHARE


def _finding(facts: Facts, key: NaturalKey, found: tuple[Answer, Counts] | None) -> Finding:
    table, listed = key.table, ", ".join(key.columns)
    empty = facts.counts(key.empty) if key.empty is not None else None
    severity: Severity = "high" if key.credential else "medium"
    if found is not None and not found[1].rows_examined:
        severity = lowered(severity)
    operations: tuple[Operation, ...] = ()
    summary = f"Make ({listed}) unique."
    if found is None:
        said = "Nobody has counted whether any repeats."
        summary = f"Make ({listed}) unique, after surplus rows have been moved aside."
    elif surplus(found[1]):
        severity = "critical" if key.credential else "high"
        counts, groups = found[1], found[1].groups or 0
        rows = f"{at_least(counts)}{surplus(counts):,} of {counts.rows_examined:,} rows"
        said = f"{rows} are surplus, of {groups:,} values."
        summary = (
            f"Decide which row of each of {groups:,} values stays, move the others aside, then make ({listed}) unique."
        )
    elif empty is not None and empty.rows:
        said = f"None of {found[1].rows_examined:,} rows repeats a value, and {empty.rows:,} have an empty one."
        summary = f"Write NULL for an empty value, then make ({listed}) unique."
    else:
        said = f"None of {found[1].rows_examined:,} rows repeats a value yet."
        operations = enforcing(facts.catalog, table, key.columns)
        if key.lower:
            operations = unique_in_lower_case(facts, table, key.columns[0])
    evidence: tuple[Evidence, ...] = (no_unique_rule(table, *key.columns),)
    if found is not None:
        evidence = (counted(found[0], repeats(*found)), *evidence)
    return METADATA.finding(
        objects=(table_ref(table, *key.columns),),
        message=f"{table.qualified_name} may hold the same ({listed}) any number of times",
        consequence=f"{said} {key.harm}",
        severity=severity,
        confidence=certainty(found[1] if found is not None else None),
        evidence=evidence,
        remedy=Remedy(summary, operations),
        counter_example=EqualRows(table.qualified_name, key.columns),
    )


_ACCOUNTS = """
    CREATE TABLE users (id int PRIMARY KEY);
    INSERT INTO users VALUES (1);
    CREATE TABLE accounts (
        id serial PRIMARY KEY, user_id int NOT NULL REFERENCES users, provider text NOT NULL,
        provider_account_id text NOT NULL
    );
"""
_LINKS = (
    "INSERT INTO accounts (user_id, provider, provider_account_id) SELECT 1, 'g', n::text FROM generate_series({}) n;"
)
_COUPONS = "CREATE TABLE coupons (id serial PRIMARY KEY, code text, ends date);"
_CODES = "INSERT INTO coupons (code) SELECT 'C' || n FROM generate_series({}) n;"
_USERS = "CREATE TABLE people (id serial PRIMARY KEY, email text UNIQUE, password_hash text);"
_SEVERAL = """
    CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);
    CREATE TABLE pages (
        id serial PRIMARY KEY, a int NOT NULL REFERENCES a, b int NOT NULL REFERENCES b, n int, slug text, code text
    );
"""

BAD = (
    Example("accounts of a provider, none yet", sql=_ACCOUNTS, objects=("accounts", "provider"), severity="medium"),
    Example("accounts of a provider, one so far", sql=_ACCOUNTS + _LINKS.format("1, 1"), severity="high"),
    Example(
        "accounts of a provider, a fifth of them linked twice",
        sql=_ACCOUNTS + _LINKS.format("1, 80") + _LINKS.format("1, 20"),
        objects=("accounts", "provider", "provider_account_id"),
    ),
    *(
        Example(
            f"accounts of a provider, a fifth of them linked twice, that are {why}",
            sql=_ACCOUNTS + _LINKS.format("1, 80") + _LINKS.format("1, 20"),
            given=(given.table("accounts", **stated),),
            objects=("accounts",),
            renamed=False,
        )
        for why, stated in (("not counted", {"calls_user_code": True}), ("too large to count", {"bytes": 1 << 40}))
    ),
    Example(
        "few accounts of a provider, most of them linked twice",
        sql=_ACCOUNTS + _LINKS.format("1, 50") + _LINKS.format("1, 49"),
        objects=("accounts",),
    ),
    Example(
        "accounts of a provider in camel case, and as other libraries call them",
        sql="""
            CREATE TABLE "Account" (id int PRIMARY KEY, provider text NOT NULL, "providerAccountId" text NOT NULL);
            CREATE TABLE identities (id int PRIMARY KEY, provider text, uid text);
            CREATE TABLE logins (id int PRIMARY KEY, issuer text, sub text);
        """,
        findings=3,
        objects=("Account", "providerAccountId", "identities", "uid", "logins", "sub"),
    ),
    Example(
        "tokens of rows that expire",
        sql="""
            CREATE TABLE sessions (id int PRIMARY KEY, session_token text NOT NULL, expires timestamptz NOT NULL);
            CREATE TABLE resets (id int PRIMARY KEY, token_hash bytea NOT NULL, expires_at timestamptz NOT NULL);
            CREATE TABLE verifications (identifier text, token text NOT NULL, "validUntil" timestamptz NOT NULL);
        """,
        findings=3,
        objects=("sessions", "session_token", "resets", "token_hash", "verifications", "token"),
    ),
    Example(
        "an address by which accounts sign in, whatever its case",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY, email varchar NOT NULL, password_hash text);
            INSERT INTO people VALUES (1, 'ann@x.org'), (2, 'Ann@x.org');
        """,
        objects=("people", "email"),
    ),
    Example(
        "the address of a user, and the name by which a member signs in",
        sql="""
            CREATE TABLE "User" (id int PRIMARY KEY, "emailAddress" text NOT NULL);
            CREATE TABLE members (id int PRIMARY KEY, username text NOT NULL, password text, email text);
        """,
        findings=2,
        objects=("User", "emailAddress", "members", "username"),
        renamed=False,
    ),
    Example(
        "an address that is empty for some",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL, password text);
            INSERT INTO people VALUES (1, ''), (2, ''), (3, 'ann@x.org');
        """,
        objects=("people", "email"),
    ),
    Example(
        "slugs, of all pages and of those of one site",
        sql="""
            CREATE TABLE sites (id int PRIMARY KEY, slug text NOT NULL);
            CREATE TABLE pages (id int PRIMARY KEY, site int NOT NULL REFERENCES sites, slug text NOT NULL);
        """,
        findings=2,
        objects=("sites", "pages", "site", "slug"),
    ),
    Example(
        "an identifier that the default generates",
        sql="CREATE TABLE orders (id int PRIMARY KEY, public_id uuid NOT NULL DEFAULT gen_random_uuid())",
        objects=("orders", "public_id"),
    ),
    Example("a code that one row in a hundred repeats", sql=_COUPONS + _CODES.format("1, 99") + _CODES.format("1, 1")),
    Example("a code that never repeats", sql=_COUPONS + _CODES.format("1, 100"), objects=("coupons", "code")),
    Example(
        "a number that never repeats for one customer",
        sql="""
            CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers VALUES (1), (2);
            CREATE TABLE invoices (
                id serial PRIMARY KEY, customer int NOT NULL REFERENCES customers, invoice_number text
            );
            INSERT INTO invoices (customer, invoice_number) SELECT n % 2 + 1, n / 2 FROM generate_series(2, 101) n;
        """,
        objects=("invoices", "customer", "invoice_number"),
    ),
    Example(
        "addresses that are unique as written: one has capitals, one is there in another case",
        sql=_USERS
        + _USERS.replace("people", "staff")
        + """
            INSERT INTO people (email) VALUES ('Ann@x.org'), ('bob@x.org');
            INSERT INTO staff (email) VALUES ('Ann@x.org'), ('ann@x.org');
        """,
        findings=2,
        objects=("people", "staff", "email"),
    ),
)
GOOD = (
    Example(
        "rules over them, some for some rows and some wider",
        sql="""
            CREATE TABLE accounts (id int PRIMARY KEY, provider text, provider_account_id text, tenant int,
                                   UNIQUE (provider_account_id, provider, tenant));
            CREATE TABLE sessions (session_token text PRIMARY KEY, expires timestamptz);
            CREATE TABLE people (id int PRIMARY KEY, email text, password text, deleted_at timestamptz);
            CREATE UNIQUE INDEX ON people (lower(email)) WHERE deleted_at IS NULL;
            CREATE TABLE pages (id int PRIMARY KEY, slug text, language text, EXCLUDE (slug WITH =, language WITH =));
            CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
        """,
    ),
    Example(
        "what a provider says of rows that are no accounts",
        sql=_ACCOUNTS + _LINKS.format("1, 79") + _LINKS.format("1, 21"),
    ),
    Example(
        "an account without a provider, a provider without an account, and a reference",
        sql="""
            CREATE TABLE providers (id text PRIMARY KEY);
            CREATE TABLE devices (id int PRIMARY KEY, uid text);
            CREATE TABLE payments (id int PRIMARY KEY, provider text, amount int);
            CREATE TABLE offers (id int PRIMARY KEY, provider text, provider_id text REFERENCES providers, sub int);
        """,
    ),
    Example(
        "tokens that others gave, and tokens of rows that do not expire",
        sql="""
            CREATE TABLE accounts (id int PRIMARY KEY, access_token text, refresh_token text, id_token text,
                                   oauth_access_token text, token_type text, expires_at int);
            CREATE TABLE words (id int PRIMARY KEY, document int, token text);
            CREATE TABLE quotas (id int PRIMARY KEY, token int, expires_at date);
        """,
    ),
    Example(
        "tokens that are held against those of a row found by something else, and of a row whose lease expires",
        sql="""
            CREATE TABLE csrf_token (id int PRIMARY KEY, client text UNIQUE, token text, expiration timestamptz);
            CREATE TABLE forms (id int PRIMARY KEY, xsrf_token text, expires_at timestamptz);
            CREATE TABLE jobs (id int PRIMARY KEY, token_hash text, lease_expires_at bigint);
        """,
        renamed=False,
    ),
    Example(
        "names and passwords with which other servers are entered",
        sql="""
            CREATE TABLE connection (id int PRIMARY KEY, conn_id text UNIQUE, host text, login text, password text);
            CREATE TABLE test_requests (id int PRIMARY KEY, port int, login text, password text);
            CREATE TABLE ssh_tunnels (id int PRIMARY KEY, server_address text, username bytea, password bytea);
        """,
    ),
    Example(
        "addresses of people who do not sign in by them",
        sql="""
            CREATE TABLE contacts (id int PRIMARY KEY, email text, password_changed_at date);
            CREATE TABLE auth_user (id int PRIMARY KEY, username text UNIQUE, password text, email text);
            CREATE TABLE admins (id int PRIMARY KEY, password text, contact_email text, username_note text);
            CREATE TABLE authors (id int PRIMARY KEY, username text);
        """,
    ),
    Example(
        "a code that more than one row in a hundred repeats",
        sql=_COUPONS + _CODES.format("1, 98") + _CODES.format("1, 2"),
    ),
    Example(
        "a title that never repeats",
        sql=_COUPONS.replace("code", "title") + _CODES.format("1, 100").replace("code", "title"),
    ),
    Example("a code of too few rows to tell", sql=_COUPONS + _CODES.format("1, 99")),
    Example(
        "a code that is empty for most",
        sql=_COUPONS + _CODES.format("1, 99") + "INSERT INTO coupons (code) SELECT '' FROM generate_series(1, 9)",
    ),
    Example(
        "a code that expires",
        sql=_COUPONS.replace("ends", "expires_on") + _CODES.format("1, 100"),
    ),
    Example(
        "a code that an audit may not count",
        sql=_COUPONS,
        given=(given.table("coupons", calls_user_code=True),),
        renamed=False,
    ),
    Example(
        "slugs and codes of rows with several parents",
        sql=_SEVERAL
        + """
            INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);
            INSERT INTO pages (a, b, slug, code) SELECT 1, 1, n::text, n::text FROM generate_series(1, 100) n;
        """,
    ),
    Example(
        "identifiers that refer, repeat or name nothing",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, request uuid, batch uuid DEFAULT '00000000-0000-4000-8000-000000000000',
                            note text DEFAULT gen_random_uuid()::text);
        """,
    ),
    Example("addresses in lower case", sql=_USERS + "INSERT INTO people (email) VALUES ('ann@x.org'), ('bob@x.org')"),
    Example(
        "an address whose case another rule ignores",
        sql=_USERS + "CREATE UNIQUE INDEX ON people (upper(email)); INSERT INTO people (email) VALUES ('A@x.org')",
    ),
    Example(
        "an address whose case the type ignores",
        sql="""
            CREATE EXTENSION citext;
            CREATE TABLE people (id int PRIMARY KEY, email citext UNIQUE, password text);
            INSERT INTO people VALUES (1, 'Ann@x.org');
        """,
        alone=True,
    ),
    Example(
        "an address that an audit may not count",
        sql=_USERS,
        given=(given.table("people", calls_user_code=True),),
        renamed=False,
    ),
    Example(
        "tables that another session locks",
        sql=_USERS + "CREATE TABLE sites (id int, slug text); INSERT INTO people (email) VALUES ('A@x.org')",
        given=(given.table("people", locked=True), given.table("sites", locked=True)),
        renamed=False,
    ),
)
