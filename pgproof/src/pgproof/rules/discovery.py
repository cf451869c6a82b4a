"""Finds the rules: every file in the folder of a family is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.rule import FAMILIES, Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule, ordered by family and code.

    Raises:
        ValueError: two files declare the same code or slug.
    """
    rules = tuple(sorted((_rule(module) for module in _modules()), key=lambda rule: _order(rule.code)))
    for name in ("code", "slug"):
        seen: dict[str, str] = {}
        for rule in rules:
            value = getattr(rule.metadata, name)
            if value in seen:
                raise ValueError(f"{rule.module} and {seen[value]} both declare the {name} {value}")
            seen[value] = rule.module
    return rules


def _modules() -> Iterator[ModuleType]:
    package = importlib.import_module("pgproof.rules")
    for family in pkgutil.iter_modules(package.__path__):
        if family.ispkg and family.name in FAMILIES.values():
            folder = importlib.import_module(f"{package.__name__}.{family.name}")
            for file in pkgutil.iter_modules(folder.__path__):
                if not file.name.startswith("_"):
                    yield importlib.import_module(f"{folder.__name__}.{file.name}")


def _rule(module: ModuleType) -> Rule:
    return Rule(
        metadata=module.METADATA,
        module=module.__name__,
        doc=(module.__doc__ or "").strip(),
        check=module.check,
        questions=getattr(module, "questions", _no_questions),
        bad=module.BAD,
        good=module.GOOD,
    )


def _no_questions(facts: Facts) -> Iterator[Question]:
    return iter(())


def _order(code: str) -> tuple[int, int]:
    return list(FAMILIES).index(code[:3]), int(code[3:])
