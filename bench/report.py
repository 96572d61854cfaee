"""The figures side by side: measured, as a ratio to the raw reference of the same run, and against what is asked."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import raw
from bench.figures import Figure


@dataclass(frozen=True)
class Wish:
    """What DESIGN.md asks of a figure whose name begins with `name`."""

    name: str
    reference: str = ""
    ratio_of: str = "p50"
    floor: tuple[str, float] | None = None
    aim: tuple[str, float] | None = None
    p99_limit: float | None = None


BOOKING_8 = f"{raw.POSTGRES}, 8 connections"
BOOKING_1 = f"{raw.POSTGRES}, 1 connections"
WISHES = (
    Wish("authorize RPC, 1,000,000 assignments, 1 ", raw.AMQP, floor=("x", 5), aim=("x", 3)),
    Wish("authorize RPC", raw.AMQP),
    Wish(
        "admin booking over HTTP, 8 ",
        BOOKING_8,
        floor=("/s", 250),
        aim=("/s", 400),
        p99_limit=100,
    ),
    Wish("admin booking over HTTP, 1 ", BOOKING_1),
    Wish("admin booking", BOOKING_8),
    Wish("message over HTTP, 8 ", BOOKING_8, floor=("/s", 350), aim=("/s", 600)),
    Wish("message over HTTP, 1 ", BOOKING_1),
    Wish("message", BOOKING_8),
    Wish("booked -> pair authorized", raw.AMQP, floor=("p50", 30), p99_limit=100),
    Wish("import", BOOKING_1, floor=("/s", 2_500), aim=("/s", 5_000)),
    Wish("people search", BOOKING_1, floor=("p95", 50)),
)


@dataclass(frozen=True)
class Line:
    """A figure, its reference and the verdict."""

    figure: Figure
    reference: str
    ratio: float | None
    asked: str
    verdict: str


def lines_of(figures: list[Figure]) -> list[Line]:
    """Every figure with its ratio to the reference of the same run, where that was measured."""
    known = {figure.name: figure for figure in figures}
    return [line_of(figure, known) for figure in figures]


def line_of(figure: Figure, known: dict[str, Figure]) -> Line:
    """One line."""
    wish = next((wish for wish in WISHES if figure.name.startswith(wish.name)), None)
    if wish is None:
        return Line(figure, "", None, "", "")
    reference = known.get(wish.reference)
    ratio = round(figure.p50 / reference.p50, 1) if reference and reference.p50 else None
    return Line(figure, wish.reference, ratio, asked(wish), verdict(wish, figure, ratio))


def asked(wish: Wish) -> str:
    """In words."""
    parts = []
    for name, goal in (("floor", wish.floor), ("aim", wish.aim)):
        if goal is not None:
            unit, value = goal
            parts.append(
                f"{name} {value:g} ms {unit}" if unit[0] == "p" else f"{name} {value:g} {unit}"
            )
    if wish.p99_limit:
        parts.append(f"p99 under {wish.p99_limit:g} ms")
    return ", ".join(parts)


def verdict(wish: Wish, figure: Figure, ratio: float | None) -> str:
    """`aim`, `floor` or `missed`; nothing where nothing is asked."""
    if wish.floor is None:
        return ""
    in_time = wish.p99_limit is None or figure.p99 < wish.p99_limit
    if not in_time or not holds(wish.floor, figure, ratio) or figure.failures:
        return "missed"
    return "aim" if wish.aim is None or holds(wish.aim, figure, ratio) else "floor"


def holds(goal: tuple[str, float], figure: Figure, ratio: float | None) -> bool:
    """Whether a figure keeps a goal: a rate is a least, a time or a ratio is a most."""
    unit, value = goal
    match unit:
        case "/s":
            return figure.per_second >= value
        case "x":
            return ratio is not None and ratio <= value
        case _:
            return float(getattr(figure, unit)) < value


HEAD = ("", "p50 ms", "p95 ms", "p99 ms", "per second", "x raw", "cpu ms", "client", "asked", "")


def table(figures: list[Figure]) -> str:
    """For the terminal."""
    rows = [HEAD, *(cells(line) for line in lines_of(figures))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in {0, 8, 9} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def cells(line: Line) -> tuple[str, ...]:
    """One row of the table."""
    shown = line.figure
    name = shown.name + (f" ({shown.failures} failed)" if shown.failures else "")
    return (
        name,
        f"{shown.p50:.2f}",
        f"{shown.p95:.2f}",
        f"{shown.p99:.2f}",
        f"{shown.per_second:,.0f}",
        f"{line.ratio:.1f}" if line.ratio is not None else "",
        f"{sum(shown.processor_ms.values()):.2f}" if shown.processor_ms else "",
        f"{shown.client_share:.0%}" if shown.client_share else "",
        line.asked,
        line.verdict,
    )


def store(figures: list[Figure], path: Path, *, quick: bool, load: float) -> None:
    """Writes what the table shows, for comparing runs."""
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(load, 2),
        "quick": quick,
        "figures": [
            {**asdict(line.figure), "reference": line.reference, "ratio": line.ratio}
            | {"asked": line.asked, "verdict": line.verdict}
            for line in lines_of(figures)
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
