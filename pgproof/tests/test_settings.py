"""The configuration: where it is found, what goes before what, and one line for what is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pgproof.settings import ConfigurationError, Options, load_options


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, field in Options.model_fields.items():
        monkeypatch.delenv(f"PGPROOF_{(field.alias or name).upper()}", raising=False)
    return tmp_path


def configured(project: Path, text: str) -> Path:
    file = project / "pgproof.toml"
    file.write_text(text)
    return file


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(project, "fail-on = 'low'\nquestion-timeout = '1min'\nselect = ['INT', 'IDX01']\nschema = ['a,b']\n")
    options = load_options(None, project, {})
    assert (options.fail_on, options.question_timeout, options.select) == ("low", 60_000, ("INT", "IDX01"))
    assert options.schema_names == ("a,b",)
    monkeypatch.setenv("PGPROOF_FAIL_ON", "medium")
    monkeypatch.setenv("PGPROOF_SELECT", "CFG, TYP")
    options = load_options(None, project, {})
    assert (options.fail_on, options.question_timeout, options.select) == ("medium", 60_000, ("CFG", "TYP"))
    options = load_options(None, project, {"fail_on": "never", "select": "SEC", "schema": (), "data": None})
    assert (options.fail_on, options.question_timeout, options.select) == ("never", 60_000, ("SEC",))


def test_an_empty_variable_says_nothing_and_suppressions_come_from_files(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPROOF_FAIL_ON", "")
    monkeypatch.setenv("PGPROOF_SUPPRESS", "everything")
    assert load_options(None, project, {}) == Options()


@pytest.mark.parametrize(
    ("written", "milliseconds"), [("'500ms'", 500), ("'5s'", 5_000), ("'2 min'", 120_000), ("'7'", 7_000), ("7", 7_000)]
)
def test_a_time_has_a_unit_or_is_in_seconds(project: Path, written: str, milliseconds: int) -> None:
    configured(project, f"question-timeout = {written}")
    assert load_options(None, project, {}).question_timeout == milliseconds


def test_the_nearest_configuration_is_found_upwards(project: Path) -> None:
    configured(project, "fail-on = 'low'")
    inner = project / "service" / "src"
    inner.mkdir(parents=True)
    (project / "service" / "pyproject.toml").write_text("[project]\nname = 'unconfigured'\n")
    assert load_options(None, inner, {}).fail_on == "low"
    (project / "service" / "pyproject.toml").write_text("[tool.pgproof]\nfail-on = 'medium'\n")
    assert load_options(None, inner, {}).fail_on == "medium"
    (project / "service" / "pgproof.toml").write_text("fail-on = 'critical'\n")
    assert load_options(None, inner, {}).fail_on == "critical"


def test_a_baseline_in_a_file_lies_beside_it_and_one_on_the_command_line_where_it_runs(project: Path) -> None:
    configured(project, "baseline = 'known.json'")
    inner = project / "src"
    inner.mkdir()
    assert load_options(None, inner, {}).baseline == project / "known.json"
    assert load_options(None, inner, {"baseline": Path("other.json")}).baseline == Path("other.json")


def test_a_suppression_has_a_reason_and_may_end(project: Path) -> None:
    configured(project, "[[suppress]]\nrule = 'INT22'\nobject = '*'\nreason = ' why '\nuntil = 2030-01-31\n")
    (suppression,) = load_options(None, project, {}).suppress
    assert (suppression.reason, suppression.until) == ("why", date(2030, 1, 31))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fail_on = 'much'", "fail_on Input should be 'critical', 'high', 'medium', 'low' or 'never'"),
        ("fail-onn = 'low'", "fail-onn is not an option of pgproof: pgproof init writes all there are"),
        ("select = 1", "select Input should be a valid tuple"),
        ("select = [1]", "select 1 Input should be a valid string"),
        ("question-timeout = 'soon'", "question-timeout give a number with a unit, such as 5s or 500ms"),
        ("question-timeout = true", "question-timeout give a number with a unit, such as 5s or 500ms"),
        ("question-timeout = 0", "question-timeout Input should be greater than 0"),
        ("question-timeout = '9999999999s'", "question-timeout Input should be less than or equal to 2147483647"),
        (
            "[[suppress]]\nrule = 'INT22'\nobject = '*'",
            "suppress 1.reason is missing: a suppression says rule, object and reason",
        ),
        ("[[suppress]]\nrule = 'INT22'\nobject = '*'\nreason = ' '", "suppress 1.reason is empty"),
        (
            "[[suppress]]\nrule = 'INT22'\nobject = '*'\nreason = 'r'\nuntil = '2030-02-31'",
            "suppress 1.until Input should be a valid date or datetime, day value is outside expected range",
        ),
        (
            "[[suppress]]\nrule = 'INT22'\nobject = '*'\nreason = 'r'\nfor = 'ever'",
            "suppress 1.for is not an option of pgproof: pgproof init writes all there are",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(project: Path, text: str, says: str) -> None:
    file = configured(project, text)
    with pytest.raises(ConfigurationError) as wrong:
        load_options(None, project, {})
    assert str(wrong.value) == f"{file}: {says}"


def test_what_is_wrong_in_the_environment_or_on_the_command_line_is_said_with_its_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"^--question-timeout give a number with a unit"):
        load_options(None, project, {"question_timeout": "soon"})
    monkeypatch.setenv("PGPROOF_REQUIRE", "some")
    with pytest.raises(ConfigurationError, match=r"^PGPROOF_REQUIRE Input should be 'all' or 'none'"):
        load_options(None, project, {})


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("pgproof.toml", b"fail-on = ", "is not TOML: Invalid value (at end of document)"),
        ("pgproof.toml", b"[[suppress]]\nuntil = 2030-02-31\n", "is not TOML: Invalid date or datetime"),
        ("pgproof.toml", b"# \xff", "is not TOML: 'utf-8' codec"),
        ("pyproject.toml", b"[tool]\npgproof = 1", ": tool.pgproof is no table: begin it with [tool.pgproof]"),
        ("pyproject.toml", b"[project]\nname = 'x'", "has no [tool.pgproof]: add it, or give another --config"),
        ("missing.toml", None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(project: Path, name: str, content: bytes | None, says: str) -> None:
    file = project / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as wrong:
        load_options(file, project, {})
    assert str(wrong.value).startswith(str(file))
    assert says in str(wrong.value)
    assert "\n" not in str(wrong.value)
