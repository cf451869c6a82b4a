"""A pytest plugin that puts a mutant in the place of a rule, for every test of the run: `-p benchmarks.mutated`."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

MODULE, SOURCE = "MUTATED_MODULE", "MUTATED_SOURCE"
"""Environment variables: the rule's module, and the file that is read in its place."""


class _Mutated:
    """Finds the changed file where the rule is imported, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != os.environ.get(MODULE):
            return None
        return importlib.util.spec_from_file_location(name, os.environ[SOURCE])


def pytest_load_initial_conftests() -> None:
    """Take the place of the rule before any test file imports it."""
    if os.environ[MODULE] in sys.modules:
        raise RuntimeError(f"{os.environ[MODULE]} was imported before it could be changed")
    sys.meta_path.insert(0, _Mutated)
