"""Which revisions a branch adds, by git: what a pull request brings, whatever the database has yet to get besides."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from pgproof.errors import PgproofError
from pgproof.facts.migrations import Migrations, Revision
from pgproof.proving.pending import BASE, Pending
from pgproof.proving.round_trip import Problem


@dataclass(frozen=True)
class Branch:
    """What a branch does to the chain.

    Attributes:
        added: ids of the revisions whose files it adds.
        edited: files of revisions that were there before, and are changed or gone.
    """

    added: frozenset[str]
    edited: tuple[str, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What no proof can make good."""
        if not self.edited:
            return ()
        return (
            Problem(
                "edited revision",
                f"the branch changes revisions that databases may have already: {', '.join(self.edited)}",
                "leave them as they are, since nobody runs them again, and write a new revision",
            ),
        )


def base_of(directory: Path, reference: str) -> str:
    """Return the commit at which a branch left a reference.

    Args:
        directory: the project's root, within a git repository.
        reference: such as origin/main.

    Raises:
        PgproofError: git does not know the reference, or the project is not in a repository.
    """
    (base,) = _git(directory, "merge-base", reference, "HEAD") or [reference]
    return base


def branch_since(directory: Path, migrations: Migrations, reference: str) -> Branch:
    """Return what was done to the chain since a branch left a reference, uncommitted files included.

    Args:
        directory: the project's root, within a git repository.
        migrations: its chain.
        reference: such as origin/main.

    Raises:
        PgproofError: git does not know the reference, or the project is not in a repository.
    """
    base = base_of(directory, reference)
    before = set(_git(directory, "ls-tree", "-r", "--name-only", base))
    changed = set(_git(directory, "diff", "--name-only", "--relative", base))
    added = frozenset(each.id for each in migrations.revisions if each.line.file not in before)
    kept = {each.line.file for each in migrations.revisions} & before
    folders = {str(Path(file).parent) for file in kept}
    gone = {file for file in before & changed if str(Path(file).parent) in folders and not (directory / file).exists()}
    edited = sorted(kept & changed | {file for file in gone if file.endswith(".py")})
    return Branch(added, tuple(edited))


def only_added(chain: Pending, branch: Branch) -> Pending:
    """Return the way from where the branch begins to its end; what is pending before it is run first.

    Args:
        chain: from where the database is to the head.
        branch: that adds to it.

    Raises:
        PgproofError: it begins or ends at several revisions, or the database has some of it already.
    """
    added = [each for each in map(chain.migrations.revision, chain.from_empty) if each and each.id in branch.added]
    if not added:
        raise PgproofError(f"the branch adds no revision on the way to {chain.target}: there is nothing to prove")
    missing = [each.id for each in added if each.id not in chain.revisions]
    if missing:
        raise PgproofError(
            f"the database has {', '.join(missing)} already: prove on one that the branch did not migrate"
        )
    before = {name for each in added for name in _before(chain.migrations, each)} - branch.added
    if len(before) > 1:
        raise PgproofError(
            f"the branch begins at several revisions ({', '.join(sorted(before))}): bring it up to date and merge heads"
        )
    start = next(iter(before), BASE)
    revisions = tuple(each.id for each in added)
    return replace(
        chain, start=start, target=revisions[-1], revisions=revisions, first=start if start != chain.start else None
    )


def _before(migrations: Migrations, revision: Revision) -> tuple[str, ...]:
    names = (*revision.down_revisions, *revision.depends_on)
    return tuple(found.id for name in names if (found := migrations.revision(name)) is not None)


def _git(directory: Path, *arguments: str) -> list[str]:
    try:
        ran = subprocess.run(
            ("git", "-C", str(directory), *arguments), capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PgproofError(f"git cannot be run ({error}): --changed asks it which revisions the branch adds") from None
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise PgproofError(
            f"git {arguments[0]} failed: {said}; give a reference that is there (a pipeline has to fetch all history)"
        )
    return ran.stdout.splitlines()
