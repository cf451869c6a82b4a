"""A request's session: opened when something needs it, committed once at the edge, before the answer leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from intowork.database.sessions import Database

_SAFE = ("GET", "HEAD", "OPTIONS")


def database(request: Request) -> Database:
    """Return the database of this process."""
    return cast(Database, request.app.state.database)


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with database(request).session() as session:
        yield session
        # A problem that was raised comes out of the yield and passes this by.
        if request.method not in _SAFE:
            await session.commit()


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with database(request).reading() as session:
        yield session


# Of the function's scope: over before the answer is sent, so that nobody reads "created" before it is.
Session = Annotated[AsyncSession, Depends(_session, scope="function")]
"""On the primary: for what is written, and for what a user must see right after writing it."""
Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
"""On a standby where there is one: for what everybody may see some seconds late."""
DatabaseOfProcess = Annotated[Database, Depends(database)]
