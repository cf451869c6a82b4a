"""Every test of the repository has the servers and scratch databases of `pgproof.testing`."""

# Imported before pytest gives the folders intowork/ and pgproof/ their names.
import intowork
import pgproof

pytest_plugins = ["pgproof.testing"]

__all__ = ["intowork", "pgproof"]
