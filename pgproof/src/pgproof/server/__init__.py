"""A PostgreSQL of our own: its binaries found, servers and standbys run, scratch databases made and dropped."""

from pgproof.server.binaries import OLDEST_MAJOR, Binaries, find_binaries
from pgproof.server.errors import ServerError
from pgproof.server.given import GivenServer, ScratchServer
from pgproof.server.postmaster import StopMode
from pgproof.server.running import Server, running_server
from pgproof.server.scratch import ScratchDatabases
from pgproof.server.standby import running_standby, wait_until_replayed

__all__ = [
    "OLDEST_MAJOR",
    "Binaries",
    "GivenServer",
    "ScratchDatabases",
    "ScratchServer",
    "Server",
    "ServerError",
    "StopMode",
    "find_binaries",
    "running_server",
    "running_standby",
    "wait_until_replayed",
]
