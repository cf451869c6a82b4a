"""`python -m intowork`, the same as the command."""

from intowork.cli import main

main()
