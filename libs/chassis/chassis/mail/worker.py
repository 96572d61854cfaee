"""The loop that sends: wakes when something was committed, polls as a fallback, backs off when nothing is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from chassis.errors import ServiceError
from chassis.mail.problems import Unreachable

log = structlog.get_logger()

POLL_SECONDS = 1.0
MOST_PAUSE = 60.0


class MailWorker:
    """Calls `send_next` until it says that nothing is due. `wake` may be called from any green thread.

    `send_next()` returns whether there was a mail; it raises Unreachable, among others, when no mail is taken at all.
    `rest()` is called whenever there is nothing more to do for now; it must cost nothing when nothing was done.
    """

    def __init__(self, send_next: Callable[[], bool], rest: Callable[[], None]) -> None:
        self._send_next = send_next
        self._rest = rest
        self._wake = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """Something was committed."""
        self._wake.set()

    def stop(self) -> None:
        """Lets `run` end after the mail it is at."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Sends until stopped, whatever goes wrong."""
        pause = POLL_SECONDS
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._send_all()
                pause = POLL_SECONDS
                self._wake.wait(POLL_SECONDS)
                continue
            except Unreachable as error:
                log.warning("mail.not_taken", reason=error.reason)
            except ServiceError as error:
                log.warning("mail.waits", error=error.code)
            except Exception:
                log.exception("mail.failed")
            # Not ended by `wake`: a server that is down is not asked again with each commit.
            pause = min(pause * 2, MOST_PAUSE)
            self._stopping.wait(pause)

    def _send_all(self) -> None:
        try:
            while not self._stopping.is_set() and self._send_next():
                pass
        finally:
            self._rest()
