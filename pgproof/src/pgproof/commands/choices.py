"""What the options choose: which rules, which findings count, and the exit code."""

from __future__ import annotations

from datetime import date

from pgproof.audit import Audit, AuditOptions, Suppression, chosen_rules
from pgproof.commands.baseline import read_baseline
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import SEVERITIES, Severity
from pgproof.rules.rule import Rule
from pgproof.settings import ConfigurationError, Options

CLEAN, FOUND, NOT_CHECKED, INTERRUPTED = 0, 1, 3, 130


def audit_options(options: Options, today: date) -> AuditOptions:
    """Return what an audit is to look at; all that can be wrong with it is found before a server is asked.

    Args:
        options: of the run.
        today: for suppressions with a last day.

    Raises:
        ConfigurationError: a selection names no rule, or the baseline cannot be read.
    """
    _refuse_unknown_rules(options)
    return AuditOptions(
        today=today,
        select=options.select,
        ignore=options.ignore,
        schemas=options.schema_names,
        suppressions=tuple(Suppression(each.rule, each.object, each.reason, each.until) for each in options.suppress),
        baseline=read_baseline(options.baseline) if options.baseline else None,
    )


def rules_of(options: AuditOptions) -> tuple[Rule, ...]:
    """Return the rules that will run, which alone ask questions."""
    return chosen_rules(all_rules(), options.select, options.ignore)


def exit_code(audit: Audit, options: Options) -> int:
    """Return 1 for a new finding at or above the threshold, 3 for a rule that had to be checked and was not, else 0.

    An audit that was interrupted is 130 whatever it found, since it did not look at everything.
    """
    if audit.partial:
        return INTERRUPTED
    if options.fail_on == "never":
        counting: tuple[Severity, ...] = ()
    else:
        counting = SEVERITIES[: SEVERITIES.index(options.fail_on) + 1]
    if any(each.severity in counting and each.fingerprint not in audit.known for each in audit.findings):
        return FOUND
    severities = {rule.code: rule.metadata.severity for rule in audit.rules}
    unchecked = {each.rule for each in audit.not_checked}
    if options.require == "all" and any(severities[code] in (counting or SEVERITIES) for code in unchecked):
        return NOT_CHECKED
    return CLEAN


def _refuse_unknown_rules(options: Options) -> None:
    """Refuse a selection that names no rule: a typing error would otherwise check nothing, in silence."""
    names = {
        name for rule in all_rules() for name in (rule.code, rule.code[:3], rule.metadata.slug, rule.metadata.family)
    }
    for option, chosen in (("select", options.select), ("ignore", options.ignore)):
        for name in chosen:
            if name not in names:
                raise ConfigurationError(f"{option} names no rule or family: {name}; pgproof rules lists them")
