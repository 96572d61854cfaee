"""Running a transaction again when two met."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from chassis.database import Contention
from chassis.errors import Unavailable

ATTEMPTS = 4
log = structlog.get_logger()
Result = TypeVar("Result")


def run_again_on_contention(work: Callable[[], Result]) -> Result:
    """Runs `work`, again after a short random pause when its transaction was rolled back by another's.

    `work` must do all its writing in the transaction (and idempotent calls). Unavailable when it never gets through.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except Contention:
            log.info("transaction.contention", attempt=attempt)
            time.sleep(random.uniform(0.005, 0.03) * attempt)  # noqa: S311 - no secret # nosec B311
    raise Unavailable("database.contention", "Too many changes at once; try again.")
