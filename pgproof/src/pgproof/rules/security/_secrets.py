"""Which columns hold secrets, as far as their names and types tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Question
from pgproof.rules.finding import Confidence, Evidence, counted
from pgproof.rules.reading import own_columns


def _any_of(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


TEXTS = frozenset(("text", "varchar", "bpchar", "citext"))
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_KINDS_OF_TOKEN = _any_of(
    "access refresh id session reset verification verify confirmation confirm activation invite invitation"
    " auth authentication authorization authorisation bearer api oauth oauth2 remember login signin magic"
    " password jwt personal bot webhook service email private secret"
)
"""What the word before `token` is where whoever knows the value acts as somebody else, or as the application."""
_TABLES_OF_TOKENS = _any_of(
    "session sessions reset resets verification verifications invitation invitations invite invites oauth login logins"
)
"""Words of the name of a table in which a column called `token` alone is such a token."""
_OF_SOMEBODY = _any_of("expires expiry expire expiration expired revoked user account")
"""Words of other columns that tell a table of tokens that let somebody in from one of words or coins."""
_SECRETS = (
    ("api", "key"),
    ("apikey",),
    ("secret", "key"),
    ("private", "key"),
    ("access", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("auth", "key"),
    ("secret",),
    ("client", "secret"),
)
"""Ends of names."""
_SERVICES = _any_of("smtp imap ftp sftp database db proxy wifi ldap bind server api service admin remote")
"""What the word before `password` is where the application itself must know the password."""
_PASSWORDS = _any_of("password passwordhash passwd pwd passphrase passcode")
_PASSWORD_FORMS = _any_of("hash hashed digest encrypted crypted crypt")
_PERSONAL = (
    ("ssn",),
    ("social", "security", "number"),
    ("iban",),
    ("card", "number"),
    ("cvv",),
    ("cvc",),
    ("passport", "number"),
    ("tax", "id"),
)


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, whether underscores or capitals part them, in lower case."""
    return tuple(word for word in _CAMEL.sub("_", name).lower().split("_") if word)


def stored_columns(facts: Facts, types: Collection[str]) -> Iterator[tuple[Table, Column]]:
    """Yield each column of some types that holds rows of its own: a partition's or a child's counts as its parent's.

    Args:
        facts: of the database.
        types: internal names, of what is below a domain.
    """
    for table in facts.catalog.base_tables:
        for column in own_columns(facts.catalog, table):
            if column.base_type in types:
                yield table, column


def names_usable_secret(table: Table, column: Column) -> bool:
    """Tell whether a name says that the value alone lets somebody in: a token, a key, a password of a service."""
    name = words(column.name)
    if name[-1:] == ("token",):
        if len(name) == 1:
            return _holds_tokens(table)
        return name[-2] in _KINDS_OF_TOKEN
    if any(name[-len(end) :] == end for end in _SECRETS):
        return True
    return len(name) > 1 and name[-1] in _PASSWORDS and name[-2] in _SERVICES


def _holds_tokens(table: Table) -> bool:
    name = set(words(table.name))
    if _TABLES_OF_TOKENS & name:
        return True
    return bool({"token", "tokens"} & name) and any(_OF_SOMEBODY & set(words(each.name)) for each in table.columns)


def names_password(column: Column) -> bool:
    """Tell whether a name says that it holds the passwords of people, or their hashes."""
    name = words(column.name)
    return bool(_PASSWORDS & set(name)) and all(
        word in _PASSWORDS or word in _PASSWORD_FORMS or word in ("user", "login") for word in name
    )


def names_sensitive(table: Table, column: Column) -> bool:
    """Tell whether a name says that not everybody should read it: secrets in any form, numbers of a person."""
    name = words(column.name)
    return (
        names_usable_secret(table, column)
        or names_password(column)
        or any(name[-len(end) :] == end for end in _PERSONAL)
    )


@dataclass(frozen=True)
class Form:
    """How many values of a column have a form, as the server counted them."""

    answer: Answer
    rows: int
    exact: bool

    @property
    def evidence(self) -> Evidence:
        """What was run and what came back."""
        return counted(self.answer, amount(self.rows, "row"))


def forms(facts: Facts, questions: Iterable[Question]) -> tuple[Form, ...] | None:
    """Return what was counted for each question; None if any was not answered."""
    found = []
    for question in questions:
        answer, counts = facts.answer(question), facts.counts(question)
        if counts is None:
            return None
        assert answer
        found.append(Form(answer, counts.rows, counts.exact))
    return tuple(found)


def confidence(counted_forms: Iterable[Form]) -> Confidence:
    """Return how sure counts are: exact, or of a sample."""
    return "exact" if all(form.exact for form in counted_forms) else "sample"
