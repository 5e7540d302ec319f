"""Days as the rules count them: in Japan."""

from datetime import date, datetime, timedelta, timezone
from typing import Final

JST: Final = timezone(timedelta(hours=9), "JST")


def japanese_day(seconds: int) -> date:
    """The date in Japan at a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, JST).date()
