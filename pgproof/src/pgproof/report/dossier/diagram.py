"""The schema as a drawing: tables in columns, each to the right of what it refers to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pgproof.report.dossier.material import Material, ReferenceBrief, TableBrief

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 40, 70, 16, 10
"""Of the drawing, in its own units; a name that is wider than its box is cut and shown whole as a title."""
MOST_TABLES = 60
"""More make a picture that nobody reads; then only tables with findings and those they refer to are drawn."""
NAME_LENGTH = 24


@dataclass(frozen=True)
class Box:
    """A table where it is drawn."""

    table: TableBrief
    x: int
    y: int

    @property
    def shown(self) -> str:
        """The name as far as it fits."""
        name = self.table.name
        return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


@dataclass(frozen=True)
class Arrow:
    """A foreign key where it is drawn: an SVG path from the table to the one it refers to."""

    reference: ReferenceBrief
    path: str


@dataclass(frozen=True)
class Diagram:
    """A drawing of so many units.

    Attributes:
        left_out: tables that are not drawn.
    """

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    left_out: int


def diagram(material: Material) -> Diagram:
    """Return the drawing of a schema."""
    shown = _chosen(material)
    names = {(each.schema, each.name): each for each in shown}
    keys = [
        key
        for key in material.references
        if (key.schema, key.table) in names and (key.referenced_schema, key.referenced) in names
    ]
    columns = _columns(names, keys)
    boxes = {
        (each.schema, each.name): Box(each, MARGIN + column * (BOX_WIDTH + GAP_X), MARGIN + row * (BOX_HEIGHT + GAP_Y))
        for column, tables in enumerate(columns)
        for row, each in enumerate(tables)
    }
    tallest = max((len(tables) for tables in columns), default=0)
    return Diagram(
        width=2 * MARGIN + max(len(columns) * (BOX_WIDTH + GAP_X) - GAP_X, 0) + GAP_X // 2,
        height=2 * MARGIN + max(tallest * (BOX_HEIGHT + GAP_Y) - GAP_Y, 0),
        boxes=tuple(boxes.values()),
        arrows=tuple(
            Arrow(key, _path(boxes[key.schema, key.table], boxes[key.referenced_schema, key.referenced]))
            for key in keys
        ),
        left_out=len(material.tables) - len(shown),
    )


def _chosen(material: Material) -> tuple[TableBrief, ...]:
    if len(material.tables) <= MOST_TABLES:
        return material.tables
    wrong = {(each.schema, each.name) for each in material.tables if each.findings}
    near = wrong | {
        (key.referenced_schema, key.referenced) for key in material.references if (key.schema, key.table) in wrong
    }
    return tuple(each for each in material.tables if (each.schema, each.name) in near)[:MOST_TABLES]


def _columns(names: dict[tuple[str, str], TableBrief], keys: list[ReferenceBrief]) -> list[list[TableBrief]]:
    """Tables by the longest way of references to one that refers to nothing; a cycle is cut where it is met."""
    parents: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for key in keys:
        parents[key.schema, key.table].append((key.referenced_schema, key.referenced))
    depths: dict[tuple[str, str], int] = {}
    for start in names:
        _measure(start, parents, depths)
    columns: list[list[TableBrief]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for name, table in names.items():
        columns[depths[name]].append(table)
    return columns


def _measure(
    start: tuple[str, str],
    parents: dict[tuple[str, str], list[tuple[str, str]]],
    depths: dict[tuple[str, str], int],
) -> None:
    """Depth first without recursion, since a chain of references may be longer than Python's stack."""
    stack, under_way = [start], set()
    while stack:
        name = stack[-1]
        if name in depths:
            stack.pop()
            continue
        waiting = [parent for parent in parents[name] if parent not in depths and parent not in under_way]
        if name not in under_way and waiting:
            under_way.add(name)
            stack += waiting
            continue
        depths[name] = max((depths[parent] + 1 for parent in parents[name] if parent in depths), default=0)
        stack.pop()


def _path(child: Box, parent: Box) -> str:
    start_y, end_y = child.y + BOX_HEIGHT // 2, parent.y + BOX_HEIGHT // 2
    end_x = parent.x + BOX_WIDTH
    if child.x <= parent.x:
        # A cycle, or the table itself: around the right side.
        start_x = child.x + BOX_WIDTH
        bend = max(start_x, end_x) + GAP_X // 2
        return f"M{start_x},{start_y - 8} C{bend},{start_y - 8} {bend},{end_y + 8} {end_x},{end_y + 8}"
    middle = (child.x + end_x) // 2
    return f"M{child.x},{start_y} C{middle},{start_y} {middle},{end_y} {end_x},{end_y}"
