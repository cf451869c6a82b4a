"""Sums up the executions of a recording, one at a time: what a statement costs, and what repeats within a unit."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pgproof.facts.recording import (
    FEWEST_RUNS,
    CallSite,
    Handed,
    HotParameter,
    Loader,
    Loop,
    RecordedStatement,
    Recording,
    Repetition,
)

_OPEN_UNITS = 1_000
"""Units whose executions are kept: nothing says when one ends, but so many others have begun since."""
_WRITING = re.compile(r"\b(insert|update|delete|merge|truncate|call|do|copy|drop|alter|create|lock)\b", re.IGNORECASE)
_LOCKING = re.compile(r"\bfor\s+(no\s+key\s+)?update\b|\bpg_(try_)?advisory_|^lock\b", re.IGNORECASE)
_READ = re.compile(r"\(*(select|with|values|table)\b", re.IGNORECASE)
_DATA = re.compile(r"\(*(select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
_INSERT = re.compile(r"insert\b", re.IGNORECASE)
_UPDATE = re.compile(r"update\b", re.IGNORECASE)
_UNKNOWN = "?"


@dataclass(frozen=True)
class Execution:
    """One execution, as a line of the recording has it.

    Attributes:
        text: of the statement.
        types: of its parameters.
        rows: None where the driver does not say.
        keys: a digest of each parameter; None where there are none.
        sets: rows of VALUES, or sets of parameters.
    """

    text: str
    types: tuple[str, ...]
    unit: str
    task: str
    milliseconds: float
    rows: int | None
    site: CallSite | None
    keys: tuple[str, ...] | None
    sets: int
    skipped: int | None
    loader: Loader | None
    failed: bool


@dataclass
class _Statement:
    types: tuple[str, ...]
    calls: int = 0
    failed: int = 0
    total_ms: float = 0.0
    rows: int = 0
    most_rows: int = 0
    most_skipped: int | None = None
    sites: Counter[CallSite] = field(default_factory=Counter)
    hot: dict[int, dict[str, _Value]] = field(default_factory=lambda: defaultdict(dict))


@dataclass
class _Value:
    units: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)


@dataclass
class _Loop:
    most_runs: int = 0
    units: int = 0
    runs: int = 0
    milliseconds: float = 0.0
    after: str | None = None
    after_rows: int = 0


@dataclass
class _Repetition:
    sites: Counter[CallSite] = field(default_factory=Counter)
    most_runs: int = 0
    units: int = 0
    surplus_runs: int = 0
    milliseconds: float = 0.0


@dataclass
class _Handed:
    empty: int = 0
    one: int = 0
    several: int = 0
    locked: int = 0


class Summary:
    """What the executions so far come to."""

    def __init__(self) -> None:
        self.executions = 0
        self._statements: dict[str, _Statement] = {}
        self._open: OrderedDict[str, list[Execution]] = OrderedDict()
        self._loops: dict[tuple[str, CallSite, Loader | None], _Loop] = defaultdict(_Loop)
        self._repetitions: dict[str, _Repetition] = defaultdict(_Repetition)
        self._handed: dict[tuple[str, str, tuple[tuple[int, int], ...], CallSite, CallSite], _Handed] = defaultdict(
            _Handed
        )

    def add(self, execution: Execution) -> None:
        """Take in one execution."""
        self.executions += 1
        if _DATA.match(execution.text):
            self._count(execution)
        if execution.failed:
            # Retried, it is not the same statement again for no reason.
            return
        self._open.setdefault(execution.unit, []).append(execution)
        self._open.move_to_end(execution.unit)
        if len(self._open) > _OPEN_UNITS:
            self._close(self._open.popitem(last=False)[1])

    def recording(self, file: str, program: str, from_tests: int, incomplete: str | None) -> Recording:
        """Return the whole; nothing can be added afterwards.

        Args:
            file: it was read from.
            program: that was recorded.
            from_tests: executions that were left out.
            incomplete: why there may have been more.
        """
        while self._open:
            self._close(self._open.popitem()[1])
        statements = sorted(self._statements.items(), key=lambda item: (-item[1].total_ms, item[0]))
        return Recording(
            file=file,
            program=program,
            statements=tuple(_statement(text, each) for text, each in statements),
            loops=tuple(Loop(text, site, loader, **vars(each)) for (text, site, loader), each in self._loops.items()),
            repetitions=tuple(
                Repetition(text, **{**vars(each), "sites": _most_first(each.sites)})
                for text, each in self._repetitions.items()
            ),
            handed=tuple(Handed(*key, **vars(each)) for key, each in self._handed.items()),
            from_tests=from_tests,
            incomplete=incomplete,
        )

    def _count(self, execution: Execution) -> None:
        each = self._statements.setdefault(execution.text, _Statement(execution.types))
        if execution.failed:
            each.failed += 1
            return
        each.calls += 1
        each.total_ms += execution.milliseconds
        each.rows += execution.rows or 0
        each.most_rows = max(each.most_rows, execution.rows or 0)
        if execution.skipped is not None:
            each.most_skipped = max(each.most_skipped or 0, execution.skipped)
        if execution.site is not None:
            each.sites[execution.site] += 1
        if _UPDATE.match(execution.text):
            for number, key in enumerate(execution.keys or (), 1):
                if key != _UNKNOWN:
                    value = each.hot[number].setdefault(key, _Value())
                    value.units.add(execution.unit)
                    value.tasks.add(execution.task)

    def _close(self, unit: Sequence[Execution]) -> None:
        self._find_loops(unit)
        self._find_repetitions(unit)
        self._find_handed(unit)

    def _find_loops(self, unit: Sequence[Execution]) -> None:
        runs: dict[tuple[str, CallSite, Loader | None], list[int]] = defaultdict(list)
        for place, each in enumerate(unit):
            if each.site is not None and each.keys is not None and each.sets == 1:
                runs[each.text, each.site, each.loader].append(place)
        for key, places in runs.items():
            values = {unit[place].keys for place in places}
            if len(values) < FEWEST_RUNS:
                continue
            loop = self._loops[key]
            loop.units += 1
            loop.runs += len(places)
            loop.milliseconds += sum(unit[place].milliseconds for place in places)
            if len(values) > loop.most_runs:
                loop.most_runs = len(values)
                before = unit[places[0] - 1] if places[0] else None
                loop.after = before.text if before is not None else None
                loop.after_rows = (before.rows or 0) if before is not None else 0

    def _find_repetitions(self, unit: Sequence[Execution]) -> None:
        best: dict[str, int] = {}
        for same in _undisturbed(unit):
            each = self._repetitions[same[0].text]
            each.sites.update(one.site for one in same if one.site is not None)
            each.most_runs = max(each.most_runs, len(same))
            each.surplus_runs += len(same) - 1
            each.milliseconds += sum(one.milliseconds for one in same[1:])
            best[same[0].text] = 1
        for text in best:
            self._repetitions[text].units += 1

    def _find_handed(self, unit: Sequence[Execution]) -> None:
        """Pair each single-row INSERT with the last execution of each read before it that had some of its values."""
        if not any(_INSERT.match(each.text) for each in unit):
            return
        reads: dict[str, Execution] = {}
        locked = False
        for each in unit:
            locked = locked or _LOCKING.search(each.text) is not None
            if _is_read(each.text) and each.keys is not None:
                reads[each.text] = each
            elif _INSERT.match(each.text) and each.sets == 1 and each.site is not None and each.keys is not None:
                places = {key: number for number, key in enumerate(each.keys, 1) if key != _UNKNOWN}
                for read in reads.values():
                    shared = tuple(
                        (number, places[key]) for number, key in enumerate(read.keys or (), 1) if key in places
                    )
                    if shared and read.site is not None:
                        handed = self._handed[read.text, each.text, shared, read.site, each.site]
                        handed.empty += read.rows == 0
                        handed.one += read.rows == 1
                        handed.several += read.rows is not None and read.rows > 1
                        handed.locked += locked


def _is_read(text: str) -> bool:
    return _READ.match(text) is not None and _WRITING.search(text) is None


def _undisturbed(unit: Sequence[Execution]) -> Iterator[list[Execution]]:
    """Yield the executions of equal reads between which nothing was written, where there are at least two."""
    equal: dict[tuple[str, tuple[str, ...]], list[Execution]] = {}
    for each in unit:
        if not _is_read(each.text):
            yield from (same for same in equal.values() if len(same) > 1)
            equal = {}
        elif each.site is not None and _UNKNOWN not in (each.keys or ()):
            equal.setdefault((each.text, each.keys or ()), []).append(each)
    yield from (same for same in equal.values() if len(same) > 1)


def _statement(text: str, each: _Statement) -> RecordedStatement:
    return RecordedStatement(
        text=text,
        parameter_types=each.types,
        calls=each.calls,
        failed=each.failed,
        total_ms=each.total_ms,
        rows=each.rows,
        most_rows=each.most_rows,
        most_skipped=each.most_skipped,
        sites=_most_first(each.sites),
        hot=tuple(_hot(number, values) for number, values in sorted(each.hot.items())),
    )


def _hot(number: int, values: Mapping[str, _Value]) -> HotParameter:
    hottest = max(values.values(), key=lambda value: (len(value.units), len(value.tasks)))
    return HotParameter(number, len(values), len(hottest.units), len(hottest.tasks))


def _most_first(sites: Counter[CallSite]) -> tuple[CallSite, ...]:
    return tuple(site for site, _ in sorted(sites.items(), key=lambda item: (-item[1], str(item[0]))))
