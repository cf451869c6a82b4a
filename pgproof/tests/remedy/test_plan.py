"""Plans on a real catalog: order, merging, conflicts, names, and what is left to people."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgproof.facts.catalog import Catalog
from pgproof.facts.read import read_facts
from pgproof.remedy.column_types import ChangeType
from pgproof.remedy.constraints import (
    AddCheck,
    AddForeignKey,
    AddPrimaryKey,
    AddUnique,
    DropConstraint,
    DropForeignKey,
    SetNotNull,
)
from pgproof.remedy.extensions import CreateExtension
from pgproof.remedy.indexes import CreateIndex, DropIndex, RebuildIndex
from pgproof.remedy.invalid_indexes import RebuildInvalidIndex
from pgproof.remedy.maintenance import Vacuum
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan import Plan, plan
from pgproof.remedy.plan_values import Reason, Wanted
from pgproof.remedy.proven import Proven, Verdict
from pgproof.remedy.quarantine import Parent, QuarantineDuplicates, QuarantineOrphans, Reference
from pgproof.remedy.settings import SetDatabaseSetting, SetDefault
from pgproof.server import Server

SCHEMA = """
    CREATE TABLE people (id int PRIMARY KEY, email text, name text, CONSTRAINT one_name UNIQUE (name));
    CREATE TABLE jobs (id int PRIMARY KEY, person int REFERENCES people, code text, n int);
    CREATE TABLE notes (
        id int PRIMARY KEY, job int CONSTRAINT first REFERENCES jobs, text text, author int,
        CONSTRAINT second FOREIGN KEY (job) REFERENCES jobs
    );
    CREATE TABLE bare (a int, b int);
    CREATE INDEX jobs_person ON jobs (person);
    CREATE INDEX jobs_person_again ON jobs (person);
    CREATE UNIQUE INDEX one_name_again ON people (name);
    CREATE INDEX idx_notes_job ON notes (text);
    CREATE TABLE parted (id int, n int) PARTITION BY LIST (n);
