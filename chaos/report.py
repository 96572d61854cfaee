"""What a run prints in the end: operations, faults with the time to recovery, violations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from chaos.history import Entry

HEAD = ("fault", "times", "alone", "median s", "longest s", "target s")


def figures_of(entries: Sequence[Entry]) -> list[str]:
    """How many operations there were, and what came of them."""
    operations = [entry for entry in entries if not entry.is_fault]
    outcomes = Counter(entry.outcome for entry in operations)
    seconds = max((e.ended for e in operations), default=0) - min(
        (e.invoked for e in operations), default=0
    )
    parts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    kinds = len({entry.operation for entry in operations})
    faults = sum(entry.is_fault for entry in entries)
    return [
        f"{len(operations):,} operations of {kinds} kinds in {seconds:,.0f} s: {parts}",
        f"{faults:,} faults",
    ]


def table_of(entries: Iterable[Entry], targets: dict[str, float]) -> list[str]:
    """Each kind of fault: how often, and how long until the system worked again."""
    by_kind: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.is_fault:
            by_kind.setdefault(entry.operation, []).append(entry)
    rows = [HEAD, *(row_of(name, by_kind[name], targets) for name in sorted(by_kind))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def row_of(name: str, entries: Sequence[Entry], targets: dict[str, float]) -> tuple[str, ...]:
    """A line of the table. Seconds are of those faults that no other one overlapped, if there were such."""
    alone = [entry for entry in entries if (entry.answer or {}).get("alone")]
    seconds = sorted(
        found
        for entry in (alone or entries)
        if (found := (entry.answer or {}).get("recovered_after")) is not None
    )
    target = targets.get(name)
    return (
        name,
        str(len(entries)),
        str(len(alone)),
        f"{seconds[len(seconds) // 2]:.1f}" if seconds else "-",
        f"{seconds[-1]:.1f}" if seconds else "-",
        f"{target:.0f}" if target else "",
    )
