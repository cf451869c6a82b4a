"""Requests wait for a connection in the order they came, up to a time and up to a number.

SQLAlchemy's async pool lets a newcomer take a connection that was just put back before the task that was woken
for it runs, and bounds neither the order nor the number of those who wait. Behind this queue nobody waits in the
pool: there are as many places as the pool has connections.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque

from intowork.database.pool import PoolObserver
from intowork.errors import DatabaseBusy


class ConnectionQueue:
    """First in, first out, for the tasks of one event loop."""

    def __init__(self, *, places: int, max_waiting: int, timeout: float, observer: PoolObserver) -> None:
        """Open the queue with every place free.

        Args:
            places: tasks that may hold a connection at a time.
            max_waiting: tasks that may wait; the next one is refused at once.
            timeout: seconds a task waits before it is refused.
            observer: told of waits and refusals.
        """
        self._free = places
        self._max_waiting = max_waiting
        self._timeout = timeout
        self._observer = observer
        self._turns: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Take a place, waiting for those who came before; `leave` gives it back.

        Raises:
            DatabaseBusy: too many wait already, or the wait took too long.
        """
        # A place is handed from who leaves to who waits longest, so a free one means that nobody waits.
        if self._free:
            self._free -= 1
            return
        if len(self._turns) >= self._max_waiting:
            raise self._refusal(f"{len(self._turns)} requests wait for a database connection already")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            with self._observer.waiting():
                async with asyncio.timeout(self._timeout):
                    await turn
        except TimeoutError:
            self._give_up(turn)
            raise self._refusal(f"no database connection became free in {self._timeout:g} s") from None
        except BaseException:
            self._give_up(turn)
            raise

    def leave(self) -> None:
        """Give a place back: to the task that waits longest, if any does."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        """Forget a turn; a place that was handed over in the same moment goes to the next."""
        if turn.done() and not turn.cancelled():
            self.leave()
        elif turn in self._turns:
            self._turns.remove(turn)

    def _refusal(self, reason: str) -> DatabaseBusy:
        self._observer.refused(reason)
        # Whoever waits now has been served or refused by then.
        retry_after = math.ceil(self._timeout)
        return DatabaseBusy(f"{reason}: try again in {retry_after} s", retry_after=retry_after)