"""
VERSION = 150_000


@pytest.fixture(scope="module")
def catalog(embedded_server: Server) -> Iterator[Catalog]:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield read_facts(connection).catalog


def reason(number: int) -> Reason:
    return Reason(f"R{number}", "slug", "high", f"finding {number}", (), f"{number}")


def planned(catalog: Catalog, *wanted: Operation | tuple[Operation, ...], version: int = VERSION) -> Plan:
    """The plan of findings 1, 2 ..., each with what it wants."""
    return plan(
        [Wanted(reason(number), each if isinstance(each, tuple) else (each,)) for number, each in enumerate(wanted, 1)],
        catalog,
        version,
    )


def told(plan: Plan) -> list[tuple[Operation, str]]:
    """The steps with the findings that each settles."""
    return [(step.operation, " ".join(each.rule for each in step.reasons)) for step in plan.steps]


def index(table: str, *columns: str, name: str = "", unique: bool = False, where: str | None = None) -> CreateIndex:
    keys = tuple(f'"{column}"' for column in columns)
    return CreateIndex("public", table, name or f"i_{'_'.join(columns)}", keys, unique=unique, where=where)


def unique(table: str, *columns: str) -> AddUnique:
    return AddUnique("public", table, f"u_{'_'.join(columns)}", columns)


def moved(table: str, *same: str, references: tuple[Reference, ...] = ()) -> QuarantineDuplicates:
    return QuarantineDuplicates(
        "public", table, ("id", *same), same=same, keep=("id",), key="id", references=references
    )


JOBS_OF_PEOPLE = Reference("public", "jobs", "id", "person")
PARENT_OF_JOBS = (Parent("public", "people", ("person",), ("id",)),)
NEW_KEY = AddForeignKey("public", "notes", "f", ("author",), "public", "people", ("id",))


def test_what_another_step_needs_comes_first(catalog: Catalog) -> None:
    check, not_null = AddCheck("public", "jobs", "c", "n > 0"), SetNotNull("public", "bare", "a", "given")
    key = AddPrimaryKey("public", "bare", "pk", ("a",))
    default = SetDefault("public", "jobs", "n", "0")
    drop = DropIndex("public", "jobs_person_again", "CREATE INDEX ...")
    orphans = QuarantineOrphans(
        "public", "notes", ("id", "author"), key="id", refers=("author",), referenced_schema="public",
        referenced_table="people", referenced_columns=("email",),
    )  # fmt: skip
    to_email = AddForeignKey("public", "notes", "f", ("author",), "public", "people", ("email",))
    plan = planned(
        catalog, drop, check, (orphans, to_email), (not_null, key), default,
        (moved("people", "email"), unique("people", "email")), index("notes", "author"),
    )  # fmt: skip
    assert [type(step.operation) for step in plan.additions] == [
        CreateIndex, QuarantineDuplicates, AddUnique, SetNotNull, SetDefault, AddPrimaryKey, QuarantineOrphans,
        AddForeignKey, AddCheck,
    ]  # fmt: skip
    assert [type(step.operation) for step in plan.drops] == [DropIndex]
    assert plan.left == ()


def test_rows_that_others_refer_to_move_before_those(catalog: Catalog) -> None:
    children = (moved("jobs", "person", "code"), unique("jobs", "person", "code"))
    parents = (moved("people", "email", references=(JOBS_OF_PEOPLE,)), unique("people", "email"))
    steps = [step.operation for step in planned(catalog, children, parents).steps]
    assert [(type(each), getattr(each, "table", "")) for each in steps] == [
        (QuarantineDuplicates, "people"),
        (AddUnique, "people"),
        (QuarantineDuplicates, "jobs"),
        (AddUnique, "jobs"),
    ]
    assert isinstance(steps[2], QuarantineDuplicates)
    assert steps[2].parents == PARENT_OF_JOBS


def test_one_step_serves_two_findings(catalog: Catalog) -> None:
    rule = unique("jobs", "person", "code")
    for wanted, expected in (
        ((index("jobs", "n"), index("jobs", "n", name="other")), [(index("jobs", "n"), "R1 R2")]),
        ((index("jobs", "n"), index("jobs", "n", "code")), [(index("jobs", "n", "code"), "R2 R1")]),
        ((index("jobs", "person"), rule), [(rule, "R2 R1")]),
        ((index("jobs", "code"), rule), [(index("jobs", "code"), "R1"), (rule, "R2")]),
        ((index("jobs", "person", where="n > 0"), rule),
         [(index("jobs", "person", where="n > 0"), "R1"), (rule, "R2")]),
        ((index("jobs", "code", "person", unique=True, name="x"), rule), [(rule, "R1 R2")]),
        ((rule, unique("jobs", "code", "person")), [(rule, "R1 R2")]),
        ((AddUnique("public", "bare", "u", ("a",)), AddPrimaryKey("public", "bare", "k", ("a",))),
         [(AddPrimaryKey("public", "bare", "k", ("a",)), "R1 R2")]),
        ((SetNotNull("public", "jobs", "n", "x"), SetNotNull("public", "jobs", "n", "y")),
         [(SetNotNull("public", "jobs", "n", "x"), "R1 R2")]),
        ((AddCheck("public", "jobs", "x", "n > 0"), AddCheck("public", "jobs", "y", "n > 0")),
         [(AddCheck("public", "jobs", "x", "n > 0"), "R1 R2")]),
        ((SetDefault("public", "jobs", "n", "0"), SetDefault("public", "jobs", "n", "0")),
         [(SetDefault("public", "jobs", "n", "0"), "R1 R2")]),
    ):  # fmt: skip
        plan = planned(catalog, *wanted)
        assert told(plan) == expected
        assert plan.left == ()


def test_a_move_is_made_once_for_two_rules(catalog: Catalog) -> None:
    plan = planned(
        catalog,
        (moved("people", "email"), unique("people", "email")),
        (moved("people", "email"), index("people", "email", unique=True)),
    )
    assert told(plan) == [(moved("people", "email"), "R1 R2"), (unique("people", "email"), "R1 R2")]


def test_what_contradicts_an_earlier_finding_is_left_with_why(catalog: Catalog) -> None:
    restrict = AddForeignKey("public", "notes", "g", ("author",), "public", "people", ("id",), on_delete="cascade")
    for first, second, why in (
        (SetDefault("public", "jobs", "n", "0"), SetDefault("public", "jobs", "n", "1"), "gives n another default"),
        (
            AddPrimaryKey("public", "bare", "k", ("a",)),
            AddPrimaryKey("public", "bare", "k2", ("b",)),
            "gives bare its primary key, by (a)",
        ),
        (NEW_KEY, restrict, "adds f with another action"),
    ):
        plan = planned(catalog, first, second)
        assert told(plan) == [(first, "R1")]
        assert [(left.reason.rule, why in left.why) for left in plan.left] == [("R2", True)]


def test_an_index_that_something_needs_is_not_dropped(catalog: Catalog) -> None:
    first = DropIndex("public", "jobs_person", "CREATE INDEX jobs_person", table="jobs")
    second = DropIndex("public", "jobs_person_again", "CREATE INDEX jobs_person_again", table="jobs")
    plan = planned(catalog, first, second)
    assert told(plan) == [(second, "R2")]
    (left,) = plan.left
    assert left.why == "jobs_person_fkey needs jobs_person, and no other index would be left that serves it"
    plan = planned(catalog, first, second, index("jobs", "person", "n"))
    assert told(plan) == [(index("jobs", "person", "n"), "R3"), (first, "R1"), (second, "R2")]


def test_a_rule_does_not_lose_both_of_its_indexes(catalog: Catalog) -> None:
    constraint = DropConstraint("public", "people", "one_name", "UNIQUE (name)")
    index_alone = DropIndex("public", "one_name_again", "CREATE UNIQUE INDEX one_name_again", table="people")
    plan = planned(catalog, constraint, index_alone)
    assert told(plan) == [(index_alone, "R2")]
    assert plan.left[0].why == "without one_name nothing would keep (name) unique"


def test_drops_know_their_way_back(catalog: Catalog) -> None:
    plan = planned(
        catalog,
        DropConstraint("public", "people", "one_name", "UNIQUE (name)"),
        DropConstraint("public", "notes", "second", "FOREIGN KEY (job) REFERENCES jobs (id)"),
    )
    assert told(plan) == [
        (
            DropConstraint(
                "public",
                "people",
                "one_name",
                "UNIQUE (name)",
                "CREATE UNIQUE INDEX one_name ON public.people USING btree (name)",
            ),
            "R1",
        ),
        (DropForeignKey(AddForeignKey("public", "notes", "second", ("job",), "public", "jobs", ("id",))), "R2"),
    ]


def test_names_that_are_taken_are_not_given_again(catalog: Catalog) -> None:
    plan = planned(
        catalog,
        index("notes", "author", name="idx_notes_job"),
        index("jobs", "code", name="x"),
        index("jobs", "n", name="x"),
        AddCheck("public", "notes", "first", "id > 0"),
        AddCheck("public", "notes", "ck", "id > 1"),
        AddCheck("public", "notes", "ck", "id > 2"),
    )
    names = [getattr(step.operation, "name", "") for step in plan.steps]
    assert names == ["idx_notes_job_2", "x", "x_2", "first_2", "ck", "ck_2"]


def test_what_belongs_to_a_server_or_a_copy_is_left_with_its_sql(catalog: Catalog) -> None:
    outside: tuple[Operation, ...] = (
        SetDatabaseSetting("d", "lock_timeout", "5s"),
        CreateExtension("pg_stat_statements"),
        Vacuum("public", "jobs"),
        RebuildIndex("public", "jobs_person"),
    )
    plan = planned(catalog, *outside)
    assert plan.steps == ()
    assert [left.by_hand for left in plan.left] == [each.forward() for each in outside]
    assert told(planned(catalog, RebuildInvalidIndex("public", "jobs_person"))) != []


def test_an_index_that_is_dropped_is_not_rebuilt(catalog: Catalog) -> None:
    drop = DropIndex("public", "jobs_person", "CREATE INDEX jobs_person", table="jobs")
    plan = planned(catalog, RebuildInvalidIndex("public", "jobs_person"), drop)
    assert told(plan) == [(drop, "R2 R1")]


def test_a_key_of_a_partitioned_table_waits_for_a_server_that_can(catalog: Catalog) -> None:
    key = AddForeignKey("public", "parted", "f", ("id",), "public", "people", ("id",))
    assert "from PostgreSQL 18 on" in planned(catalog, key).left[0].why
    assert told(planned(catalog, key, version=180_000)) == [(key, "R1")]


def test_a_finding_without_operations_is_left_with_its_remedy(catalog: Catalog) -> None:
    (left,) = plan([Wanted(reason(1), (), "decide it")], catalog, VERSION).left
    assert (left.reason.rule, left.why, left.by_hand) == ("R1", "decide it", ())


_SAYS = "left out, as the proof says of it:"


def test_what_a_proof_speaks_against_is_left_out_with_what_only_it_needs(catalog: Catalog) -> None:
    move = QuarantineDuplicates("public", "jobs", ("id", "code"), same=("code",), keep=("id",), key="id")
    wanted = [
        Wanted(reason(number), operations)
        for number, operations in enumerate(
            (
                (move, unique("jobs", "code")),
                (index("jobs", "n"),),
                (SetDefault("public", "jobs", "n", "7"), SetNotNull("public", "jobs", "n", "given")),
                (unique("bare", "a"),),
            ),
            1,
        )
    ]
    said = (
        Verdict("create unique u_code on public.jobs", "harms", "it held a lock"),
        Verdict("create index public.i_n on public.jobs", "no-effect", "nobody reads it"),
        Verdict("change column public.jobs.n (not null, default 7)", "no-effect", "nothing is faster"),
        Verdict("create unique u_a on public.bare", "no-effect", "nothing is faster"),
        Verdict("drop index public.i_n on public.jobs", "harms", "of another plan"),
    )
    found = plan(wanted, catalog, VERSION, Proven(said, measured=True))
    assert [step.operation for step in found.steps] == [wanted[3].operations[0], *wanted[2].operations]
    assert [(left.reason.rule, left.why) for left in found.left] == [
        ("R1", f"add unique constraint {_SAYS} harms, it held a lock ({said[0].operation})"),
        ("R2", f"create index {_SAYS} no-effect, nobody reads it ({said[1].operation})"),
        ("R1", f"quarantine duplicates {_SAYS} harms, it held a lock ({said[0].operation})"),
    ]
    assert found.left_out == said[:2]
    kept = plan(wanted, catalog, VERSION, Proven(said, measured=True), kept=(said[0].operation,))
    assert [step.operation.kind for step in kept.steps][:2] == ["quarantine duplicates", "add unique constraint"]
    # Where no statement was measured, that an index helps nobody was not seen.
    unmeasured = plan(wanted, catalog, VERSION, Proven(said, measured=False))
    assert wanted[1].operations[0] in [step.operation for step in unmeasured.steps]


def test_a_column_gets_one_type(catalog: Catalog) -> None:
    wide, text = (ChangeType("public", "jobs", "code", kind, "character varying(5)") for kind in ("bigint", "text"))
    found = planned(catalog, index("jobs", "n"), wide, wide, text)
    assert told(found) == [(wide, "R2 R3"), (index("jobs", "n"), "R1")]
    assert [left.why for left in found.left] == ["another finding makes code bigint: decide which type is meant"]
