"""No request longer than its deadline, whatever is down.

A connection that is refused or broken is no answer and ends at once: that is a gateway that was killed. A gateway
that is stopped can say nothing in time either: what overlaps a fault of the gateway itself is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.checker.calls import Violation, are_together
from chaos.final import FinalState
from chaos.history import Entry

IN_TIME = "no request longer than its deadline"

MOST_SECONDS = 5.0 + 1.0
# The file is received and handed on in three steps at least, each with a deadline of its own.
MOST_UPLOAD_SECONDS = 3 * 5.0 + 1.0
GATEWAY = "gateway"
STOPPING = ("kill", "freeze")


def late(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Answers that took too long, and those that never came within the client's patience."""
    faults = [entry for entry in entries if entry.is_fault and is_of_gateway(entry)]
    for entry in entries:
        most = MOST_UPLOAD_SECONDS if entry.operation == "upload" else MOST_SECONDS
        if entry.is_fault or entry.seconds <= most or is_cut_off(entry):
            continue
        if not any(are_together(entry, fault) for fault in faults):
            yield Violation(IN_TIME, f"{entry.operation} took {entry.seconds:.1f} s", (entry,))


def is_of_gateway(fault: Entry) -> bool:
    """Whether the gateway itself was stopped or killed, rather than its ways to others."""
    return fault.operation.startswith(STOPPING) and GATEWAY in fault.request.values()


def is_cut_off(entry: Entry) -> bool:
    """Whether it was the history that ended, not the request."""
    return entry.outcome == "unknown" and entry.status is None and entry.answer is None
