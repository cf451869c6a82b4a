from __future__ import annotations

import psycopg
from sqlalchemy import QueuePool

from intowork.demo.phase2.engine import phase2_engine
from intowork.demo.phase2.models import Base
from intowork.operations.migrate import PHASE_2, upgrade
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.server import Server


def fingerprint(url: str) -> CatalogFingerprint:
    with psycopg.connect(url) as connection:
        return read_fingerprint(connection, schemas=["public"], exclude=["public.alembic_version"])


def test_the_models_make_the_schema_of_the_first_revision(server: Server) -> None:
    with server.scratch_database() as migrated, server.scratch_database() as created:
        migrating, creating = phase2_engine(migrated), phase2_engine(created)
        upgrade(migrating, PHASE_2)
        Base.metadata.create_all(creating)
        migrating.dispose()
        creating.dispose()
        assert fingerprint(migrated).difference(fingerprint(created)) == ()


def test_the_engine_has_the_librarys_defaults() -> None:
    pool = phase2_engine("postgresql://postgres@/jobs?host=/tmp").pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow, pool.timeout(), pool._pre_ping, pool._recycle) == (5, 10, 30.0, False, -1)
