"""What an application sent while it was recorded: statements with their call sites, rows and times, and what repeats.

A unit is what one transaction sent: a session's, or a connection's where there is no session. No value of a parameter
is known, only whether two are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from pgproof.facts.source_line import SourceLine


@dataclass(frozen=True)
class CallSite:
    """The line of the application that sent a statement: the nearest outside installed packages."""

    line: SourceLine
    function: str

    def __str__(self) -> str:
        """`file:line in function`."""
        return f"{self.line} in {self.function}"


@dataclass(frozen=True)
class Loader:
    """What the ORM loads by itself when an attribute is read.

    Attributes:
        attribute: the relationship; None for the row's own columns, which had expired or were deferred.
        collection: the relationship leads to several objects.
    """

    class_name: str
    attribute: str | None
    collection: bool

    def __str__(self) -> str:
        """`Class.attribute`, or the class alone."""
        return self.class_name if self.attribute is None else f"{self.class_name}.{self.attribute}"


@dataclass(frozen=True)
class HotParameter:
    """How unevenly the values of one parameter of an UPDATE are spread.

    Attributes:
        number: of the parameter: 1 for $1.
        values: different ones.
        most_units: that gave the same value, the most frequent one.
        tasks: threads and asyncio tasks that gave that value.
    """

    number: int
    values: int
    most_units: int
    tasks: int


@dataclass(frozen=True)
class RecordedStatement:
    """A statement, whoever sent it.

    Attributes:
        text: with parameters as $1, $2 ... and constants behind them in number; lists and rows of VALUES are one.
        parameter_types: Python's names of the types of the parameters, when it was first seen.
        calls: that did not fail.
        failed: calls that the server or the driver refused.
        total_ms: of the calls, as the application waited for the server's answer.
        rows: returned or changed by the calls that told, which those with a server-side cursor do not.
        most_rows: of one call.
        most_skipped: rows that one OFFSET skipped; None without OFFSET.
        sites: that sent it, most calls first.
        hot: of an UPDATE, its parameters.
    """

    text: str
    parameter_types: tuple[str, ...]
    calls: int
    failed: int
    total_ms: float
    rows: int
    most_rows: int
    most_skipped: int | None
    sites: tuple[CallSite, ...]
    hot: tuple[HotParameter, ...] = ()


@dataclass(frozen=True)
class Loop:
    """One line that sent the same statement with other values again and again within a unit.

    Attributes:
        loader: that sent it; None where the application did.
        most_runs: with different values in one unit.
        units: in which it ran at least `FEWEST_RUNS` times.
        runs: in those units.
        milliseconds: of those runs.
        after: the statement that its line, or the nearest before it, had sent before the first run; None if none.
        after_rows: that it returned, where the unit has most runs.
    """

    text: str
    site: CallSite
    loader: Loader | None
    most_runs: int
    units: int
    runs: int
    milliseconds: float
    after: str | None
    after_rows: int


FEWEST_RUNS = 3
"""Of one statement in one unit: what runs twice may be two places that call one function."""


@dataclass(frozen=True)
class Repetition:
    """A read that was sent again with the same values in the same unit, while the unit changed nothing in between.

    Attributes:
        sites: that sent it, most runs first.
        most_runs: in one unit, without a write in between.
        units: in which it ran at least twice so.
        surplus_runs: those that could only return what the first had returned, or what others have committed since.
    """

    text: str
    sites: tuple[CallSite, ...]
    most_runs: int
    units: int
    surplus_runs: int
    milliseconds: float


@dataclass(frozen=True)
class Handed:
    """A read and an INSERT behind it in the same unit that was given the same values.

    Attributes:
        read: its text.
        insert: its text.
        parameters: which parameter of the read is which of the insert, counted from 1.
        site: of the read.
        insert_site: of the insert.
        empty: times that the read had returned no row.
        one: times that it had returned one row, as counts and EXISTS always do.
        several: times that it had returned more, and the insert followed all the same.
        locked: of all those times, how often the unit had locked a row or taken an advisory lock before.
    """

    read: str
    insert: str
    parameters: tuple[tuple[int, int], ...]
    site: CallSite
    insert_site: CallSite
    empty: int
    one: int
    several: int
    locked: int


@dataclass(frozen=True)
class Recording:
    """A recorded workload.

    Attributes:
        file: it was read from.
        program: that was recorded, without its arguments.
        statements: most time first, without utility statements.
        from_tests: executions that test code itself sent, which are left out of all the rest.
        incomplete: what a person should know of what is not in it; None where it is whole.
    """

    file: str
    program: str = ""
    statements: tuple[RecordedStatement, ...] = ()
    loops: tuple[Loop, ...] = ()
    repetitions: tuple[Repetition, ...] = ()
    handed: tuple[Handed, ...] = ()
    from_tests: int = 0
    incomplete: str | None = None
