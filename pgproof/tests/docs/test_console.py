"""Every command that a page shows is run, in order, and what came is what the page shows."""

from __future__ import annotations

import itertools

import pytest

from pgproof.commands.app import app

from .conftest import LOAD, Reader
from .written import PAGES, not_shown, steps

FIRST = "first-ten-minutes.md"
WITH_COMMANDS = tuple(page for page in PAGES if steps(page))


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_what_a_page_shows_is_what_comes(page: str, reader: Reader) -> None:
    followed = steps(page)
    before = [] if page == FIRST else [LOAD]
    results = reader.follow([*before, *(step.command for step in followed)])[len(before) :]
    assert len(results) == len(followed)
    commands = [*(step.command for step in followed[1:]), ""]
    for step, (code, output), following in zip(followed, results, commands, strict=True):
        line = not_shown(step.shown, output)
        assert line is None, f"{page}:{step.line} $ {step.command}\ndid not come: {line}\nwhat came:\n{output}"
        # A page that does not ask for the code says that all went well.
        assert code == 0 or following == "echo $?", f"{page}: $ {step.command} ended with {code}: show it by echo $?"


def test_the_first_page_makes_the_database_that_the_others_start_from() -> None:
    assert " && ".join(step.command for step in steps(FIRST)[:2]) == LOAD


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("PostgreSQL 18.6, 9 MB", "PostgreSQL 15.2, 11 kB", True),
        ("one\n...\nfour", "one\ntwo\nthree\nfour", True),
        ("one\n...", "one", True),
        ("one ...", "one and all\n", True),
        ("one", "one\ntwo", False),
        ("7 rows", "8 rows", False),
        ("", "something", False),
        ("...", "something\nelse", True),
    ],
)
def test_shown_output_is_held_against_the_real_one(shown: str, real: str, same: bool) -> None:
    assert (not_shown(shown, real) is None) is same


def test_the_pages_show_each_command_at_least_once() -> None:
    shown = " ".join(step.command for step in itertools.chain.from_iterable(map(steps, WITH_COMMANDS)))
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"pgproof {command.callback.__name__}" in shown
