"""What an audit looks at, what it comes to, and with which exit code."""

from __future__ import annotations

import json
import stat
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from pgproof.report.document import json_schema

from .conftest import Ran, Run

INTEGRITY = ("--select", "INT01,INT22,IDX01,IDX02")


def found(ran: Ran) -> dict[str, Any]:
    """The document on standard output, which holds nothing else."""
    document: dict[str, Any] = json.loads(ran.out)
    return document


def rules_of(ran: Ran) -> set[str]:
    return {finding["rule"] for finding in found(ran)["findings"]}


def test_a_first_run_needs_nothing_but_the_url(run: Run, bad_database: str) -> None:
    ran = run("audit", bad_database)
    assert ran.code == 1
    assert "public.enrolments may hold the same (student_id, course_id) any number of times" in ran.out
    assert "2 of 32 rows are surplus" in ran.out
    assert ran.err.startswith("pgproof: postgres is a superuser")
    assert max(map(len, ran.out.splitlines())) <= 100


def test_findings_json_is_what_its_schema_says(run: Run, bad_database: str) -> None:
    ran = run("audit", bad_database, "--format", "json", "--require", "all")
    jsonschema.validate(found(ran), json.loads(json_schema()), cls=jsonschema.Draft202012Validator)
    assert found(ran)["inputs"]["options"]["require"] == "all"
    assert not found(ran)["partial"]


def test_a_quiet_audit_says_nothing_beside_the_document(run: Run, bad_database: str) -> None:
    assert run("audit", bad_database, "-q").err == ""


@pytest.mark.parametrize("command", ["snapshot", "baseline"])
def test_what_is_written_for_later_warns_like_an_audit(
    command: str, run: Run, bad_database: str, tmp_path: Path
) -> None:
    said = run(command, bad_database, "--models", "nowhere:Base", "--output", tmp_path / "out.json").err
    assert "postgres is a superuser" in said
    assert "there is no module nowhere" in said
    assert run(command, bad_database, "-q", "--models", "nowhere:Base", "--output", tmp_path / "out.json").err == ""


