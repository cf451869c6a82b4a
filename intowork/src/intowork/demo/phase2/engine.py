"""The engine of the analysed platform: the library's defaults, no timeout, no name, no check of old connections."""

from __future__ import annotations

import os

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker


def driver_url(url: str) -> URL:
    """Return a PostgreSQL URL with the driver named, since a libpq URL has none."""
    return make_url(url).set(drivername="postgresql+psycopg")


def phase2_engine(url: str) -> Engine:
    """Return the engine as the platform made it, `create_engine(url)` and nothing else."""
    return create_engine(driver_url(url))


def engine_from_environment() -> Engine:
    """Return the engine for DATABASE_URL, where the platform found its database."""
    return phase2_engine(os.environ["DATABASE_URL"])


def phase2_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return the session factory as the platform made it."""
    return sessionmaker(autocommit=False, autoflush=False, bind=engine)
