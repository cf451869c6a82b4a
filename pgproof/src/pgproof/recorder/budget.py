"""Counts the statements that SQLAlchemy sends in this process, and refuses more than a test allows itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgproof.facts.amounts import amount
from pgproof.recorder.hook.pgproof_capture.shapes import shape
from pgproof.recorder.hook.pgproof_capture.sites import Site, Sites

_LONGEST = 300


@dataclass(frozen=True)
class Sent:
    """A statement that was sent.

    Attributes:
        text: without values.
        site: the line of the application, or of the test; None where none was on the stack.
    """

    text: str
    site: Site | None


class StatementBudgetExceeded(AssertionError):
    """More statements were sent than a test allows; the message lists them with their lines."""


@contextmanager
def statement_budget(most: int, root: Path) -> Iterator[list[Sent]]:
    """Count the statements of every engine and every thread of the process; gives the list, which grows.

    Args:
        most: statements that may be sent. BEGIN and COMMIT, which drivers send by themselves, do not count; a batch
            of parameters is one statement.
        root: of the project, to which files are shown relative.

    Raises:
        StatementBudgetExceeded: at the end, unless something else failed.
    """
    from sqlalchemy import Engine, event

    sites = Sites(root)
    sent: list[Sent] = []

    def count(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        percent = context.dialect.paramstyle in ("format", "pyformat")
        sent.append(Sent(shape(statement, percent=percent).text, sites.here()))

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    if len(sent) > most:
        raise StatementBudgetExceeded(_message(most, sent))


def _message(most: int, sent: list[Sent]) -> str:
    lines = [f"{amount(len(sent), 'statement was', 'statements were')} sent, and the budget is {most}:"]
    for each, times in Counter(sent).most_common():
        text = each.text if len(each.text) <= _LONGEST else f"{each.text[: _LONGEST - 1]}…"
        site = f"{each.site.file}:{each.site.line} in {each.site.function}" if each.site is not None else "no line"
        lines.append(f"  {times} x {site}: {text}")
    return "\n".join(lines)
