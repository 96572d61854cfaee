"""A switch for tests: takes the code's own organization filters out of the statements that run for an organization.

Tenancy rests on the statements' conditions and on row level security (ADR 0007). With `ORGANIZATION_FILTERS=off` a test
sees what the second holds alone. Nothing is done, and nothing costs, when it is not set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

import structlog
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

log = structlog.get_logger()

SWITCH: Final = "ORGANIZATION_FILTERS"
CONSENT: Final = "TANDEM_IS_UNDER_TEST"

# What every scope statement of an organization says, and none of the system's: there the filter is all there is.
OF_AN_ORGANIZATION: Final = "app.organization_id"
IS_CONFINED: Final = "tandem_is_confined"

VALUE: Final = r"""
    %\(\w+\)s (?:::\w+)? | %s (?:::\w+)? | \$\d+ | (?<!:):\w+     # a parameter, as each of our ways to run SQL has it
  | (?:CAST)? \( [^()]* (?: \( \w+ \) )? [^()]* \)                # converted, or hidden from the planner
  | [a-z_]\w* \. organization_id                                  # the other side of a join
"""
FILTER: Final = re.compile(
    rf"(?: [a-z_]\w* \. )? \b organization_id \s* (?: = | IS \s NOT \s DISTINCT \s FROM ) \s* (?: {VALUE} )",
    re.VERBOSE,
)


def is_off(environment: Mapping[str, str]) -> bool:
    """Whether the filters are to be taken out. RuntimeError outside of tests, or for a word that is neither."""
    wanted = environment.get(SWITCH, "on")
    if wanted == "on":
        return False
    if wanted != "off":
        raise RuntimeError(f"{SWITCH} is on or off, not {wanted!r}")
    if environment.get(CONSENT) != "yes":
        raise RuntimeError(f"{SWITCH}=off is for tests alone, which say so by {CONSENT}=yes")
    return True


def without_filters(statement: str) -> tuple[str, int]:
    """The statement with every organization filter made true, and how many there were.

    The conditions stay in place, as parameters may be counted.
    """
    return FILTER.subn(lambda found: f"({found[0]} OR true)", statement)


def as_switched(statement: str, *, is_confined: bool) -> str:
    """The statement as it is to run. What became of each is logged once, for a test to read."""
    if not ARE_OFF or not is_confined:
        return statement
    changed, count = without_filters(statement)
    if statement not in _seen:
        _seen.add(statement)
        log.info("statement.filters_removed", count=count, statement=statement)
    return changed


def confine(connection: Connection, preamble: str | None, statement: str) -> bool:
    """Whether the statement runs for an organization: told by what opens its transaction, or by its own beginning."""
    if preamble is not None:
        connection.info[IS_CONFINED] = OF_AN_ORGANIZATION in preamble
    elif "set_config('app." in statement:
        return OF_AN_ORGANIZATION in statement
    return bool(connection.info.get(IS_CONFINED))


ARE_OFF: Final = is_off(os.environ)
_seen: set[str] = set()

if ARE_OFF:

    @event.listens_for(Engine, "before_cursor_execute", retval=True, insert=True)
    def take_out(
        connection: Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        _executemany: bool,
    ) -> tuple[str, Any]:
        """Before the unit of work's own listener, which takes the preamble away."""
        is_confined = confine(connection, connection.info.get("tandem_preamble"), statement)
        return as_switched(statement, is_confined=is_confined), parameters
