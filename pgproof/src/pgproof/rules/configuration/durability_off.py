"""Settings that give up what a commit promises.

What it finds:
    fsync, full_page_writes, synchronous_commit or data_checksums off. Of synchronous_commit also what ALTER
    DATABASE sets; a role or a transaction that gives it up for itself is a decision.

Why it matters:
    Without fsync or full_page_writes a crash of the machine leaves a cluster that may be corrupt without saying so.
    Without synchronous_commit commits that were confirmed are lost. Without checksums a page that the disk changed
    is served as if it were right, and copied into every backup.

Evidence:
    pg_settings and pg_db_role_setting.

Remedy:
    fsync = on, full_page_writes = on and a reload; `ALTER DATABASE app SET synchronous_commit = on`, and
    `SET LOCAL synchronous_commit = off` for what may be lost. pg_checksums --enable on a stopped cluster.

When to ignore:
    A server of tests whose data live for minutes; full_page_writes on a file system that writes whole pages (ZFS);
    checksums where the storage verifies its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.model import Facts
from pgproof.rules.configuration._sessions import evidence, is_off, of_database, set_here, setting_ref
from pgproof.rules.configuration._words import lost_commits
from pgproof.rules.finding import Finding, NotChecked, Remedy, Severity
from pgproof.rules.given import setting
from pgproof.rules.given_access import hidden, role_setting
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG14", slug="durability-off", severity="critical", needs=("settings",), server_wide=True)
_COMMIT = "synchronous_commit"


@dataclass(frozen=True)
class _Promise:
    """A setting, what its being off costs, and what to do."""

    name: str
    severity: Severity
    consequence: str
    remedy: str


_PROMISES = (
    _Promise(
        "fsync",
        "critical",
        "A crash of the machine can corrupt any part of the cluster, and nothing says so.",
        "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf(); then check the data, or restore them.",
    ),
    _Promise(
        "full_page_writes",
        "high",
        "A page that a crash left half written cannot be recovered.",
        "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf();",
    ),
    _Promise(
        "data_checksums",
        "low",
        "A page that the disk changed is served as if it were right, and copied into every backup.",
        "Run pg_checksums --enable on the stopped cluster, or move to a cluster that has them.",
    ),
)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each promise that is given up."""
    for promise in _PROMISES:
        if is_off(of_database(facts, promise.name)):
            yield METADATA.finding(
                objects=(setting_ref(promise.name),),
                severity=promise.severity,
                message=f"{promise.name} is off",
                consequence=promise.consequence,
                evidence=evidence(facts, promise.name)[:1],
                remedy=Remedy(promise.remedy),
            )
    if is_off(of_database(facts, _COMMIT)):
        yield METADATA.finding(
            objects=(setting_ref(_COMMIT),),
            severity="medium",
            message=f"{_COMMIT} is off",
            consequence=f"{lost_commits(facts)}, which clients took for done, are lost in a crash.",
            evidence=evidence(facts, _COMMIT, "wal_writer_delay"),
            remedy=Remedy(
                f"Set {_COMMIT} = on, and SET LOCAL {_COMMIT} = off where a loss does no harm.",
                (set_here(facts, _COMMIT, "on"),),
            ),
        )


_ON = tuple(setting(name, "on") for name in ("fsync", "full_page_writes", "data_checksums", _COMMIT))

BAD = (
    Example("fsync is off", given=(*_ON, setting("fsync", "off")), objects=("fsync",)),
    Example("full_page_writes is off", given=(*_ON, setting("full_page_writes", "off")), objects=("full_page_writes",)),
    Example("there are no checksums", given=(*_ON, setting("data_checksums", "off")), objects=("data_checksums",)),
    Example(
        "commits do not wait",
        given=(*_ON, setting(_COMMIT, "off"), setting("wal_writer_delay", "200")),
        objects=(_COMMIT,),
        says=("Commits of the last 600 ms",),
    ),
    Example(
        "commits do not wait, nobody knows how long",
        given=(*_ON, setting(_COMMIT, "off"), hidden("wal_writer_delay")),
        says=("The last commits",),
    ),
    Example(
        "commits of this database do not wait",
        sql=f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {_COMMIT} = off', current_database()); END $$",
        given=_ON,
        objects=(_COMMIT,),
        alone=True,
    ),
    Example(
        "nothing is kept",
        given=tuple(setting(f"{name}", "off") for name in ("fsync", "full_page_writes")) + _ON[2:],
        findings=2,
    ),
)
GOOD = (
    Example("everything is on", given=_ON),
    Example("commits wait for this machine's disk alone", given=(*_ON, setting(_COMMIT, "local"))),
    Example("commits wait for a standby", given=(*_ON, setting(_COMMIT, "remote_apply"))),
    Example("a role for logs does not wait", given=(*_ON, role_setting(_COMMIT, "off", role="logger"))),
    Example(
        "the database waits on a server that does not",
        given=(*_ON, setting(_COMMIT, "off"), role_setting(_COMMIT, "on", here=True)),
    ),
)
