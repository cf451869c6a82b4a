"""The mutation score of the rules: for every condition that is deleted or inverted, does an example notice?

Each mutant of a rule judges the rule's own examples, whose facts a real server has given once; what a mutant asks
beyond the rule's own questions is asked of the server again. A library would build a database for every mutant. What
no example notices is left to the tests that name the rule: what it leaves to other rules, what it could not check.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import hashlib
import importlib
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg

from benchmarks.equivalent import EQUIVALENT
from benchmarks.mutants import Mutant, mutants
from benchmarks.mutated import MODULE, SOURCE
from pgproof.examples import Placed, check_findings, facts_of, given, judge, placed_examples
from pgproof.facts.collect import collect_answers
from pgproof.facts.model import Facts
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding
from pgproof.rules.rule import Example, Rule
from pgproof.server import Server, running_server

REPOSITORY = Path(__file__).parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"
SCORES = RESULTS / "mutation.json"
TESTS = REPOSITORY / "pgproof" / "tests" / "rules"
LONGEST, LONGEST_TESTS = 30, 600
"""Seconds a mutant may take on all examples, and in the tests; a loop that lost its end takes for ever."""
MOST_MEMORY = 3 * 2**30
"""Bytes of address space of a process, for the same loops."""


@dataclass(frozen=True)
class Case:
    """An example with the facts a server gave of it."""

    placed: Placed
    facts: Facts
    bad: bool


@dataclass(frozen=True)
class Survivor:
    """A mutant that nothing noticed."""

    rule: str
    file: str
    line: int
    change: str


@dataclass(frozen=True)
class RuleScore:
    """How many mutants of a rule were noticed.

    Attributes:
        source: digest of the rule that was judged, and of its examples.
        killed: by its own examples.
        survivors: mutants that neither an example nor a test noticed.
        tests: how many the tests noticed that name the rule, of those that no example did.
    """

    rule: str
    source: str
    killed: int
    survivors: tuple[Survivor, ...]
    tests: int = 0

    @property
    def mutants(self) -> int:
        """All of them."""
        return self.killed + self.tests + len(self.survivors)


def main() -> None:
    """Judge the rules that changed since they were judged, or those named on the command line, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("rules", nargs="*", help="codes; by default every rule that changed since it was judged")
    parser.add_argument("--quick", action="store_true", help="leave out remedies on a server, and the tests")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    known = _known_scores()
    chosen = [
        rule.code for rule in all_rules() if (rule.code in options.rules if options.rules else rule.code not in known)
    ]
    judging = partial(score_rule, quick=options.quick)
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for done, score in enumerate(pool.imap_unordered(judging, chosen), 1):
            noticed = score.killed + score.tests
            print(f"{done}/{len(chosen)} {score.rule}: {noticed} of {score.mutants}", file=sys.stderr)
            if options.quick and score.survivors:
                # Whether these are noticed after all is for the server to say.
                print(table([score]))
                continue
            known[score.rule] = score
            _keep(known)
    kept = [known[rule.code] for rule in all_rules() if rule.code in known]
    left = ", ".join(rule.code for rule in all_rules() if rule.code not in known)
    note = f"\nNot judged yet, or changed since: {left}.\n" if left else ""
    (RESULTS / "mutation.md").write_text(table(kept) + note, encoding="utf-8")
    print(f"{len(kept)} of {len(all_rules())} rules are in {RESULTS / 'mutation.md'}", file=sys.stderr)


def _known_scores() -> dict[str, RuleScore]:
    """The scores of rules whose files are as they were when they were judged."""
    try:
        rows = json.loads(SCORES.read_text(encoding="utf-8"))
    except OSError:
        return {}
    sources = {rule.code: _source_digest(rule) for rule in all_rules()}
    return {
        row["rule"]: RuleScore(**row | {"survivors": tuple(Survivor(**each) for each in row["survivors"])})
        for row in rows
        if sources.get(row["rule"]) == row["source"]
    }


