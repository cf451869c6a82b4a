"""The configuration that `pgproof init` writes: every option with its default and what it does."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pgproof.errors import PgproofError
from pgproof.settings import ConfigurationError

TEMPLATE = """\
# What pgproof looks at, and what is worth failing a build. Every line is optional; the values here are the defaults,
# or an example where there is none. The environment (PGPROOF_FAIL_ON=medium) goes before this file, the command line
# before both. The same keys may stand in pyproject.toml under [tool.pgproof].

# models = ["app.models:Base"]  # the SQLAlchemy models: declarative bases, registries or MetaData
# engine = "app.db:engine"      # the application's engine, or with () a factory of one
# processes = 4                 # of the application that each have such an engine
# workload = "workload.jsonl"   # what pgproof record wrote
# alembic = "alembic.ini"       # the migrations
# proof = "proof.json"          # what pgproof prove --format json wrote
# data = "default"              # none: ask the data nothing; exact: count tables above 1 GB too
# question-timeout = "5s"       # of each question to the data
# schema = ["public"]           # all schemas where absent
# select = ["INT", "IDX01"]     # families, codes or slugs; all but opinions where absent
# ignore = ["TYP02"]
# baseline = "pgproof-baseline.json"
# fail-on = "high"              # critical, high, medium, low or never
# require = "none"              # all: fail where a rule could not be checked

# [[suppress]]                  # [[tool.pgproof.suppress]] in pyproject.toml
# rule = "INT22"
# object = "public.import_*"
# reason = "loaded and emptied as a whole, nobody updates a row"
# until = 2027-06-30            # optional: then it is reported again
"""


def write_template(folder: Path) -> None:
    """Write pgproof.toml, unless the folder is configured already.

    Raises:
        ConfigurationError: there is a configuration, which a second one would hide or undo.
        PgproofError: the file cannot be written.
    """
    project = folder / "pyproject.toml"
    if project.is_file() and _configures(project):
        raise ConfigurationError("pyproject.toml has [tool.pgproof] already: edit it, or remove it first")
    try:
        with (folder / "pgproof.toml").open("x", encoding="utf-8") as written:
            written.write(TEMPLATE)
    except FileExistsError:
        raise ConfigurationError("pgproof.toml is there already: edit it, or remove it first") from None
    except OSError as error:
        raise PgproofError(f"pgproof.toml cannot be written: {error.strerror}") from None


def _configures(project: Path) -> bool:
    try:
        return "pgproof" in tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False
