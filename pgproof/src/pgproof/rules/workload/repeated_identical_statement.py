"""A read that is sent again with the same values, although nothing can have changed for it.

What it finds:
    In a recording (pgproof record): the same SELECT with the same values, at least three times in one transaction
    without a write of this transaction in between. Reads that lock rows or call what changes by itself (nextval,
    random, clock_timestamp ...) are not meant, nor are retries of failed ones; what test code itself sends is left out.

Why it matters:
    Each costs a round trip and the work of the first, and returns what the application has already had.

Evidence:
    The recording. Values are compared by a keyed digest; none is recorded.

Remedy:
    Read once and hand the result on. `session.get()` returns an object that the session already has without a
    statement, where `select()` sends one each time. For what each request needs, such as settings or the signed-in
    user, a cache for the request (`functools.cache`, a dependency of FastAPI).

When to ignore:
    A job that waits in a transaction for what others commit; better would be a transaction for each look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.recording import Repetition
from pgproof.rules.finding import Evidence, Finding, Remedy
from pgproof.rules.rule import Metadata
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import statement_ref, understood

METADATA = Metadata(code="WRK03", slug="repeated-identical-statement", severity="low", needs=("recording",))

FEWEST = 3
"""Equal reads: two may be two places that each need it."""
_VOLATILE = re.compile(
    r"\b(nextval|currval|lastval|random|gen_random_uuid|clock_timestamp|timeofday|statement_timestamp|pg_\w+)\s*\(",
    re.IGNORECASE,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each read that a transaction repeats."""
    assert facts.recording is not None
    for repetition in facts.recording.repetitions:
        if repetition.most_runs < FEWEST or _VOLATILE.search(repetition.text):
            continue
        read = understood(facts, repetition.text)
        if read is not None and read[0].reads_only:
            yield _finding(repetition, read[1][0])


def _finding(repetition: Repetition, table: Table) -> Finding:
    sites = ", ".join(map(str, repetition.sites))
    return METADATA.finding(
        objects=(statement_ref(repetition.text, table),),
        message=f"the same rows of {table.qualified_name} are read {repetition.most_runs:,} times in one transaction"
        f" by {sites}",
        consequence=f"{amount(repetition.surplus_runs, 'statement')} in {amount(repetition.units, 'transaction')}"
        f" returned nothing new and took {repetition.milliseconds:,.0f} ms.",
        confidence="measured",
        evidence=(
            Evidence(
                "recording",
                repetition.text,
                f"ran {repetition.most_runs:,} times with the same values and no write of its transaction in between",
            ),
        ),
        remedy=Remedy(
            "Read once in the transaction and hand the result on, or take session.get() for a row by its key"
        ),
        location=repetition.sites[0].line,
    )


_case = on("CREATE TABLE users (id int PRIMARY KEY, name text)")
_READ = "SELECT id, name FROM users WHERE id = $1"
BAD = (
    _case(
        "the signed-in user, read by three functions",
        Run(_READ, "k", site="shop/a.py:1 first", times=2),
        Run(_READ, "k", site="shop/b.py:2 second"),
        objects="users",
        says="3 times in one transaction|shop/a.py:1 in first, shop/b.py:2 in second|2 statements in 1 transaction",
    ),
    _case("a read without values", Run("SELECT id FROM users", times=3)),
    _case(
        "in two transactions", Run(_READ, "k", times=3), Run(_READ, "l", unit="2", times=4), says="5 statements in 2"
    ),
)
GOOD = (
    _case("twice", Run(_READ, "k", times=2)),
    _case("with other values each time", Run(_READ, "k#", times=9)),
    _case("in a transaction each", Run(_READ, "k", unit="#", times=9)),
    _case(
        "with writes in between",
        Run(_READ, "k", times=2),
        Run("UPDATE users SET name = $1 WHERE id = $2", "v k"),
        Run(_READ, "k", times=2),
    ),
    _case("retries", Run(_READ, "k", times=9, error=True)),
    _case("values that cannot be compared", Run(_READ, "?", times=9)),
    _case("a lock that is waited for", Run(f"{_READ} FOR UPDATE SKIP LOCKED", "k", times=9)),
    _case("rows that are kept from change", Run(f"{_READ} FOR SHARE", "k", times=9)),
    _case("a draw", Run("SELECT id FROM users ORDER BY random() LIMIT $1", "k", times=9)),
    _case("a test that looks again", Run(_READ, "k", times=9, site="tests/test_users.py:5 test_it")),
    _case("a table that is not there", Run("SELECT id FROM elsewhere", times=9)),
)
