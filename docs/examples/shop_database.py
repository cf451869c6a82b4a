"""The shop's engine, as many applications make theirs."""

from __future__ import annotations

from sqlalchemy import create_engine

engine = create_engine("postgresql+psycopg:///shop", pool_size=20, max_overflow=10)
