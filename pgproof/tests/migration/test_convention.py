"""New objects are named as the project's own MetaData names them."""

from __future__ import annotations

from pathlib import Path

from pgproof.facts.project.child import Project
from pgproof.migration.convention import NamedByModels, named_by_models
from pgproof.migration.name_objects import Around
from pgproof.remedy.constraints import AddCheck, AddForeignKey, AddPrimaryKey, AddUnique, SetNotNull
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Wanted

from .projects import REASON

MODELS = """
from sqlalchemy import Column, Integer, MetaData, String, Table

convention = {
    "ix": "i__%(table_name)s__%(column_0_N_name)s",
    "uq": "u__%(column_0_name)s",
    "ck": "c__%(table_name)s__%(constraint_name)s",
    "fk": "f__%(table_name)s__%(referred_table_name)s",
    "pk": "p__%(table_name)s",
}
metadata = MetaData(naming_convention=convention)
given = MetaData(naming_convention={key: f"{key}/%(constraint_name)s" for key in ("ix", "uq", "ck", "fk")})
plain = MetaData()
for each, schema in ((metadata, None), (metadata, "sales"), (plain, "other"), (given, "given")):
    Table("notes", each, Column("id", Integer, primary_key=True), Column("body", String), schema=schema)
"""


def operations(schema: str) -> tuple[Operation, ...]:
    return (
        CreateIndex(schema, "notes", "idx", ('"body"', '"id"')),
        CreateIndex(schema, "notes", "lowered", ("lower(body)",)),
        AddUnique(schema, "notes", "uq", ("body", "id")),
        AddPrimaryKey(schema, "notes", "pk", ("id",)),
        AddCheck(schema, "notes", "ck_notes_positive", "id > 0"),
        AddForeignKey(schema, "notes", "fk", ("id",), "sales", "notes", ("id",)),
        SetNotNull(schema, "notes", "body", "given"),
        AddUnique(schema, "unknown", "uq_unknown", ("id",)),
    )


def named(folder: Path, schema: str) -> NamedByModels:
    (folder / "models.py").write_text(MODELS, encoding="utf-8")
    wanted = [Wanted(REASON, operations(schema))]
    return named_by_models(wanted, Project(folder), ("models:metadata", "models:plain", "models:given"))


def names(folder: Path, schema: str) -> list[str]:
    (wanted,) = named(folder, schema).wanted
    return [getattr(operation, "name", "") for operation in wanted.operations]


def test_a_convention_names_what_it_speaks_of(tmp_path: Path) -> None:
    expected = [
        "i__notes__body_id",
        "lowered",
        "u__body",
        "p__notes",
        "c__notes__positive",
        "f__notes__notes",
        "",
        "uq_unknown",
    ]
    assert names(tmp_path, "public") == expected
    assert names(tmp_path, "sales") == expected


def test_what_a_convention_adds_to_given_names_is_told(tmp_path: Path) -> None:
    (around,) = named(tmp_path, "public").around
    assert around == Around("ck", "public", "notes", "c__notes__", "")
    assert [around.inner(name) for name in ("c__notes__positive", "c__notes__", "ck_positive")] == [
        "positive",
        None,
        None,
    ]
    every = named(tmp_path, "given")
    assert {(each.kind, each.before) for each in every.around} == {(key, f"{key}/") for key in ("ix", "uq", "ck", "fk")}
    given = [getattr(operation, "name", "") for operation in every.wanted[0].operations]
    assert given == ["ix/idx", "lowered", "uq/uq", "pk", "ck/positive", "fk/fk", "", "uq_unknown"]


def test_without_a_convention_of_its_own_the_names_stay(tmp_path: Path) -> None:
    given = ["idx", "lowered", "uq", "pk", "ck_notes_positive", "fk", "", "uq_unknown"]
    assert names(tmp_path, "other") == given
