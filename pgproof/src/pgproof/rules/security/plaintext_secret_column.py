"""Secrets stored as they are used.

What it finds:
    Columns of text or uuids whose name says that the value alone lets somebody in (access_token, refresh_token,
    reset_token, api_key, client_secret, smtp_password ...; `token` in a table of sessions, tokens or invitations),
    and which hold values of at least 16 characters without a blank, or private keys, that have no form of a hash or
    a ciphertext. Columns called _hash, _digest or _encrypted are not meant, nor are values that may be a ciphertext
    in base64. No value is read out: the server counts.

Why it matters:
    Whoever sees a backup, a replica, a log of parameters or the result of one injected query holds the secrets of
    everybody, and uses them until they run out.

Evidence:
    Counts of values by form.

Remedy:
    Of tokens that are only compared store the hash (`hashlib.sha256(token.encode()).hexdigest()`: a random token
    needs no salt) and look that up. What must be shown again to another service (OAuth tokens, passwords of
    services) is encrypted with a key that is not in the database, such as by a SQLAlchemy TypeDecorator around
    Fernet.

When to ignore:
    Identifiers that are public in spite of their name; ciphertexts of a form that is not recognised.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AllOf, AnyOf, IsNull, Matches, Not, Question, RowsWhere
from pgproof.rules.finding import Finding, NotChecked, Remedy, table_ref
from pgproof.rules.given import table as given_table
from pgproof.rules.reading import unanswered
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.security._secrets import TEXTS, confidence, forms, names_usable_secret, stored_columns
from pgproof.rules.security._secrets_examples import counted_once, not_counted

METADATA = Metadata(code="SEC01", slug="plaintext-secret-column", severity="high", needs=("data",))

_TYPES = TEXTS | {"uuid"}
LONG = "^[^[:space:]]{16,}$"
"""16 characters: 64 bits in hexadecimal digits, the least that OWASP asks of a session identifier."""
PRIVATE_KEY = "^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----"
HASHED = (
    r"^(([0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})$"
    r"|\$[0-9a-z-]+\$|\{[A-Za-z0-9-]+\}|(pbkdf2|bcrypt|argon2|scrypt|sha1|sha224|sha256|sha384|sha512|hmac)[_:$-])"
)
"""SHA-1 to SHA-512 in hexadecimal digits, and the prefixes of crypt, PHC strings, LDAP, Django and Werkzeug."""
ENCRYPTED = (
    r"^(gAAAA|vault:v[0-9]|AQICAH|ENC\[|[Ee]nc:|eyJpdiI6|\{\"|\\x|[0-9A-Za-z+/]*[+/][0-9A-Za-z+/]*=*$"
    r"|[0-9A-Za-z+/]+={1,2}$|eyJ[0-9A-Za-z_-]*(\.[0-9A-Za-z_-]*){4}$)"
)
"""Fernet, Vault, AWS KMS, SOPS, Laravel, Rails, bytes, base64 of the standard alphabet, JWE: ciphertexts, or maybe."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask of each such column how many values are plain, and how many may be encrypted."""
    for table, column in _columns(facts):
        yield from _asked(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each column with more plain values than such as may be encrypted."""
    for table, column in _columns(facts):
        asked = _asked(table, column)
        counted_forms = forms(facts, asked)
        if counted_forms is None:
            yield unanswered(facts, asked[0], table, column.name)
            continue
        plain, *encrypted = counted_forms
        if plain.rows <= sum(form.rows for form in encrypted):
            # A third of all ciphertexts in base64 has no padding: those of an encrypted column are few among the rest.
            continue
        known = confidence(counted_forms)
        yield METADATA.finding(
            objects=(table_ref(table, column.name),),
            confidence=known,
            message=f"{table.qualified_name}.{column.name} holds secrets in plain text",
            consequence="Whoever reads a backup, a replica or the result of one injected query can use the secrets of"
            f" {amount(plain.rows, 'row')} ({known} count).",
            evidence=(plain.evidence,),
            remedy=Remedy(
                "Store the sha256 of tokens that are only compared, and encrypt what must be shown again with a key"
                " that is not in the database; then issue new ones, since the old ones were readable."
            ),
        )


def _columns(facts: Facts) -> Iterator[tuple[Table, Column]]:
    for table, column in stored_columns(facts, _TYPES):
        if names_usable_secret(table, column):
            yield table, column


def _asked(table: Table, column: Column) -> tuple[Question, ...]:
    """Return the question about plain values, and for text one about those that may be encrypted."""
    name = column.name
    if column.base_type not in TEXTS:
        return (RowsWhere(table.qualified_name, Not(IsNull(name))),)
    token = AllOf((Matches(name, LONG), Not(Matches(name, HASHED)), Not(Matches(name, ENCRYPTED))))
    return (
        RowsWhere(table.qualified_name, AnyOf((Matches(name, PRIVATE_KEY), token))),
        RowsWhere(table.qualified_name, Matches(name, ENCRYPTED)),
    )


def _stored(kind: str, column: str, *values: str, table: str = "accounts") -> str:
    rows = ", ".join(f"('{value}')" for value in values)
    return (
        f"CREATE TABLE {table} (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, {column} {kind});"
        f"INSERT INTO {table} ({column}) VALUES {rows}"
    )


_TOKEN = "3zYQm9w-Lk_0PqRs7TuVwXyZ"  # noqa: S105
_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_BASE64 = "q83vASNFZ4mrze8BI0VniQ=="

BAD = (
    Example(
        "tokens of another service", sql=_stored("text", "access_token", _TOKEN, "short"), objects=("access_token",)
    ),
    Example(
        "a sample of a table that is too large to count",
        sql=f"""
            CREATE TABLE accounts (id int PRIMARY KEY, access_token text);
            INSERT INTO accounts SELECT n, '{_TOKEN}' FROM generate_series(1, 50000) n;
        """,
        given=(given_table("accounts", bytes=2 << 30),),
        renamed=False,
        says=("(sample count)",),
    ),
    Example("signed tokens", sql=_stored("varchar(500)", "id_token", _JWT), objects=("id_token",)),
    Example(
        "identifiers of sessions",
        sql=_stored("text", "token", "0123456789abcdef", table="user_sessions"),
        objects=("token",),
        renamed=False,
    ),
    Example(
        "a token in a table of tokens that run out",
        sql=_stored("text", "token", "5f0c9a52-0a3e-4d1e-9a7c-0c5b5b8f4d11", table="tokens")
        + "; ALTER TABLE tokens ADD expires_at timestamptz",
        renamed=False,
    ),
    Example("capitals part the words", sql=_stored("text", '"refreshToken"', _TOKEN), objects=("refreshToken",)),
    Example("keys", sql=_stored("text", "stripe_api_key", "sk_live_0123456789abcdef"), objects=("stripe_api_key",)),
    Example(
        "a password that the application needs itself", sql=_stored("text", "smtp_password", "correct-horse-battery")
    ),
    Example(
        "a private key in several lines",
        sql=_stored("text", "private_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----"),
    ),
    Example("tokens as uuids", sql=_stored("uuid", "session_token", "5f0c9a52-0a3e-4d1e-9a7c-0c5b5b8f4d11")),
    Example(
        "uuids of which some are not given",
        sql=_stored("uuid", "reset_token", "5f0c9a52-0a3e-4d1e-9a7c-0c5b5b8f4d11")
        + "; INSERT INTO accounts DEFAULT VALUES",
        objects=("reset_token",),
    ),
    Example(
        "half of them are hashed since",
        sql=_stored("text", "reset_token", _TOKEN, _SHA256, _SHA256),
        says=("1 row (exact count)",),
    ),
    Example("one of them looks like a ciphertext", sql=_stored("text", "client_secret", _TOKEN, _TOKEN + "x", _BASE64)),
    *counted_once("reset_token", _TOKEN, _SHA256),
)
GOOD = (
    Example("sha256 in hexadecimal digits", sql=_stored("text", "session_token", _SHA256, _SHA256[:40], _SHA256 * 2)),
    Example(
        "slow hashes", sql=_stored("text", "api_key", "$argon2id$v=19$m=65536$c2FsdA$aGFzaA", "pbkdf2_sha256$1000$x$y")
    ),
    Example("a name that says it is a hash", sql=_stored("text", "reset_token_hash", _TOKEN)),
    Example("a name that says it is encrypted", sql=_stored("text", "access_token_encrypted", _TOKEN)),
    Example(
        "Fernet, Vault and JSON",
        sql=_stored("text", "refresh_token", "gAAAAABk" + _TOKEN, "vault:v1:" + _TOKEN, '{"p":"xxxxxxxxxxxxxxx"}'),
    ),
    Example(
        "base64 with one value that needed no padding",
        sql=_stored("text", "client_secret", _BASE64, "q83vASNFZ4mrze8BI0VniQ0a"),
    ),
    Example(
        "an encrypted token",
        sql=_stored("text", "id_token", "eyJhbGciOiJkaXIifQ..aXYtaXYtaXY.Y2lwaGVydGV4dA.dGFnLXRhZw"),
    ),
    Example("what kind a token is", sql=_stored("text", "token_type", "a-very-long-kind-of-token")),
    Example(
        "a token of a language", sql=_stored("text", "token", "internationalization", table="tokens"), renamed=False
    ),
    Example(
        "a token of something else that runs out",
        sql=_stored("text", "token", "internationalization", table="vocabulary")
        + "; ALTER TABLE vocabulary ADD expires_at timestamptz",
        renamed=False,
    ),
    not_counted("access_token", _TOKEN),
    Example("where a service is", sql=_stored("text", "smtp_host", "smtp.internal.example.org")),
    Example("where to send messages", sql=_stored("text", "device_token", _TOKEN)),
    Example("a public key", sql=_stored("text", "public_key", _TOKEN)),
    Example("short codes and sentences", sql=_stored("text", "secret", "123456789012345", "an answer with blanks")),
    Example("nothing stored", sql="CREATE TABLE accounts (id int PRIMARY KEY, access_token text)"),
    Example("bytes, which may be a hash or a ciphertext", sql=_stored("bytea", "access_token", "0123456789abcdef0123")),
    Example("a password of a person is another rule's", sql=_stored("text", "password", "correct-horse-battery")),
)
