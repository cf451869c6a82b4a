"""Slow statements that leave no trace in the log.

What it finds:
    A database for which no setting logs a statement for its duration: log_min_duration_statement, a sample of them
    (log_min_duration_sample), auto_explain, or log_statement = all with log_duration.

Why it matters:
    pg_stat_statements keeps averages. Which call was slow, when, with which neighbours and values, only the log tells.

Evidence:
    pg_settings and pg_db_role_setting.

Remedy:
    `ALTER SYSTEM SET log_min_duration_statement = '1s'` and a reload, or ALTER DATABASE; both need a superuser.
    auto_explain adds the plan. In development `create_engine(url, echo=True)` shows statements, but not the
    server's time.

When to ignore:
    Another tool records each slow call (tracing of the application with the statement's text).
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules.configuration._sessions import evidence, is_off, milliseconds, of_database, setting_ref
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.given import setting
from pgproof.rules.given_access import hidden, role_setting
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="CFG13", slug="slow-statements-not-logged", severity="low", needs=("settings",), server_wide=True
)
SETTING = "log_min_duration_statement"
_SAMPLE, _RATE, _EXPLAIN = "log_min_duration_sample", "log_statement_sample_rate", "auto_explain.log_min_duration"
_NEVER = -1


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield one finding where no setting logs what was slow."""
    if of_database(facts, SETTING) is None:
        yield NotChecked(f"an audit by a role without a {SETTING} of its own, which hides the server's")
        return
    if _logs(facts, SETTING) or _logs(facts, _EXPLAIN):
        return
    if _logs(facts, _SAMPLE) and of_database(facts, _RATE) != "0":
        return
    if of_database(facts, "log_statement") == "all" and not is_off(of_database(facts, "log_duration")):
        return
    yield METADATA.finding(
        objects=(setting_ref(SETTING),),
        message="no slow statement is logged",
        consequence="When something was slow an hour ago, nothing tells which call it was.",
        evidence=evidence(facts, SETTING, _SAMPLE, _EXPLAIN, "log_statement", "log_duration"),
        remedy=Remedy(f"ALTER SYSTEM SET {SETTING} = '1s'; SELECT pg_reload_conf(); as a superuser."),
    )


def _logs(facts: Facts, name: str) -> bool:
    """Tell whether a threshold is set; a value that is hidden from us is one."""
    value = of_database(facts, name)
    return value is not None and milliseconds(value) != _NEVER


_NO_LOG = (
    setting(SETTING, "-1"),
    setting(_SAMPLE, "-1"),
    setting(_RATE, "1"),
    setting("log_statement", "ddl"),
    setting("log_duration", "off"),
)

BAD = (
    Example("nothing is logged", given=_NO_LOG, objects=(SETTING,)),
    Example("a sample of none", given=(*_NO_LOG, setting(_SAMPLE, "100"), setting(_RATE, "0"))),
    Example("statements without their duration", given=(*_NO_LOG, setting("log_statement", "all"))),
    Example("durations without their statements", given=(*_NO_LOG, setting("log_duration", "on"))),
    Example("auto_explain is loaded and off", given=(*_NO_LOG, setting(_EXPLAIN, "-1"))),
    Example(
        "the database switches it off",
        given=(*_NO_LOG, setting(SETTING, "500"), role_setting(SETTING, "-1", here=True)),
    ),
)
GOOD = (
    Example("statements above a second", given=(*_NO_LOG, setting(SETTING, "1000"))),
    Example("every statement", given=(*_NO_LOG, setting(SETTING, "0"))),
    Example("the database switches it on", given=(*_NO_LOG, role_setting(SETTING, "250ms", here=True))),
    Example("a sample", given=(*_NO_LOG, setting(_SAMPLE, "100"), setting(_RATE, "0.1"))),
    Example("plans", given=(*_NO_LOG, setting(_EXPLAIN, "1000"))),
    Example(
        "plans, by a setting that only the database knows", given=(*_NO_LOG, role_setting(_EXPLAIN, "(set)", here=True))
    ),
    Example(
        "all with their duration", given=(*_NO_LOG, setting("log_statement", "all"), setting("log_duration", "on"))
    ),
    Example("the auditing role has one of its own", given=(*_NO_LOG, hidden(SETTING))),
)
