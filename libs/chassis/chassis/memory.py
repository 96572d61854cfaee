"""How long subscribers remember what they applied, and what follows for sending an event again.

An inbox forgets an event `EVENT_LOG_DAYS` after it came. Sent again after that, it would be applied a second time. So
`outbox replay` leaves out what is nearly that old and marks the rest, and a subscriber sets aside what is marked and
has meanwhile grown too old on its way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

# On a message that was sent again from the event log: when. It stays on the message through retries.
REPLAYED_HEADER: Final = "x-tandem-replayed"

# Replayed events need time to arrive, and two machines' clocks may differ.
TIME_TO_ARRIVE: Final = timedelta(days=1)
CLOCKS_DIFFER: Final = timedelta(hours=1)


def replayed_since(event_log_days: int) -> datetime:
    """What is younger than this may be sent again."""
    return datetime.now(UTC) - timedelta(days=event_log_days) + TIME_TO_ARRIVE


def is_remembered(time: datetime, event_log_days: int) -> bool:
    """Whether the inbox surely still knows an event of that time, if it applied it."""
    return datetime.now(UTC) - time < timedelta(days=event_log_days) - CLOCKS_DIFFER
