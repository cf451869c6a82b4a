"""How the measurements read what they need: a statement of the platform on a session of their own."""

from __future__ import annotations

from typing import Any

from intowork.kit.sql import Rows, render
from pgproof.proof.measuring import Session

APPLICATION = "intowork-performance-test"


def fetch(session: Session, statement: Rows) -> list[tuple[Any, ...]]:
    """Return all rows of a statement; enum labels come as text."""
    rendered = render(statement)
    return session.execute(rendered.text.encode(), rendered.parameters).fetchall()
