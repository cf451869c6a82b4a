"""The whole journey on a few hundred jobs: every step happens for real, only shorter."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from intowork.demo.claims import SPEED_CLAIMS
from intowork.demo.journey import Journey, Plan, travel
from intowork.demo.report import mark, to_json, to_markdown, write
from intowork.demo.words import ABOUT, MORE, VERDICTS
from intowork.seed import Scale
from pgproof.server import running_server

PLAN = Plan(
    "tiny",
    Scale.of_jobs(1000),
    rate=50.0,
    calls=1,
    crowd_seconds=1.0,
    platform_seconds=1.0,
    patience_seconds=1.0,
    calm_seconds=1.0,
    kill_seconds=None,
)
ROW_KEYS = {"claim", "quote", "before", "after", "head", "factor", "unit", "buffers", "held"}


@contextlib.contextmanager
def stage(title: str) -> Iterator[Callable[[str, int, int], None]]:
    yield lambda what, done, total: None


@pytest.fixture(scope="module")
def journey() -> Journey:
    with running_server(settings={"max_connections": "150", "fsync": "off"}) as server:
        return travel(server, PLAN, stage, lambda line: None)


def test_the_analysed_platform_lets_duplicates_in_and_head_does_not(journey: Journey) -> None:
    evidence = journey.evidence
    assert evidence.race_before.surplus_rows > 0
    assert evidence.race_before.errors == ()
    assert evidence.race_after.surplus_rows == 0
    assert evidence.race_after.errors
    assert evidence.race_head.surplus_rows == 0
    assert evidence.race_head.errors == ()
    assert evidence.race_head.refused == evidence.race_head.rounds * (evidence.race_head.sessions - 1)


def test_the_audit_of_phase_2_puts_the_findings_of_the_analysis_first_and_head_has_none_of_them(
    journey: Journey,
) -> None:
    phase_2, critical, head = journey.audits
    found = [(finding.rule, finding.objects[0].table) for finding in phase_2.document.findings]
    assert {("INT01", "job_applications"), ("INT02", "accounts")} <= set(found[:3])
    applications = next(finding for finding in phase_2.document.findings if finding.rule == "INT01")
    counts = applications.evidence[0].counts
    assert counts is not None
    assert counts.surplus_rows == journey.loaded.faults.duplicate_applications
    assert {"IDX01", "IDX02", "CFG03"} <= {rule for rule, _ in found}
    assert not {finding.rule for finding in critical.document.findings} & {"INT01", "INT02"}
    assert not {finding.rule for finding in head.document.findings} & {"INT01", "INT02", "IDX01", "IDX02", "IDX03"}
    totals = [audit.document.score.total or 0 for audit in journey.audits]
    assert totals == sorted(totals)


def test_the_migration_under_traffic_fails_no_request_and_comes_back_equal(journey: Journey) -> None:
    beside_nothing, migration, plain = journey.rollouts
    for rollout in (beside_nothing, migration, plain):
        assert rollout.traffic.errors == ()
        assert rollout.traffic.rows_written > 0
        assert 0.1 < rollout.traffic.write_share < 0.4
    assert migration.traffic.idle_transactions > 0
    assert journey.evidence.round_trip_equal
    assert journey.evidence.additions_only


def test_what_pgproof_writes_by_itself_mends_what_it_found(journey: Journey) -> None:
    phase_2, critical, _ = journey.audits
    mended = journey.mending.audit
    left = {finding.rule for finding in mended.document.findings}
    assert {"INT01", "INT02", "INT04", "IDX01", "IDX02"} <= {finding.rule for finding in phase_2.document.findings}
    assert not left & {"INT01", "INT02", "INT04", "IDX01", "IDX02"}
    totals = [audit.document.score.total or 0 for audit in (phase_2, critical, mended)]
    assert totals == sorted(totals)


def test_every_object_of_the_platforms_revisions_is_compared_with_what_pgproof_wrote(journey: Journey) -> None:
    ours = [row for row in journey.compared if row.ours]
    assert Counter(row.revision[:4] for row in ours) == {"h8c2": 15 + 3 + 4, "i9d3": 18, "j0e4": 6}
    moved = [row for row in ours if row.ours.startswith("quarantine.")]
    assert [row.verdict for row in moved] == ["same"] * 4
    words = {row.ours for row in ours if row.verdict != "same" and ABOUT[row.ours].why in row.why}
    assert words == {row.ours for row in ours if row.verdict != "same"} == set(ABOUT)
    more = [row for row in journey.compared if not row.ours]
    assert {row.verdict for row in more} == {"more"}
    assert {rule for row in more for rule in row.rules.split(", ")} <= set(MORE)


def test_every_claim_of_the_summary_is_a_row_in_the_fixed_form(journey: Journey) -> None:
    document = json.loads(to_json(journey))
    assert {"scale", "machine", "versions", "rows"} <= set(document)
    assert all(set(row) >= ROW_KEYS for row in document["rows"])
    assert len(document["rows"]) == 17
    assert [row["claim"] for row in document["rows"][:5]] == [claim.claim for claim in SPEED_CLAIMS]
    assert all(row["buffers"]["before"] > 0 for row in document["rows"][:5])


def test_a_mark_below_the_claimed_scale_names_its_own(journey: Journey) -> None:
    held = [row for row in journey.rows if row.held]
    assert held
    assert {mark(row, 1000) for row in held} == {"held at 1,000 jobs"}
    assert {mark(row, 100_000) for row in held} == {"held"}
    assert mark(next(row for row in journey.rows if row.held is False), 1000) == "not held"
    assert mark(next(row for row in journey.rows if row.claim == "100 000+ users"), 1000) == "not judged at this scale"


def test_the_report_holds_every_row_and_both_charts(journey: Journey, tmp_path: Path) -> None:
    write(journey, tmp_path / "a folder")
    assert {path.name for path in (tmp_path / "a folder").iterdir()} == {
        "journey.json", "journey.md", "speed.svg", "waits.svg",
        "g7b1c5d4e3f2", "after-fix", "h8c2d6e5f4g3", "head", "fix-against-h8c2.md",
    }  # fmt: skip
    reports = {
        "analysis.md", "audit.md", "checklist.md", "engine_config.py", "findings.json", "findings.sarif",
        "performance_test.py", "report.html", "summary.txt",
    }  # fmt: skip
    mending = {"models.patch", "decisions.toml", "fix.txt", "versions"}
    for folder, files in (("g7b1c5d4e3f2", reports | mending), ("after-fix", reports), ("head", reports)):
        assert {path.name for path in (tmp_path / "a folder" / folder).iterdir()} == files
    assert len([*(tmp_path / "a folder" / "g7b1c5d4e3f2" / "versions").iterdir()]) == 2
    compared = (tmp_path / "a folder" / "fix-against-h8c2.md").read_text()
    assert all(f"| **{row.verdict}** |" in compared for row in journey.compared)
    assert all(f"- **{verdict}**, " in compared for verdict in VERDICTS)
    text = to_markdown(journey)
    assert all(f"| {row.claim} |" in text for row in journey.rows)
    for chart in ("speed.svg", "waits.svg"):
        assert "<title>" in (tmp_path / "a folder" / chart).read_text()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that the server's own account may pass through, which pytest's are not for root."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_server_and_no_report(sent: signal.Signals, folder: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(folder)}
    environment.pop("DATABASE_URL", None)
    report = folder / "report"
    demo = subprocess.Popen(
        (sys.executable, "-m", "intowork", "demo", "--output", str(report)),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not servers_below(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert servers_below(folder)
    time.sleep(1)
    demo.send_signal(sent)
    _, told = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "interrupted" in told
    assert "Traceback" not in told
    assert servers_below(folder) == []
    assert not report.exists()


def servers_below(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and str(folder) in " ".join(process.cmdline()):
                found.append(process.pid)
    return found