def test_an_audit_of_a_snapshot_finds_the_same_without_a_server(run: Run, bad_database: str, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    assert run("snapshot", bad_database, "--quiet", "--output", file) == Ran(0, "", "")
    assert "running" not in json.loads(file.read_text()), "which rules run is no fact"
    live, offline = (run("audit", source, "--format", "json") for source in (bad_database, file))
    assert live.code == offline.code == 1
    for part in ("findings", "not_checked", "score"):
        assert found(live)[part] == found(offline)[part]
    assert found(live)["findings"]


def test_files_are_readable_by_their_owner_alone_and_replaced_as_a_whole(
    run: Run, bad_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "out.json"
    file.write_text("of yesterday")
    file.chmod(0o644)
    ran = run("audit", bad_database, "-q", "--format", "json", "--output", file)
    assert (ran.code, ran.out, ran.err) == (1, "", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["findings"]
    assert list(tmp_path.iterdir()) == [file]


def test_a_device_is_written_to_and_left_as_it_is(run: Run, bad_database: str) -> None:
    before = Path("/dev/null").stat()
    assert run("audit", bad_database, "-q", "--output", "/dev/null").code == 1
    after = Path("/dev/null").stat()
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)


def test_selections_choose_rules_by_family_code_and_slug(run: Run, bad_database: str) -> None:
    for names, rules in (
        ("INT22", {"INT22"}),
        ("indexes", {"IDX01", "IDX02"}),
        ("IDX", {"IDX01", "IDX02"}),
        ("duplicate-index,INT22", {"IDX02", "INT22"}),
    ):
        assert rules_of(run("audit", bad_database, "--select", names, "--format", "json")) == rules
    several = run(
        "audit", bad_database, "--select", "INT22", "--select", "IDX", "--ignore", "IDX01", "--format", "json"
    )
    assert rules_of(several) == {"INT22", "IDX02"}


@pytest.mark.parametrize("option", ["select", "ignore"])
def test_a_selection_that_names_nothing_is_wrong_usage(option: str, run: Run, bad_database: str) -> None:
    ran = run("audit", bad_database, f"--{option}", "INT01,INT99")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"pgproof: {option} names no rule or family: INT99; pgproof rules lists them\n"


def test_one_schema_is_looked_at_alone(run: Run, bad_database: str) -> None:
    ran = run("audit", bad_database, *INTEGRITY, "--schema", "staging", "--format", "json")
    assert rules_of(ran) == {"INT22"}
    ran = run("audit", bad_database, "--schema", "nowhere")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("pgproof: there is no schema nowhere in ")


def test_only_rules_that_run_ask_and_only_of_schemas_that_are_looked_at(
    run: Run, embedded_database: str, tmp_path: Path
) -> None:
    def questions(*options: str) -> int:
        with psycopg.connect(embedded_database, autocommit=True) as connection:
            connection.execute("SELECT pg_stat_statements_reset()")
            run("audit", embedded_database, *options)
            row = connection.execute(
                "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '%/* pgproof */%count%enrol%'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute(
            "CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE s (id int PRIMARY KEY);"
            "CREATE TABLE enrolments (id int PRIMARY KEY, c int NOT NULL REFERENCES c, s int NOT NULL REFERENCES s);"
            "CREATE SCHEMA other"
        )
    assert questions("--select", "INT01") > 0
    assert questions("--select", "INT22") == 0
    assert questions("--select", "INT01", "--schema", "other") == 0
    assert questions("--select", "INT01", "--data", "none") == 0


@pytest.mark.parametrize(
    ("select", "fail_on", "code"),
    [
        ("INT01", "critical", 1),
        ("SEC03", "high", 1),
        ("SEC03", "critical", 0),
        ("CFG03", "medium", 1),
        ("CFG03", "high", 0),
        ("IDX02", "low", 1),
        ("IDX02", "medium", 0),
        ("INT01", "never", 0),
    ],
)
def test_the_threshold_decides_the_exit_code(select: str, fail_on: str, code: int, run: Run, bad_database: str) -> None:
    ran = run("audit", bad_database, "--select", select, "--fail-on", fail_on, "--format", "json")
    assert ran.code == code
    assert rules_of(ran) == {select}


def test_a_rule_that_must_be_checked_and_cannot_be_makes_3(run: Run, embedded_database: str) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE clean (id int PRIMARY KEY)")
    unchecked = ("audit", embedded_database, "--select", "OPS08", "--format", "json")
    ran = run(*unchecked, "--fail-on", "low", "--require", "all")
    assert ran.code == 3
    assert [each["rule"] for each in found(ran)["not_checked"]] == ["OPS08"]
    assert run(*unchecked, "--fail-on", "never", "--require", "all").code == 3
    assert run(*unchecked, "--fail-on", "critical", "--require", "all").code == 0
    assert run(*unchecked, "--fail-on", "low", "--require", "none").code == 0
    assert run("audit", embedded_database, "--select", "INT22", "--require", "all").code == 0


def test_options_come_from_the_command_line_then_the_environment_then_the_file(
    run: Run, bad_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pgproof.toml").write_text("select = ['INT22']\nfail-on = 'never'\n")
    ran = run("audit", bad_database, "--format", "json")
    assert (rules_of(ran), ran.code) == ({"INT22"}, 0)
    monkeypatch.setenv("PGPROOF_SELECT", "IDX01")
    monkeypatch.setenv("PGPROOF_FAIL_ON", "low")
    ran = run("audit", bad_database, "--format", "json")
    assert (rules_of(ran), ran.code) == ({"IDX01"}, 1)
    ran = run("audit", bad_database, "--format", "json", "--select", "IDX02", "--fail-on", "high")
    assert (rules_of(ran), ran.code) == ({"IDX02"}, 0)


def test_the_source_may_come_from_a_variable(run: Run, bad_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_DATABASE", bad_database.replace("postgresql://", "postgresql+asyncpg://"))
    assert rules_of(run("audit", "env:MY_DATABASE", "--select", "INT22", "--format", "json")) == {"INT22"}


def suppress(folder: Path, rule: str, pattern: str, until: date | None = None) -> None:
    end = f"until = {until}\n" if until else ""
    with (folder / "pgproof.toml").open("a") as file:
        file.write(f"[[suppress]]\nrule = '{rule}'\nobject = '{pattern}'\nreason = 'we know'\n{end}")


def test_a_suppressed_finding_counts_nowhere_and_is_listed_with_its_reason(
    run: Run, bad_database: str, tmp_path: Path
) -> None:
    suppress(tmp_path, "INT22", "staging.*", date.today())
    suppress(tmp_path, "table-without-primary-key", "staging.loads")
    ran = run("audit", bad_database, "--select", "INT22", "--fail-on", "low", "--format", "json")
    assert (ran.code, rules_of(ran), found(ran)["complaints"]) == (0, set(), [])
    (suppressed,) = found(ran)["suppressed"]
    assert (suppressed["rule"], suppressed["reason"], suppressed["until"]) == ("INT22", "we know", str(date.today()))


def test_a_suppression_that_is_useless_is_reported_itself(run: Run, bad_database: str, tmp_path: Path) -> None:
    yesterday = date.today() - timedelta(days=1)
    suppress(tmp_path, "INT22", "staging.loads", yesterday)
    suppress(tmp_path, "IDX02", "public.nothing")
    suppress(tmp_path, "INT99", "*")
    ran = run("audit", bad_database, *INTEGRITY, "--format", "json")
    assert "INT22" in rules_of(ran)
    assert found(ran)["complaints"] == [
        f"The suppression of INT22 on staging.loads ended on {yesterday}: renew it with a reason, or mend what it hid",
        "The suppression of IDX02 on public.nothing covers nothing any more: remove it",
        "The suppression of INT99 on * names no rule: pgproof rules lists them",
    ]


@pytest.mark.parametrize("options", [("--select", "INT22"), ("--select", "INT01", "--schema", "public")])
def test_a_suppression_is_not_called_unused_where_nobody_looked(
    options: tuple[str, ...], run: Run, bad_database: str, tmp_path: Path
) -> None:
    suppress(tmp_path, "INT01", "staging.nothing")
    assert found(run("audit", bad_database, *options, "--format", "json"))["complaints"] == []


def test_a_baseline_tells_new_findings_from_known_and_fixed_ones(
    run: Run, embedded_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "known.json"
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (a int); CREATE TABLE two (a int); CREATE SCHEMA other")
        assert run("baseline", embedded_database, "-q", "--output", file) == Ran(0, "", "")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        audit = ("audit", embedded_database, "--select", "INT22", "--fail-on", "low", "--format", "json")
        ran = run(*audit, "--baseline", file)
        assert (ran.code, {each["baseline"] for each in found(ran)["findings"]}) == (0, {"known"})
        connection.execute("DROP TABLE one; CREATE TABLE three (a int)")
    ran = run(*audit, "--baseline", file)
    assert ran.code == 1
    assert {each["objects"][0]["name"]: each["baseline"] for each in found(ran)["findings"]} == {
        "two": "known",
        "three": "new",
    }
    assert [each["message"].split()[0] for each in found(ran)["fixed"]] == ["public.one"]
    findings = tmp_path / "findings.json"
    run(*audit, "--output", findings)
    assert run(*audit, "--baseline", findings).code == 0
    elsewhere = ("audit", embedded_database, "--format", "json", "--baseline", file)
    assert found(run(*elsewhere, "--select", "IDX01"))["fixed"] == []
    assert found(run(*elsewhere, "--select", "INT22", "--schema", "other"))["fixed"] == []


def test_what_could_not_be_checked_again_is_not_called_fixed_nor_its_suppression_unused(
    run: Run, embedded_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "known.json"
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE t (id int PRIMARY KEY, password text NOT NULL);"
            "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 200) n; ANALYZE t"
        )
    run("baseline", embedded_database, "--output", file)
    assert "SEC02" in file.read_text()
    suppress(tmp_path, "SEC02", "public.t")
    ran = run("audit", embedded_database, "--select", "SEC02", "--data", "none", "--baseline", file, "--format", "json")
    assert (rules_of(ran), found(ran)["fixed"], found(ran)["complaints"]) == (set(), [], [])
    assert [each["rule"] for each in found(ran)["not_checked"]] == ["SEC02"]


def test_the_baseline_of_the_configuration_is_made_before_it_is_there(
    run: Run, bad_database: str, tmp_path: Path
) -> None:
    (tmp_path / "pgproof.toml").write_text("baseline = 'known.json'\nselect = ['INT22']\nfail-on = 'low'\n")
    assert run("audit", bad_database).code == 2
    assert run("baseline", bad_database, "--output", tmp_path / "known.json").code == 0
    assert run("audit", bad_database).code == 0
