"""Rows that break a new uniqueness rule are moved to the schema quarantine, and brought back by the downgrade.

Nothing is deleted: every moved row keeps all its values and names the row that stayed in its place, and every
reference that was re-pointed is noted so that it can be pointed back.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from intowork.migrations.lock_safe import Note, Step, Steps

GROUPS_PER_BATCH = 100
"""Groups of duplicates moved in one transaction; it bounds for how long their rows are locked."""


@dataclass(frozen=True)
class Quarantine:
    """How the duplicates of one table are told apart and set aside.

    Args:
        table: the table, in the schema public; its primary key is id.
        columns: all its columns in the order of the table.
        key: the expressions that must be unique together.
        best_first: the order in which the first row of a group is the one that stays.
        reason: an expression over the row `r` and the row that stays `kept`, for whoever looks at the moved row.
        reference: the table and column that point at the table, as ("notifications", "related_application_id").
    """

    table: str
    columns: tuple[str, ...]
    key: str
    best_first: str
    reason: str
    reference: tuple[str, str] | None = None

    @property
    def _columns(self) -> str:
        return ", ".join(self.columns)

    @property
    def _repointed(self) -> str:
        return f"quarantine.{self.table}_repointed"

    def create(self, steps: Steps) -> None:
        """Create the schema and the tables that moved rows go to, unless they are there."""
        steps.watch(Step(f"create quarantine.{self.table}"))
        statements = [
            "CREATE SCHEMA IF NOT EXISTS quarantine",
            f"CREATE TABLE IF NOT EXISTS quarantine.{self.table} (LIKE public.{self.table}, kept_id integer NOT NULL, "
            "reason varchar NOT NULL, moved_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id))",
        ]
        if self.reference:
            statements.append(
                f"CREATE TABLE IF NOT EXISTS {self._repointed} "
                "(id integer PRIMARY KEY, from_id integer NOT NULL, to_id integer NOT NULL)"
            )
        steps.short_transaction(*statements)

    def set_aside(self, steps: Steps) -> None:
        """Move every row but the best of each group, in batches, until none is left."""
        steps.watch(Step(f"set aside duplicates of {self.table}"))
        groups = steps.connection.execute(text(self._find_sql())).scalars().all()
        for start in range(0, len(groups), GROUPS_PER_BATCH):
            members = [member for group in groups[start : start + GROUPS_PER_BATCH] for member in group]
            steps.short_transaction(self._move_sql(), parameters={"members": members})

    def bring_back(self, steps: Steps) -> None:
        """Return every moved row whose parents still exist, and drop the tables once they are empty."""
        if not steps.connection.scalar(text(f"SELECT to_regclass('quarantine.{self.table}') IS NOT NULL")):
            return
        steps.watch(Step(f"bring back the rows of quarantine.{self.table}"))
        parents = steps.connection.execute(text(PARENTS_SQL), {"table": f"public.{self.table}"}).all()
        while steps.short_transaction(self._return_sql([(row.column, row.parent) for row in parents])):
            pass
        left = steps.connection.scalar(text(f"SELECT count(*) FROM quarantine.{self.table}"))
        if left:
            steps.watch(
                Note(
                    f"{left} rows stay in quarantine.{self.table}: what they point at was deleted since they were "
                    "moved; look at them there"
                )
            )
            return
        tables = f"quarantine.{self.table}" + (f", {self._repointed}" if self.reference else "")
        steps.short_transaction(
            f"DROP TABLE {tables}",
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'quarantine'::regnamespace) "
            "THEN DROP SCHEMA quarantine; END IF; END $$",
        )

    def _find_sql(self) -> str:
        return f"""
            SELECT array_agg(id) FROM public.{self.table} GROUP BY {self.key} HAVING count(*) > 1 ORDER BY min(id)
        """

    def _move_sql(self) -> str:
        repoint = ""
        if self.reference:
            child, column = self.reference
            repoint = f"""
            , repointed AS (
                UPDATE public.{child} c SET {column} = s.kept_id FROM surplus s WHERE c.{column} = s.id
                RETURNING c.id, s.id AS from_id, s.kept_id AS to_id
            ), noted AS (
                INSERT INTO {self._repointed} SELECT id, from_id, to_id FROM repointed
            )"""
        return f"""
            WITH locked AS MATERIALIZED (
                SELECT * FROM public.{self.table} WHERE id = ANY (CAST(:members AS integer[])) FOR UPDATE
            ), placed AS (
                SELECT id, row_number() OVER best AS place, first_value(id) OVER best AS kept_id
                FROM locked WINDOW best AS (PARTITION BY {self.key} ORDER BY {self.best_first})
            ), surplus AS (
                SELECT r.*, p.kept_id, {self.reason} AS reason
                FROM placed p JOIN locked r ON r.id = p.id JOIN locked kept ON kept.id = p.kept_id
                WHERE p.place > 1
            ), removed AS (
                DELETE FROM public.{self.table} t USING surplus s WHERE t.id = s.id
            ){repoint}
            INSERT INTO quarantine.{self.table} ({self._columns}, kept_id, reason)
            SELECT {self._columns}, kept_id, reason FROM surplus
        """

    def _return_sql(self, parents: list[tuple[str, str]]) -> str:
        alive = " AND ".join(
            f"(q.{column} IS NULL OR EXISTS (SELECT FROM {parent} p WHERE p.id = q.{column}))"
            for column, parent in parents
        )
        point_back = ""
        if self.reference:
            child, column = self.reference
            point_back = f"""
            , pointed_back AS (
                DELETE FROM {self._repointed} m USING returned r WHERE m.from_id = r.id RETURNING m.*
            ), child AS (
                UPDATE public.{child} c SET {column} = p.from_id FROM pointed_back p
                WHERE c.id = p.id AND c.{column} = p.to_id
            )"""
        return f"""
            WITH returned AS (
                DELETE FROM quarantine.{self.table} WHERE id IN (
                    SELECT q.id FROM quarantine.{self.table} q WHERE {alive or "true"} ORDER BY q.id LIMIT 1000
                ) RETURNING {self._columns}
            ){point_back}
            INSERT INTO public.{self.table} ({self._columns}) SELECT {self._columns} FROM returned
        """


PARENTS_SQL = """
SELECT a.attname AS column, k.confrelid::regclass::text AS parent
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.conrelid = pg_catalog.to_regclass(:table) AND k.contype = 'f'
"""
