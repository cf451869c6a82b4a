"""The examples of INT02: columns that identify a row and may repeat, and those that may not or do not identify."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.rule import Example

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

REPEATABLE = (
    Example("accounts of a provider, none yet", sql=_ACCOUNTS, objects=("accounts", "provider"), severity="medium"),
    Example(
        "accounts of a provider, one so far",
        sql=_ACCOUNTS + _LINKS.format("1, 1"),
        severity="high",
        says=(
            "None of 1 rows repeats a value yet. An account",
            "is chance. Make (provider, provider_account_id) unique.",
        ),
    ),
    Example(
        "accounts of a provider, a fifth of them linked twice",
        sql=_ACCOUNTS + _LINKS.format("1, 80") + _LINKS.format("1, 20"),
        objects=("accounts", "provider", "provider_account_id"),
        severity="critical",
        says=(
            "20 of 100 rows are surplus, of 20 values.",
            "Decide which row of each of 20 values stays. Unless you decide otherwise the oldest stays, by (id)",
        ),
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
            INSERT INTO people VALUES (1, 'Ann@x.org'), (2, 'ann@x.org');
        """,
        objects=("people", "email"),
        severity="critical",
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
        severity="high",
        says=("a value, not counting 2 with an empty one. Two", "Write NULL for an empty value. Make"),
    ),
    Example(
        "addresses of which one repeats and others are empty",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL, password text);
            INSERT INTO people VALUES (1, ''), (2, ''), (3, 'ann@x.org'), (4, 'ann@x.org');
        """,
        says=("Write NULL for an empty value. Decide which", "Move the others aside"),
        objects=("people", "email"),
    ),
    Example(
        "an address of two accounts with orders, which nobody can tell whose they are",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL, password text);
            CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people);
            INSERT INTO people VALUES (1, 'ann@x.org'), (2, 'ann@x.org');
        """,
        says=("Move the others aside",),
        objects=("people", "email"),
    ),
    Example(
        "a code that repeats, of coupons that orders refer to",
        sql=_COUPONS
        + _CODES.format("1, 99")
        + _CODES.format("1, 1")
        + """
            CREATE TABLE orders (id int PRIMARY KEY, coupon int REFERENCES coupons);
            CREATE INDEX ON orders (coupon);
            INSERT INTO orders VALUES (1, 100);
        """,
        says=("point what refers to them to it",),
        objects=("coupons", "code"),
    ),
    Example(
        "accounts of a provider too many to count whole, of which a sample holds some twice",
        sql=_ACCOUNTS
        + "ALTER TABLE accounts SET (fillfactor = 10);"
        + _LINKS.replace("n::text", "(n / 2)::text").format("1, 1000"),
        given=(given.table("accounts", bytes=(1 << 30) + 1),),
        severity="critical",
        says=(
            "At least ",
            " rows are surplus, of at least ",
            "Write NULL for an empty value. Decide",
            "each of at least ",
        ),
        renamed=False,
    ),
    Example(
        "slugs, of all pages and of those of one site",
        sql="""
            CREATE TABLE sites (id int PRIMARY KEY, slug text NOT NULL);
            CREATE TABLE pages (id int PRIMARY KEY, site int NOT NULL REFERENCES sites, slug text NOT NULL);
        """,
        findings=2,
        objects=("sites", "pages", "site", "slug"),
        severity="low",
    ),
    Example(
        "an identifier that the default generates",
        sql="CREATE TABLE orders (id int PRIMARY KEY, public_id uuid NOT NULL DEFAULT gen_random_uuid())",
        objects=("orders", "public_id"),
    ),
    Example(
        "a code that one row in a hundred repeats",
        sql=_COUPONS + _CODES.format("1, 99") + _CODES.format("1, 1"),
        severity="high",
    ),
    Example(
        "a code that never repeats",
        sql=_COUPONS + _CODES.format("1, 100"),
        objects=("coupons", "code"),
        severity="medium",
    ),
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
    Example(
        "an address with capitals that the models declare unique whatever its case, which makes it sure",
        sql=_USERS + "INSERT INTO people (email) VALUES ('Ann@x.org')",
        models="""
class Person(Base):
    __tablename__ = "people"
    __table_args__ = (Index("uq_people_email", text("lower(email)"), unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None]
""",
        objects=("people", "email"),
        severity="high",
    ),
)
DECIDED = (
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
