"""Timings of many repeated steps, summed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the result. Times are in milliseconds; `client_share` is of all cores, 0..1.

    `processor_ms` is what one step cost each of the system's processes, where that is known.
    """

    name: str
    count: int
    seconds: float
    p50: float
    p95: float
    p99: float
    per_second: float
    client_share: float = 0.0
    failures: int = 0
    note: str = ""
    processor_ms: dict[str, float] | None = None
    worst: float = 0.0


def figure(
    name: str,
    latencies: Sequence[float],
    seconds: float,
    *,
    client_share: float = 0.0,
    failures: int = 0,
    note: str = "",
) -> Figure:
    """Sums up latencies given in seconds, all of them within `seconds` of wall-clock time."""
    ordered = sorted(latencies)
    return Figure(
        name=name,
        count=len(ordered),
        seconds=round(seconds, 3),
        p50=percentile(ordered, 50),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
        per_second=round(len(ordered) / seconds, 1) if seconds else 0.0,
        client_share=round(client_share, 3),
        failures=failures,
        note=note,
        worst=round(ordered[-1] * 1000, 3) if ordered else 0.0,
    )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of sorted seconds, in milliseconds; 0 for none at all."""
    if not ordered:
        return 0.0
    rank = min(len(ordered) - 1, len(ordered) * percent // 100)
    return round(ordered[rank] * 1000, 3)
