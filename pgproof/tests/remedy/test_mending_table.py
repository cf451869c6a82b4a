"""The tables of docs/mending.md: every operation as it is, and every rule either mended or left to people."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pgproof import remedy
from pgproof.migration import further
from pgproof.remedy.column_types import SMALL_BYTES
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_outside import why_outside
from pgproof.rules.discovery import all_rules

PAGE = (Path(__file__).parents[3] / "docs/mending.md").read_text(encoding="utf-8")
_OPERATION = re.compile(
    r"^\| ([a-z ]+) \| ([A-Z ]+|none) \| (yes|none) \| (revision|decision|printed) \| (.*) \|$", re.MULTILINE
)
_LEFT = re.compile(r"^\| ((?:[A-Z]{3}\d\d,? ?)+) \| ([^|]+) \|$", re.MULTILINE)
_CODE = re.compile(r"[A-Z]{3}\d\d")


def operations(base: type[Operation] = Operation) -> Iterator[type[Operation]]:
    for module in pkgutil.iter_modules(remedy.__path__):
        importlib.import_module(f"{remedy.__name__}.{module.name}")
    for each in base.__subclasses__():
        if not inspect.isabstract(each) and "kind" in dir(each):
            yield each
        yield from operations(each)


def test_every_operation_is_listed_as_it_is() -> None:
    # Two classes set a default: one of them knows the default so far.
    wanted = {
        each.kind: (
            each.lock,
            "yes" if each.reversible else "none",
            why_outside(object.__new__(each)) is not None,
        )
        for each in operations()
    }
    rows = _OPERATION.findall(PAGE)
    assert {kind: (lock, back, how == "printed") for kind, lock, back, how, _ in rows} == wanted
    assert len(rows) == len(wanted)
    assert f"tables of up to {SMALL_BYTES // 1000} kB" in PAGE.replace("\n", " ")


def test_every_rule_is_mended_or_left_to_people() -> None:
    mended = {code for row in _OPERATION.findall(PAGE) for code in _CODE.findall(row[-1])}
    left = Counter(code for codes, _ in _LEFT.findall(PAGE) for code in _CODE.findall(codes))
    codes = {rule.metadata.code for rule in all_rules()}
    assert (mended | set(left), mended & set(left), max(left.values())) == (codes, set(), 1)
    by_slug = {rule.metadata.slug: rule.metadata.code for rule in all_rules()}
    beyond = {by_slug[slug] for slug in further.MENDED}
    assert beyond <= mended
    for rule in all_rules():
        source = inspect.getsource(importlib.import_module(rule.check.__module__))
        if re.search(r"^from pgproof\.remedy\.(?!names|operation)\w+ import ", source, re.MULTILINE):
            assert rule.metadata.code in mended
