"""Which operations a revision leaves to people, and why.

A revision runs on every copy of a database: on a developer's machine, in tests, on staging and in production. What
belongs to one server or one database, needs more rights than the owner of the tables has, or is done again and again
is no part of it.
"""

from __future__ import annotations

from pgproof.remedy.extensions import CreateExtension, UpdateExtension
from pgproof.remedy.indexes import RebuildIndex
from pgproof.remedy.invalid_indexes import RebuildInvalidIndex
from pgproof.remedy.maintenance import Analyze, Vacuum
from pgproof.remedy.operation import Operation
from pgproof.remedy.security import RevokeSchemaCreate
from pgproof.remedy.settings import SetDatabaseSetting

_SETTING = (
    "a setting belongs to one database of one server, under its own name, and its owner alone may change it: run it"
    " there, or keep it with what sets the server up"
)
_EXTENSION = "an extension needs a superuser, or the service's own way to install it: run it where one is at hand"
_MAINTENANCE = "it changes no definition, and whether it is needed differs from copy to copy: run it where it is needed"
_SCHEMA = "the schema belongs to the database's owner, which migrations rarely are: run it as that role"


def why_outside(operation: Operation) -> str | None:
    """Return why an operation is left to people; None where a revision does it."""
    if isinstance(operation, SetDatabaseSetting):
        return _SETTING
    if isinstance(operation, CreateExtension | UpdateExtension):
        return _EXTENSION
    if isinstance(operation, Analyze | Vacuum):
        return _MAINTENANCE
    if isinstance(operation, RebuildIndex) and not isinstance(operation, RebuildInvalidIndex):
        return _MAINTENANCE
    if isinstance(operation, RevokeSchemaCreate):
        return _SCHEMA
    return None
