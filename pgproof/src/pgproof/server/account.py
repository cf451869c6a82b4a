"""The operating-system user that PostgreSQL's programs run as.

PostgreSQL refuses to run as root, so root hands its programs to an unprivileged user; everybody else runs
them as himself.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pgproof.server.errors import ServerError

_UNPRIVILEGED_USER = "nobody"

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "TMPDIR")


@dataclass(frozen=True)
class Account:
    """A user that runs PostgreSQL's programs.

    Attributes:
        user: the uid to change to, None to stay who we are.
        group: the gid to change to, None to stay in our group.
        extra_groups: the further groups, none for another user and None to keep ours.
        name: what to call this user in a message.
    """

    user: int | None
    group: int | None
    extra_groups: tuple[int, ...] | None
    name: str

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end and returns what it said.

        The working directory is `/`, since ours may be closed to this user, and the session is the program's
        own, so that Ctrl-C reaches us alone.
        """
        return subprocess.run(
            list(command),
            cwd="/",
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,
            user=self.user,
            group=self.group,
            extra_groups=self.extra_groups,
            check=False,
        )

    def can_run(self, program: Path) -> bool:
        """Whether this user can start the program with the libraries it needs."""
        try:
            return self.run([program, "--version"]).returncode == 0
        except OSError:
            return False

    def can_enter(self, directory: Path) -> bool:
        """Whether every folder on the way to `directory`, and itself, is open to this user."""
        return self.run(["test", "-x", directory]).returncode == 0

    def take(self, path: Path) -> None:
        """Gives this user a file or folder that we just made."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


def account_for(data_directory: Path | None) -> Account:
    """The user to run a server as.

    Args:
        data_directory: the data directory when it is given: root runs the server of an existing one as its
            owner, because PostgreSQL insists on that.

    Raises:
        ServerError: we are root and there is no user to change to.
    """
    if os.geteuid() != 0:
        return Account(user=None, group=None, extra_groups=None, name=f"uid {os.geteuid()}")
    if data_directory is not None and data_directory.exists() and data_directory.stat().st_uid != 0:
        owner = data_directory.stat()
        return Account(owner.st_uid, owner.st_gid, (), f"uid {owner.st_uid}")
    try:
        nobody = pwd.getpwnam(_UNPRIVILEGED_USER)
    except KeyError:
        raise ServerError(
            f"PostgreSQL does not run as root and there is no user {_UNPRIVILEGED_USER} to run it as: "
            "run this as an ordinary user"
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid, (), _UNPRIVILEGED_USER)


def child_environment() -> dict[str, str]:
    """The few variables that PostgreSQL's programs are given.

    PGPORT, PGDATA and the like of the caller would lead them elsewhere, and its secrets are none of the
    server's business. Their messages are in English, whatever the caller's language, because we read them.
    """
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
