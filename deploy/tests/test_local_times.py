"""Local time and zones are Python's matter: no SQL depends on the server's zone data or on a session's TimeZone.

The server reads the zone files of its own machine, which may be older than ours. Instants are `timestamptz`, and local
times are converted by `chassis.time_zones`. Read here are the sources, as text; comments count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tzdata

from local_runner.places import ROOT, SERVICES, package_of

FOLDERS = (
    "libs/chassis/chassis",
    *(f"services/{name}/{package_of(name)}" for name in SERVICES),
    "gateway/gateway",
    "deploy/local_runner",
    "bench",
    "chaos",
    "simulation",
)

# Each with what to do instead.
FORBIDDEN = {
    "convert with chassis.time_zones": r"\bAT\s+(TIME\s+ZONE|LOCAL)\b|\btimezone\s*\(|\bpg_timezone_",
    "cut days and hours in Python": r"\bdate_(trunc|part|bin|add|subtract)\b"
    r"|\bextract\s*\(\s*(?!epoch\b)\w+\s+FROM\b|\bextract\s*\(\s*[\"'](?!epoch\b)",
    "cast to timestamptz": r"::\s*(date|time|timestamp)\b(?!\s+with\s+time)"
    r"|\bCAST\s*\([^()]*\bAS\s+(date|time|timestamp)\b(?!\s+with\s+time)",
    "use now(), clock_timestamp()": r"\b(current_date|current_time|localtime|localtimestamp)\b|\bage\s*\(\s*\w",
    "write and read moments in Python": r"\bto_(date|timestamp)\s*\(|\bmake_(date|time|timestamp)(tz)?\s*\("
    r"|\bto_char\s*\([^'\"]*['\"](?!FM0)",
    "leave the session in UTC": r"\bSET\s+(SESSION\s+|LOCAL\s+)?TIME\s*ZONE\b"
    r"|\btimezone\s*(=|\bTO\b)\s*(?!UTC\b|True\b|False\b)",
    "give the offset": r"\btimestamptz\s*'[^'+Z]*'|'\d{4}-[^'+Z]*'\s*::\s*timestamptz",
    "count days in Python": r"\bgenerate_series\s*\([^()]*(\([^()]*\)[^()]*)*\binterval\b",
    "make the column timestamptz": r"\bsa\.(Date|Time|TIMESTAMP)\b|\bsa\.DateTime\b(?!\(timezone=)"
    r"|(?<!\"wall_clock\", )\bsa\.DateTime\(timezone=False\)"
    r"|\btimestamp(?=\s*(,|NOT\b|NULL\b|DEFAULT\b|without\b|'))",
    "leave the wall-clock time to Python": r"\bc\.wall_clock\b|(?<!\.)\bwall_clock\s*([<>+-]|=\s*:|IN\b|BETWEEN\b)",
}


def found_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, remedy and words of all that is forbidden."""
    for remedy, pattern in FORBIDDEN.items():
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield text.count("\n", 0, match.start()) + 1, remedy, match[0]


def sources() -> list[Path]:
    """Python and SQL of all that runs; tests and their helpers aside."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return [path for path in files if path.suffix in {".py", ".sql"} and "tests" not in path.parts]


def test_no_statement_depends_on_the_servers_zones() -> None:
    read = sources()
    assert {path.suffix for path in read} == {".py", ".sql"}
    assert [
        f"{path.relative_to(ROOT)}:{line}: {words!r}: {remedy}"
        for path in read
        for line, remedy, words in found_in(path.read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize(
    "planted",
    [
        "SELECT starts_at AT TIME ZONE time_zone FROM sessions",
        "SELECT starts_at AT\n       TIME ZONE 'Europe/Berlin'",
        "SELECT timezone(time_zone, wall_clock)",
        "sa.func.timezone(sessions.c.time_zone, moment)",
        "SELECT 1 FROM pg_timezone_names",
        "GROUP BY date_trunc('day', starts_at)",
        "sa.func.date_trunc('day', sessions.c.starts_at)",
        "SELECT extract(hour FROM starts_at)",
        'sa.func.extract("dow", sessions.c.starts_at)',
        "SELECT starts_at::date",
        "SELECT %(at)s::timestamp",
        "SELECT CAST(starts_at AS date)",
        "WHERE day = current_date",
        "VALUES (localtimestamp)",
        "SELECT age(starts_at)",
        "SELECT to_timestamp(:text, 'YYYY-MM-DD HH24:MI')",
        "SELECT make_timestamptz(2030, 1, 1, 0, 0, 0)",
        "SELECT to_char(starts_at, 'YYYY-MM-DD')",
        "SET LOCAL TIME ZONE 'Europe/Berlin'",
        "SET timezone TO 'Europe/Berlin'",
        "-c timezone=Europe/Berlin",
        "SELECT timestamptz '2030-01-01 10:00'",
        "SELECT '2030-01-01'::timestamptz",
        "FROM generate_series(:first, :last, interval '1 day')",
        'sa.Column("due_at", sa.DateTime())',
        'sa.Column("due_at", sa.DateTime(timezone=False))',
        'sa.Column("day", sa.Date)',
        "CREATE TABLE lessons (starts_at timestamp NOT NULL)",
        "WHERE wall_clock < :moment",
        "sa.select(sessions).where(sessions.c.wall_clock < moment)",
    ],
)
def test_what_depends_on_the_servers_zones_is_found(planted: str) -> None:
    assert list(found_in(f"rows = (\n{planted}\n)"))


@pytest.mark.parametrize(
    "harmless",
    [
        "SELECT now(), clock_timestamp(), current_timestamp",
        "SELECT extract(epoch FROM now() - min(created_at))",
        "SELECT %(at)s::timestamptz",
        "SELECT timestamptz '2030-01-01 10:00+00', '2030-01-01T10:00Z'::timestamptz",
        "WHERE created_at < now() - interval '1 hour'",
        "FROM generate_series(1, 10) AS n, (SELECT now() - interval '1 hour') AS ago",
        "SELECT to_char(number, 'FM000')",
        'sa.Column("wall_clock", sa.DateTime(timezone=False), nullable=False)',
        'sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False)',
        "-c timezone=UTC",
        "created_at timestamptz NOT NULL DEFAULT now()",
        "moment.timestamp()",
    ],
)
def test_what_does_not_depend_on_them_is_left_alone(harmless: str) -> None:
    assert list(found_in(harmless)) == []


def test_every_lock_has_the_zone_data_that_the_tests_ran_with() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert len(locks) == len(SERVICES) + 2
    for lock in locks:
        assert f"\ntzdata=={tzdata.__version__} " in lock.read_text(), lock.name