def _keep(scores: dict[str, RuleScore]) -> None:
    rows = [dataclasses.asdict(score) for _, score in sorted(scores.items())]
    SCORES.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _source_digest(rule: Rule) -> str:
    """The digest of what a rule does and of its examples: imports and docstrings may change without a new verdict."""
    tree = ast.parse(Path(str(importlib.import_module(rule.module).__file__)).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _says_nothing(each)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def score_rule(code: str, *, quick: bool = False) -> RuleScore:
    """Return how many mutants of one rule are noticed.

    Args:
        code: of the rule.
        quick: look at findings alone, not at what remedies do on a server nor what the tests say.
    """
    signal.signal(signal.SIGALRM, _give_up)
    rule = next(rule for rule in all_rules() if rule.code == code)
    module = importlib.import_module(rule.module)
    with running_server(settings={"fsync": "off"}) as server:
        # After the server started, which inherits nothing of it.
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, resource.RLIM_INFINITY))
        unnoticed: list[Mutant] = []
        killed = 0
        with _cases(server, rule) as (connections, cases):
            source = Path(str(module.__file__)).read_text(encoding="utf-8")
            if _noticed(Mutant(0, "nothing", source), module, cases, connections):
                raise RuntimeError(f"{code} fails its own examples as it is: mend them first")
            for mutant in mutants(source):
                if (code, source.splitlines()[mutant.line - 1].strip(), mutant.change) in EQUIVALENT:
                    continue
                noticed = _noticed(mutant, module, cases, connections)
                if noticed or (not quick and _noticed_on_the_server(mutant, module, rule, server)):
                    killed += 1
                else:
                    unnoticed.append(mutant)
    left = unnoticed if quick else _unnoticed_by_tests(unnoticed, module, code, source)
    file = Path(str(module.__file__)).name
    survivors = tuple(Survivor(code, file, mutant.line, mutant.change) for mutant in left)
    return RuleScore(code, _source_digest(rule), killed, survivors, len(unnoticed) - len(survivors))


def _give_up(_signal: int, _frame: object) -> None:
    raise TimeoutError("a mutant that does not end is noticed")


class _cases:
    """The examples of a rule on a server, with their facts; the connections stay open for further questions."""

    def __init__(self, server: Server, rule: Rule) -> None:
        self._server, self._rule = server, rule
        self._open: list[Any] = []

    def __enter__(self) -> tuple[dict[int, psycopg.Connection[Any]], list[Case]]:
        together = tuple(each for each in (*self._rule.bad, *self._rule.good) if not each.alone)
        groups: list[tuple[Example, ...]] = [together]
        groups += [(each,) for each in (*self._rule.bad, *self._rule.good) if each.alone]
        connections: dict[int, psycopg.Connection[Any]] = {}
        cases: list[Case] = []
        for group in groups:
            context = placed_examples(self._server, group)
            connection, placed = context.__enter__()
            self._open.append(context)
            facts = facts_of(connection)
            for each in placed:
                if each.odd:
                    continue
                stated = given(each, facts)
                answered = collect_answers(connection, stated, self._rule.questions(stated))
                connections[len(cases)] = connection
                cases.append(Case(each, stated.with_answers(answered), each.example in self._rule.bad))
        return connections, cases

    def __exit__(self, *details: object) -> None:
        for context in reversed(self._open):
            context.__exit__(None, None, None)


def _noticed(
    mutant: Mutant, module: ModuleType, cases: list[Case], connections: dict[int, psycopg.Connection[Any]]
) -> bool:
    changed = ModuleType(module.__name__)
    changed.__dict__["__file__"] = module.__file__
    signal.alarm(LONGEST)
    try:
        # Frozen dataclasses look their module up by name.
        exec(compile(mutant.source, str(module.__file__), "exec"), _registered(changed).__dict__)
        for number, case in enumerate(cases):
            if not _as_expected(changed, case, connections[number]):
                return True
    except Exception:
        return True
    finally:
        signal.alarm(0)
        sys.modules[module.__name__] = module
    return False


def _noticed_on_the_server(mutant: Mutant, module: ModuleType, rule: Rule, server: Server) -> bool:
    """What the quick look at findings cannot see: a remedy that no longer mends, or is not undone."""
    changed = ModuleType(module.__name__)
    changed.__dict__["__file__"] = module.__file__
    try:
        exec(compile(mutant.source, str(module.__file__), "exec"), _registered(changed).__dict__)
        questions = getattr(changed, "questions", rule.questions)
        # Examples are compared by value, so those of the rule serve; the good ones have no remedy to try.
        judge(replace(rule, check=changed.check, questions=questions, good=()), server, ())
    except Exception:
        return True
    finally:
        sys.modules[module.__name__] = module
    return False


