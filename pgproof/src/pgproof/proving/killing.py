"""Kills, one after another: at each statement that changes something, and the run that follows goes on from there.

Each run on a copy is killed at the first statement that no run before it was killed at, and the next one starts at once
and meets what that left: half-built indexes, open transactions, a backend still at work. The last run comes to its
end, and what it leaves must be what an undisturbed one does. A kill at a statement that only reads leaves what the kill
before it left, so there is none. Where one copy for each kill would cost a migration each, this costs one in all.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from pgproof.proof.clients import Client
from pgproof.proof.kills import KillMode, kill_when, last_words, wait_until_alone
from pgproof.proof.proxy import ProxiedStatement
from pgproof.proving.copies import OwnedCopies
from pgproof.proving.round_trip import Problem, State, deviation, read_state
from pgproof.proving.watched import SentStatement, Watched, masked

_MOST = 500
"""Kills on one copy: a script whose statements never repeat would be killed for ever."""

_LONGEST_PAUSE = 5.0
"""Seconds into a long statement."""
FEWEST = 6
"""Kills of an upgrade that there are however short the time is; less says nothing."""
_OF_THE_UPGRADE = 0.75
"""Of the time: the rest is the downgrade's, which gets as well what the upgrade does not need."""

_LEAST_SECONDS = 0.01
"""That a kill takes."""

Direction = Literal["upgrade", "downgrade"]

_BEGINS = re.compile(
    r"(?:create|alter|drop|truncate|comment|grant|revoke|reindex|cluster|refresh|security|import|call|do|copy|vacuum)\b",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"\b(?:insert\s+into|update|delete\s+from|merge\s+into|setval)\b", re.IGNORECASE)
