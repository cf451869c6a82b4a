"""What goes wrong with a server of our own."""

from __future__ import annotations

from pgproof.errors import PgproofError


class ServerError(PgproofError):
    """A PostgreSQL server cannot be found, made, started or used; the message says where and what to do."""
