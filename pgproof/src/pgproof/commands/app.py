"""The command line: every command is a function that parses, calls and renders."""

from pgproof.commands import looking, mending
from pgproof.commands.group import app

__all__ = ["app", "looking", "mending"]
