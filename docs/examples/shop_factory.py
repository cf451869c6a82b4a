"""An engine that is made with arguments, and the function without any that pgproof names."""

import os

from sqlalchemy import Engine, create_engine


class Databases:
    """All databases of the application, by name."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls

    def engine(self, name: str, pool_size: int) -> Engine:
        """Return the engine of one of them."""
        return create_engine(self.urls[name], pool_size=pool_size)


def engine_in_production() -> Engine:
    """Return the engine as production makes it."""
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    return Databases({"shop": url}).engine("shop", pool_size=20)
