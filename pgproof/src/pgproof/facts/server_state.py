"""The database and its server as values: settings, rights, what it has counted, and what it is doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Database:
    """The database that was read.

    Attributes:
        size_bytes: None without the right to connect to it.
        locale_provider: pg_database.datlocprovider: c libc, i ICU, b built-in.
        collation_version_changed: the C library sorts otherwise than when the indexes were built.
        frozen_xid_age: transactions since the oldest unfrozen one (datfrozenxid).
        statistics_since: when the counters of this database were reset; None if never.
        databases: how many databases of the server accept connections, templates aside.
        oid: pg_database.oid; None in snapshots that were made before it was read, as with those below.
        connection_limit: of ALTER DATABASE, for roles that are no superusers; -1 for none.
        system_identifier: of the cluster, the same on its standbys; None where the role may not see it.
    """

    name: str
    server_version: str
    server_version_num: int
    size_bytes: int | None
    encoding: str
    collation: str
    locale_provider: str
    collation_version_changed: bool
    owner: str
    in_recovery: bool
    frozen_xid_age: int
    minimum_multixact_age: int
    started_at: datetime
    statistics_since: datetime | None
    taken_at: datetime
    databases: int
    oid: int | None = None
    connection_limit: int | None = None
    system_identifier: int | None = None


@dataclass(frozen=True)
class Rights:
    """What the role that read the facts may see (Predefined Roles, section 22.5)."""

    role: str
    superuser: bool
    monitor: bool
    read_all_settings: bool
    read_all_stats: bool
    read_all_data: bool
    read_authentication_rules: bool


@dataclass(frozen=True)
class Setting:
    """A setting as a new session of this database would have it, without what ALTER ROLE says of one role.

    The settings of roles are beside it, as `RoleSetting`: whose session it is that runs the application is not known.

    Attributes:
        value: in `unit`, as the server prints it; `(set)` for what may hold a password and is not empty. None if
            unknown: the role that read the facts has one of its own, which hides the server's.
        unit: such as `ms`, `kB`, `8kB`; None for a number or a word.
        source: where the value comes from: `default`, `configuration file`, `command line`, `database`, `user` ...
        context: who may change it: `postmaster` (restart), `sighup` (reload), `user` ...
        default_value: PostgreSQL's own default.
    """

    name: str
    value: str | None
    unit: str | None
    source: str
    context: str
    default_value: str | None
    pending_restart: bool


@dataclass(frozen=True)
class RoleSetting:
    """A setting of ALTER DATABASE or ALTER ROLE; None stands for every database, or every role."""

    database: str | None
    role: str | None
    name: str
    value: str


@dataclass(frozen=True)
class AuthenticationRule:
    """A line of pg_hba.conf as the server understood it.

    Attributes:
        address: an IP address, a host name, or a word such as `all`; None for a socket.
        netmask: of an IP address, in the form of one; None for anything else.
        options: `clientcert`, `clientname` and `map` as NAME=VALUE; of others, which may hold a password, the names.
    """

    line_number: int
    type: str
    databases: tuple[str, ...]
    roles: tuple[str, ...]
    address: str | None
    method: str | None
    broken: bool
    netmask: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Activity:
    """What the server and this database have counted, and how many are connected now."""

    checkpoints_timed: int
    checkpoints_requested: int
    checkpoints_since: datetime | None
    archived: int
    archive_failures: int
    archived_at: datetime | None
    archive_failed_at: datetime | None
    blocks_read: int
    blocks_hit: int
    temp_files: int
    temp_bytes: int
    deadlocks: int
    commits: int
    rollbacks: int
    conflicts: int
    sessions_abandoned: int
    sessions_killed: int
    sessions: int
    checksum_failures: int | None
    connections: int
    standbys: int
    worst_replay_lag_seconds: float | None


@dataclass(frozen=True)
class Session:
    """A session of this database that was not idle, without its statement; None where the role may not see it.

    A session whose `state` is None may be idle: a role outside pg_read_all_stats sees no more of others than that.
    """

    pid: int
    role: str | None
    application_name: str | None
    state: str | None
    wait_event_type: str | None
    transaction_seconds: float | None
    statement_seconds: float | None
    state_seconds: float | None
    blocked_by: tuple[int, ...]


@dataclass(frozen=True)
class ReplicationSlot:
    """A replication slot and the WAL the server keeps for it, in bytes (None on a standby)."""

    name: str
    type: str
    active: bool
    wal_status: str | None
    retained_bytes: int | None


@dataclass(frozen=True)
class Statement:
    """A statement of pg_stat_statements: literals and comments removed, times in milliseconds, in blocks.

    Attributes:
        role: that ran it; None if several did.
    """

    query_id: int
    role: str | None
    query: str
    calls: int
    mean_ms: float
    max_ms: float
    total_ms: float
    stddev_ms: float
    rows: int
    blocks_hit: int
    blocks_read: int
    temp_blocks_written: int


@dataclass(frozen=True)
class Server:
    """The server around the database.

    Attributes:
        authentication: None where the role may not read pg_hba.conf.
        activity: None where it could not be read.
        statements: most total time first; None without pg_stat_statements or the right to read it.
        ours: pgproof started this server for a test or a proof, so what concerns the whole server says nothing.
    """

    settings: tuple[Setting, ...]
    role_settings: tuple[RoleSetting, ...]
    authentication: tuple[AuthenticationRule, ...] | None
    activity: Activity | None
    sessions: tuple[Session, ...]
    replication_slots: tuple[ReplicationSlot, ...]
    statements: tuple[Statement, ...] | None
    ours: bool

    def setting(self, name: str) -> Setting | None:
        """Return a setting by name, if the server has it."""
        return next((setting for setting in self.settings if setting.name == name), None)
