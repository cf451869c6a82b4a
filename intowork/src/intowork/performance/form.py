"""The forms of a performance report; apart from what makes them, so that a command that makes none starts at once."""

import enum


class Format(enum.StrEnum):
    """What is written to standard output."""

    TTY = "tty"
    JSON = "json"
    MARKDOWN = "markdown"
