"""analysis.md, summary.txt and checklist.md: what is told where, how often, and what a ticked box rests on."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from pgproof.audit import AuditOptions, Suppression, examine
from pgproof.facts.model import Facts
from pgproof.report.dossier.files import report_files
from pgproof.report.dossier.material import Growth
from pgproof.report.dossier.plan import phases
from pgproof.report.dossier.sections import SECTIONS, section_of
from pgproof.report.dossier.steps import procedures, validation
from pgproof.report.markdown import escaped
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import SEVERITIES
from pgproof.rules.finding_document import FindingDocument

from .conftest import TODAY, Case, reported

HEADINGS = (
    *("Schema design", "Relationships and integrity", "Indexing", "Query performance", "Migrations", "Configuration"),
    *("Constraints", "Security", "Optimisation opportunities", "Scalability", "Backup and recovery", "Monitoring"),
    *("Critical issues", "Implementation plan", "References"),
)


def sections(text: str) -> list[str]:
    """The text of each section of analysis.md."""
    return re.split(r"^## \d+\. .*\n", text, flags=re.MULTILINE)[1:]


def ticked(text: str) -> list[str]:
    return re.findall(r"^ *- \[x\] (.*)$", text, re.MULTILINE)


def test_the_analysis_has_the_fifteen_sections_in_their_order(case: Case) -> None:
    numbered = [f"## {number}. {title}" for number, title in enumerate(HEADINGS, 1)]
    assert re.findall(r"^## .*$", case.text("analysis.md"), re.MULTILINE) == numbered
    assert all(section.strip() for section in sections(case.text("analysis.md")))


def test_every_rule_there_is_has_one_section(ordinary: Case) -> None:
    (finding, *_) = ordinary.document.findings
    names = [section_of(replace(finding, rule=rule.code, family=rule.metadata.family)) for rule in all_rules()]
    assert set(names) <= {section.name for section in SECTIONS}
    covered = [key for section in SECTIONS for key in section.covers]
    assert len(covered) == len(set(covered))
    with pytest.raises(KeyError, match="XYZ01"):
        section_of(replace(finding, rule="XYZ01", family="unheard"))


def test_every_finding_is_told_in_its_section_and_in_no_other(case: Case) -> None:
    told = sections(case.text("analysis.md"))[:12]
    for finding in case.document.findings:
        message = escaped(finding.message)
        # A message may begin another: it ends where it is emphasised, located, or followed by its consequence.
        pattern = re.compile(re.escape(message) + r"(?:\*\*|\. | \()")
        home = [section.name for section in SECTIONS].index(section_of(finding))
        homes = [number for number, text in enumerate(told) if pattern.search(text)]
        assert homes == [home], finding.message
        assert escaped(finding.consequence) in told[home]
        assert finding.remedy is None or escaped(finding.remedy.summary) in told[home]


def test_the_critical_issues_are_all_that_are_critical_or_high(case: Case) -> None:
    issues = sections(case.text("analysis.md"))[12]
    rows = re.findall(r"^\| \d+ \| (\w+) \| (\w+) (.*?) \| .* \| (.*) \|$", issues, re.MULTILINE)
    worst = [each for each in case.document.findings if each.severity in ("critical", "high")]
    statuses = [case.material.mending(each).status for each in worst]
    assert rows == [
        (each.severity, each.rule, escaped(each.message), status) for each, status in zip(worst, statuses, strict=True)
    ]
    assert set(statuses) == {"open"} or case.folder.name == "proven" or not worst
    assert bool(worst) or issues.strip() == "None."


def test_the_plan_names_each_finding_once(case: Case) -> None:
    plan = sections(case.text("analysis.md"))[13]
    parts = re.split(r"^### Phase \d.*\n", plan, flags=re.MULTILINE)[1:]
    assert len(parts) == 5
    planned = [each for phase in phases(case.document) for each in phase.findings]
    assert sorted(each.fingerprint for each in planned) == sorted(each.fingerprint for each in case.document.findings)
    for phase, part in zip(phases(case.document), parts, strict=False):
        lines = re.findall(r"^- \*\*(\w+) [a-z0-9-]+\*\*(?:, (\d+) times)? \(.*?\): ", part, re.MULTILINE)
        assert sum(int(many or 1) for _, many in lines) == len(phase.findings)
        assert [rule for rule, _ in lines] == list(dict.fromkeys(each.rule for each in phase.findings))


def test_the_worst_findings_are_in_the_first_phase(case: Case) -> None:
    first, *later = phases(case.document)
    assert {each.severity for each in first.findings} <= {"critical", "high"}
    assert not {each.severity for phase in later for each in phase.findings} & {"critical", "high"}


def test_what_was_not_checked_is_listed_with_what_it_needs(case: Case) -> None:
    references = sections(case.text("analysis.md"))[14]
    assert case.document.not_checked
    for each in case.document.not_checked:
        assert re.search(rf"^- .*{each.rule}.*: {re.escape(escaped(each.needs))}$", references, re.MULTILINE)


def test_an_interrupted_audit_concludes_nothing(cases: dict[str, Case]) -> None:
    partial = cases["partial"]
    assert partial.document.partial
    assert {each.rule for each in partial.document.not_checked} > {
        each.rule for each in cases["ordinary"].document.not_checked
    }
    for name in ("analysis.md", "summary.txt", "checklist.md", "report.html"):
        assert "interrupted" in partial.text(name).lower()
        assert "interrupted" not in cases["ordinary"].text(name).lower()


def test_growth_is_told_with_its_capacity_only_where_it_was_measured(ordinary: Case) -> None:
    assert "No growth can be told" in ordinary.text("analysis.md")
    growth = Growth(days=10.0, rows_per_day=200.0, rows_in_a_year=75_000, bytes_in_a_year=2**30, days_to_tenfold=90.0)
    tables = tuple(
        replace(each, growth=growth if each.name == "courses" else None) for each in ordinary.material.tables
    )
    text = dict(report_files(replace(ordinary.material, tables=tables)))["analysis.md"]
    rows = re.findall(r"^\| public\.(\w+) \| ([\d,]+) \| ([\d,]+) \| (\S+) \|.*$", text, re.MULTILINE)
    assert [row for row in rows if "." in row[3]] == [("courses", "2,000", "200", "10.0")]
    assert "| 200 | 10.0 | 75,000 | 1 GB | 90 |" in text


def test_the_summary_is_one_page_that_fits_a_mail(case: Case) -> None:
    lines = case.text("summary.txt").splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 100
    headings = [line for line in lines if line.isupper() and len(line) < 30 and not line.startswith(" ")]
    assert headings == [
        *("ASSESSMENT", "CRITICAL FINDINGS", "RECOMMENDATIONS BY WEEK", "KEY METRICS", "RISKS AND MITIGATION"),
        *("NEXT STEPS", "CONCLUSION"),
    ]


def test_the_numbers_of_the_summary_are_those_of_the_findings(case: Case) -> None:
    text, document = case.text("summary.txt"), json.loads(case.text("findings.json"))
    findings = document["findings"]
    total = document["score"]["total"]
    metrics = dict(re.findall(r"^  (Score|Findings|Surplus rows|Not checked) +(.*)$", text, re.MULTILINE))
    assert metrics["Score"].startswith("none: " if total is None else f"{total:.0f}/100, ")
    severities = [each["severity"] for each in findings]
    counted = [f"{severities.count(name)} {name}" for name in SEVERITIES if name in severities]
    assert metrics["Findings"] == ", ".join(counted)
    counts = [evidence["counts"] or {} for each in findings for evidence in each["evidence"]]
    assert metrics["Surplus rows"].startswith(f"{sum(each.get('surplus_rows') or 0 for each in counts):,} counted")
    unchecked = {each["rule"] for each in document["not_checked"]}
    assert metrics["Not checked"].startswith(f"{len(unchecked)} of {len(case.audit.rules)} rules")
    weeks = [int(many) for many in re.findall(r"^Week \d, .*: (\d+) findings?$", text, re.MULTILINE)]
    assert (len(weeks), sum(weeks)) == (4, len(findings))
    listed = len(re.findall(r"^\d\. ", text, re.MULTILINE))
    words = " ".join(text.split())
    unmeasured = "how long it takes here was not measured. Try it on a restored backup."
    measured = "Without a time it was not measured."
    status = "Open means found" if case.material.proof is None else "Proven: a pending migration mends it"
    note = f"{measured if case.material.mendings else unmeasured} {status}"
    assert (note in words) == (listed > 0)
    more = re.search(r"and (\d+) more of critical", text)
    assert listed + (int(more[1]) if more else 0) == severities.count("critical") + severities.count("high")


def test_a_box_is_ticked_by_rules_that_ran_on_everything_and_found_nothing(case: Case) -> None:
    document = case.document
    found = {each.rule for each in document.findings} | {each.rule for each in document.suppressed}
    clean = {each.code for each in case.audit.rules} - found - {each.rule for each in document.not_checked}
    boxes = [box for box in ticked(case.text("checklist.md")) if not box.startswith("**")]
    steps = [box for box in boxes if "(proof: h" not in box.replace("\\", "")]
    assert bool(len(boxes) - len(steps)) is (case.folder.name == "proven")
    for step in steps:
        codes = re.findall(r"[A-Z]{3}\d\d", step)
        assert codes, step
        assert set(codes) <= clean, step
    assert len(steps) == sum(
        box.box == "[x]" for _, boxes in (("", validation(case.material)), *procedures(case.material)) for box in boxes
    )
    mended = [box for box in ticked(case.text("checklist.md")) if box.startswith("**")]
    assert len(mended) == len(document.fixed)


def test_every_finding_is_a_box_that_is_not_ticked(case: Case) -> None:
    open_boxes = re.findall(r"^ *- \[ \] .*`([0-9a-f]{12})`$", case.text("checklist.md"), re.MULTILINE)
    assert sorted(open_boxes) == sorted(each.fingerprint[:12] for each in case.document.findings)


def boxes(facts: Facts, options: AuditOptions) -> set[str]:
    audit = examine(facts, all_rules(), options)
    return set(ticked(dict(report_files(reported(audit)))["checklist.md"]))


@pytest.mark.parametrize(
    ("code", "step"),
    [("INT06", "no row refers to nothing \\(INT06\\)"), ("IDX06", "no index is invalid \\(IDX06\\)")],
)
def test_a_rule_that_was_left_out_or_could_not_look_ticks_nothing(code: str, step: str, ordinary_facts: Facts) -> None:
    everything = AuditOptions(today=TODAY)
    assert step in boxes(ordinary_facts, everything)
    assert step not in boxes(ordinary_facts, replace(everything, ignore=(code,)))
    assert step not in boxes(ordinary_facts, replace(everything, select=("SEC",)))
    # Without an answer INT06 could not look at the reference that is not validated; IDX06 asks nothing.
    assert (step in boxes(replace(ordinary_facts, answers=()), everything)) is (code == "IDX06")


def test_a_suppressed_finding_ticks_nothing(ordinary_facts: Facts) -> None:
    everything = AuditOptions(today=TODAY)
    suppressed = replace(everything, suppressions=(Suppression("IDX01", "*", "small"),))
    assert not any("IDX01" in box for box in boxes(ordinary_facts, everything) | boxes(ordinary_facts, suppressed))
    audit = examine(ordinary_facts, all_rules(), suppressed)
    assert {each.finding.rule for each in audit.suppressed} == {"IDX01"}


def test_what_was_mended_since_the_baseline_is_ticked(cases: dict[str, Case]) -> None:
    (gone,) = cases["decided"].document.fixed
    assert any(gone.fingerprint[:12] in box for box in ticked(cases["decided"].text("checklist.md")))
    assert "Mended since" not in cases["ordinary"].text("checklist.md")


def test_a_report_of_one_schema_says_so(ordinary: Case) -> None:
    shown = reported(ordinary.audit, schema="public")
    for name in ("analysis.md", "checklist.md"):
        assert "Looked at: public alone." in dict(report_files(shown))[name]
        assert "alone" not in ordinary.text(name)


def test_findings_of_one_remedy_have_it_told_once(cases: dict[str, Case]) -> None:
    def of(rule: str) -> list[FindingDocument]:
        return [each for each in cases["many"].document.findings if each.rule == rule]

    remedy = escaped({each.remedy.summary for each in of("IDX01") if each.remedy}.pop())
    assert len(of("IDX01")) > 50
    assert cases["many"].text("checklist.md").count(remedy) == 1
    assert cases["many"].text("analysis.md").count(remedy) == 1
