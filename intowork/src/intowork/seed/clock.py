"""Timestamps as whole seconds since the oldest moment of a data set, and their text for COPY."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

DAY = 86_400
HOUR = 3_600
_PAST_DAYS = 1_200
_FUTURE_DAYS = 400

NOW = _PAST_DAYS * DAY
"""The reference moment, on the data set's own scale."""


class Clock:
    """Turns the seconds of a data set into the text of a timestamptz.

    The texts of all days and of all seconds of a day are made once: formatting a datetime per value would be
    the larger part of the time a row takes.
    """

    def __init__(self, reference: date) -> None:
        """Fixes what NOW is: midnight UTC at the start of the reference day."""
        start = reference - timedelta(days=_PAST_DAYS)
        self._month = reference.year * 12 + reference.month - 1
        self._epoch = int(datetime.combine(start, time(), UTC).timestamp())
        self._days = [f"{start + timedelta(days=d)} " for d in range(_PAST_DAYS + _FUTURE_DAYS)]
        self._seconds = [
            f"{hour:02}:{minute:02}:{second:02}+00"
            for hour in range(24)
            for minute in range(60)
            for second in range(60)
        ]

    def stamp(self, moment: int) -> str:
        """The text of a moment, such as `2025-12-31 09:30:00+00`."""
        return self._days[moment // DAY] + self._seconds[moment % DAY]

    def stamp_or_null(self, moment: int) -> str:
        r"""The text of a moment, `\N` for 0, which stands for never."""
        return self.stamp(moment) if moment else "\\N"

    def months_ago(self, months: int) -> str:
        """The month so many months before NOW as `YYYY-MM`, the way the platform stores the dates of a career."""
        year, month = divmod(self._month - months, 12)
        return f"{year}-{month + 1:02}"

    def epoch(self, moment: int) -> int:
        """A moment as seconds since 1970, the way OAuth stores an expiry."""
        return self._epoch + moment
