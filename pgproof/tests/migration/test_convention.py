"""New objects are named as the project's own MetaData names them."""

from __future__ import annotations

from pathlib import Path

from pgproof.facts.project.child import Project
from pgproof.migration.convention import named_by_models
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
plain = MetaData()
for each, schema in ((metadata, None), (metadata, "sales"), (plain, "other")):
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


def names(folder: Path, schema: str) -> list[str]:
    (folder / "models.py").write_text(MODELS, encoding="utf-8")
    wanted = [Wanted(REASON, operations(schema))]
    (named,) = named_by_models(wanted, Project(folder), ("models:metadata", "models:plain"))
    return [getattr(operation, "name", "") for operation in named.operations]


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


def test_without_a_convention_of_its_own_the_names_stay(tmp_path: Path) -> None:
    given = ["idx", "lowered", "uq", "pk", "ck_notes_positive", "fk", "", "uq_unknown"]
    assert names(tmp_path, "other") == given
