"""Operations on rights, policies and what functions resolve names by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation

_POLICY_LOCK = "ACCESS EXCLUSIVE"
_MOMENT = "everybody for a moment"


@dataclass(frozen=True)
class RevokeSchemaCreate(Operation):
    """CREATE on a schema, taken back from PUBLIC; roles that need it are granted it by name before."""

    schema: str

    kind: ClassVar[str] = "revoke create on schema"
    lock: ClassVar[str] = "none"
    blocks: ClassVar[str] = "nobody"

    def forward(self) -> tuple[str, ...]:
        """Return the revocation."""
        return (f"REVOKE CREATE ON SCHEMA {quoted(self.schema)} FROM PUBLIC",)

    def reverse(self) -> tuple[str, ...]:
        """Return the grant."""
        return (f"GRANT CREATE ON SCHEMA {quoted(self.schema)} TO PUBLIC",)


@dataclass(frozen=True)
class RevokeSelect(Operation):
    """SELECT on a relation or some of its columns, taken back from PUBLIC.

    Attributes:
        whole: it was granted on the relation; taking that back takes those of columns along.
        columns: on which it was granted one by one.
    """

    schema: str
    relation: str
    whole: bool
    columns: tuple[str, ...] = ()

    kind: ClassVar[str] = "revoke select"
    lock: ClassVar[str] = "none"
    blocks: ClassVar[str] = "nobody"

    def forward(self) -> tuple[str, ...]:
        """Return the revocation."""
        what = "SELECT" if self.whole else self._columns
        return (f"REVOKE {what} ON {quoted(self.schema, self.relation)} FROM PUBLIC",)

    def reverse(self) -> tuple[str, ...]:
        """Return the grants as they were."""
        granted = (("SELECT",) if self.whole else ()) + ((self._columns,) if self.columns else ())
        return tuple(f"GRANT {what} ON {quoted(self.schema, self.relation)} TO PUBLIC" for what in granted)

    @property
    def _columns(self) -> str:
        return f"SELECT ({', '.join(quoted(column) for column in self.columns)})"


@dataclass(frozen=True)
class SetFunctionSearchPath(Operation):
    """The search path of a function or procedure, for as long as it runs.

    Attributes:
        arguments: as pg_get_function_identity_arguments prints them.
        schemas: in order, unquoted.
        previous: the function's own path so far, as SQL; None for none.
    """

    schema: str
    function: str
    arguments: str
    schemas: tuple[str, ...]
    previous: str | None = None

    kind: ClassVar[str] = "set function search path"
    lock: ClassVar[str] = "none"
    blocks: ClassVar[str] = "nobody"

    def forward(self) -> tuple[str, ...]:
        """Return the new path."""
        return (self._alter(f"SET search_path = {', '.join(quoted(schema) for schema in self.schemas)}"),)

    def reverse(self) -> tuple[str, ...]:
        """Return the path as it was."""
        return (self._alter("RESET search_path" if self.previous is None else f"SET search_path = {self.previous}"),)

    def _alter(self, change: str) -> str:
        return f"ALTER ROUTINE {quoted(self.schema, self.function)}({self.arguments}) {change}"


@dataclass(frozen=True)
class EnableRowSecurity(Operation):
    """Row security of a table switched on, so that its policies hold; not for its owner and superusers."""

    schema: str
    table: str

    kind: ClassVar[str] = "enable row security"
    lock: ClassVar[str] = _POLICY_LOCK
    blocks: ClassVar[str] = _MOMENT

    def forward(self) -> tuple[str, ...]:
        """Return the switch."""
        return (f"ALTER TABLE {quoted(self.schema, self.table)} ENABLE ROW LEVEL SECURITY",)

    def reverse(self) -> tuple[str, ...]:
        """Return the switch back."""
        return (f"ALTER TABLE {quoted(self.schema, self.table)} DISABLE ROW LEVEL SECURITY",)


@dataclass(frozen=True)
class ChangePolicy(Operation):
    """The conditions of a row security policy.

    Attributes:
        using: the new condition for rows that are seen, as SQL; None where there is none.
        check: the same for rows that are written.
        previous_using: the condition so far.
        previous_check: the condition so far.
    """

    schema: str
    table: str
    policy: str
    using: str | None
    check: str | None
    previous_using: str | None
    previous_check: str | None

    kind: ClassVar[str] = "change policy"
    lock: ClassVar[str] = _POLICY_LOCK
    blocks: ClassVar[str] = _MOMENT

    def forward(self) -> tuple[str, ...]:
        """Return the new conditions."""
        return (self._alter(self.using, self.check),)

    def reverse(self) -> tuple[str, ...]:
        """Return the conditions as they were."""
        return (self._alter(self.previous_using, self.previous_check),)

    def _alter(self, using: str | None, check: str | None) -> str:
        clauses = "".join(
            f" {word} ({condition})"
            for word, condition in (("USING", using), ("WITH CHECK", check))
            if condition is not None
        )
        return f"ALTER POLICY {quoted(self.policy)} ON {quoted(self.schema, self.table)}{clauses}"