_COMMENT = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_END = re.compile(r"\s*(commit|end)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\s*(begin|start\s+transaction|rollback)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Killed:
    """One kill.

    Attributes:
        statement: that the server had just got, in one line.
        mode: who was killed.
        problem: why the run after it did not do what it should, in one line; None where it did.
        command: what was running.
    """

    statement: str
    mode: KillMode
    problem: str | None
    command: Direction = "upgrade"


@dataclass(frozen=True)
class Way:
    """One direction of a migration, and how it goes where nobody disturbs it.

    Attributes:
        template: of the database that it begins with.
        client: that runs it.
        run: one that nobody disturbed.
        before: what it began with. Of tables and columns that came since then only the number of rows counts.
        left: what it left; the same as `before` where that is what all values have to be like.
        version_table: which is not compared.
        limit: seconds for each run.
    """

    command: Direction
    template: str
    client: Client
    run: Watched
    before: State
    left: State
    version_table: str
    limit: float

    @cached_property
    def places(self) -> Mapping[str, float]:
        """Where it can be killed, with the seconds that each took: the kill comes half-way."""
        return places_of(self.run.statements)


@dataclass(frozen=True)
class Round:
    """The kills of one copy.

    Attributes:
        left_out: statements that were not killed at, for lack of time.
    """

    kills: tuple[Killed, ...]
    left_out: int


def kill_everywhere(
    copies: OwnedCopies,
    way: Way,
    modes: Callable[[int], KillMode],
    *,
    budget: float = math.inf,
    fewest: int = FEWEST,
    told: Callable[[int], None] = lambda number: None,
) -> Round:
    """Kill a client at each of its changing statements, on one copy.

    Where the time is short for all, those that are left out lie evenly between the others.

    Args:
        copies: where it is made.
        way: what is killed.
        modes: who is killed at which kill, by its number from 0.
        budget: seconds for all of it: the copy, the runs, and a look at what the last one leaves.
        fewest: kills that are made however short the time is.
        told: the number of kills so far.
    """
    kills: list[Killed] = []
    known = _Known(way.places)
    pace = _Pace(way, budget, fewest)
    with copies.fresh(way.template) as copy:
        pace.begin()
        while len(kills) < _MOST:
            known.skip = pace.left_out_next(known.done, len(kills))
            run_places = _Places(known)
            mode = modes(len(kills))
            run = kill_when(copy.url, way.client, run_places.chosen, mode, timeout=way.limit)
            if run.statement_sql is None:
                break
            kills.append(Killed(run_places.name, mode, None, way.command))
            told(len(kills))
        problem = None
        if run.returncode is None:
            problem = f"the run after it did not end within {way.limit:g} s"
        elif run.returncode != 0:
            problem = f"the run after it failed: {last_words(run.output)}"
        elif not wait_until_alone(copy.url, way.limit):
            problem = f"a backend was still at work {way.limit:g} s after the last run"
        else:
            found = read_state(copy.admin_url, way.version_table)
            catalog, rows = deviation(way.before, way.left, found)
            if catalog or rows:
                problem = f"the runs after it came to another end: {catalog or rows}"
    if problem is not None and kills:
        kills[-1] = replace(kills[-1], problem=problem)
    return Round(tuple(kills), len(known.done) - len(kills))


def places_of(statements: Sequence[SentStatement]) -> dict[str, float]:
    """Return the places at which an undisturbed run can be killed, with the seconds that each took there."""
    known = _Known({})
    places = _Places(known)
    found: dict[str, float] = {}
    for number, each in enumerate(statements, 1):
        if places.chosen(ProxiedStatement(number, each.sql, each.backend_pid)):
            found[places.name] = each.seconds
    return found


def place_names(statements: Sequence[SentStatement]) -> list[str | None]:
    """Return for each statement of a run what a kill at it is called; None where there is none."""
    places = _Places(_Known({}))
    return [
        places.name_of(ProxiedStatement(number, each.sql, each.backend_pid)) for number, each in enumerate(statements)
    ]


Kill = Callable[[Way, Callable[[int], KillMode], float, int], Round]
"""One round on a way, with who is killed at which kill, in so many seconds, and so often at least."""


def kill_each(ways: Sequence[Way], kill: Kill, budget: float) -> tuple[tuple[Killed, ...], str | None]:
    """Kill client and backend in turn, then each where the other was killed: the upgrade first, then the downgrade.

    Args:
        ways: the upgrade, and the downgrade where it is to be killed as well.
        kill: one round.
        budget: seconds; a round is not begun where it would not fit.

    Returns:
        The kills, and what was left out, in one line.
    """
    killed: list[Killed] = []
    said: list[str] = []
    until = time.monotonic() + budget
    for number, way in enumerate(ways):
        left = until - time.monotonic()
        # Killed once, it runs twice.
        if number and left < 2 * way.run.seconds + way.left.seconds:
            said.append(f"the {way.command} was not killed: there was no time left of {budget:.0f} s")
            continue
        share = left * _OF_THE_UPGRADE if way is not ways[-1] else left
        kills, left_out = _both_modes(way, kill, share, 1 if number else FEWEST)
        killed += kills
        said += [left_out] if left_out else []
        if any(each.problem for each in kills):
            break
    return tuple(killed), "; ".join(said) or None


def _both_modes(way: Way, kill: Kill, budget: float, fewest: int) -> tuple[tuple[Killed, ...], str | None]:
    order = (KillMode.client, KillMode.backend)
    started = time.monotonic()
    first = kill(way, lambda number: order[number % 2], budget, fewest)
    taken = time.monotonic() - started
    if any(each.problem for each in first.kills) or not first.kills:
        return first.kills, None
    if first.left_out:
        places = first.left_out + len(first.kills)
        left_out = f"{first.left_out} of the {way.command}'s {places} statements were not killed at"
        return first.kills, f"{left_out}: all of them would take more than {budget:.0f} s"
    if 2 * taken > budget:
        left_out = f"each statement of the {way.command} was killed in one of the two ways"
        return first.kills, f"{left_out}: both would take {2 * taken:.0f} s"
    second = kill(way, lambda number: order[(number + 1) % 2], budget - taken, fewest)
    left_out = f"{second.left_out} statements of the {way.command} were killed in one of the two ways"
    return (*first.kills, *second.kills), left_out if second.left_out else None


def problem_of(kills: tuple[Killed, ...]) -> Problem | None:
    """Return what is wrong with a migration that cannot be run again after a kill."""
    wrong = next((each for each in kills if each.problem), None)
    if wrong is None:
        return None
    return Problem(
        "not re-runnable",
        f"the {wrong.command} was killed ({wrong.mode.value}) at {wrong.statement}: {wrong.problem}",
        "let each step look for what is there already, by definition and validity, before it makes it or drops it",
    )


class _Pace:
    """Spreads as many kills as there is time for over the places that are left."""

    def __init__(self, way: Way, budget: float, fewest: int) -> None:
        self._way = way
        self._until = time.monotonic() + budget
        self._fewest = fewest
        self._work = sum(way.places.values())

    def begin(self) -> None:
        """Tell that the copy is there."""
        self._began = time.monotonic()

    def left_out_next(self, done: Collection[str], kills: int) -> float:
        """Return how many of the next places to leave out before a run is killed; infinity for all of them.

        Args:
            done: places that were killed at or left out.
            kills: so far.
        """
        if self._until == math.inf:
            return 0
        ahead = [seconds for name, seconds in self._way.places.items() if name not in done]
        work = sum(ahead)
        # Beside the work, which is done once in all, a run starts and looks at the steps until it is killed: at half.
        each = (self._way.run.seconds - self._work) / 2
        if kills:
            each = (time.monotonic() - self._began - (self._work - work)) / kills
        each = max(each, _LEAST_SECONDS)
        left = self._until - time.monotonic() - self._way.left.seconds - (each + work)
        number = max(int(left / each), self._fewest - kills)
        return math.inf if number <= 0 else max(math.ceil(len(ahead) / number) - 1, 0)


class _Known:
    """Places that a run was killed at, or that were left out, and how many of the next ones to leave out."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.done: set[str] = set()
        self.skip: float = 0
        self.seconds = seconds


class _Places:
    """Says where a run is killed: at the first place that is not among those that are done with."""

    def __init__(self, known: _Known) -> None:
        self.name = ""
        self._known = known
        self._open: dict[int, str] = {}

    def chosen(self, statement: ProxiedStatement) -> bool:
        place = self.name_of(statement)
        if place is None or place in self._known.done:
            return False
        self._known.done.add(place)
        if self._known.skip > 0:
            self._known.skip -= 1
            return False
        self.name = place
        # A kill at its very beginning would find nothing half done.
        time.sleep(min(self._known.seconds.get(place, 0) / 2, _LONGEST_PAUSE))
        return True

    def name_of(self, statement: ProxiedStatement) -> str | None:
        """Return what a statement is known by, where it changes something or commits a change."""
        text = " ".join(_COMMENT.sub("", statement.sql).split())
        if _END.match(text):
            changed = self._open.pop(statement.backend_pid, None)
            return None if changed is None else masked(f"COMMIT after {changed}")
        if _BEGIN.match(text):
            self._open.pop(statement.backend_pid, None)
            return None
        if not (_BEGINS.match(text) or _WITHIN.search(text)):
            return None
        self._open[statement.backend_pid] = text
        return masked(text)
