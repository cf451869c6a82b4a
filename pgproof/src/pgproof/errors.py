"""The one exception that a person is meant to read."""


class PgproofError(Exception):
    """A failure with a one-line message that says what happened, where, and what to do.

    Commands print the message alone; a traceback is for faults in the program itself.
    """
