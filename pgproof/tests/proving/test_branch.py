"""Which revisions a branch adds: a real git repository."""

from __future__ import annotations

import subprocess

import pytest

from pgproof.errors import PgproofError
from pgproof.facts.project.read_migrations import read_chain
from pgproof.facts.source import ServerSource
from pgproof.proving.branch import Branch, branch_since, only_added
from pgproof.proving.pending import pending

from .conftest import Project


def git(project: Project, *arguments: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(("git", *who, *arguments), cwd=project.root, check=True, capture_output=True)


@pytest.fixture
def repository(project: Project) -> Project:
    """The shop with a second revision on main, and a branch that is checked out."""
    project.revision("pass", "pass", "a2")
    for arguments in (("init",), ("add", "."), ("commit", "-m", "shop"), ("checkout", "-b", "feature")):
        git(project, *arguments)
    return project


def branch(project: Project, reference: str = "main") -> Branch:
    return branch_since(project.root, read_chain(project.root, "alembic.ini"), reference)


def test_what_a_branch_adds_is_proven_from_where_it_begins(repository: Project, embedded_source: str) -> None:
    repository.revision("pass", "pass", "b3", "a2")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "three")
    repository.revision("pass", "pass", "b4", "b3")
    found = branch(repository)
    assert (set(found.added), found.edited, found.problems) == ({"b3", "b4"}, (), ())
    chain = pending(ServerSource(embedded_source), read_chain(repository.root, "alembic.ini"))
    assert chain.revisions == ("a2", "b3", "b4")
    only = only_added(chain, found)
    assert (only.first, only.start, only.target, only.revisions) == ("a2", "a2", "b4", ("b3", "b4"))


def test_what_main_adds_meanwhile_is_not_the_branchs(repository: Project) -> None:
    repository.revision("pass", "pass", "b3", "a2")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "three")
    git(repository, "checkout", "main")
    (repository.root / "README").write_text("on main")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "readme")
    git(repository, "checkout", "feature")
    assert branch(repository).added == {"b3"}
    assert branch(repository).edited == ()


def test_a_revision_that_is_edited_or_removed_is_named(repository: Project) -> None:
    repository.revision("op.execute('SELECT 1')", "pass", "a2")
    found = branch(repository)
    assert found.edited == ("migrations/versions/a2.py",)
    assert [each.name for each in found.problems] == ["edited revision"]
    (repository.root / "migrations/versions/a2.py").unlink()
    assert branch(repository).edited == ("migrations/versions/a2.py",)


def test_a_branch_that_adds_nothing(repository: Project, embedded_source: str) -> None:
    chain = pending(ServerSource(embedded_source), read_chain(repository.root, "alembic.ini"))
    with pytest.raises(PgproofError, match="adds no revision on the way to a2"):
        only_added(chain, branch(repository))


def test_a_reference_that_is_not_there(repository: Project) -> None:
    with pytest.raises(PgproofError, match=r"git merge-base failed: .*origin/main"):
        branch(repository, "origin/main")
