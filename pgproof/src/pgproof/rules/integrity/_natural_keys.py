"""Columns that identify a row outside the database, by what they are called and by what stands beside them.

No name decides alone where it could mean something else: a token needs an expiry beside it, an e-mail address a
password, and a code needs rows of which hardly any repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pgproof.facts.catalog import Catalog, Column, Table
from pgproof.facts.questions import AllOf, AnyOf, Compare, Duplicates, RowsWhere
from pgproof.rules.integrity._keys import has_rule_over, own_references, required

_PROVIDER = re.compile(r"(oauth_|auth_|identity_)?(provider(_name)?|issuer|iss|idp)")
_PROVIDER_ACCOUNT = re.compile(
    r"(oauth_|auth_)?provider_((account|user)_)?u?id|(oauth_)?(account_|user_)?uid|oauth_(user_|account_)?id"
    r"|sub"
)
_TOKEN = re.compile(r"((?!access|refresh|id_)[a-z]+_)*(token|session_key)(_(hash|digest|value))?")
_EXPIRY = re.compile(r"(?!lease_|lock_)(.*_)?(expires|expired|expiry|expiration|expire)(_.*)?|valid_(until|to)")
_COMPARED_TOKEN = re.compile(r"(.*_)?(csrf|xsrf)(_.*)?")
_PLACE = re.compile(r"(.*_)?(host(_?name)?|(host|server)_?address|port)")
_EMAIL = re.compile(r"e_?mail(_address)?")
_USERNAME = re.compile(r"user_?name|login(_name)?")
_PASSWORD = re.compile(r"((encrypted|hashed|user|login)_)?(password|passwd|pwd)(_(hash|digest|hashed|encrypted))?")
_USERS = re.compile(r"((app|auth|web|site)_)?users?(_accounts?)?")
_GENERATED = re.compile(r"\b(gen_random_uuid|uuid_generate_v\d\w*|uuidv\d|uuid_v\d)\(")
_CODE = re.compile(r"code|sku|isbn|barcode|serial_number|(invoice|order)_(number|no)|(public|external)_id")
_PLAIN_TEXT = frozenset(("text", "varchar", "bpchar"))


@dataclass(frozen=True)
class NaturalKey:
    """Columns that identify a row.

    Attributes:
        harm: what follows where they do not.
        credential: somebody signs in by it.
        certain: the schema alone tells; else rows must bear it out.
        lower: of the columns those that compare in lower case.
    """

    table: Table
    columns: tuple[str, ...]
    harm: str
    credential: bool = False
    certain: bool = True
    lower: tuple[str, ...] = ()

    @property
    def duplicates(self) -> Duplicates:
        """The question how often values repeat; an empty text is no value."""
        given = tuple(Compare(name, "<>", constant="") for name in self._texts)
        return Duplicates(self.table.qualified_name, self.columns, self.lower, AllOf(given) if given else None)

    @property
    def empty(self) -> tuple[RowsWhere, ...]:
        """The question how many rows have an empty text for a value; none where none can."""
        empty = tuple(Compare(name, "=", constant="") for name in self._texts)
        return (RowsWhere(self.table.qualified_name, AnyOf(empty)),) if empty else ()

    @property
    def _texts(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns if self.table.column(name).base_type in _PLAIN_TEXT)


def natural_keys(catalog: Catalog) -> Iterator[NaturalKey]:
    """Yield each natural key over which a table has no unique rule at all."""
    for table in catalog.base_tables:
        for key in _of(table):
            if not has_rule_over(table, key.columns[-1]):
                yield key


def sign_in_addresses(catalog: Catalog) -> Iterator[tuple[Table, Column]]:
    """Yield each e-mail address by which people sign in and that is unique as it is written, case included."""
    for table in catalog.base_tables:
        for column in _email(table):
            if table.is_unique((column.name,)) and not _ignores_case(table, column):
                yield table, column


def _of(table: Table) -> Iterator[NaturalKey]:
    named = {_normal(column.name): column for column in _own_texts(table)}
    for column in _email(table):
        yield NaturalKey(
            table,
            (column.name,),
            "Two accounts answer to one address, and which of them signs in is a matter of chance.",
            credential=True,
            lower=(column.name,) if column.base_type in _PLAIN_TEXT else (),
        )
    for name, column in named.items():
        if _PROVIDER_ACCOUNT.fullmatch(name):
            provider = next((each.name for each in table.columns if _PROVIDER.fullmatch(_normal(each.name))), None)
            if provider is not None:
                yield NaturalKey(
                    table,
                    (provider, column.name),
                    "An account of a provider that is linked twice leads to either row, and who signs in is chance.",
                    credential=True,
                )
        elif _TOKEN.fullmatch(name) and _expires(table) and not _is_compared(table, name):
            yield NaturalKey(
                table,
                (column.name,),
                "One token opens several rows, and whose it opens is a matter of chance.",
                credential=True,
            )
        elif _USERNAME.fullmatch(name) and _has_password(table) and not _goes_elsewhere(table):
            yield NaturalKey(
                table,
                (column.name,),
                "Two accounts answer to one name, and which of them signs in is a matter of chance.",
                credential=True,
            )
        elif name == "slug" and (scope := _scope(table)) is not None:
            yield NaturalKey(table, (*scope, column.name), "Two pages answer to one address, and one is never seen.")
        elif _CODE.fullmatch(name) and (scope := _scope(table)) is not None and not _expires(table):
            yield NaturalKey(
                table, (*scope, column.name), "A lookup by it meets several rows and takes any of them.", certain=False
            )
    for column in table.columns:
        if column.type_name == "uuid" and _GENERATED.search(column.default or ""):
            yield NaturalKey(table, (column.name,), "Two rows answer to one identifier that is meant to name one.")


def _own_texts(table: Table) -> Iterator[Column]:
    """Yield the columns that could hold a name of the row itself: texts and bytes that refer to nothing."""
    referring = {name for key in table.foreign_keys for name in key.columns}
    for column in table.columns:
        if (column.type_category == "S" or column.base_type in ("citext", "bytea")) and column.name not in referring:
            yield column


def _email(table: Table) -> Iterator[Column]:
    """Yield the e-mail address by which people sign in: of an account that has no other name for it."""
    texts = {_normal(column.name): column for column in _own_texts(table)}
    if any(_USERNAME.fullmatch(name) for name in texts):
        return
    if _has_password(table) or _USERS.fullmatch(_normal(table.name)):
        for name, column in texts.items():
            if _EMAIL.fullmatch(name):
                yield column


def _has_password(table: Table) -> bool:
    return any(_PASSWORD.fullmatch(_normal(column.name)) for column in table.columns)


def _expires(table: Table) -> bool:
    return any(_EXPIRY.fullmatch(_normal(column.name)) for column in table.columns)


def _is_compared(table: Table, token: str) -> bool:
    """Tell whether a token is held against the one of a row that was found by something else."""
    return any(_COMPARED_TOKEN.fullmatch(name) for name in (_normal(table.name), token))


def _goes_elsewhere(table: Table) -> bool:
    """Tell whether a table keeps what signs us in at another server: several rows may use one account there."""
    return any(_PLACE.fullmatch(_normal(column.name)) for column in table.columns)


def _scope(table: Table) -> tuple[str, ...] | None:
    """Return the parent within which a value is unique, if there is one; None where several could be."""
    parents = {key.columns for key in own_references(table) if required(table, key.columns)}
    return None if len(parents) > 1 else next(iter(parents), ())


def _ignores_case(table: Table, column: Column) -> bool:
    if column.base_type not in _PLAIN_TEXT:
        return True
    folded = [key.expression or "" for index in table.indexes if index.unique for key in index.keys]
    return any(column.name in text and re.search(r"\b(lower|upper)\(", text) for text in folded)


@lru_cache(maxsize=10_000)
def _normal(name: str) -> str:
    """Return a name in lower case with underscores between its words, also where it is written in camel case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
