"""A PostgreSQL of our own: its binaries found, servers started and stopped, scratch databases made and dropped."""

from pgproof.server.binaries import OLDEST_MAJOR, Binaries, find_binaries
from pgproof.server.errors import ServerError
from pgproof.server.postmaster import StopMode
from pgproof.server.running import Server, running_server
from pgproof.server.scratch import ScratchDatabases

__all__ = [
    "OLDEST_MAJOR",
    "Binaries",
    "ScratchDatabases",
    "Server",
    "ServerError",
    "StopMode",
    "find_binaries",
    "running_server",
]
