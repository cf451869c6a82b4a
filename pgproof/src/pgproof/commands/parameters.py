"""The arguments and options that commands share, each with its help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How an audit is written."""

    TTY = "tty"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    GITHUB = "github"


class RulesFormat(StrEnum):
    """How the rules are listed."""

    TTY = "tty"
    JSON = "json"
    MARKDOWN = "markdown"


class ProofFormat(StrEnum):
    """How a proof is written."""

    TTY = "tty"
    JSON = "json"
    MARKDOWN = "markdown"


class Rows(StrEnum):
    """Which rows the scratch copy gets."""

    SYNTHETIC = "synthetic"
    COPY = "copy"


class Data(StrEnum):
    """How far questions to the data go."""

    NONE = "none"
    DEFAULT = "default"
    EXACT = "exact"


class FailOn(StrEnum):
    """From which severity on a finding makes the exit code 1."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"


class Require(StrEnum):
    """Whether a rule that could not be checked makes the exit code 3."""

    ALL = "all"
    NONE = "none"


Source = Annotated[
    str,
    typer.Argument(help="A libpq or SQLAlchemy URL, service=NAME, env:VARIABLE, or a snapshot file.", metavar="SOURCE"),
]
DataOption = Annotated[
    Data | None,
    typer.Option(
        help="Questions to the data. none: ask nothing; default: count tables up to 1 GB and sample larger ones; "
        "exact: count all, range by range."
    ),
]
Timeout = Annotated[str | None, typer.Option(help="How long each question may take; 5s by default.", metavar="TIME")]
Config = Annotated[Path | None, typer.Option(help="A configuration instead of the project's own.", metavar="FILE")]
Schemas = Annotated[
    list[str] | None, typer.Option("--schema", help="Look at this schema alone; can be repeated.", metavar="NAME")
]
Select = Annotated[
    list[str] | None,
    typer.Option(help="Families, codes or slugs to run, separated by commas; can be repeated.", metavar="CODES"),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help="Families, codes or slugs to leave out, separated by commas; can be repeated.", metavar="CODES"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings.")]
NewFile = Annotated[Path, typer.Option(help="The file to write; its owner alone can read it.", metavar="FILE")]
Output = Annotated[
    Path | None,
    typer.Option(help="A file to write to instead of standard output; its owner alone can read it.", metavar="FILE"),
]
ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--models",
        help="The SQLAlchemy models: a declarative base, a registry or a MetaData; can be repeated.",
        metavar="PKG.MOD:BASE",
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="The application's engine: sync or async, a sessionmaker, or with () a factory of one.",
        metavar="PKG.MOD:ENGINE",
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(help="How many processes of the application have such an engine.", metavar="N", min=1),
]
Workload = Annotated[
    str | None,
    typer.Option(
        help="What the application sends: a file of pgproof record, or pg_stat_statements (read anyway).",
        metavar="FILE|pg_stat_statements",
    ),
]
AlembicOption = Annotated[
    Path | None, typer.Option("--alembic", help="The migrations: their alembic.ini.", metavar="FILE")
]
ProofOption = Annotated[
    Path | None,
    typer.Option("--proof", help="What pgproof prove --format json wrote of the migrations.", metavar="FILE"),
]
