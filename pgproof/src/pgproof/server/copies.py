"""A copy of the embedded binaries for where the originals cannot be run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pgproof.server.account import Account
from pgproof.server.binaries import Binaries
from pgproof.server.errors import ServerError
from pgproof.server.folders import locked_base_folder

_SHELL_CHARACTERS = frozenset('"$`\\')
"""initdb passes its own path to a shell between double quotes, where these have a meaning."""


def runnable_binaries(binaries: Binaries, account: Account) -> Binaries:
    """The same binaries where `account` can run them, which is in a copy if some folder above is closed to it.

    The copy is made once for each version of the files and shared by all later servers.

    Raises:
        ServerError: the binaries are not the embedded ones, and cannot be run where they are.
    """
    if not _SHELL_CHARACTERS & set(str(binaries.directory)) and account.can_run(binaries.directory / "initdb"):
        return binaries
    if binaries.source != "embedded":
        raise ServerError(
            f"{account.name} cannot run the programs in {binaries.directory}: "
            "move them to a folder open to every user and without quotes in its name, or use the embedded ones"
        )
    site_packages = binaries.directory.parents[2]
    files = _files(binaries.directory.parents[1])
    listing = _listing(files, site_packages)
    digest = hashlib.sha256(repr(listing).encode(errors="surrogateescape")).hexdigest()
    with locked_base_folder(account) as base:
        copy = base / f"binaries-{binaries.version}-{digest[:12]}"
        package_copy = copy / binaries.directory.relative_to(site_packages).parts[0]
        # Whoever cleans temporary folders by age takes single files out of it.
        if _listing(_files(package_copy), copy) != listing:
            _copy(files, site_packages, copy)
    return replace(binaries, directory=copy / binaries.directory.relative_to(site_packages))


def _files(package: Path) -> list[Path]:
    """Every file that the programs of the package need, of its folder of libraries too."""
    return [
        path
        for top in (package, package.with_name(f"{package.name}.libs"))
        for path in sorted(top.rglob("*"))
        if path.is_file() and path.suffix not in (".a", ".h", ".py", ".pyc")
    ]


def _listing(files: Sequence[Path], top: Path) -> list[tuple[str, int, int]]:
    statuses = [(path, path.lstat()) for path in files]
    return [(str(path.relative_to(top)), status.st_size, int(status.st_mtime)) for path, status in statuses]


def _copy(files: Sequence[Path], top: Path, copy: Path) -> None:
    unfinished = copy.with_name(f"new-{copy.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(copy, ignore_errors=True)
    try:
        for source in files:
            target = unfinished / source.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
            if not target.is_symlink():
                target.chmod(0o755 if target.stat().st_mode & 0o100 else 0o644)
        for folder in [unfinished, *(path for path in unfinished.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        unfinished.rename(copy)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ServerError(
            f"the embedded PostgreSQL cannot be copied to {copy} ({error.strerror}): "
            "free some space, or set TMPDIR to another disk"
        ) from error
