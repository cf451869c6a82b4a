"""What pgproof still finds on head stands in docs/remaining.md with what becomes of it, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intowork.demo.audits import RevisionAudit, audit_revision, work
from intowork.demo.journey import SERVER_SETTINGS, bring_to, cases_of, settle
from intowork.operations.migrate import HEAD, PHASE_2
from intowork.seed import Scale, load
from pgproof.server import running_server

DOCUMENT = Path(__file__).parents[3] / "docs" / "remaining.md"


@pytest.fixture(scope="module")
def head() -> RevisionAudit:
    with running_server(settings=SERVER_SETTINGS) as server, server.scratch_database() as url:
        bring_to(url, PHASE_2)
        load(url, Scale.of_jobs(2_000), faults=True)
        bring_to(url, HEAD)
        settle(url)
        work(url, [request for case in cases_of(url) for request in case.ours])
        return audit_revision(url, HEAD)


def test_every_rule_that_finds_something_on_head_is_explained_and_no_other(head: RevisionAudit) -> None:
    rows = re.findall(r"^\| ((?:[A-Z]{3}\d\d(?:, )?)+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    explained = sorted(code for row in rows for code in row.split(", "))
    assert explained == sorted({finding.rule for finding in head.document.findings})


def test_the_workload_of_head_is_examined_and_finds_nothing_wanting(head: RevisionAudit) -> None:
    assert {each.rule for each in head.document.not_checked} & {"IDX11", "IDX12", "IDX13", "IDX14", "WRK01"} == set()
    assert [each.message for each in head.document.findings if each.family in ("indexes", "workload")] == []
