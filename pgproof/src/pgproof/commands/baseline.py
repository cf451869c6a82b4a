"""A baseline: the findings of one day, so that later runs tell new ones from known and fixed ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from pgproof.audit import Audit, Known
from pgproof.settings import ConfigurationError


@dataclass(frozen=True)
class Baseline:
    """What the file holds; findings.json holds as much, and more."""

    version: Literal[1]
    findings: tuple[Known, ...]


_FORM = TypeAdapter(Baseline)


def to_baseline(audit: Audit) -> str:
    """Return the baseline of an audit: fingerprint, rule, message and objects of each finding."""
    known = tuple(Known(each.fingerprint, each.rule, each.message, each.objects) for each in audit.findings)
    return _FORM.dump_json(Baseline(1, known), indent=2).decode() + "\n"


def read_baseline(file: Path) -> tuple[Known, ...]:
    """Return the findings of a baseline; findings.json is one too.

    Raises:
        ConfigurationError: the file cannot be read, or is not a baseline.
    """
    try:
        return _FORM.validate_json(file.read_bytes()).findings
    except OSError as error:
        raise ConfigurationError(f"the baseline {file} cannot be read: {error.strerror}") from None
    except ValidationError:
        raise ConfigurationError(f"{file} is not a baseline: make one with pgproof baseline") from None