def _unnoticed_by_tests(left: list[Mutant], module: ModuleType, code: str, source: str) -> list[Mutant]:
    """Return those of some mutants with which every test passes that names the rule."""
    tests = tests_of(code)
    if not left or not tests:
        return left
    if not _passes(tests, module.__name__, source):
        raise RuntimeError(f"the tests of {code} fail as it is: mend them first: {' '.join(tests)}")
    return [mutant for mutant in left if _passes(tests, module.__name__, mutant.source)]


def tests_of(code: str) -> tuple[str, ...]:
    """Return the tests that name a rule: functions where only such do, else whole files. Every rule's are left out."""
    found: list[str] = []
    for file in sorted(TESTS.glob("test_*.py")):
        source = file.read_text(encoding="utf-8")
        if code not in source or file.name == "test_every_rule.py":
            continue
        # Unparsed, since the decorators are no part of a function's own lines.
        named = [each for each in ast.parse(source).body if code in ast.unparse(each)]
        names = [each.name for each in named if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")]
        path = str(file.relative_to(REPOSITORY))
        found += [f"{path}::{name}" for name in names] if len(names) == len(named) else [path]
    return tuple(found)


def _passes(tests: tuple[str, ...], module: str, source: str) -> bool:
    """Tell whether tests pass with a source in the place of a module, on the embedded server alone."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mutant.py"
        file.write_text(source, encoding="utf-8")
        plugins = ("-p", "benchmarks.mutated", "-p", "pgproof.testing", "-p", "no:cacheprovider")
        # Without what the root's conftest.py prepares for intowork, which takes longer than most of these tests.
        chosen = ("--confcutdir", str(TESTS), "-qx", "-k", "not system", *tests)
        try:
            ran = subprocess.run(
                (sys.executable, "-m", "pytest", *plugins, *chosen),
                cwd=REPOSITORY,
                env=os.environ | {MODULE: module, SOURCE: str(file)},
                capture_output=True,
                timeout=LONGEST_TESTS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return ran.returncode == 0


def _registered(module: ModuleType) -> ModuleType:
    sys.modules[module.__name__] = module
    return module


def _as_expected(module: ModuleType, case: Case, connection: psycopg.Connection[Any]) -> bool:
    facts = case.facts
    if hasattr(module, "questions"):
        new = [question for question in module.questions(facts) if facts.answer(question) is None]
        asked = set(module.questions(facts))
        # A question that the mutant no longer asks has no answer.
        kept = tuple(answer for answer in facts.answers if answer.question in asked)
        facts = Facts(**{**_fields(facts), "answers": (*kept, *collect_answers(connection, facts, new))})
    found = tuple(result for result in module.check(facts) if isinstance(result, Finding))
    try:
        check_findings(case.placed, case.bad, found)
    except AssertionError:
        return False
    return True


def _fields(facts: Facts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in Facts.__dataclass_fields__}


def table(scores: list[RuleScore]) -> str:
    """Return the scores as Markdown, survivors named."""
    killed, tests = sum(score.killed for score in scores), sum(score.tests for score in scores)
    total = sum(score.mutants for score in scores)
    lines = [
        "# Mutation score of the rules",
        "",
        f"{killed + tests} of {total} mutants noticed ({(killed + tests) / total:.1%}). A mutant is a rule with one "
        "condition forced true or false, one operand or filter deleted, one comparison moved or inverted, or any and "
        f"all exchanged. {killed} are noticed because one of the rule's own examples is judged otherwise, {tests} more "
        "because a test in `pgproof/tests/rules` that names the rule fails: of what it leaves to other rules, of what "
        "it could not check, of real situations.",
        "",
        "| rule | mutants | noticed by examples | by other tests | not noticed |",
        "|---|---:|---:|---:|---|",
    ]
    for score in scores:
        left = "; ".join(f"line {each.line}: {each.change}" for each in score.survivors)
        lines.append(f"| {score.rule} | {score.mutants} | {score.killed} | {score.tests} | {left} |")
    lines += ["", "Not counted, since the rule does the same with them:", ""]
    lines += [f"- {rule}, `{line}`, {change}: {why}." for (rule, line, change), why in EQUIVALENT.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
