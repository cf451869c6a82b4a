"""What a proof saw of revisions on a scratch copy, for the rules that no script can answer: read from a proof.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from pgproof.errors import PgproofError
from pgproof.facts.migrations import Migrations

PROOF_VERSION = 1


@dataclass(frozen=True)
class FromEmpty:
    """The whole chain on an empty database.

    Attributes:
        built: it ran to its end; None where the scratch server lacked something, so that nobody knows.
        why: it did not, in one line.
        revision: that it stopped at; None where nobody knows.
    """

    built: bool | None
    why: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Failed:
    """A run that ended with an error.

    Attributes:
        revision: that it was at; None where nobody knows.
        statement: the last one that it sent, its constants left out; None where it sent none.
        said: the error, in one line.
        kind: what the proof calls it, such as `concurrently in a transaction`.
    """

    revision: str | None
    direction: Literal["upgrade", "downgrade"]
    statement: str | None
    said: str
    kind: str


@dataclass(frozen=True)
class TakenBack:
    """What was not as before after upgrade and downgrade.

    Attributes:
        revisions: one, or all of the proof where nobody knows which of them it is.
        objects: each a kind, a name and how it differs.
        rows: tables with other rows, each a line.
    """

    revisions: tuple[str, ...]
    objects: tuple[str, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Rewritten:
    """A table that the upgrade wrote anew, as its other file shows.

    Attributes:
        revision: None where no statement names the table.
        table: schema and name.
        bytes: of the table and its indexes afterwards.
        statement: the longest that names it, its constants left out; None where there is none.
        seconds: it took.
    """

    revision: str | None
    table: str
    bytes: int
    statement: str | None
    seconds: float | None


@dataclass(frozen=True)
class Held:
    """A lock of the upgrade that keeps writers out, on a table that was there before.

    Attributes:
        revision: None where nobody knows.
        relation: schema and name.
        held_ms: the longest, as sampled.
        waited_ms: the longest of a request for it; None where no traffic ran.
        statement: under which it was seen first, its constants left out.
    """

    revision: str | None
    relation: str
    mode: str
    held_ms: float
    waited_ms: float | None
    statement: str | None


@dataclass(frozen=True)
class Written:
    """Rows of a table from before that the upgrade updated or deleted.

    Attributes:
        revisions: whose statements name the table.
        table: schema and name.
        rows: as the server counted them, those of foreign keys' actions among them.
        statements: updates and deletes that name it.
        statement: the longest of them, its constants left out.
        seconds: it took.
    """

    revisions: tuple[str, ...]
    table: str
    rows: int
    statements: int
    statement: str
    seconds: float


@dataclass(frozen=True)
class NotRerun:
    """A kill after which the same upgrade did not come to the same end.

    Attributes:
        revision: that was running; None where nobody knows.
        statement: that the server had just got, its constants left out.
        mode: `client` for SIGKILL of the process, `backend` for pg_terminate_backend.
        problem: what the run after it did, in one line.
    """

    revision: str | None
    statement: str
    mode: Literal["client", "backend"]
    problem: str


@dataclass(frozen=True)
class Experiments:
    """What was tried with revisions on a scratch copy; None stands for what the proof did not come to.

    Attributes:
        server_version: of the scratch server.
        rows: of the scratch copy.
        revisions: that were proven, in order.
        upgraded: those whose upgrade() ran to its end.
        downgraded: those whose downgrade() did.
        failed: runs that ended with an error.
        kills: places at which the upgrade was killed.
        stopped: why the proof did not come to its end; None where it did.
    """

    server_version: str
    rows: int
    revisions: tuple[str, ...]
    upgraded: tuple[str, ...] = ()
    downgraded: tuple[str, ...] = ()
    failed: tuple[Failed, ...] = ()
    from_empty: FromEmpty | None = None
    taken_back: tuple[TakenBack, ...] | None = None
    rewritten: tuple[Rewritten, ...] | None = None
    held: tuple[Held, ...] | None = None
    written: tuple[Written, ...] | None = None
    kills: int | None = None
    not_rerun: tuple[NotRerun, ...] = ()
    stopped: str | None = None

    def belongs_to(self, migrations: Migrations | None) -> bool:
        """Whether a chain has any of the revisions; of a project without a chain nobody can say that it has not."""
        return migrations is None or any(migrations.revision(each) for each in self.revisions)


@cache
def _adapter() -> TypeAdapter[Experiments]:
    return TypeAdapter(Experiments)


def read_experiments(path: Path) -> Experiments | None:
    """Return what a proof.json says of its revisions; None where it was stopped before any of them ran.

    Raises:
        PgproofError: it is none, or of a newer version.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PgproofError(f"{path} cannot be read: {error.strerror}; make one with {_MAKE}") from None
    return experiments_of(text, str(path))


def experiments_of(text: bytes, name: str) -> Experiments | None:
    """Return the experiments in the text of a proof.json; None where it was stopped before any revision ran.

    Args:
        text: of the file.
        name: of it, for messages.

    Raises:
        PgproofError: it is none, or of a newer version.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise PgproofError(f"{name} is not a proof: it is not JSON; make one with {_MAKE}") from None
    version = document.get("version") if isinstance(document, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or "round_trip" not in document:
        raise PgproofError(f"{name} is not a proof: make one with {_MAKE}")
    if version > PROOF_VERSION:
        raise PgproofError(f"{name} was made by a newer pgproof (version {version}): update pgproof to read it")
    if "experiments" not in document:
        raise PgproofError(f"{name} was made by an older pgproof, without experiments: make it again with {_MAKE}")
    if document["experiments"] is None:
        return None
    try:
        return _adapter().validate_python(document["experiments"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("experiments", *map(str, first["loc"])))
        raise PgproofError(f"{name} is a damaged proof at {where}: {first['msg']}; make it again") from None


_MAKE = "pgproof prove --format json --output FILE"
