"""Plans what mends the findings of an audit, and writes it: revisions or plain SQL, and a patch of the models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgproof.audit import Audit
from pgproof.commands.named_files import refuse_no_chain
from pgproof.commands.output import write
from pgproof.commands.proof_file import read_proof
from pgproof.errors import PgproofError
from pgproof.facts.catalog import Catalog
from pgproof.facts.project.child import Project
from pgproof.facts.source import ServerSource, SnapshotSource
from pgproof.migration.applied import applied_revisions
from pgproof.migration.convention import named_by_models
from pgproof.migration.model_patch import ModelPatch, model_patch
from pgproof.migration.plain_sql import forward_sql, reverse_file, reverse_sql
from pgproof.migration.project import parts_of, write_revisions
from pgproof.migration.proof_verdicts import verdicts_of
from pgproof.migration.reasons import wanted_of
from pgproof.remedy.decision_file import Decisions, decisions_as_text, read_decisions
from pgproof.remedy.decisions import decided, default_decisions, refuse_unknown_verdicts
from pgproof.remedy.plan import Plan, plan
from pgproof.remedy.plan_values import Left, Step, Wanted
from pgproof.remedy.proven import Proven
from pgproof.report.text import printable
from pgproof.settings import ConfigurationError, Options

WRITTEN, LEFT = 0, 1
_MESSAGE = re.compile(r"[^\"\\\r\n]{1,200}")


@dataclass(frozen=True)
class FixOptions:
    """What `pgproof fix` is to write.

    Attributes:
        alembic: write revisions beside this alembic.ini; None for `sql` or nothing.
        sql: the file for plain SQL; its way back goes beside it.
        patch: the file for the patch of the models; None to show it.
        decisions: the file of decisions that people take.
        message: of the revision.
        dry_run: write nothing but decisions with their defaults.
        proof: a proof.json of the same plan, whose verdicts leave operations out.
    """

    alembic: Path | None
    sql: Path | None
    patch: Path | None
    decisions: Path | None
    message: str | None
    dry_run: bool
    proof: Path | None = None

    @property
    def decided(self) -> Path | None:
        """The decisions that people took; None where a dry run is yet to write them."""
        return None if self.decisions is None or (self.dry_run and not self.decisions.exists()) else self.decisions


def refuse_unusable(fixing: FixOptions, options: Options, directory: Path) -> None:
    """Refuse options that contradict each other and files that cannot be used, before a server is asked.

    Args:
        fixing: what to write.
        options: of the run.
        directory: of the project.

    Raises:
        ConfigurationError: nothing would be written, or a file could not be, or not be read.
        PgproofError: there is no such alembic.ini.
    """
    if fixing.alembic is None and fixing.sql is None and not fixing.dry_run:
        raise ConfigurationError("give --alembic alembic.ini for a revision, --sql FILE for plain SQL, or --dry-run")
    if fixing.message is not None and not _MESSAGE.fullmatch(fixing.message):
        raise ConfigurationError(
            "--message is a line of at most 200 characters without quotation marks and backslashes"
        )
    if fixing.patch is not None and not options.models:
        raise ConfigurationError("--patch changes the models' files: give --models package.module:Base")
    for option, file in (("--sql", fixing.sql), ("--patch", fixing.patch), ("--decisions", fixing.decisions)):
        if file is not None and (file.is_dir() or not file.resolve().parent.is_dir()):
            raise ConfigurationError(f"{option} {file} names no file in a folder that is there: choose another")
    if fixing.alembic is not None:
        refuse_no_chain(fixing.alembic, directory)
    if fixing.decided is not None:
        _read(fixing.decided)
    if fixing.proof is not None:
        _proven(fixing.proof)


@dataclass(frozen=True)
class Fixed:
    """What came of it.

    Attributes:
        plan: of all selected findings.
        files: that were written.
        patch: of the models.
        notes: what nobody looked at, a line each.
    """

    plan: Plan
    files: tuple[str, ...]
    patch: ModelPatch
    notes: tuple[str, ...] = ()


def fix_findings(audit: Audit, source: ServerSource | SnapshotSource, project: Project, fixing: FixOptions) -> Fixed:
    """Plan what mends the findings of an audit, and write it.

    Args:
        audit: of the database.
        source: of it; asked only at which revision it is.
        project: whose Alembic and models are used.
        fixing: what to write.

    Raises:
        PgproofError: the chain of revisions is not fit for another one, or a file cannot be written.
    """
    catalog = audit.facts.catalog
    models = audit.facts.models
    version = audit.facts.database.server_version_num
    proven = _proven(fixing.proof) if fixing.proof is not None else None
    named = named_by_models(wanted_of(audit.findings, catalog, models), project, models.names if models else ())
    wanted = named.wanted
    files: list[str] = []
    if fixing.decided is not None:
        decisions = _read(fixing.decided)
        wanted = _decided(decisions, wanted, catalog)
        planned = plan(wanted, catalog, version, proven)
        _refuse_unknown_verdicts(decisions, planned)
        if decisions.kept:
            planned = plan(wanted, catalog, version, proven, decisions.kept)
    else:
        planned = plan(wanted, catalog, version, proven)
        if fixing.decisions is not None:
            as_json = fixing.decisions.suffix == ".json"
            write(decisions_as_text(default_decisions(wanted, planned.left_out), as_json=as_json), fixing.decisions)
            files.append(str(fixing.decisions))
    notes = list(_of_proof(proven, fixing.proof))
    if fixing.alembic is not None:
        at = _applied(audit, source)
        if at is None:
            notes.append(
                f"a snapshot does not say at which revision its database is: make sure that it is the head of"
                f" {fixing.alembic}, which nobody checked"
            )
        parts = () if fixing.dry_run else parts_of(planned, fixing.message)
        files += (each.file for each in write_revisions(project, fixing.alembic, at, parts))
    if fixing.sql is not None and planned.steps and not fixing.dry_run:
        back = reverse_file(fixing.sql)
        write(forward_sql(planned), fixing.sql)
        write(reverse_sql(planned), back)
        files += [str(fixing.sql), str(back)]
    patch = model_patch(planned.steps, models, project.directory, around=named.around)
    if fixing.patch is not None and patch.diff and not fixing.dry_run:
        write(patch.diff, fixing.patch)
        files.append(str(fixing.patch))
    return Fixed(planned, tuple(files), patch, tuple(notes))


def _proven(file: Path) -> Proven:
    proof = read_proof(file)
    try:
        return verdicts_of(proof)
    except PgproofError as error:
        raise ConfigurationError(f"--proof: {error}") from None


def _of_proof(proven: Proven | None, file: Path | None) -> Iterator[str]:
    if proven is not None and not proven.measured:
        yield (
            f"{file} measured no statement, so an index without effect in it was left in: prove it with --workload to"
            " see which ones help"
        )


def _read(file: Path) -> Decisions:
    try:
        return read_decisions(file)
    except PgproofError as error:
        raise ConfigurationError(f"--decisions: {error}") from None


def _decided(decisions: Decisions, wanted: tuple[Wanted, ...], catalog: Catalog) -> tuple[Wanted, ...]:
    try:
        return decided(wanted, decisions, catalog)
    except PgproofError as error:
        raise ConfigurationError(f"--decisions: {error}") from None


def _refuse_unknown_verdicts(decisions: Decisions, planned: Plan) -> None:
    try:
        refuse_unknown_verdicts(decisions, planned.left_out)
    except PgproofError as error:
        raise ConfigurationError(f"--decisions: {error}") from None


def _applied(audit: Audit, source: ServerSource | SnapshotSource) -> tuple[str, ...] | None:
    migrations = audit.facts.migrations
    if migrations is None:
        raise PgproofError(next(line for line in audit.facts.missing if line.startswith("migrations: ")))
    return applied_revisions(source, migrations) if isinstance(source, ServerSource) else None


def fixed_as_text(fixed: Fixed, *, patched: bool) -> str:
    """Return the plan, what it leaves, and the files, for people.

    Args:
        fixed: what came of it.
        patched: the patch of the models went to a file.
    """
    lines: list[str] = []
    for title, steps in (("Added:", fixed.plan.additions), ("Dropped, in a revision of its own:", fixed.plan.drops)):
        if steps:
            lines += [title, *(f"  {line}" for step in steps for line in _step(step)), ""]
    if fixed.plan.left:
        lines += ["Left to people:", *(f"  {line}" for left in fixed.plan.left for line in _left(left)), ""]
    if fixed.patch.diff and not patched:
        lines += ["The models, as a patch:", *fixed.patch.diff.splitlines(), ""]
    if fixed.patch.by_hand:
        lines += ["The models, by hand:", *(f"  {printable(line)}" for line in fixed.patch.by_hand), ""]
    lines += [f"Note: {note}" for note in fixed.notes]
    lines += [f"wrote {file}" for file in fixed.files]
    lines.append(_summary(fixed.plan.steps, fixed.plan.left))
    return "\n".join(lines) + "\n"


def _step(step: Step) -> Iterator[str]:
    codes = ", ".join(dict.fromkeys(reason.rule for reason in step.reasons))
    yield printable(f"{step.operation.kind} ({codes}): {step.operation.forward()[0]}")
    yield f"    lock {step.operation.lock}; blocks {step.operation.blocks}"


def _left(left: Left) -> Iterator[str]:
    yield printable(f"{left.reason.rule} {left.reason.message}")
    yield f"    {printable(left.why)}"
    yield from (f"    {printable(statement)};" for statement in left.by_hand)


def _summary(steps: Sequence[Step], left: Sequence[Left]) -> str:
    mended = {reason.fingerprint for step in steps for reason in step.reasons}
    unmended = {each.reason.fingerprint for each in left}
    if not steps and not left:
        return "Nothing to mend."
    return f"{len(steps)} steps mend {len(mended - unmended)} findings; {len(unmended)} are left to people."
