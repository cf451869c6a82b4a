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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pgproof.proof.clients import Client
from pgproof.proof.kills import KillMode, kill_when, last_words, wait_until_alone
from pgproof.proof.proxy import ProxiedStatement
from pgproof.proving.copies import OwnedCopies
from pgproof.proving.round_trip import Problem, State, deviation, read_state
from pgproof.proving.watched import SentStatement, masked

_MOST = 500
"""Kills on one copy: a script whose statements never repeat would be killed for ever."""

_LONGEST_PAUSE = 5.0
"""Seconds into a long statement."""
_FEWEST_TIMED = 5
"""Kills before anybody says how long one takes."""

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
    """

    statement: str
    mode: KillMode
    problem: str | None


@dataclass(frozen=True)
class Expected:
    """What an undisturbed migration begins and ends with."""

    before: State
    upgraded: State
    version_table: str


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
    template: str,
    client: Client,
    expected: Expected,
    modes: Callable[[int], KillMode],
    limit: float,
    *,
    places: Mapping[str, float],
    budget: float = math.inf,
    told: Callable[[int], None] = lambda number: None,
) -> Round:
    """Kill a client at each of its changing statements, on one copy.

    Where the time is short for all, those that are left out lie evenly between the others.

    Args:
        copies: where it is made.
        template: of the database before.
        client: that upgrades.
        expected: what the last run has to leave.
        modes: who is killed at which kill, by its number from 0.
        limit: seconds for each run.
        places: at which an undisturbed run could be killed, with the seconds that each took: the kill comes half-way.
        budget: seconds for all of them.
        told: the number of kills so far.
    """
    kills: list[Killed] = []
    known = _Known(places)
    started = time.monotonic()
    with copies.fresh(template) as copy:
        while len(kills) < _MOST:
            spent = time.monotonic() - started
            known.skip = _stride(len(places) - len(known.done), len(kills), spent, budget) - 1
            run_places = _Places(known)
            mode = modes(len(kills))
            run = kill_when(copy.url, client, run_places.chosen, mode, timeout=limit)
            if run.statement_sql is None:
                break
            kills.append(Killed(run_places.name, mode, None))
            told(len(kills))
        problem = None
        if run.returncode is None:
            problem = f"the run after it did not end within {limit:g} s"
        elif run.returncode != 0:
            problem = f"the run after it failed: {last_words(run.output)}"
        elif not wait_until_alone(copy.url, limit):
            problem = f"a backend was still at work {limit:g} s after the last run"
        else:
            found = read_state(copy.admin_url, expected.version_table)
            catalog, rows = deviation(expected.before, expected.upgraded, found)
            if catalog or rows:
                problem = f"the runs after it came to another end: {catalog or rows}"
    if problem is not None and kills:
        kills[-1] = Killed(kills[-1].statement, kills[-1].mode, problem)
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


def both_modes(
    kill: Callable[[Callable[[int], KillMode], float], Round], budget: float
) -> tuple[tuple[Killed, ...], str | None]:
    """Kill client and backend in turn, then each where the other was killed, if the first round left time for it.

    Args:
        kill: one round, with who is killed at which kill, in so many seconds.
        budget: seconds; a second round is not begun where it would not fit.

    Returns:
        The kills, and what was left out, in one line.
    """
    order = (KillMode.client, KillMode.backend)
    started = time.monotonic()
    first = kill(lambda number: order[number % 2], budget)
    taken = time.monotonic() - started
    if any(each.problem for each in first.kills):
        return first.kills, None
    if first.left_out:
        return (
            first.kills,
            f"{first.left_out} statements were not killed at: all of them would take more than {budget:.0f} s",
        )
    if 2 * taken > budget:
        return first.kills, f"each statement was killed in one of the two ways: both would take {2 * taken:.0f} s"
    second = kill(lambda number: order[(number + 1) % 2], budget)
    return (*first.kills, *second.kills), None


def problem_of(kills: tuple[Killed, ...]) -> Problem | None:
    """Return what is wrong with a migration that cannot be run again after a kill."""
    wrong = next((each for each in kills if each.problem), None)
    if wrong is None:
        return None
    return Problem(
        "not re-runnable",
        f"killed ({wrong.mode.value}) at {wrong.statement}: {wrong.problem}",
        "let each step look for what is there already, by definition and validity, before it makes it",
    )


def _stride(places: int, kills: int, spent: float, budget: float) -> int:
    """Return which place from the last kill on is the next to kill at, so that the time lasts for the rest."""
    if kills < _FEWEST_TIMED or places <= 0 or budget == math.inf:
        return 1
    rate = spent / kills
    left = max(budget - spent, rate)
    return max(1, math.ceil(places * rate / left))


class _Known:
    """Places that a run was killed at, or that were left out, and how many of the next ones to leave out."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.done: set[str] = set()
        self.skip = 0
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
