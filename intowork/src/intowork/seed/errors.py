"""What a load refuses."""

from __future__ import annotations

from intowork.errors import IntoWorkError


class LoadError(IntoWorkError):
    """The load was refused or failed; the database is as it was before."""


class UnknownScale(IntoWorkError):
    """A scale that does not exist or is too small to be drawn."""
